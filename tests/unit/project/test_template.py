"""The shipped project is sound as it is."""

from pathlib import Path

import pytest

from baton.data.contract import parse_contract
from baton.features.view import plan_from_source
from baton.kernel.errors import Conflict, InvalidInput
from baton.project.columns import check_columns
from baton.project.loader import load
from baton.project.template import create
from baton.team.raci import effective


def test_the_template_loads_clean(tmp_path: Path) -> None:
    files = create("cells", tmp_path / "cells")
    assert [path.relative_to(tmp_path / "cells").as_posix() for path in files] == [
        ".gitignore", "baton.yaml", "contracts/biopsies.yaml", "data/PROVENANCE.md", "data/biopsies.csv", "features.py"
    ]  # fmt: skip
    loaded = load(tmp_path / "cells", lambda definition: effective(definition.raci))
    assert loaded.definition.project == "cells"
    lines = (tmp_path / "cells/baton.yaml").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 50


def test_its_contract_data_and_features_agree(tmp_path: Path) -> None:
    folder = tmp_path / "cells"
    create("cells", folder)
    contract = parse_contract((folder / "contracts/biopsies.yaml").read_text(encoding="utf-8"), "biopsies.yaml")
    header, *rows = (folder / "data/biopsies.csv").read_text(encoding="utf-8").splitlines()
    assert [column.name for column in contract.columns] == header.split(",")
    assert len(rows) == 569
    assert sum(row.endswith(",1") for row in rows) == 212
    plan = plan_from_source((folder / "features.py").read_text(encoding="utf-8"))
    assert set(plan.entity_needs()) < set(header.split(",")) - {"malignant"}
    loaded = load(folder)
    schema = {column.name: column.kind for column in contract.columns}
    assert check_columns(loaded.definition, {"biopsies": schema}, loaded.lines, plan.names) == ()


def test_an_empty_folder_may_be_there(tmp_path: Path) -> None:
    assert create("cells", tmp_path)


@pytest.mark.parametrize("name", ["", "Cells", "1cells", "a b", "../x", "a_b", "a" * 64, "ä"])
def test_a_bad_name_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be a project's name"):
        create(name, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(Conflict, match="is not empty"):
        create("cells", tmp_path)
    with pytest.raises(Conflict, match="is a file"):
        create("cells", tmp_path / "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InvalidInput, match="cannot be made"):
        create("cells", tmp_path / "file" / "cells")
