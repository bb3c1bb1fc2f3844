"""Rejected rows, kept apart with the rule they broke and why, so that their owner can mend them at the source."""

from __future__ import annotations

import json
import math
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from baton.kernel.clock import iso
from baton.project.definition import Source

if TYPE_CHECKING:
    import pyarrow as pa


def quarantined(source_name: str, source: Source, rejected: pa.Table) -> pa.Table:
    """Rejected rows (their own columns, then `rule` and `reason`) in the shape of the `quarantine` table.

    Columns: source, key (text; several parts joined by `, `), known_at (null for a source without it), rule, reason, and
    row: the whole row as JSON, instants in RFC 3339, NaN and infinities as text.
    """
    import pyarrow as pa

    own = rejected.select(list(range(rejected.num_columns - 2)))
    rows = [{name: _plain(value) for name, value in row.items()} for row in own.to_pylist()]
    count = rejected.num_rows
    stamp = pa.timestamp("us", "UTC")
    return pa.table(
        {
            "source": pa.array([source_name] * count, pa.string()),
            "key": pa.array([", ".join(str(row[name]) for name in source.key) for row in rows], pa.string()),
            "known_at": own[source.known_at].cast(stamp) if source.known_at else pa.nulls(count, stamp),
            "rule": rejected.column(rejected.num_columns - 2),
            "reason": rejected.column(rejected.num_columns - 1),
            "row": pa.array([json.dumps(row, ensure_ascii=False) for row in rows], pa.string()),
        }
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
