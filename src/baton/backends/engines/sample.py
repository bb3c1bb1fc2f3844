"""The last rows of a person's table, for a model that somebody brings: every column as numbers or as texts."""

from pathlib import Path
from typing import Any

import numpy as np

from baton.backends.engines.profile import opened
from baton.project.table import is_number, is_text

Array = np.ndarray[Any, Any]


def read_sample(path: Path, most: int) -> dict[str, Array]:
    """By name, float64 with NaN for numbers and flags, objects with None for texts; other columns (dates, lists) are left out.

    Raises InvalidInput when the file is missing, empty, or no CSV or Parquet that can be read.
    """
    with opened(path) as connection:
        kinds = {str(row[0]): str(row[1]) for row in connection.execute("DESCRIBE rows").fetchall()}
        found: dict[str, Array] = {}
        for name, kind in kinds.items():
            numeric = is_number(kind) or kind == "BOOLEAN"
            if not numeric and not is_text(kind):
                continue
            column = '"' + name.replace('"', '""') + '"'
            wanted = f"{column}::DOUBLE" if numeric else f"{column}::VARCHAR"
            rows = connection.execute(
                f"SELECT {wanted} FROM rows OFFSET greatest((SELECT count(*) FROM rows) - {int(most)}, 0)"
            ).fetchall()
            values = [row[0] for row in rows]
            found[name] = (
                np.array([np.nan if value is None else value for value in values], dtype=np.float64)
                if numeric
                else np.array(values, dtype=object)
            )
    return found
