"""What every backend of `Tables` must keep; here Delta."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baton.backends.tables.delta import DeltaTables
from baton.data.snapshot import content_digest
from baton.kernel.errors import (
    BrokenSource,
    Corrupt,
    InvalidInput,
    NotFound,
    Unavailable,
)

BEGIN = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def rows(day: int, count: int = 10) -> pa.Table:
    return pa.table(
        {
            "k": pa.array([f"{day}-{place}" for place in range(count)]),
            "known_at": pa.array(
                [BEGIN + DAY * (day - 1) + DAY * (place + 1) / count for place in range(count)], pa.timestamp("us", "UTC")
            ),
            "v": pa.array([place / 7 if place % 3 else None for place in range(count)], pa.float32()),
            "n": pa.array(range(count), pa.int16()),
        }
    )


@pytest.fixture
def tables(tmp_path: Path) -> DeltaTables:
    return DeltaTables(tmp_path / "tables")


def test_an_append_is_committed_once_per_step(tables: DeltaTables) -> None:
    first = tables.append("t", rows(1), step=1)
    assert (first.rows, tables.last_step("t")) == (10, 1)
    assert tables.append("t", rows(1), step=1) == first
    assert tables.append("t", rows(9), step=0) == first
    second = tables.append("t", rows(2), step=2)
    assert (second.rows, second.version, tables.last_step("t")) == (20, first.version + 1, 2)


def test_each_writer_counts_its_own_steps(tables: DeltaTables) -> None:
    tables.append("t", rows(1), step=5, writer="a")
    assert tables.append("t", rows(2), step=5, writer="b").rows == 20
    assert (tables.last_step("t", "a"), tables.last_step("t", "b"), tables.last_step("t")) == (5, 5, None)


def test_another_object_over_the_same_folder_goes_on_where_the_first_was(tables: DeltaTables, tmp_path: Path) -> None:
    one = tables.append("t", rows(1), step=1)
    other = DeltaTables(tmp_path / "tables")
    assert other.snapshot("t") == one
    assert other.append("t", rows(1), step=1) == one
    two = other.append("t", rows(2), step=2)
    assert tables.snapshot("t") == two
    assert tables.append("t", rows(3), step=3).rows == 30
    assert other.scan("t").num_rows == 30


def test_what_is_read_back_has_the_digest_of_what_was_appended(tables: DeltaTables) -> None:
    for day in range(1, 26):
        tables.append("t", rows(day), step=day)
        back = tables.scan("t", after=BEGIN + DAY * (day - 1), until=BEGIN + DAY * day)
        assert content_digest(back) == content_digest(rows(day))
    snapshot = tables.snapshot("t")
    assert snapshot is not None
    assert (
        snapshot.digest
        == content_digest(tables.scan("t"))
        == content_digest(pa.concat_tables([rows(day) for day in range(1, 26)]))
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.integers(-30, 150), st.integers(-30, 150), st.booleans(), st.booleans())
def test_scans_by_time_are_open_left_and_closed_right(
    tables: DeltaTables, low: int, high: int, open_low: bool, open_high: bool
) -> None:
    days = [rows(day) for day in range(1, 6)]
    for step, day in enumerate(days):
        tables.append("t", day, step=step)
    after = None if open_low else BEGIN + DAY * low / 20
    until = None if open_high else BEGIN + DAY * high / 20
    whole = pa.concat_tables(days)
    for bound, keeps in ((after, pc.greater), (until, pc.less_equal)):
        whole = whole.filter(keeps(whole["known_at"], pa.scalar(bound))) if bound else whole
    assert content_digest(tables.scan("t", ("k", "n"), after, until)) == content_digest(whole.select(["k", "n"]))


def test_microseconds_at_the_edge_of_a_file_are_not_lost(tables: DeltaTables) -> None:
    last = datetime(2023, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC)
    tables.append("t", pa.table({"known_at": pa.array([last], pa.timestamp("us", "UTC"))}), step=1)
    micro = timedelta(microseconds=1)
    assert tables.scan("t", after=last - micro).num_rows == 1
    assert tables.scan("t", after=last).num_rows == 0
    assert tables.scan("t", until=last).num_rows == 1
    assert tables.scan("t", until=last - micro).num_rows == 0


def test_what_was_never_created_is_told_apart_from_empty(tables: DeltaTables) -> None:
    assert not tables.exists("t")
    assert tables.snapshot("t") is None
    assert tables.last_step("t") is None
    for ask in (tables.scan, tables.files):
        with pytest.raises(NotFound, match="no table 't'"):
            ask("t")
    created = tables.append("t", rows(1, 0), step=1)
    assert tables.exists("t")
    assert created.rows == tables.scan("t").num_rows == 0
    assert tables.append("t", rows(1, 0), step=2) == created
    assert tables.append("t", rows(1), step=2).rows == 10


@pytest.mark.parametrize("name", ["", "T", "a-b", "../t", "a/b", "1a", "x" * 64])
def test_names_that_could_be_paths_are_refused(tables: DeltaTables, name: str) -> None:
    with pytest.raises(InvalidInput, match="no name of a table"):
        tables.append(name, rows(1), step=1)


def test_an_unknown_column_is_named(tables: DeltaTables) -> None:
    tables.append("t", rows(1), step=1)
    with pytest.raises(NotFound, match="no column 'x'"):
        tables.scan("t", ("x",))
    with pytest.raises(NotFound, match="no column 'at'"):
        tables.scan("t", ("k",), after=BEGIN, on="at")


def test_new_columns_are_added_and_older_rows_hold_null(tables: DeltaTables) -> None:
    tables.append("t", rows(1, 2), step=1)
    grown = tables.append("t", rows(2, 2).append_column("w", pa.array([1, 2])), step=2)
    back = tables.scan("t")
    assert sorted(back["w"].to_pylist(), key=str) == [1, 2, None, None]
    assert grown.digest == content_digest(back)
    assert tables.append("t", rows(3, 2), step=3).digest == content_digest(tables.scan("t"))


def test_types_widen_to_the_stored_ones_or_break_the_source(tables: DeltaTables) -> None:
    wide = pa.table({"n": pa.array([1], pa.int64()), "f": pa.array([1.0], pa.float64()), "s": pa.array(["a"])})
    tables.append("t", wide, step=1)
    narrow = pa.table({"n": pa.array([2], pa.int8()), "f": pa.array([3], pa.int16()), "s": pa.nulls(1)})
    assert tables.append("t", narrow, step=2).rows == 2
    with pytest.raises(BrokenSource, match="column 's' is int64 and was string before"):
        tables.append("t", wide.set_column(2, "s", pa.array([1])), step=3)
    assert tables.last_step("t") == 2


def test_types_that_delta_does_not_know_are_stored_as_equal_values(tables: DeltaTables) -> None:
    odd = pa.table(
        {
            "u": pa.array([1, 255], pa.uint8()),
            "d": pa.array(["a", None]).dictionary_encode(),
            "l": pa.array(["x", "y"], pa.large_string()),
            "s": pa.array([0, 1], pa.timestamp("s", "Europe/Paris")),
            "z": pa.nulls(2),
        }
    )
    tables.append("t", odd, step=1)
    assert tables.scan("t").select(["u", "d", "l"]).to_pylist() == odd.select(["u", "d", "l"]).to_pylist()
    assert content_digest(tables.scan("t").select(["s"])) == content_digest(odd.select(["s"]))


def test_files_are_what_duckdb_reads(tables: DeltaTables) -> None:
    tables.append("t", rows(1), step=1)
    tables.append("t", rows(2), step=2)
    files = tables.files("t")
    assert all(Path(file).is_absolute() for file in files)
    counted = duckdb.connect().execute("SELECT count(*) FROM read_parquet($files)", {"files": list(files)}).fetchone()
    assert counted == (20,)


def test_a_commit_of_another_program_is_counted_anew(tables: DeltaTables, tmp_path: Path) -> None:
    tables.append("t", rows(1), step=1)
    write_deltalake(tmp_path / "tables" / "t", rows(2), mode="append")
    snapshot = tables.snapshot("t")
    assert snapshot is not None
    assert snapshot.digest == content_digest(pa.concat_tables([rows(1), rows(2)]))
    assert DeltaTables(tmp_path / "tables").snapshot("t") == snapshot
    assert tables.append("t", rows(3), step=2).rows == 30


def test_a_full_disk_is_unavailable_and_nothing_is_half_written(tables: DeltaTables, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tables.append("t", rows(1), step=1)

    def full(*args: object, **kwargs: object) -> None:
        raise OSError("Generic LocalFileSystem error: Unable to write: No space left on device (os error 28)")

    with monkeypatch.context() as patch, pytest.raises(Unavailable, match="the disk is full"):
        patch.setattr("baton.backends.tables.delta.write_deltalake", full)
        tables.append("t", rows(2), step=2)
    assert tables.snapshot("t") == before
    assert tables.append("t", rows(2), step=2).rows == 20


@pytest.mark.parametrize("damage", ["truncate", "delete"])
def test_damaged_files_are_corrupt(tables: DeltaTables, damage: str) -> None:
    tables.append("t", rows(1), step=1)
    file = Path(tables.files("t")[0])
    file.write_bytes(file.read_bytes()[:100]) if damage == "truncate" else file.unlink()
    with pytest.raises(Corrupt, match="table 't' cannot be read"):
        tables.scan("t")


WRITER = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_tables import DeltaTables, rows
tables = DeltaTables(Path(sys.argv[1]))
print("ready", flush=True)
for day in range(1, int(sys.argv[2]) + 1):
    tables.append("t", rows(day), step=day)
    print(day, flush=True)
"""


