"""Table values as plain JSON: what a page can show, and a question can bring back."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from baton.kernel.clock import iso

if TYPE_CHECKING:
    import pyarrow as pa

_EXACT = 1 << 53


def plain(value: Any) -> Any:
    """A value as JSON has it: instants in RFC 3339, NaN and infinities, bytes and whole numbers beyond 2^53 as text."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime):
        return iso(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return _wide(value)


def _wide(value: Any) -> Any:
    """What is neither a scalar of JSON nor an instant."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes: {value[:32].hex()}"
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    return (
        float(value)
        if isinstance(value, Decimal) and math.isfinite(value)
        else str(value.total_seconds() if isinstance(value, timedelta) else value)
    )


def records(rows: pa.Table) -> list[list[Any]]:
    """The rows as lists of plain values, in the order of the columns."""
    columns = [[plain(value) for value in column.to_pylist()] for column in rows.columns]
    return [list(row) for row in zip(*columns, strict=True)] if columns else []


def number(value: Any) -> float | None:
    """A number that a picture can place, None for a missing one, NaN or an infinity."""
    return float(value) if value is not None and math.isfinite(value) else None
