"""Questions of our own over tables' Parquet files: names are quoted where the text is made, values are always bound.

Other than `sql.py`, whose text strangers type, the connection lives as long as its process: what Parquet files say of themselves
is read once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

from baton.kernel.errors import Corrupt, InvalidInput, NotFound, Unavailable
from baton.project.tablename import RULE, TABLE_NAME

if TYPE_CHECKING:
    import pyarrow as pa

_SETTINGS: Mapping[str, Any] = {
    "temp_directory": "",
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


class DuckAnalysis:
    """Asks DuckDB, one question at a time. `memory_limit` bounds its working memory; nothing is written to disk."""

    def __init__(self, memory_limit: str = "512MB", threads: int = 2, seconds: float = 15.0) -> None:
        self._connection = duckdb.connect(config={**_SETTINGS, "memory_limit": memory_limit, "threads": threads})
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("SET parquet_metadata_cache = true")
        self._seconds = seconds
        self._defined: dict[str, tuple[str, ...]] = {}

    def define(self, table: str, files: Sequence[str]) -> None:
        """Let a table be asked by its name: its files, of the version that is meant. Raises Corrupt when they cannot be read."""
        if TABLE_NAME.fullmatch(table) is None:
            raise InvalidInput(f"'{table}' is no name of a table", why=f"it has {RULE}")
        if self._defined.get(table) == tuple(files):
            return
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in files)
        with _told(table):
            self._connection.execute(
                f'CREATE OR REPLACE VIEW "{table}" AS SELECT * FROM read_parquet([{listed}], union_by_name = true)'
            )
        self._defined[table] = tuple(files)

    def kinds(self, table: str) -> dict[str, str]:
        """Columns of a table that was defined, with DuckDB's types, in order."""
        with _told(table):
            found = self._connection.execute(f'DESCRIBE "{table}"').fetchall()
        return {str(row[0]): str(row[1]) for row in found}

    def ask(self, sql: str, values: Sequence[Any] = ()) -> pa.Table:
        """The rows of one query of ours.

        Raises Unavailable when it takes longer than allowed or more memory, InvalidInput when a value does not fit its column.
        """
        with self._timed():
            return self._connection.sql(sql, params=list(values)).to_arrow_table()

    def stream(self, sql: str, values: Sequence[Any] = (), rows: int = 50_000) -> pa.RecordBatchReader:
        """The same in pieces of so many rows, for what is too long to hold. It has no deadline of its own."""
        with _told("the query"):
            return self._connection.sql(sql, params=list(values)).to_arrow_reader(rows)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        timer = threading.Timer(self._seconds, self._connection.interrupt)
        timer.start()
        try:
            with _told("the query"):
                yield
        finally:
            timer.cancel()


@contextmanager
def _told(where: str) -> Iterator[None]:
    """DuckDB's errors as ours."""
    try:
        yield
    except duckdb.InterruptException:
        raise Unavailable("the answer took too long", where=where, fix="ask for a shorter time or for fewer columns") from None
    except duckdb.OutOfMemoryException as error:
        raise Unavailable(
            "the question needs too much memory",
            where=where,
            why=_first(error),
            fix="ask for a shorter time or for fewer columns",
        ) from None
    except duckdb.CatalogException as error:
        raise NotFound("there is no such table", where=where, why=_first(error)) from None
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        raise Corrupt("a table cannot be read", where=where, why=_first(error), fix="restore its folder from a backup") from None
    except duckdb.Error as error:
        raise InvalidInput(
            "the question does not fit the table", where=where, why=_first(error), fix="compare values with columns of their kind"
        ) from None


def _first(error: duckdb.Error) -> str:
    return str(error).strip().splitlines()[0]
