"""Read-only SQL over named tables, for people and pages: what is asked cannot write, and reads nothing but those tables.

Four walls: one statement that must be a query; it runs as a sub-query, where statements that change data are refused; DuckDB
may open the tables' own files and no other; and its settings are locked before the query is seen.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb

from baton.kernel.errors import Corrupt, InvalidInput, NotFound, Unavailable
from baton.project.tablename import RULE, TABLE_NAME

if TYPE_CHECKING:
    import pyarrow as pa

_LONGEST = 100_000
_MISSING = re.compile(r"Table with name (\S+) does not exist")


def query(
    sql: str, tables: Mapping[str, Sequence[str]], *, max_rows: int = 10_000, seconds: float = 30, memory_limit: str = "512MB"
) -> pa.Table:
    """Answer one SELECT over views named as in `tables` (name → absolute Parquet paths, without paths no view).

    At most `max_rows` rows come back.

    Raises NotFound, with the name as `where`, for a table that is not there, InvalidInput when the text is no single query or
    DuckDB refuses it, Unavailable when it takes longer than `seconds`
    or more memory than allowed, Corrupt when a table's file cannot be read.
    """
    with duckdb.connect(config=_settings(memory_limit)) as connection:
        _define(connection, {name: files for name, files in tables.items() if files})
        _lock(connection, [path for files in tables.values() for path in files])
        bounded = f"SELECT * FROM (\n{_single(connection, sql)}\n) LIMIT {int(max_rows)}"
        return _answer(connection, bounded, seconds)


def _settings(memory_limit: str) -> dict[str, Any]:
    return {"memory_limit": memory_limit, "threads": 2, "temp_directory": "", "python_enable_replacements": False}


def _define(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Sequence[str]]) -> None:
    for name, files in tables.items():
        try:
            connection.execute(f"CREATE VIEW {_view(name)} AS SELECT * FROM read_parquet({_list(files)}, union_by_name = true)")
        except duckdb.Error as error:
            raise Corrupt(f"table '{name}' cannot be read", where=files[0], why=str(error).strip().splitlines()[0]) from None


def _lock(connection: duckdb.DuckDBPyConnection, paths: list[str]) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET allowed_paths = {_list(paths)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _single(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """The text of the one query in it, without its semicolon."""
    if len(sql) > _LONGEST:
        raise InvalidInput("the query is too long", why=f"{len(sql)} characters, at most {_LONGEST}")
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise _refused(error) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise InvalidInput("only one query can be asked", why="tables are read here, never changed", fix="write one SELECT")
    return str(statements[0].query).strip().rstrip(";")


def _answer(connection: duckdb.DuckDBPyConnection, sql: str, seconds: float) -> pa.Table:
    timer = threading.Timer(seconds, connection.interrupt)
    timer.start()
    try:
        return connection.sql(sql).to_arrow_table()
    except duckdb.InterruptException:
        raise Unavailable("the query took too long", why=f"more than {seconds:g} s", fix="narrow it by time") from None
    except duckdb.OutOfMemoryException as error:
        raise Unavailable("the query needs too much memory", why=str(error), fix="narrow it by time or columns") from None
    except duckdb.Error as error:
        raise _refused(error) from None
    finally:
        timer.cancel()


def _refused(error: duckdb.Error) -> InvalidInput | NotFound:
    if isinstance(error, duckdb.CatalogException) and (missing := _MISSING.search(str(error))):
        return NotFound("there is no such table", where=missing[1], why=str(error).strip(), fix="see the tables with SHOW TABLES")
    return InvalidInput("the query cannot be answered", why=str(error).strip(), fix="see the tables with SHOW TABLES")


def _view(name: str) -> str:
    if TABLE_NAME.fullmatch(name) is None:
        raise InvalidInput(f"'{name}' is no name of a table", why=f"it has {RULE}")
    return f'"{name}"'


def _list(paths: Sequence[str]) -> str:
    return "[" + ", ".join("'" + path.replace("'", "''") + "'" for path in paths) + "]"
