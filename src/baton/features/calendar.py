"""Local calendar values of UTC instants, for request functions: the same code in training and in the server."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

Instants = np.ndarray[Any, Any]
HOUR = 3_600_000_000
QUARTER = HOUR // 4
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=400_000)
def _offset(quarter: int, zone: str) -> int:
    """Seconds east of UTC in that zone at the start of a quarter of an hour (counted since 1970-01-01 UTC)."""
    span = (_EPOCH + quarter * timedelta(minutes=15)).astimezone(ZoneInfo(zone)).utcoffset()
    return int(span.total_seconds()) if span is not None else 0


def local_micros(times: Instants, zone: str) -> Instants:
    """Wall-clock microseconds in `zone` of datetime64[us] instants (UTC), as int64; NaT stays NaT's integer.

    Offsets are taken per quarter of an hour: some zones change theirs at half past an hour of UTC.
    """
    moments = times.astype("datetime64[us]")
    instants, known = moments.astype(np.int64), ~np.isnat(moments)
    quarters, inverse = np.unique(np.where(known, instants, 0) // QUARTER, return_inverse=True)
    offsets = np.array([_offset(int(quarter), zone) for quarter in quarters], dtype=np.int64)
    return np.where(known, instants + offsets[inverse] * 1_000_000, instants)


def hour_of_day(times: Instants, zone: str = "UTC") -> Instants:
    """The local hour 0–23 with minutes as a fraction, float64; NaN where there is no instant."""
    return np.where(np.isnat(times), np.nan, (local_micros(times, zone) % (24 * HOUR)) / HOUR)


def day_of_week(times: Instants, zone: str = "UTC") -> Instants:
    """The local day of the week, Monday 0 … Sunday 6, float64; NaN where there is no instant."""
    return np.where(np.isnat(times), np.nan, (local_micros(times, zone) // (24 * HOUR) + 3) % 7)
