"""SQL over a workspace: a table that is not there yet says since when, and what to do."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from baton.app.bootstrap import open_tables
from baton.app.views.tables import ask
from baton.app.workspace import create
from baton.backends.state.sql import open_sqlite
from baton.kernel.clock import iso
from baton.kernel.errors import InvalidInput, NotFound

DAY = datetime(2023, 1, 2, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    made = create(tmp_path / ".baton", "replay")
    open_tables(made).append("flights", pa.table({"id": ["a"], "delay": [3]}), step=1)
    open_sqlite(made.state, create=True).close()
    return made.folder


def stepped(workspace: Path) -> None:
    state = open_sqlite(workspace / "state.db")
    state.commit([], cursors={"day": iso(DAY)})
    state.close()


def test_what_is_there_is_answered(workspace: Path) -> None:
    assert ask(workspace, "SELECT delay FROM flights").to_pylist() == [{"delay": 3}]


@pytest.mark.parametrize("name", ["predictions", "labels", "quarantine", "challenger_predictions", "PREDICTIONS"])
def test_a_table_of_baton_has_no_rows_before_the_first_daily_step(workspace: Path, name: str) -> None:
    with pytest.raises(NotFound, match=f"table '{name.lower()}' has no rows yet") as caught:
        ask(workspace, f"SELECT count(*) FROM {name}")
    assert caught.value.why == "no daily step has been recorded in this workspace"
    assert "baton up" in caught.value.fix


def test_later_it_says_what_its_first_row_waits_for(workspace: Path) -> None:
    stepped(workspace)
    with pytest.raises(NotFound, match="table 'labels' has no rows yet") as caught:
        ask(workspace, "FROM labels")
    assert caught.value.why == (
        "its first row comes with the first label that is known; the last daily step was 2023-01-02T00:00:00Z"
    )


def test_any_other_table_is_nobodys(workspace: Path) -> None:
    with pytest.raises(NotFound, match="there is no table 'flihgts'") as caught:
        ask(workspace, "FROM flihgts")
    assert caught.value.fix == "did you mean 'flights'?"


def test_sql_that_is_wrong_is_told_in_the_engines_words(workspace: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be answered"):
        ask(workspace, "SELECT dely FROM flights")
