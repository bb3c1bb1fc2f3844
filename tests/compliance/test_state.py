"""The state store on SQLite: the common suite, a model of plain dictionaries, and what can happen to a file."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from baton.backends.state.reader import REVISION
from baton.backends.state.sql import SqlState, open_sqlite
from baton.backends.state.sqlite import SqliteReader, read_sqlite
from baton.kernel.errors import Conflict, Corrupt, Incompatible, NotFound, Unavailable
from baton.ledger.merkle import leaf_hash
from baton.ledger.verify import verify
from baton.testing.look_suite import agree
from baton.testing.samples import HOUR, START, Sample, change
from baton.testing.state_suite import StateSuite, everything

Opening = Callable[[Path], SqlState | SqliteReader]


class SqlitePlace:
    """A folder with one database, and the handles that were opened on it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.db"
        self._open: list[SqlState] = []

    def open(self) -> SqlState:
        self._open.append(open_sqlite(self.path, create=True))
        return self._open[-1]

    def close(self) -> None:
        for state in self._open:
            state.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[SqlitePlace]:
    place = SqlitePlace(tmp_path)
    yield place
    place.close()


class TestSqlite(StateSuite):
    """All of the suite on SQLite."""


class Watched(SqliteReader):
    """A look at the database that `SqlState` writes to: all that is asked goes to the reader."""

    def __init__(self, writer: SqlState, path: Path) -> None:
        self._reader = read_sqlite(path)
        super().__init__(self._reader._connection, str(path))
        self.commit, self.measure = writer.commit, writer.measure

    def close(self) -> None:
        self._reader.close()


class WatchedPlace:
    """A folder whose database is written through one backend and read through the other."""

    def __init__(self, folder: Path) -> None:
        self._written, self._open = SqlitePlace(folder), list[Watched]()

    def open(self) -> Watched:
        self._open.append(Watched(self._written.open(), self._written.path))
        return self._open[-1]

    def close(self) -> None:
        for watched in self._open:
            watched.close()
        self._written.close()


class TestReader(StateSuite):
    """All of the suite once more, read by the standard library."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[WatchedPlace]:
        place = WatchedPlace(tmp_path)
        yield place
        place.close()


class StateMachine(RuleBasedStateMachine):
    """Commits, refusals and re-openings against dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.place = SqlitePlace(Path(self.folder.name))
        self.state = self.place.open()
        self.records: dict[str, Sample] = {}
        self.course: list[tuple[float, dict[str, Sample]]] = []
        self.cursor: str | None = None
        self.facts = self.commits = 0

    def teardown(self) -> None:
        self.place.close()
        self.folder.cleanup()

    samples = st.builds(Sample, st.sampled_from("abc"), st.sampled_from(["open", "done"]), st.integers(0, 9), st.floats(0, 1))

    @rule(records=st.lists(samples, max_size=3), step=st.integers(0, 2), cursor=st.none() | st.sampled_from(["1", "2"]))
    def commit(self, records: list[Sample], step: int, cursor: str | None) -> None:
        hours = (self.course[-1][0] if self.course else 0.0) + step
        cursors = {} if cursor is None else {"step": cursor}
        head = self.state.commit([change(record, hours) for record in records], cursors=cursors, expect={"step": self.cursor})
        self.cursor = self.cursor if cursor is None else cursor
        for record in records:
            self.records[record.id] = record
        self.course.append((hours, dict(self.records)))
        self.facts, self.commits = self.facts + len(records), self.commits + bool(records)
        assert head.size == self.facts

    @rule(records=st.lists(samples, min_size=1, max_size=3), wrong=st.sampled_from([None, "1", "2", "3"]))
    def stale(self, records: list[Sample], wrong: str | None) -> None:
        if wrong != self.cursor:
            with pytest.raises(Conflict):
                self.state.commit([change(record) for record in records], cursors={"step": "9"}, expect={"step": wrong})

    @rule()
    def reopen(self) -> None:
        self.state = self.place.open()

    @precondition(lambda self: self.course)
    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        hours, _ = data.draw(st.sampled_from(self.course))
        known = [records for at, records in self.course if at <= hours][-1]
        agree(self.state.as_of(START + hours * HOUR), list(known.values()))

    @invariant()
    def the_present_is_the_model(self) -> None:
        assert self.state.all(Sample) == list(self.records.values())
        assert self.state.all(Sample, status=("open",)) == [record for record in self.records.values() if record.status == "open"]
        agree(self.state, list(self.records.values()))
        facts = self.state.facts()
        assert self.state.recent() == facts[::-1][:50]
        assert self.state.recent(before=self.facts, limit=2) == facts[:-1][::-1][:2]
        assert self.state.cursor("step") == self.cursor
        assert (self.state.head().size, len(self.state.heads())) == (self.facts, self.commits)
        assert verify(self.state).faults == ()


