"""A few columns of a person's CSV or Parquet file, in the order of its rows, for experiments."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from baton.backends.engines.profile import opened
from baton.kernel.errors import InvalidInput
from baton.kernel.suggest import did_you_mean

Array = np.ndarray[Any, Any]


def read_columns(path: Path, texts: Sequence[str], numbers: Sequence[str]) -> dict[str, Array]:
    """Columns by name: `texts` as strings (empty where there is none), `numbers` as floats (NaN where there is none).

    Raises InvalidInput when the file or a column is missing, or a column of numbers holds something else.
    """
    with opened(path) as connection:
        names = [str(row[0]) for row in connection.execute("DESCRIBE rows").fetchall()]
        for name in (*texts, *numbers):
            if name not in names:
                raise InvalidInput(f"{path.name} has no column '{name}'", where=str(path), fix=did_you_mean(name, names))
        for name in numbers:
            _require_numbers(connection, path, name)
        wanted = [
            *(f"coalesce({_quoted(name)}::VARCHAR, '') AS {_quoted(name)}" for name in dict.fromkeys(texts)),
            *(f"coalesce({_quoted(name)}::DOUBLE, 'nan'::DOUBLE) AS {_quoted(name)}" for name in dict.fromkeys(numbers)),
        ]
        found = connection.execute(f"SELECT {', '.join(wanted)} FROM rows").fetchnumpy()
    return {name: np.asarray(values) for name, values in found.items()}


def _require_numbers(connection: Any, path: Path, name: str) -> None:
    column = _quoted(name)
    sql = f"SELECT {column}::VARCHAR FROM rows WHERE {column} IS NOT NULL AND TRY_CAST({column} AS DOUBLE) IS NULL LIMIT 1"
    odd = connection.execute(sql).fetchone()
    if odd is not None:
        raise InvalidInput(f"column '{name}' of {path.name} holds '{odd[0]}', which is no number", where=str(path))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