def writer(root: Path, days: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(root), str(days), str(Path(__file__).parent)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})


def test_readers_see_whole_versions_while_another_process_writes(tmp_path: Path) -> None:
    process, tables = writer(tmp_path, 40), DeltaTables(tmp_path)
    assert process.stdout is not None
    last = 0
    for line in process.stdout:
        if line.strip() == "ready":
            continue
        back = tables.scan("t")
        assert back.num_rows % 10 == 0
        assert back.num_rows >= max(last, int(line) * 10)
        last = back.num_rows
    process.stdout.close()
    assert process.wait() == 0
    assert last == 400


def test_a_writer_killed_at_any_point_leaves_whole_steps_and_goes_on(tmp_path: Path) -> None:
    for kill in range(1, 5):
        process = writer(tmp_path, 60)
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == str(kill * 12):
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
        process.stdout.close()
        tables = DeltaTables(tmp_path)
        step = tables.last_step("t") or 0
        assert step >= kill * 12 or process.returncode == 0
        assert tables.scan("t").num_rows == step * 10
    for day in range(1, 61):
        tables.append("t", rows(day), step=day)
    snapshot = tables.snapshot("t")
    assert snapshot is not None
    assert (
        snapshot.digest
        == content_digest(pa.concat_tables([rows(day) for day in range(1, 61)]))
        == content_digest(tables.scan("t"))
    )
