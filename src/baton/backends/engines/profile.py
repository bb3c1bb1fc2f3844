"""Count what a project is inferred from in a person's CSV or Parquet file, and store the table as the project keeps it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baton.backends.engines.csv_rows import refuse_ragged
from baton.kernel.errors import InvalidInput, Unavailable
from baton.project.document import shown
from baton.project.inferred import Inferred, Stored
from baton.project.table import ColumnProfile, TableProfile, is_number, is_text

if TYPE_CHECKING:
    import duckdb

MAX_COLUMNS = 2000
"""The widest table profiled."""

VALUES = 20
"""How many of a column's commonest values are kept."""

_TABLES = (".parquet", ".pq")
_TEXTS = (".csv", ".tsv", ".txt", ".gz", ".zst")


def profile(path: Path, label: str) -> TableProfile:
    """Count every column of a file, and how well each tells `label` when that has two values.

    Raises InvalidInput when the file is missing, empty, ragged, too wide, or no CSV or Parquet that can be read.
    """
    with opened(path) as connection:
        described = connection.execute("DESCRIBE rows").fetchall()
        names = {str(row[0]): str(row[1]) for row in described}
        if label not in names and _is_text(path):
            refuse_ragged(path)
        (rows,) = _one(connection, "SELECT count(*) FROM rows")
        _require(path, rows, len(names))
        truth = _truth(connection, label) if label in names else None
        columns = tuple(_column(connection, name, kind, rows, truth) for name, kind in names.items())
    return TableProfile(path.name.split(".")[0] or "rows", rows, columns)


def store(path: Path, inferred: Inferred, target: Path) -> None:
    """Write the table of `path` to `target` as Parquet, in the order it has, with the columns of an inferred project.

    Raises InvalidInput when the file can no longer be read as it was, Unavailable when the target cannot be written.
    """
    import duckdb

    columns = ", ".join(f"{_cast(column)} AS {_quoted(column.name)}" for column in inferred.columns)
    with opened(path) as connection:
        try:
            connection.execute(f"COPY (SELECT {columns} FROM rows) TO {_literal(str(target))} (FORMAT parquet, COMPRESSION zstd)")
        except duckdb.Error as error:
            raise _refusal(path, error, target) from None


@contextmanager
def opened(path: Path) -> "Iterator[duckdb.DuckDBPyConnection]":
    """A connection in which a CSV or Parquet file is the table `rows`. Raises InvalidInput when it cannot be read as one."""
    import duckdb

    if not path.is_file():
        raise InvalidInput(f"no file {path}", fix="name a CSV or Parquet file")
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            connection.execute(f"CREATE TEMP TABLE rows AS SELECT * FROM {_reader(path)}")
        except duckdb.Error as error:
            if _is_text(path):
                refuse_ragged(path)
            raise _refusal(path, error) from None
        yield connection


def _reader(path: Path) -> str:
    name = _literal(str(path))
    if path.suffix.lower() in _TABLES:
        return f"read_parquet({name})"
    if _is_text(path):
        return f"read_csv({name}, sample_size = -1, nullstr = ['', 'NA', 'N/A', 'NULL', 'null', 'nan', 'NaN'])"
    raise InvalidInput(
        f"{path.name} is neither CSV nor Parquet by its name", where=str(path), fix="name a .csv, .tsv or .parquet file"
    )


def _is_text(path: Path) -> bool:
    return path.suffix.lower() in _TEXTS


def _refusal(path: Path, error: Exception, target: Path | None = None) -> InvalidInput | Unavailable:
    import duckdb

    reason = shown(str(error).splitlines()[0]) if str(error) else type(error).__name__
    if target is not None and isinstance(error, duckdb.IOException):
        return Unavailable(f"{target} cannot be written", why=reason, fix="make room, or choose another folder")
    return InvalidInput(
        f"{path.name} cannot be read as a table",
        where=str(path),
        why=reason,
        fix="save it as UTF-8 CSV with one line of names, or Parquet",
    )


def _require(path: Path, rows: int, columns: int) -> None:
    if not rows:
        raise InvalidInput(f"{path.name} has no rows", where=str(path), fix="name a table with rows below the line of names")
    if columns > MAX_COLUMNS:
        why = f"{MAX_COLUMNS:,} columns are the most"
        raise InvalidInput(f"{path.name} has {columns:,} columns", where=str(path), why=why, fix="choose the columns that matter")


