"""A column's values as numbers, and the bins that they are counted in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from baton.kernel.clock import iso_micros

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Column: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

_NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "FLOAT",
    "DOUBLE",
)
_TAIL = 0.001


def shape(kind: str) -> str:
    """What a type of DuckDB's is for us: number, time, text, flag or other."""
    if kind in _NUMBERS or kind.startswith("DECIMAL"):
        return "number"
    if kind.startswith(("TIMESTAMP", "DATE")):
        return "time"
    return {"VARCHAR": "text", "BOOLEAN": "flag"}.get(kind, "other")


def numbers(values: pa.ChunkedArray) -> Column:
    """The finite values of a column of numbers."""
    import numpy as np
    import pyarrow as pa

    found = values.drop_null().cast(pa.float64(), safe=False).to_numpy()
    return np.asarray(found[np.isfinite(found)])


def instants(values: pa.ChunkedArray) -> Column:
    """The values of a column of instants or days, as microseconds since 1970 UTC."""
    import numpy as np
    import pyarrow as pa

    kind = pa.timestamp("us", getattr(values.type, "tz", None))
    return np.asarray(values.drop_null().cast(kind).cast(pa.int64()).to_numpy(), dtype=np.float64)


def told(value: float, form: str) -> float | str:
    """A place in a column as a page shows it: instants in RFC 3339."""
    return iso_micros(round(value)) if form == "time" else value


def frequent(values: pa.ChunkedArray, most: int) -> list[tuple[Any, int]]:
    """The most frequent values with their counts, most frequent first, then by value."""
    import numpy as np
    import pyarrow.compute as pc

    found = pc.value_counts(values.drop_null())
    counts = found.field("counts").to_numpy()
    if len(counts) > most:
        found = found.take(np.flatnonzero(counts >= np.partition(counts, -most)[-most]))
    pairs = ((each["values"], each["counts"]) for each in found.to_pylist())
    return sorted(pairs, key=lambda each: (-each[1], str(each[0])))[:most]


def bins_of(columns: Sequence[Column], bins: int, *, outliers: bool = False) -> list[float]:
    """Edges of equal bins over all the columns together; whole numbers of a short span have a bin each.

    Without `outliers` the outermost thousandth on either side does not stretch them.
    """
    import numpy as np

    together = np.concatenate(columns) if len(columns) else np.zeros(0)
    if not len(together):
        return []
    low, high = float(together.min()), float(together.max())
    if not outliers and len(together) > 1000:
        near, far = (float(mark) for mark in np.quantile(together, (_TAIL, 1 - _TAIL)))
        low, high = (near, far) if far > near else (low, high)
    if high - low < bins and (together == np.rint(together)).all():
        return [float(edge) for edge in np.arange(np.floor(low), np.ceil(high) + 2) - 0.5]
    if low == high:
        return [low - 0.5, high + 0.5]
    return [float(edge) for edge in np.linspace(low, high, bins + 1)]
