"""The indexes of the state store on SQLite: they make looks quick, and nothing depends on them."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from compliance.test_state import SqlitePlace, by_hand, filled

from baton.backends.state import schema
from baton.backends.state.shelf import PRESENT, Choice, past
from baton.backends.state.sql import SqlState
from baton.backends.state.sqlite import read_sqlite
from baton.testing.look_suite import agree
from baton.testing.samples import HOUR, START, Sample
from baton.testing.state_suite import everything


@pytest.fixture
def place(tmp_path: Path) -> Iterator[SqlitePlace]:
    place = SqlitePlace(tmp_path)
    yield place
    place.close()


def index_names(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}


def test_a_database_without_the_indexes_answers_alike_and_gets_them_when_it_is_opened_to_write(place: SqlitePlace) -> None:
    state = filled(place)
    before, known = everything(state), state.all(Sample)
    assert schema.indexes.keys() <= index_names(place.path)
    state.close()
    by_hand(place.path, *(f"DROP INDEX {name}" for name in schema.indexes))
    look = read_sqlite(place.path)
    agree(look, known)
    agree(look.as_of(START + 5 * HOUR), known)
    assert (everything(look), len(look.recent(actor="ann", until=START + 3 * HOUR))) == (before, 3)
    look.close()
    assert not schema.indexes.keys() & index_names(place.path), "looking makes none"
    assert everything(place.open()) == before
    assert schema.indexes.keys() <= index_names(place.path)


def test_a_row_that_no_index_can_hold_leaves_the_ledger_open(place: SqlitePlace) -> None:
    filled(place).close()
    by_hand(place.path, *(f"DROP INDEX {name}" for name in schema.indexes), "UPDATE records SET body = 'x' WHERE id = 'c'")
    state = place.open()
    assert len(state.facts()) == 5 and state.get(Sample, "a") == Sample("a", "done")


def planned(state: SqlState, asked: tuple[str, Mapping[str, Any]]) -> str:
    text, values = asked
    return " ".join(str(row[3]) for row in state._select(f"EXPLAIN QUERY PLAN {text}", values))


@pytest.mark.parametrize("older", [False, True])
def test_what_is_chosen_reads_no_body_but_its_own(place: SqlitePlace, older: bool) -> None:
    """Indexes answer, also in a workspace that was made before they were: of ten thousand records no more are read than shown."""
    filled(place).close()
    if older:
        drops = (f"DROP INDEX {name}" for name in schema.indexes)
        by_hand(place.path, *drops, "CREATE INDEX facts_by_subject ON facts (subject_kind, subject, seq)")
    state, then = place.open(), past(START + 5 * HOUR)
    assert "records_by_appearance" in planned(state, Choice("sample").bodies(PRESENT, 50, newest=True))
    assert "records_by_status" in planned(state, Choice("sample", status=("open",)).bodies(PRESENT, 50, newest=True))
    assert "records_by_subject" in planned(state, Choice("sample", where={"subject": "x"}).bodies(PRESENT, 50, newest=True))
    for choice in (Choice("sample"), Choice("sample", status=("open",)), Choice("sample", id="a")):
        assert planned(state, choice.bodies(then, 50, newest=True)).count("facts_by_past") == 1 + bool(choice.status)
    assert planned(state, Choice("sample").counts(then, "status")).count("facts_by_past") == 2
