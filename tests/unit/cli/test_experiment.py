"""`baton experiment analyse`: a table in, words or plain values out, and every wrong column told."""

import json
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from baton.cli.main import door
from baton.kernel.errors import BatonError, InvalidInput

ROWS = [("control", int(at % 10 == 0), at % 7) for at in range(600)] + [("new", int(at % 4 == 0), at % 7) for at in range(590)]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "visits.csv"
    mixed = [ROWS[at] for at in np.random.default_rng(1).permutation(len(ROWS))]
    lines = [f"{variant},{bought},{before},u{at}" for at, (variant, bought, before) in enumerate(mixed)]
    path.write_text("\n".join(["variant,bought,before,visitor", *lines]) + "\n", encoding="utf-8")
    return path


def asked(path: Path, *options: str) -> str:
    command = ["experiment", "analyse", str(path), "--variant", "variant", *options]
    return CliRunner().invoke(door, command, catch_exceptions=False, standalone_mode=False).output


def test_shares_in_words(table: Path) -> None:
    told = asked(table, "--metric", "bought", "--effect", "0.01", "--unit", "visitor")
    assert "The split is as assigned" in told and "new is above control: +0.15" in told and "95 % interval" in told
    assert "More units needed" in told and "warning" not in told


def test_means_with_a_covariate_for_machines(table: Path) -> None:
    told = json.loads(asked(table, "--metric", "bought", "--kind", "mean", "--covariate", "before", "--json"))
    assert told["kind"] == "mean" and told["effects"][0]["method"] == "Welch's t" and told["control"] == "control"


def test_sequential_with_its_picture(table: Path, tmp_path: Path) -> None:
    picture = tmp_path / "evidence.svg"
    told = json.loads(
        asked(table, "--metric", "bought", "--sequential", "--better", "lower", "--picture", str(picture), "--json")
    )
    assert [each["name"] for each in told] == ["split", "new"] and told[1]["decided"] == "harm"
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    told = asked(table, "--metric", "bought", "--sequential", "--picture", str(picture))
    assert "No worse: new" in told and "did not reach" not in picture.read_text(encoding="utf-8")
    with pytest.raises(click.UsageError, match="add --sequential"):
        asked(table, "--metric", "bought", "--picture", str(picture))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("rows", "message"), [("", "no row of any variant"), ("a,1\nb,\nb,\n", "holds no experiment")])
def test_too_few_rows_are_told(tmp_path: Path, rows: str, message: str) -> None:
    path = tmp_path / "few.csv"
    path.write_text(f"variant,bought\n{rows}", encoding="utf-8")
    with pytest.raises(InvalidInput, match=message):
        asked(path, "--metric", "bought")


def test_a_split_other_than_assigned_voids(table: Path) -> None:
    told = asked(table, "--metric", "bought", "--share", "control=0.9", "--share", "new=0.1")
    assert "The split is broken" in told and "Void" in told
    assert "void" in asked(table, "--metric", "bought", "--sequential", "--share", "control=0.9", "--share", "new=0.1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--metric", "bougth"), "no column 'bougth'"),
        (("--metric", "visitor"), "which is no number"),
        (("--metric", "before", "--kind", "proportion"), "more than zeros and ones"),
        (("--metric", "before", "--sequential"), "more than zeros and ones"),
        (("--metric", "bought", "--control", "old"), "no row is of variant 'old'"),
        (("--metric", "bought", "--variant", "visitor"), "1,190 variants"),
        (("--metric", "bought", "--share", "new=0.1"), "the shares leave out control"),
        (("--metric", "before", "--covariate", "before"), "is the metric and the covariate"),
        (("--metric", "bought", "--effect", "nan"), "the effect is no difference"),
        (("--metric", "bought", "--effect", "0"), "the effect is no difference"),
    ],
)
def test_what_is_wrong_is_told(table: Path, options: tuple[str, ...], message: str) -> None:
    with pytest.raises(BatonError, match=message) as told:
        asked(table, *options)
    assert isinstance(told.value, InvalidInput)
