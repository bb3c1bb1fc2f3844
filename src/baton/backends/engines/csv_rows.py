"""The rows of a CSV counted one by one, to say where one has another number of columns than its line of names.

Asked only of files that were not understood as tables: DuckDB guesses past such a row, often to a single column.
"""

import csv
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from baton.kernel.errors import InvalidInput

_SEPARATORS = ",;\t|"


def refuse_ragged(path: Path) -> None:
    """Raise InvalidInput with the line of the first row that has more or fewer columns than the first line names.

    Does nothing for a file that has no such row, or that cannot be read as text.
    """
    try:
        with _open(path) as stream:
            found = _first_ragged(stream)
    except (OSError, EOFError, zlib.error, csv.Error):
        return
    if found is not None:
        line, columns, expected = found
        raise InvalidInput(
            f"{path.name} is ragged: line {line} has {_columns(columns)}, and the first line names {expected}",
            where=f"{path}:{line}",
            why="every row of a table has the same columns",
            fix="complete the row, or put values that hold the separator or a quote into quotes",
        )


def _open(path: Path) -> TextIO:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace", newline="")
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


def _first_ragged(stream: TextIO) -> tuple[int, int, int] | None:
    """Line (from 1), columns found and columns expected of the first row that differs; blank lines are no rows."""
    head = stream.readline()
    stream.seek(0)
    expected = 0
    for line, row in _rows(stream, separator=max(_SEPARATORS, key=head.count)):
        expected = expected or len(row)
        if len(row) != expected:
            return line, len(row), expected
    return None


def _rows(stream: TextIO, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line it begins on: a quoted value may span several."""
    reader, ended = csv.reader(stream, delimiter=separator), 0
    for row in reader:
        if row:
            yield ended + 1, row
        ended = reader.line_num


def _columns(count: int) -> str:
    return "1 column" if count == 1 else f"{count} columns"
