"""A whole project is checked: contracts meet what the files hold."""

from pathlib import Path

import pytest

from baton.app.views.checking import check
from baton.kernel.errors import InvalidProject
from baton.project.template import create


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    create("made", folder)
    return folder


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_promise_of_another_type_is_told_by_line(project: Path) -> None:
    contract = project / "contracts" / "biopsies.yaml"
    changed(contract, "{name: mean_radius, logicalType: number", "{name: mean_radius, logicalType: boolean")
    changed(contract, "boolean, required: true, logicalTypeOptions: {minimum: 0}", "boolean, required: true")
    with pytest.raises(InvalidProject) as caught:
        check(project)
    assert [mistake.what for mistake in caught.value.mistakes] == [
        "'mean_radius' is promised as boolean, and source 'biopsies' has number"
    ]
    line = contract.read_text(encoding="utf-8").splitlines()[caught.value.mistakes[0].line - 1]
    assert "mean_radius" in line


def test_a_csv_column_without_a_value_keeps_its_promise(project: Path) -> None:
    data = project / "data" / "biopsies.csv"
    lines = data.read_text(encoding="utf-8").splitlines()
    place = lines[0].split(",").index("mean_area")
    rows = [line.split(",") for line in lines[1:]]
    emptied = [",".join([*row[:place], "", *row[place + 1 :]]) for row in rows]
    data.write_text("\n".join([lines[0], *emptied]) + "\n", encoding="utf-8")
    assert check(project)["project"] == "made"
    data.write_text("\n".join([lines[0], *emptied[1:], ",".join([*rows[0][:place], "large", *rows[0][place + 1 :]])]) + "\n")
    with pytest.raises(InvalidProject, match="'mean_area' is promised as number, and source 'biopsies' has string"):
        check(project)
