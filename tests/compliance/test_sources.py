"""What every backend of `SourceReader` must keep; here files."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baton.backends.sources import files
from baton.backends.sources.files import FileSources
from baton.kernel.errors import BrokenSource
from baton.project.definition import Source

BEGIN = datetime(2023, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURS = [3, 1, None, 2, 2, 7, 2, 5]
ROWS = pa.table(
    {
        "k": pa.array(["c", "a", "x", "b", "a", "d", "a", "e"]),
        "at": pa.array([None if hour is None else BEGIN + HOUR * hour for hour in HOURS], pa.timestamp("us", "UTC")),
        "v": pa.array([1.5, None, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]),
        "n": pa.array(range(8), pa.int64()),
        "ok": pa.array([True, False, None, True, True, False, True, True]),
    }
)


def source(path: str = "rows.parquet", **more: object) -> Source:
    return Source.model_validate({"path": path, "key": ("k",), "known_at": "at", **more})


@pytest.fixture(params=["rows.parquet", "rows.csv"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    found = tmp_path / str(request.param)
    write(found, ROWS)
    return found


def write(path: Path, rows: pa.Table) -> None:
    if path.suffix == ".parquet":
        pq.write_table(rows, path, row_group_size=2)
        return
    instants = pc.strftime(rows["at"], "%Y-%m-%dT%H:%M:%SZ")
    pyarrow.csv.write_csv(rows.set_column(1, "at", instants), path, pyarrow.csv.WriteOptions(quoting_style="none"))


def test_the_schema_tells_kinds(path: Path) -> None:
    kinds = FileSources(path.parent).schema(source(path.name))
    assert kinds == {"k": "string", "at": "timestamp", "v": "float", "n": "int", "ok": "bool"}


def test_rows_come_by_known_time_then_key_then_as_they_stand(path: Path) -> None:
    got = FileSources(path.parent).read(source(path.name), None, BEGIN + HOUR * 9)
    assert got["n"].to_pylist() == [1, 4, 6, 3, 0, 7, 5]
    assert got.schema.equals(ROWS.schema)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.none() | st.integers(-1, 9), st.integers(-1, 9))
def test_intervals_are_open_left_and_closed_right(path: Path, low: int | None, high: int) -> None:
    got = FileSources(path.parent).read(source(path.name), None if low is None else BEGIN + HOUR * low, BEGIN + HOUR * high)
    wanted = [place for place, hour in enumerate(HOURS) if hour is not None and (low is None or hour > low) and hour <= high]
    assert sorted(got["n"].to_pylist()) == wanted


def test_a_source_without_known_time_is_given_once(path: Path) -> None:
    reader, still = FileSources(path.parent), source(path.name, known_at=None)
    assert reader.read(still, None, BEGIN).num_rows == 8
    later = reader.read(still, BEGIN, BEGIN + HOUR)
    assert later.num_rows == 0
    assert later.column_names == ROWS.column_names


def test_selected_columns_always_bring_key_and_known_time(path: Path) -> None:
    reader, some = FileSources(path.parent), source(path.name, columns=("n",))
    assert reader.read(some, None, BEGIN + HOUR * 9).column_names == ["k", "at", "n"]
    assert list(reader.schema(some)) == ["k", "at", "n"]


def test_folders_and_patterns_are_read_as_one(tmp_path: Path) -> None:
    (tmp_path / "days").mkdir()
    write(tmp_path / "days" / "1.parquet", ROWS.slice(0, 4))
    write(tmp_path / "days" / "2.parquet", ROWS.slice(4))
    for place in ("days", "days/*.parquet"):
        assert FileSources(tmp_path).read(source(place), None, BEGIN + HOUR * 9)["n"].to_pylist() == [1, 4, 6, 3, 0, 7, 5]


@pytest.mark.parametrize("damage", ["missing", "truncated", "empty"])
def test_a_file_that_cannot_be_read_says_where_why_and_what_to_do(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "rows.parquet"
    if damage != "missing":
        write(path, ROWS)
        path.write_bytes(path.read_bytes()[: 0 if damage == "empty" else 300])
    for ask in (lambda: FileSources(tmp_path).schema(source()), lambda: FileSources(tmp_path).read(source(), None, BEGIN)):
        with pytest.raises(BrokenSource) as caught:
            ask()
        assert caught.value.where == str(path)
        assert caught.value.why
        assert caught.value.fix
        assert caught.value.retryable


def test_a_csv_that_breaks_off_inside_a_row_is_a_broken_source(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text('k,at,n\na,2023-01-01T00:00:00Z,1\nb,2023-01-01T01:00:00Z,2\nc,"2023-01')
    with pytest.raises(BrokenSource):
        FileSources(tmp_path).read(source("rows.csv"), None, BEGIN + HOUR)


def test_a_missing_column_is_named_with_the_nearest_one(path: Path) -> None:
    with pytest.raises(BrokenSource, match="column 'att' is declared and not there") as caught:
        FileSources(path.parent).read(source(path.name, known_at="att"), None, BEGIN)
    assert "did you mean 'at'?" in caught.value.fix


def test_instants_without_a_zone_are_refused(tmp_path: Path) -> None:
    write_naive = ROWS.set_column(1, "at", ROWS["at"].cast(pa.timestamp("us")))
    pq.write_table(write_naive, tmp_path / "rows.parquet")
    with pytest.raises(BrokenSource, match="no timestamp with a zone"):
        FileSources(tmp_path).read(source(), None, BEGIN)


def test_a_file_replaced_while_it_is_read_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "rows.parquet", ROWS)
    real, calls = files._fingerprint, []

    def touched(found: list[Path]) -> object:
        calls.append(found)
        if len(calls) == 2:
            os.utime(found[0], (1, 1))
        return real(found)

    monkeypatch.setattr(files, "_fingerprint", touched)
    with pytest.raises(BrokenSource, match="changed while it was read"):
        FileSources(tmp_path).read(source(), None, BEGIN)


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.xlsx").write_bytes(b"x")
    with pytest.raises(BrokenSource, match="no known format"):
        FileSources(tmp_path).schema(source("rows.xlsx"))
