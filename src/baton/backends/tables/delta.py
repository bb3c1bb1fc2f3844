"""Tables on Delta Lake: one folder per table, readable by Spark, DuckDB, Polars and warehouses.

Exactly-once rests on Delta's own application transactions: rows and step are committed by the same log entry. Each of our
commits also carries the running tally of the whole table, so that a snapshot's digest costs no scan.

A handle serves some appends and is then reopened, because delta-rs' handles slow down with every commit they make.
Statistics are kept for timestamps alone: scans are cut by them, and every further column slows all later commits.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    Transaction,
    WriterProperties,
    write_deltalake,
)

from baton.backends.tables.disk import disk_trouble
from baton.data.snapshot import Snapshot, Tally, kinds, tally
from baton.data.source import storable
from baton.kernel.errors import BrokenSource, Corrupt, InvalidInput, NotFound
from baton.project.tablename import RULE, TABLE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOOKS = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)
_APPENDS_PER_HANDLE = 16
_FEW_FILES = 8
_CONFIG = {"delta.checkpointInterval": "20"}
_MARK = "baton"
# Delta may cut timestamps in its statistics to milliseconds, so a file's true maximum can lie that much higher
_SLACK = timedelta(milliseconds=1)


@dataclass(slots=True)
class _Handle:
    """An open version with what was derived from it."""

    delta: DeltaTable
    tally: Tally | None = None
    appends: int = 0
    adds: pa.Table | None = None


class DeltaTables:
    """The `Tables` port over a local folder. Safe for threads of one process; one process writes, any number read."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: dict[str, _Handle] = {}
        self._lock = threading.RLock()

    def append(self, table: str, rows: pa.Table, *, step: int, writer: str = "baton") -> Snapshot:
        """See `Tables.append`."""
        with self._lock, disk_trouble(self._path(table)):
            handle = self._current(table)
            if handle and handle.appends >= _APPENDS_PER_HANDLE:
                handle = self._fresh(table)
            if handle and (self._committed(handle, writer) >= step or not rows.num_rows):
                return self._snapshot(table, handle)
            rows = _fitting(storable(rows), handle, table)
            total = (self._tally(table, handle) if handle else Tally()) + tally(rows)
            self._write(table, rows, handle, _commit(total, Transaction(writer, step)))
            opened = handle.delta if handle else DeltaTable(self._path(table))
            self._open[table] = _Handle(opened, total, handle.appends + 1 if handle else 0)
            return self._snapshot(table, self._open[table])

    def scan(
        self,
        table: str,
        columns: tuple[str, ...] | None = None,
        after: datetime | None = None,
        until: datetime | None = None,
        on: str = "known_at",
    ) -> pa.Table:
        """See `Tables.scan`. Files whose statistics lie outside the interval are not opened."""
        with disk_trouble(self._path(table)):
            with self._lock:
                handle = self._required(table)
                schema = _arrow_schema(handle.delta)
                files = self._files(table, handle, after, until, on)
            names = list(columns) if columns is not None else schema.names
            _check_columns(table, [*names, *([on] if after or until else [])], schema)
            if not files:
                return schema.empty_table().select(names)
            try:
                return _read(files, schema, names, (after, until, on))
            except (pa.ArrowInvalid, FileNotFoundError) as error:
                raise _corrupt(table, str(error)) from None

    def exists(self, table: str) -> bool:
        """See `Tables.exists`."""
        log = self._path(table) / "_delta_log"
        # the first commit stays for ever: logs are never expired here
        return (log / f"{0:020d}.json").exists()

    def snapshot(self, table: str) -> Snapshot | None:
        """See `Tables.snapshot`."""
        with self._lock, disk_trouble(self._path(table)):
            handle = self._current(table)
            return self._snapshot(table, handle) if handle else None

    def files(self, table: str) -> tuple[str, ...]:
        """See `Tables.files`."""
        with self._lock, disk_trouble(self._path(table)):
            return tuple(sorted(map(_path_of, self._required(table).delta.file_uris())))

    def last_step(self, table: str, writer: str = "baton") -> int | None:
        """See `Tables.last_step`."""
        with self._lock, disk_trouble(self._path(table)):
            handle = self._current(table)
            return handle.delta.transaction_version(writer) if handle else None

    def _path(self, table: str) -> Path:
        if TABLE_NAME.fullmatch(table) is None:
            raise InvalidInput(f"'{table}' is no name of a table", why=f"it has {RULE}")
        return self._root / table

    def _current(self, table: str) -> _Handle | None:
        """The latest version; reopened only when the log has grown, which one look at the file system tells."""
        held = self._open.get(table)
        if held and not (self._path(table) / "_delta_log" / f"{held.delta.version() + 1:020d}.json").exists():
            return held
        return self._fresh(table)

    def _fresh(self, table: str) -> _Handle | None:
        path = self._path(table)
        if not self.exists(table):
            self._open.pop(table, None)
            return None
        held, delta = self._open.get(table), DeltaTable(path)
        same = held is not None and held.delta.version() == delta.version()
        self._open[table] = _Handle(delta, held.tally if same and held else None)
        return self._open[table]

    def _required(self, table: str) -> _Handle:
        handle = self._current(table)
        if handle is None:
            raise NotFound(f"there is no table '{table}'", where=str(self._root), fix="it is created when its source lands first")
        return handle

    def _write(self, table: str, rows: pa.Table, handle: _Handle | None, commit: CommitProperties) -> None:
        path = self._path(table)
        grown = handle is not None and not set(rows.column_names) <= set(_arrow_schema(handle.delta).names)
        stamps = [field.name for field in rows.schema if pa.types.is_timestamp(field.type)]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_deltalake(
            handle.delta if handle else path,
            rows,
            mode="append",
            configuration=None if handle else {**_CONFIG, "delta.dataSkippingStatsColumns": ",".join(stamps)},
            schema_mode="merge" if grown else None,
            commit_properties=commit,
            post_commithook_properties=_HOOKS,
            writer_properties=_writer(rows.schema),
        )

    def _committed(self, handle: _Handle, writer: str) -> int:
        step = handle.delta.transaction_version(writer)
        return -(2**62) if step is None else step

    def _snapshot(self, table: str, handle: _Handle) -> Snapshot:
        total = self._tally(table, handle)
        return Snapshot(table, handle.delta.version(), total.rows, total.digest(kinds(_arrow_schema(handle.delta))))

    def _tally(self, table: str, handle: _Handle) -> Tally:
        """The tally of all rows: remembered, or from the commit, or counted anew when another program committed last."""
        if handle.tally is None:
            handle.tally = self._recorded(table, handle.delta.version()) or self._counted(table, handle)
        return handle.tally

    def _recorded(self, table: str, version: int) -> Tally | None:
        entry = self._path(table) / "_delta_log" / f"{version:020d}.json"
        if not entry.exists():
            return None
        for line in _lines(entry):
            mark = line.get("commitInfo", {}).get(_MARK)
            if mark is not None:
                return Tally(*(int(part, 16) for part in str(mark).split(":")))
        return None

    def _counted(self, table: str, handle: _Handle) -> Tally:
        total = Tally()
        for file in map(_path_of, handle.delta.file_uris()):
            total += tally(ds.dataset([file], schema=_arrow_schema(handle.delta), format="parquet").to_table())
        return total

    def _files(self, table: str, handle: _Handle, after: datetime | None, until: datetime | None, on: str) -> list[str]:
        if handle.adds is None:
            handle.adds = pa.table(handle.delta.get_add_actions(flatten=True))
        adds = handle.adds
        if {f"min.{on}", f"max.{on}"} <= set(adds.column_names) and adds.num_rows:
            low, high = adds[f"min.{on}"], adds[f"max.{on}"]
            hit = pa.chunked_array([pa.repeat(True, adds.num_rows)])
            if after is not None:
                hit = pc.and_(hit, pc.fill_null(pc.greater(high, pa.scalar(after - _SLACK, high.type)), True))
            if until is not None:
                hit = pc.and_(hit, pc.fill_null(pc.less_equal(low, pa.scalar(until, low.type)), True))
            adds = adds.filter(hit)
        return [str(self._path(table) / name) for name in adds["path"].to_pylist()]


