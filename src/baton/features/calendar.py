"""Local calendar values of UTC instants, for request functions: the same code in training and in the server."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

Instants = np.ndarray[Any, Any]
HOUR = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=100_000)
def _offset(hour: int, zone: str) -> int:
    """Seconds east of UTC in that zone at the start of an hour (hours since 1970-01-01 UTC)."""
    span = (_EPOCH + timedelta(hours=hour)).astimezone(ZoneInfo(zone)).utcoffset()
    return int(span.total_seconds()) if span is not None else 0


def local_micros(times: Instants, zone: str) -> Instants:
    """Wall-clock microseconds in `zone` of datetime64[us] instants (UTC), as int64; offsets are taken per UTC hour."""
    instants = times.astype("datetime64[us]").astype(np.int64)
    hours, inverse = np.unique(instants // HOUR, return_inverse=True)
    offsets = np.array([_offset(int(hour), zone) for hour in hours], dtype=np.int64)
    return instants + offsets[inverse] * 1_000_000


def hour_of_day(times: Instants, zone: str = "UTC") -> Instants:
    """The local hour 0–23 with minutes as a fraction, float64."""
    return (local_micros(times, zone) % (24 * HOUR)) / HOUR


def day_of_week(times: Instants, zone: str = "UTC") -> Instants:
    """The local day of the week, Monday 0 … Sunday 6, float64."""
    return ((local_micros(times, zone) // (24 * HOUR) + 3) % 7).astype(np.float64)
