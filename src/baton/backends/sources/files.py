"""Sources in files: Parquet and CSV, one file, a folder of them, or a pattern with `*`. Read through DuckDB.

The filter on known_at is pushed into Parquet, so a file sorted by that column is read in part. CSV is read whole, its types
guessed from all rows. A file may be replaced between two reads, never during one.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from baton.data.snapshot import kinds
from baton.data.source import require_zone, selection, storable
from baton.kernel.clock import iso
from baton.kernel.errors import BrokenSource, Unavailable
from baton.project.definition import Source

_SUFFIXES = {".parquet": "read_parquet({files})", ".csv": "read_csv({files}, sample_size = -1)"}


class FileSources:
    """The `SourceReader` port over files. Relative paths count from `root`, the project's folder."""

    def __init__(self, root: Path, memory_limit: str = "512MB", threads: int = 2) -> None:
        settings: dict[str, Any] = {"memory_limit": memory_limit, "threads": threads, "temp_directory": ""}
        self._root = root
        self._connection = duckdb.connect(config=settings)
        self._connection.execute("SET TimeZone = 'UTC'")

    def schema(self, source: Source) -> dict[str, str]:
        """See `SourceReader.schema`."""
        found = self._query(source, ("*",), "LIMIT 0")
        return kinds(found.select(list(selection(source, found.column_names))).schema)

    def read(self, source: Source, after: datetime | None, until: datetime) -> pa.Table:
        """See `SourceReader.read`. Ties in known_at and key keep the order of the file."""
        shape = self._query(source, ("*",), "LIMIT 0")
        columns = selection(source, shape.column_names)
        require_zone(source, kinds(shape.schema))
        rows = self._query(source, columns, _where(source, after, until))
        if source.known_at is None:
            return rows
        keys = [(name, "ascending") for name in dict.fromkeys((source.known_at, *source.key))]
        return rows.take(pc.sort_indices(rows, sort_keys=keys))

    def _query(self, source: Source, columns: tuple[str, ...], tail: str) -> pa.Table:
        files = self._files(source)
        before = _fingerprint(files)
        names = ", ".join(name if name == "*" else '"' + name.replace('"', '""') + '"' for name in columns)
        quoted = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
        scan = _SUFFIXES[files[0].suffix.lower()].format(files=f"[{quoted}]")
        try:
            with self._connection.cursor() as cursor:
                rows = cursor.sql(f"SELECT {names} FROM {scan} {tail}").to_arrow_table()
        except duckdb.OutOfMemoryException as error:
            raise Unavailable(
                "a source does not fit into memory", where=str(files[0]), why=str(error), fix="shorten the prefetch"
            ) from None
        except duckdb.Error as error:
            raise BrokenSource(
                "a source cannot be read",
                where=str(files[0]),
                why=str(error).strip().splitlines()[0],
                fix="write the file whole under another name, then rename it into place",
            ) from None
        if _fingerprint(files) != before:
            raise BrokenSource("a source changed while it was read", where=str(files[0]), fix="it is read again at the next tick")
        return storable(rows)

    def _files(self, source: Source) -> list[Path]:
        path = self._root / source.path
        if path.is_dir():
            found = sorted(file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES)
        elif "*" in path.name:
            found = sorted(file for file in path.parent.glob(path.name) if file.is_file())
        else:
            found = [path]
        if not found or not found[0].exists():
            raise BrokenSource(
                "a source is not there", where=str(path), why="no such file", fix="restore it, or correct its path in baton.yaml"
            )
        if {file.suffix.lower() for file in found} - set(_SUFFIXES) or len({file.suffix.lower() for file in found}) > 1:
            raise BrokenSource(
                "a source is of no known format",
                where=str(path),
                why="files end in .parquet or .csv, all alike",
                fix="convert it",
            )
        return found


def _where(source: Source, after: datetime | None, until: datetime) -> str:
    if source.known_at is None:
        return "" if after is None else "LIMIT 0"
    name = '"' + source.known_at.replace('"', '""') + '"'
    since = f"{name} > TIMESTAMPTZ '{iso(after)}' AND " if after is not None else ""
    return f"WHERE {since}{name} <= TIMESTAMPTZ '{iso(until)}'"


def _fingerprint(files: list[Path]) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes in bytes and modification times: enough to see that a writer was at work."""
    try:
        return tuple((str(file), (stat := file.stat()).st_size, stat.st_mtime_ns) for file in files)
    except OSError as error:
        raise BrokenSource("a source vanished while it was read", where=str(error.filename), fix="restore the file") from None