def _commit(total: Tally, *transactions: Transaction) -> CommitProperties:
    mark = f"{total.rows:x}:{total.first:x}:{total.second:x}"
    return CommitProperties(custom_metadata={_MARK: mark}, app_transactions=list(transactions) or None)


def _writer(schema: pa.Schema) -> WriterProperties:
    stamps = {
        f.name: ColumnProperties(statistics_enabled="CHUNK", dictionary_enabled=False)
        for f in schema
        if pa.types.is_timestamp(f.type)
    }
    others = ColumnProperties(statistics_enabled="NONE", dictionary_enabled=True)
    return WriterProperties(compression="SNAPPY", default_column_properties=others, column_properties=stamps)


def _arrow_schema(delta: DeltaTable) -> pa.Schema:
    return pa.schema(delta.schema().to_arrow())


def _fitting(rows: pa.Table, handle: _Handle | None, table: str) -> pa.Table:
    """The rows in the types of the table: numbers may widen, missing columns are null, any other change is the source's to mend."""
    if handle is None:
        return rows
    held = {field.name: field.type for field in _arrow_schema(handle.delta)}
    for place, field in enumerate(rows.schema):
        wanted = held.get(field.name, field.type)
        if wanted.equals(field.type):
            continue
        if not _widens(field.type, wanted) and rows[field.name].null_count < rows.num_rows:
            raise BrokenSource(
                f"column '{field.name}' is {field.type} and was {wanted} before",
                where=f"table {table}",
                why="a stored column keeps its type",
                fix="restore the type at the source, or give the source a new name",
            )
        rows = rows.set_column(place, pa.field(field.name, wanted), rows[field.name].cast(wanted))
    for name in held.keys() - set(rows.column_names):
        rows = rows.append_column(name, pa.nulls(rows.num_rows, held[name]))
    return rows


