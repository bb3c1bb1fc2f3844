"""The source's columns as arrays, and minutes back as Arrow timestamps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Minutes = npt.NDArray[np.int64]
"""Whole minutes since 1970-01-01 00:00 UTC, or of a local clock reading."""

Mask = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.object_]

DAY = 24 * 60
MINUTE = 60_000_000
"""A minute in microseconds."""

UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")


def integers(table: pa.Table, name: str) -> Minutes:
    """A column as integers, nulls as ``0`` (callers mask them)."""
    return np.asarray(pc.fill_null(table[name], 0).to_numpy(), dtype=np.int64)


def strings(table: pa.Table, name: str) -> Strings:
    """A text column as Python strings."""
    return np.asarray(table[name].to_pylist(), dtype=object)


def present(table: pa.Table, name: str) -> Mask:
    """Where a column has a value."""
    return np.asarray(pc.is_valid(table[name]).to_numpy(), dtype=np.bool_)


def clock_minutes(table: pa.Table, name: str) -> Minutes:
    """A column of clock readings such as ``1745`` in minutes after midnight."""
    reading = integers(table, name)
    return reading // 100 * 60 + reading % 100


def midnights(table: pa.Table) -> Minutes:
    """The calendar date of each row as the minutes of its midnight, zone left aside."""
    months = (integers(table, "year") - 1970) * 12 + integers(table, "month") - 1
    dates = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return (dates + integers(table, "day") - 1) * DAY


def timestamps(minutes: Minutes, valid: Mask | None = None) -> pa.Array:
    """Minutes of UTC as Arrow timestamps, null where not ``valid``."""
    mask = None if valid is None else ~valid
    known = minutes if valid is None else np.where(valid, minutes, 0)
    return pa.array(known * MINUTE, mask=mask).cast(UTC_MICROSECONDS)