def _truth(connection: "duckdb.DuckDBPyConnection", label: str) -> str | None:
    """SQL that is true for one of the label's two values and null where there is none; None when there are not two."""
    name = _quoted(label)
    (distinct,) = _one(connection, f"SELECT count(DISTINCT {name}) FROM rows")
    return f"({name} = (SELECT max({name}) FROM rows))" if distinct == 2 else None


def _column(connection: "duckdb.DuckDBPyConnection", name: str, kind: str, rows: int, truth: str | None) -> ColumnProfile:
    column = _quoted(name)
    # lists and structs have no order to rank by; their text serves for counting
    value = column if is_number(kind) or kind.startswith(("TIMESTAMP", "DATE", "BOOLEAN", "VARCHAR")) else f"{column}::VARCHAR"
    text = f"{column}::VARCHAR"
    nulls, distinct, low, high, longest = _one(
        connection,
        f"SELECT count(*) - count({value}), count(DISTINCT {value}), min({value})::VARCHAR, max({value})::VARCHAR, max(length({text})) FROM rows",
    )
    common = connection.execute(
        f"SELECT {text} AS v, count(*) AS n FROM rows WHERE {value} IS NOT NULL GROUP BY v ORDER BY n DESC, v LIMIT {VALUES}"
    ).fetchall()
    numbers, blanks = _spelled(connection, column) if is_text(kind) else (0, 0)
    return ColumnProfile(
        name=name,
        type=kind,
        nulls=nulls,
        distinct=distinct,
        minimum=low,
        maximum=high,
        values=tuple(str(row[0]) for row in common),
        counts=tuple(int(row[1]) for row in common),
        numbers=numbers,
        blanks=blanks,
        longest=longest or 0,
        misses=_misses(connection, value, truth) if truth and distinct <= max(2, rows // 20) else None,
        separation=_separation(connection, column, truth) if truth and is_number(kind) else None,
    )


def _spelled(connection: "duckdb.DuckDBPyConnection", column: str) -> tuple[int, int]:
    """How many texts of a column spell a number, and how many are blank."""
    text = f"trim({column}::VARCHAR)"
    found = _one(
        connection,
        f"SELECT count(*) FILTER (TRY_CAST({text} AS DOUBLE) IS NOT NULL AND {text} <> ''), count(*) FILTER ({text} = '') FROM rows",
    )
    return int(found[0]), int(found[1])


def _misses(connection: "duckdb.DuckDBPyConnection", value: str, truth: str) -> int:
    """Labelled rows guessed wrong by each value's commoner label; a missing value counts as a value."""
    sql = f"SELECT {value} AS v, count(*) FILTER ({truth}) AS p, count(*) FILTER (NOT {truth}) AS n FROM rows GROUP BY v"
    (missed,) = _one(connection, f"SELECT sum(least(p, n)) FROM ({sql})")
    return int(missed or 0)


def _separation(connection: "duckdb.DuckDBPyConnection", column: str, truth: str) -> float | None:
    """The AUC of a column for the label, folded to 0.5 … 1; ties count half, missing values are left out."""
    counts = (
        f"SELECT {column}::DOUBLE AS v, count(*) FILTER ({truth}) AS p, count(*) FILTER (NOT {truth}) AS n "
        f"FROM rows WHERE {column} IS NOT NULL GROUP BY v"
    )
    below = f"SELECT p, n, coalesce(sum(n) OVER (ORDER BY v ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS under FROM ({counts})"
    (area,) = _one(connection, f"SELECT sum(p * (under + n / 2.0)) / nullif(sum(p)::DOUBLE * sum(n), 0) FROM ({below})")
    return None if area is None else max(float(area), 1 - float(area))


def _cast(column: Stored) -> str:
    name = _quoted(column.source)
    if column.store == "row":
        return "printf('r%08d', row_number() OVER ())"
    if column.store == "number":
        return f"TRY_CAST(trim({name}::VARCHAR) AS DOUBLE)"
    casts = {"flag": "TINYINT", "instant": "TIMESTAMPTZ", "text": "VARCHAR"}
    return f"CAST({name} AS {casts[column.store]})" if column.store in casts else name


def _one(connection: "duckdb.DuckDBPyConnection", sql: str) -> tuple[Any, ...]:
    found = connection.execute(sql).fetchone()
    return found if found is not None else ()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