def _widens(found: pa.DataType, wanted: pa.DataType) -> bool:
    types = pa.types
    if types.is_integer(found) and types.is_integer(wanted):
        return bool(found.bit_width <= wanted.bit_width)
    if types.is_integer(found) and types.is_float64(wanted):
        return bool(found.bit_width <= 32)
    return bool(types.is_floating(found) and types.is_float64(wanted))


def _path_of(uri: str) -> str:
    """The path of a file that delta-rs names as a URI, in which blanks and the like are escaped."""
    return unquote(uri.removeprefix("file://"))


def _read(files: list[str], schema: pa.Schema, names: list[str], span: tuple[datetime | None, datetime | None, str]) -> pa.Table:
    """Few files are read one by one, at half the cost of a dataset; older files that lack a column need the dataset."""
    after, until, on = span
    used = dict.fromkeys([*names, on] if after or until else names)
    if len(files) <= _FEW_FILES:
        wanted = pa.schema([schema.field(name) for name in used])
        opened = [pq.ParquetFile(file) for file in files]
        if all(_fits(file.schema_arrow, wanted) for file in opened):
            whole = pa.concat_tables([file.read(columns=list(used), use_threads=False).select(list(used)) for file in opened])
            return (whole.filter(_within(after, until, on)) if after or until else whole).select(names)
    return ds.dataset(files, schema=schema, format="parquet").to_table(columns=names, filter=_within(after, until, on))


def _fits(found: pa.Schema, wanted: pa.Schema) -> bool:
    return all(field.name in found.names and found.field(field.name).type.equals(field.type) for field in wanted)


def _within(after: datetime | None, until: datetime | None, on: str) -> Any:
    bounds = [ds.field(on) > pa.scalar(after)] if after is not None else []
    bounds += [ds.field(on) <= pa.scalar(until)] if until is not None else []
    return None if not bounds else bounds[0] if len(bounds) == 1 else bounds[0] & bounds[1]


def _check_columns(table: str, names: list[str], schema: pa.Schema) -> None:
    for name in names:
        if name not in schema.names:
            raise NotFound(f"table '{table}' has no column '{name}'", why=f"it has {', '.join(schema.names)}")


def _corrupt(table: str, why: str) -> Corrupt:
    return Corrupt(f"table '{table}' cannot be read", why=why, fix="restore the table's folder from a backup")


def _lines(entry: Path) -> Iterator[dict[str, Any]]:
    for line in entry.read_text().splitlines():
        yield json.loads(line)