TestModel = StateMachine.TestCase
TestModel.settings = settings(
    max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def filled(place: SqlitePlace) -> SqlState:
    """Two commits of two and three facts over three subjects."""
    state = place.open()
    state.commit([change(Sample("a", "open"), 1, number=1), change(Sample("b", "open"), 2)], cursors={"step": "1"})
    state.commit(
        [change(Sample("a", "done"), 3), change(Sample("c", "open"), 4), change(Sample("b", "done"), 5)], cursors={"step": "2"}
    )
    return state


def by_hand(path: Path, *statements: str) -> None:
    """Run statements on the file as any tool could."""
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


SWAP = (
    "UPDATE facts SET seq = -1 WHERE seq = 1",
    "UPDATE facts SET seq = 1 WHERE seq = 2",
    "UPDATE facts SET seq = 2 WHERE seq = -1",
)
INSERTED = (
    "UPDATE facts SET seq = -seq - 1 WHERE seq >= 3",
    "UPDATE facts SET seq = -seq WHERE seq < 0",
    "INSERT INTO facts SELECT 3, kind, subject_kind, subject, actor, role, effective_us, recorded_us, reason, payload, state, leaf FROM facts WHERE seq = 1",
)
APPENDED = "INSERT INTO facts SELECT 6, kind, subject_kind, subject, actor, role, effective_us, recorded_us, reason, payload, state, leaf FROM facts WHERE seq = 5"
TAMPERINGS = {
    "payload": ("""UPDATE facts SET payload = '{"number":2}' WHERE seq = 1""",),
    "reason": ("UPDATE facts SET reason = 'no reason' WHERE seq = 2",),
    "actor": ("UPDATE facts SET actor = 'eve' WHERE seq = 5",),
    "time": ("UPDATE facts SET recorded_us = recorded_us + 1 WHERE seq = 5",),
    "kind": ("UPDATE facts SET kind = 'sample.made' WHERE seq = 2",),
    "leaf": ("UPDATE facts SET leaf = zeroblob(32) WHERE seq = 2",),
    "removed": ("DELETE FROM facts WHERE seq = 2",),
    "removed and renumbered": ("DELETE FROM facts WHERE seq = 1", "UPDATE facts SET seq = seq - 1"),
    "swapped": SWAP,
    "inserted": INSERTED,
    "appended": (APPENDED,),
    "truncated": ("DELETE FROM facts WHERE seq > 4",),
    "truncated with its records": ("DELETE FROM facts WHERE seq > 2", "DELETE FROM records"),
    "root": ("UPDATE heads SET root = zeroblob(32) WHERE size = 2",),
    "peaks": ("UPDATE heads SET peaks = zeroblob(64) WHERE size = 5",),
    "heads gone": ("DELETE FROM heads",),
    "last head gone": ("DELETE FROM heads WHERE size = 5",),
    "record": ("UPDATE records SET body = replace(body, 'open', 'done') WHERE id = 'c'",),
    "status of a record": ("UPDATE records SET status = 'done' WHERE id = 'c'",),
    "id of a record": ("UPDATE records SET id = 'z' WHERE id = 'c'",),
    "record gone": ("DELETE FROM records WHERE id = 'c'",),
    "record made up": ("""INSERT INTO records VALUES ('sample', 'z', 'open', 9, 9, '{"id":"z","status":"open"}')""",),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_each_tampering_with_the_file_is_found(place: SqlitePlace, name: str) -> None:
    state = filled(place)
    assert verify(state, state.head()).faults == ()
    by_hand(place.path, *TAMPERINGS[name])
    assert verify(place.open()).faults != ()


def test_a_rewritten_history_is_found_by_the_witness(place: SqlitePlace, tmp_path: Path) -> None:
    witness = filled(place).head()
    other = SqlitePlace(tmp_path / "other")
    (tmp_path / "other").mkdir()
    forged = other.open()
    forged.commit([change(Sample("a", "open"), 1, number=2), change(Sample("b", "open"), 2)])
    forged.commit([change(Sample("a", "done"), 3), change(Sample("c", "open"), 4), change(Sample("b", "done"), 5)])
    assert verify(forged).faults == () and verify(forged, witness).faults != ()
    other.close()


def test_a_cut_tail_is_found_by_the_witness(place: SqlitePlace) -> None:
    witness = filled(place).head()
    by_hand(
        place.path,
        "DELETE FROM facts WHERE seq > 2",
        "DELETE FROM heads WHERE size > 2",
        "DELETE FROM records WHERE id = 'c'",
        "UPDATE records SET body = replace(body, 'done', 'open'), status = 'open'",
    )
    assert verify(place.open()).faults == ()
    assert any("head over 5 facts" in fault for fault in verify(place.open(), witness).faults)


@pytest.mark.parametrize("opened", [open_sqlite, read_sqlite])
def test_looking_creates_nothing(tmp_path: Path, opened: Opening) -> None:
    with pytest.raises(NotFound, match="no state") as caught:
        opened(tmp_path / "state.db")
    assert caught.value.where == str(tmp_path / "state.db")
    assert list(tmp_path.iterdir()) == []


def test_looking_at_a_database_without_tables_makes_none(tmp_path: Path) -> None:
    (tmp_path / "state.db").touch()
    with pytest.raises(NotFound, match="no state"):
        read_sqlite(tmp_path / "state.db")
    assert (tmp_path / "state.db").read_bytes() == b""


def test_looking_leaves_no_file_behind_and_changes_none(place: SqlitePlace) -> None:
    filled(place).close()
    before = place.path.read_bytes()
    look = read_sqlite(place.path)
    assert (look.head().size, look.cursor("step")) == (5, "2")
    look.close()
    assert place.path.read_bytes() == before
    assert list(place.path.parent.iterdir()) == [place.path]


def test_a_look_cannot_write(place: SqlitePlace) -> None:
    filled(place)
    look = read_sqlite(place.path)
    with pytest.raises(Unavailable, match="readonly"):
        list(look._select("DELETE FROM facts", {}))
    look.close()
    assert place.open().head().size == len(place.open().facts()) == 5


def test_a_look_sees_what_a_killed_process_had_committed(place: SqlitePlace, tmp_path: Path) -> None:
    filled(place)
    (tmp_path / "killed").mkdir()
    for name in ("state.db", "state.db-wal"):
        shutil.copy(tmp_path / name, tmp_path / "killed" / name)
    look = read_sqlite(tmp_path / "killed" / "state.db")
    assert everything(look) == everything(place.open())
    look.close()


@pytest.mark.parametrize("opened", [open_sqlite, partial(open_sqlite, create=True), read_sqlite])
def test_a_newer_revision_is_refused_and_left_alone(place: SqlitePlace, opened: Opening) -> None:
    filled(place).close()
    by_hand(place.path, f"PRAGMA user_version={REVISION + 1}")
    before = place.path.read_bytes()
    with pytest.raises(Incompatible, match=f"revision {REVISION + 1}") as caught:
        opened(place.path)
    assert "upgrade" in caught.value.fix and place.path.read_bytes() == before


@pytest.mark.parametrize("opened", [open_sqlite, read_sqlite])
@pytest.mark.parametrize("content", [b"not a database " * 500, b"x" * 100])
def test_a_stranger_among_the_files_is_said(tmp_path: Path, content: bytes, opened: Opening) -> None:
    (tmp_path / "state.db").write_bytes(content)
    with pytest.raises(Corrupt, match="damaged") as caught:
        opened(tmp_path / "state.db")
    assert caught.value.where == str(tmp_path / "state.db") and "copy" in caught.value.fix
    assert (tmp_path / "state.db").read_bytes() == content


@pytest.mark.parametrize("opened", [open_sqlite, read_sqlite])
def test_a_damaged_page_is_said(place: SqlitePlace, opened: Opening) -> None:
    state = place.open()
    state.commit([change(Sample(f"{number}", "open", tags=("x" * 500,))) for number in range(100)])
    state.close()
    data = bytearray(place.path.read_bytes())
    page = int.from_bytes(data[16:18], "big")
    data[page:] = os.urandom(len(data) - page)
    place.path.write_bytes(data)
    damaged = opened(place.path)
    with pytest.raises(Corrupt):
        damaged.all(Sample)
    damaged.close()


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="unable to open") as caught:
        open_sqlite(tmp_path / "nowhere" / "state.db", create=True)
    assert "folder exists" in caught.value.fix and caught.value.retryable


def test_a_database_that_was_lost_is_not_made_anew_by_whoever_looks(tmp_path: Path) -> None:
    """A thread that opens its first connection after the file was lost."""
    path = tmp_path / "a b#c%20?" / "state.db"
    path.parent.mkdir()
    state = open_sqlite(path, create=True)
    state.commit([change(Sample("sample-1", "open", 1))], cursors={})
    for file in path.parent.iterdir():
        file.unlink()
    with state._engine.connect(), pytest.raises(Unavailable, match="unable to open"):  # the one that is open already is taken
        state.all(Sample)
    assert list(path.parent.iterdir()) == []
    state.close()


def pragma(state: SqlState, text: str) -> None:
    """Have every further connection of a state run a pragma."""
    state.close()
    sa.event.listen(state._engine, "connect", lambda connection, _: connection.execute(f"PRAGMA {text}"))


def test_a_full_disk_is_said_and_nothing_is_half_written(place: SqlitePlace) -> None:
    state = filled(place)
    before = everything(state)
    pragma(state, "max_page_count=1")
    with pytest.raises(Unavailable, match="full") as caught:
        state.commit([change(Sample(f"{number}", "open", tags=("x" * 5000,))) for number in range(50)], cursors={"step": "3"})
    assert "free some space" in caught.value.fix
    assert everything(place.open()) == before and verify(place.open()).faults == ()


def test_a_file_that_cannot_be_written_is_said(place: SqlitePlace) -> None:
    state = filled(place)
    before = everything(state)
    pragma(state, "query_only=ON")
    with pytest.raises(Unavailable, match="readonly") as caught:
        state.commit([change(Sample("d", "open"))])
    assert "writable" in caught.value.fix
    with pytest.raises(Unavailable, match="readonly"):
        state.measure("x", 1.0, START)
    assert everything(state) == before


def test_a_lock_held_for_long_is_said(place: SqlitePlace) -> None:
    state = filled(place)
    pragma(state, "busy_timeout=20")
    holder = sqlite3.connect(place.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked") as caught:
        state.commit([change(Sample("d", "open"))])
    assert "another process" in caught.value.fix
    assert state.get(Sample, "a") == Sample("a", "done")
    holder.execute("ROLLBACK")
    holder.close()
    assert state.commit([change(Sample("d", "open"))]).size == 6


HEAD = """
import json, os, signal, sys
from pathlib import Path
from baton.backends.state.sql import open_sqlite
from baton.testing.samples import Sample, change
path = Path(sys.argv[1])
"""


def process(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", HEAD + code, *arguments], stdout=subprocess.PIPE, text=True)


def test_two_processes_at_once_lose_nothing_from_the_first_moment(place: SqlitePlace) -> None:
    code = """
state = open_sqlite(path, create=True)
won = 0
for number in range(20):
    state.commit([change(Sample(sys.argv[2] + str(number), 'open')), change(Sample('shared', sys.argv[2], number))])
    at = state.cursor('step')
    try:
        state.commit([], cursors={'step': str(int(at or 0) + 1)}, expect={'step': at})
        won += 1
    except Exception as error:
        assert type(error).__name__ == 'Conflict', error
print(json.dumps(won))
"""
    children = [process(code, str(place.path), name) for name in "ab"]
    won = [int(json.loads(child.communicate(timeout=60)[0])) for child in children]
    state = place.open()
    assert state.head().size == 80 and len(state.all(Sample)) == 41 and len(state.heads()) == 40
    assert state.cursor("step") == str(sum(won))
    assert verify(state).faults == ()


def test_a_process_killed_within_a_commit_leaves_nothing_of_it(place: SqlitePlace) -> None:
    before = everything(filled(place))
    code = """
import baton.backends.state.sql as sql
state, seen = open_sqlite(path), []
upsert = sql._upsert
def dying(*given):
    upsert(*given)
    seen.append(1)
    if len(seen) == 2: os.kill(os.getpid(), signal.SIGKILL)
sql._upsert = dying
state.commit([change(Sample(str(n), 'open')) for n in range(3)], cursors={'step': '3'})
"""
    child = process(code, str(place.path))
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    assert everything(place.open()) == before and verify(place.open()).faults == ()


def test_the_past_is_read_by_value_not_by_name(place: SqlitePlace) -> None:
    state = filled(place)
    past = state.as_of(START + 4 * HOUR)
    assert [(record.id, record.status) for record in past.all(Sample)] == [("a", "done"), ("b", "open"), ("c", "open")]
    assert past.get(Sample, "b") == replace(Sample("b", "open"))
    assert state.as_of(START - timedelta(days=1)).all(Sample) == []


def test_only_the_commit_begins_to_write(place: SqlitePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    state = filled(place)
    begun: list[str] = []

    def tell(connection: sa.Connection) -> None:
        begun.append("reads" if connection.get_execution_options().get("reads") else "writes")

    sa.event.listen(state._engine, "begin", tell)
    everything(state)
    list(state.leaves())
    state.as_of(START).all(Sample)
    assert set(begun) == {"reads"}
    state.commit([], cursors={"step": "7"})
    assert begun[-1] == "writes"
    assert leaf_hash(state.facts()[0].leaf()) == next(state.leaves())[1]
