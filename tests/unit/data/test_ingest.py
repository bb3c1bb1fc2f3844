"""Intake over fakes: what is released and landed, cut how one will, is what the source held."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.backends.engines.duckdb_contract import DuckContracts
from baton.data.check import Bounds, Measure, Rule
from baton.data.contract import Column, Contract
from baton.data.ingest import Intake
from baton.data.snapshot import Snapshot, content_digest
from baton.kernel.errors import Corrupt, InvalidInput
from baton.project.definition import Source

BEGIN = datetime(2023, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOURCE = Source(path=Path("x.parquet"), key=("k",), known_at="at")
STATIC = Source(path=Path("x.parquet"), key=("k",))
COLUMNS = (Column("k", "int"), Column("at", "timestamp"), Column("v", "int"))
CONTRACT = Contract("x", COLUMNS, (Rule("v:minimum", "minimum", ("v",), 0), Rule("k:unique", "unique", ("k",))))
ENGINE = DuckContracts()


class Rows:
    """A source in memory that remembers up to when it was asked."""

    def __init__(self, rows: pa.Table) -> None:
        self.rows, self.reads = rows, list[tuple[datetime | None, datetime]]()

    def schema(self, source: Source) -> dict[str, str]:
        return {"k": "int", "at": "timestamp", "v": "int"}

    def read(self, source: Source, after: datetime | None, until: datetime) -> pa.Table:
        self.reads.append((after, until))
        if source.known_at is None:
            return self.rows if after is None else self.rows.slice(0, 0)
        within = pc.less_equal(self.rows["at"], pa.scalar(until))
        if after is not None:
            within = pc.and_(within, pc.greater(self.rows["at"], pa.scalar(after)))
        return self.rows.filter(within)


class Memory:
    """Tables in memory."""

    def __init__(self) -> None:
        self.tables: dict[str, list[pa.Table]] = defaultdict(list)
        self.steps: dict[tuple[str, str], int] = {}
        self.loses = False

    def append(self, table: str, rows: pa.Table, *, step: int, writer: str = "baton") -> Snapshot:
        if self.steps.get((table, writer), -1) < step and (rows.num_rows or table not in self.tables):
            self.tables[table].append(rows.slice(1) if self.loses else rows)
            self.steps[table, writer] = step
        return self.snapshot(table)

    def scan(
        self, table: str, columns: Any = None, after: datetime | None = None, until: datetime | None = None, on: str = "known_at"
    ) -> pa.Table:
        rows = pa.concat_tables(self.tables[table])
        for bound, keeps in ((after, pc.greater), (until, pc.less_equal)):
            rows = rows.filter(keeps(rows[on], pa.scalar(bound))) if bound else rows
        return rows.select(list(columns)) if columns else rows

    def exists(self, table: str) -> bool:
        return table in self.tables

    def snapshot(self, table: str) -> Snapshot:
        rows = self.scan(table)
        return Snapshot(table, len(self.tables[table]), rows.num_rows, content_digest(rows))

    def files(self, table: str) -> tuple[str, ...]:
        return ()

    def last_step(self, table: str, writer: str = "baton") -> int | None:
        return self.steps.get((table, writer))


def table(rows: list[tuple[int, int, int]]) -> pa.Table:
    """(hours after the beginning, key, value), made known in that order."""
    rows = sorted(rows)
    return pa.table(
        {
            "k": pa.array([key for _, key, _ in rows], pa.int64()),
            "at": pa.array([BEGIN + HOUR * at for at, _, _ in rows], pa.timestamp("us", "UTC")),
            "v": pa.array([value for _, _, value in rows], pa.int64()),
        }
    )


def intake(reader: Rows, tables: Memory, prefetch: int = 5, contract: Contract = CONTRACT, source: Source = SOURCE) -> Intake:
    return Intake("x", source, reader, ENGINE, contract, tables, HOUR * prefetch)


def expected(rows: pa.Table) -> pa.Table:
    return ENGINE.judge(rows, CONTRACT, None).kept


ROWS = st.lists(st.tuples(st.integers(-5, 40), st.integers(0, 20), st.integers(-1, 9)), max_size=30).map(table)


@settings(deadline=None)
@given(ROWS, st.lists(st.integers(-3, 45), min_size=1, max_size=8), st.integers(0, 50))
def test_releases_are_the_kept_rows_of_their_interval(rows: pa.Table, hours: list[int], prefetch: int) -> None:
    buffer, kept, since = intake(Rows(rows), Memory(), prefetch), expected(rows), -100
    for hour in sorted(hours):
        got = buffer.release(BEGIN + HOUR * hour)
        within = pc.and_(
            pc.greater(kept["at"], pa.scalar(BEGIN + HOUR * since)), pc.less_equal(kept["at"], pa.scalar(BEGIN + HOUR * hour))
        )
        assert got.equals(kept.filter(within))
        since = hour


@settings(deadline=None, max_examples=40)
@given(ROWS, st.integers(1, 12), st.integers(0, 60), st.integers(0, 60), st.booleans())
def test_a_kill_anywhere_leaves_the_same_tables(rows: pa.Table, grain: int, kill: int, committed: int, torn: bool) -> None:
    def run(buffer: Intake, start: int) -> None:
        for hour in range(start, 48):
            buffer.release(BEGIN + HOUR * hour)
            if hour % grain == 0:
                buffer.land(BEGIN + HOUR * hour, step=hour)

    whole = Memory()
    run(intake(Rows(rows), whole), 0)
    tables = Memory()
    if kill < 48:
        run_to = intake(Rows(rows), tables)
        for hour in range(kill + 1):
            run_to.release(BEGIN + HOUR * hour)
            if hour % grain == 0:
                run_to.land(BEGIN + HOUR * hour, step=hour)
        # the ledger's cursors may lag behind what tables hold by one landing, and releases behind landings
        last = kill // grain * grain
        landed = last - grain if torn else last
        again = intake(Rows(rows), tables)
        after = max(landed, min(committed, kill))
        again.resume(BEGIN + HOUR * after if after >= 0 else None, landed=BEGIN + HOUR * landed if landed >= 0 else None)
        if torn:
            again.land(BEGIN + HOUR * last, step=last)
        run(again, kill + 1)
    else:
        run(intake(Rows(rows), tables), 0)
    assert {name: tables.snapshot(name).digest for name in tables.tables} == {
        name: whole.snapshot(name).digest for name in whole.tables
    }
    assert tables.snapshot("x").rows == whole.snapshot("x").rows


def test_rows_between_the_cursors_land_but_are_not_released_again() -> None:
    tables = Memory()
    buffer = intake(Rows(table([(1, 1, 1), (5, 2, 2), (9, 3, 3)])), tables)
    buffer.resume(BEGIN + HOUR * 6, landed=BEGIN + HOUR * 2)
    assert buffer.release(BEGIN + HOUR * 10)["k"].to_pylist() == [3]
    assert buffer.land(BEGIN + HOUR * 10, step=1).landed == 2
    assert tables.scan("x")["k"].to_pylist() == [2, 3]


def test_a_landing_tells_what_left_and_what_landed() -> None:
    tables = Memory()
    buffer = intake(Rows(table([(0, 1, 1), (1, 2, -4), (2, 1, 5), (9, 4, 4)])), tables)
    landing = buffer.land(BEGIN + HOUR * 3, step=1)
    assert (landing.left, landing.landed, landing.rejected) == (3, 1, 2)
    assert landing.counts == {"k:unique": 1, "v:minimum": 1}
    assert (landing.since, landing.until, landing.verdict.state) == (None, BEGIN + HOUR * 3, "broken")
    assert landing.digest == content_digest(tables.scan("x"))
    assert buffer.land(BEGIN + HOUR * 9, step=2).since == BEGIN + HOUR * 3
    held = tables.scan("quarantine").to_pylist()
    assert held[0] == {
        "source": "x", "key": "2", "known_at": BEGIN + HOUR, "rule": "v:minimum", "reason": "v is -4, below the minimum 0",
        "row": '{"k": 2, "at": "2023-01-01T01:00:00Z", "v": -4}',
    }  # fmt: skip
    assert held[1]["reason"] == "an earlier row has the same k = 1"


def test_keys_landed_before_a_resume_are_remembered() -> None:
    tables, rows = Memory(), table([(0, 1, 1), (5, 1, 2), (6, 2, 2)])
    first = intake(Rows(rows), tables)
    first.land(BEGIN, step=0)
    again = intake(Rows(rows), tables)
    again.resume(BEGIN)
    assert again.release(BEGIN + HOUR * 8)["k"].to_pylist() == [2]


def test_the_horizon_bounds_how_far_is_read() -> None:
    reader = Rows(table([(0, 1, 1)]))
    buffer = intake(reader, Memory(), prefetch=100)
    buffer.release(BEGIN, horizon=BEGIN)
    buffer.release(BEGIN + HOUR, horizon=BEGIN + HOUR)
    buffer.land(BEGIN + HOUR, step=1)
    assert reader.reads == [(None, BEGIN), (BEGIN, BEGIN + HOUR)]


def test_a_source_without_known_time_is_released_and_landed_once() -> None:
    contract = Contract("x", COLUMNS[:1], (Rule("k:minimum", "minimum", ("k",), 0),))
    rows, tables = pa.table({"k": [1, 2, -1]}), Memory()
    buffer = intake(Rows(rows), tables, contract=contract, source=STATIC)
    assert buffer.release(BEGIN).num_rows == 2
    assert buffer.release(BEGIN + HOUR).num_rows == 0
    landing = buffer.land(BEGIN + HOUR, step=1)
    assert (landing.left, landing.landed, landing.rejected) == (3, 2, 1)
    assert buffer.land(BEGIN + HOUR * 2, step=2).left == 0
    again = intake(Rows(rows), tables, contract=contract, source=STATIC)
    again.resume(BEGIN + HOUR * 2)
    assert again.release(BEGIN + HOUR * 9).num_rows == 0
    assert again.land(BEGIN + HOUR * 9, step=3).landed == 0
    assert tables.snapshot("x").rows == 2


def test_what_came_in_behind_a_landing_is_no_part_of_it_when_a_kill_has_it_repeated() -> None:
    tables, first = Memory(), [(0, 1, 1), (1, 2, -4), (2, 3, 5)]
    killed = intake(Rows(table(first)), tables).land(BEGIN + HOUR * 3, step=1)
    late = Rows(table([*first, (1, 4, 7), (1, 5, -7), (4, 6, 8)]))
    again = intake(late, tables)
    told = again.land(BEGIN + HOUR * 3, step=1)
    assert (told.landed, told.rejected, told.digest) == (killed.landed, killed.rejected, killed.digest) == (2, 1, told.digest)
    assert again.land(BEGIN + HOUR * 9, step=2).landed == 1
    assert sorted(tables.scan("x")["k"].to_pylist()) == [1, 3, 6] and tables.scan("quarantine")["key"].to_pylist() == ["2"]


def test_a_repeated_landing_whose_rows_were_changed_is_corruption() -> None:
    tables = Memory()
    intake(Rows(table([(0, 1, 1), (1, 2, 2)])), tables).land(BEGIN + HOUR * 3, step=1)
    for rows in ([(0, 1, 1), (1, 2, 3), (1, 4, 4)], [(0, 1, 1)], [(0, 1, 1), (1, 9, 2), (1, 8, 2)]):
        with pytest.raises(Corrupt, match="is not what left it"):
            intake(Rows(table(rows)), tables).land(BEGIN + HOUR * 3, step=1)


def test_rows_lost_on_the_way_are_corruption_and_the_cursor_stays() -> None:
    tables = Memory()
    tables.loses = True
    buffer = intake(Rows(table([(0, 1, 1)])), tables)
    with pytest.raises(Corrupt, match="1 rows left, 0 are stored"):
        buffer.land(BEGIN, step=1)
    assert buffer.landed is None


def test_measures_and_freshness_speak_over_a_landing() -> None:
    contract = Contract("x", COLUMNS, (), (Measure("rowCount", "rowCount", Bounds(above=1)),), freshness=HOUR * 2)
    buffer = intake(Rows(table([(0, 1, 1), (0, 2, 1)])), Memory(), contract=contract)
    assert buffer.land(BEGIN + HOUR * 2, step=1).verdict.kept
    reasons: Any = buffer.land(BEGIN + HOUR * 3, step=2).verdict.reasons
    assert reasons[0].startswith("rowCount is 0 of 0 rows")
    assert reasons[1].startswith("not fresh: the newest row is known since 2023-01-01T00:00:00Z")


@pytest.mark.parametrize("name", ["quarantine", "A", "a.b", "1a", "a-b", "../x"])
def test_a_source_that_cannot_name_a_table_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be stored under its name"):
        Intake(name, SOURCE, Rows(table([])), ENGINE, CONTRACT, Memory(), HOUR)


def test_a_column_called_reason_is_no_trouble() -> None:
    rows = (
        table([(0, 1, 1), (1, 2, -1)]).append_column("reason", pa.array(["a", "b"])).append_column("rule", pa.array(["c", "d"]))
    )
    tables = Memory()
    landing = intake(Rows(rows), tables).land(BEGIN + HOUR * 2, step=1)
    counts: Mapping[str, int] = landing.counts
    assert counts == {"v:minimum": 1}
    assert tables.scan("quarantine")["row"].to_pylist() == [
        '{"k": 2, "at": "2023-01-01T01:00:00Z", "v": -1, "reason": "b", "rule": "d"}'
    ]
