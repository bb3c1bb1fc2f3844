"""Batches declared in baton.yaml: every mistake with its line and what to write; none declared changes nothing."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from baton.kernel.errors import InvalidProject
from baton.project.loader import load

Write = Callable[[str], Path]

WRONG = [
    ("{n: {from: flight}}", "scoring.n scores 'flight', which is no source", "did you mean 'flights'?"),
    ("{n: {every: 1d}}", "scoring.n does not say which rows", "write one of 'from: SOURCE' or 'sql: SELECT …'"),
    ("{n: {from: flights, sql: SELECT 1}}", "scoring.n has both 'from' and 'sql'", None),
    ("{n: {sql: ' '}}", "the query of scoring.n is empty", "write a SELECT"),
    (
        "{n: {from: flights, every: 1h}}",
        "scoring.n is due every 1h, and the loop scores once a day",
        "write whole days: 'every: 1d'",
    ),
    ("{n: {from: flights, every: 0d}}", "scoring.n is due every 0d, and the loop scores once a day", None),
    ("{n: {from: flights, table: flights}}", "scores cannot go into table 'flights': it holds something else", None),
    ("{n: {from: flights, table: labels}}", "scores cannot go into table 'labels': it holds something else", None),
    ("{n: {from: flights, table: A-b}}", "'A-b' is no name of a table", None),
    ("{n: {from: flights, to: out.txt}}", "scoring.n delivers to 'out.txt', which is neither", None),
    ("{n: {from: flights, to: ../out.csv}}", "../out.csv lies outside the project", None),
    ("{n: {from: flights, drift: 0}}", "scoring.n.drift is 0", None),
    ("{n: {form: flights}}", "form", None),
    ("{n: {from: flights}, m: {from: flights}}", "scoring.m scores the same rows into the same table as scoring.n", None),
    (
        "{n: {from: flights, to: a.csv}, m: {from: flights, table: b, to: a.csv}}",
        "scoring.m and scoring.n both deliver to a.csv",
        "give each a place of its own",
    ),
]


@pytest.mark.parametrize(("text", "what", "fix"), WRONG, ids=[text for text, *_ in WRONG])
def test_a_mistake_is_told_with_its_line(write: Write, base: str, text: str, what: str, fix: str | None) -> None:
    with pytest.raises(InvalidProject) as caught:
        load(write(f"{base}scoring: {text}\n"))
    found = [each for each in caught.value.mistakes if what in each.what]
    assert found, [each.what for each in caught.value.mistakes]
    assert found[0].line == len(base.splitlines()) + 1
    assert fix is None or found[0].fix == fix


def test_a_source_of_its_name_would_take_the_table_of_scores(write: Write, base: str) -> None:
    with pytest.raises(InvalidProject, match="'scores' bears the name of a table that Baton writes"):
        load(write(base.replace("  weather:", "  scores:")))


def test_what_is_declared_is_read_and_nothing_is_the_default(write: Write, base: str) -> None:
    assert load(write(base)).definition.scoring == {}
    text = f"{base}scoring:\n  nightly: {{from: flights, to: out/scores.parquet}}\n  weekly: {{every: 7d, sql: SELECT 1, to: '${{HOOK}}'}}\n"
    nightly, weekly = load(write(text)).definition.scoring.values()
    assert (nightly.source, nightly.every, nightly.table) == ("flights", timedelta(days=1), "scores")
    assert (weekly.sql, weekly.every, weekly.to) == ("SELECT 1", timedelta(days=7), "${HOOK}")
