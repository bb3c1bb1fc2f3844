"""The three tables of the example, out of the source's, and the way they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clocks import Clocks
from columns import DAY, MINUTE, UTC_MICROSECONDS, timestamps

LATE = 15
"""Minutes of arrival delay above which a flight counts as late."""

WEATHER_VALUES = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")


def derive_flights(flights: pa.Table, clocks: Clocks) -> pa.Table:
    """The flights in order of scheduled departure, with instants in place of clocks."""
    published = (clocks.scheduled - DAY) // 60 * 60
    columns: dict[str, Any] = {
        "flight_id": pa.array(flight_ids(flights), pa.string()),
        "carrier": flights["carrier"].cast(pa.string()),
        "flight": flights["flight"].cast(pa.int16()),
        "tailnum": flights["tailnum"].cast(pa.string()),
        "origin": flights["origin"].cast(pa.string()),
        "dest": flights["dest"].cast(pa.string()),
        "distance": flights["distance"].cast(pa.int16()),
        "scheduled_at": timestamps(clocks.scheduled),
        "published_at": timestamps(published),
        "departed_at": timestamps(clocks.departed, clocks.has_departed),
        "dep_delay": flights["dep_delay"].cast(pa.int16()),
        "landed_at": timestamps(clocks.landed, clocks.has_landed),
        "arr_delay": flights["arr_delay"].cast(pa.int16()),
        "late": pc.greater(flights["arr_delay"], LATE).cast(pa.int8()),
    }
    order = [("scheduled_at", "ascending"), ("flight_id", "ascending")]
    return pa.table(columns).sort_by(order)


def flight_ids(flights: pa.Table) -> list[str]:
    """Readable names in order of departure: ``20230101-2038-EWR-UA-628``."""
    names = ("year", "month", "day", "sched_dep_time", "origin", "carrier", "flight")
    columns = [flights[name].to_pylist() for name in names]
    ids = [
        f"{year}{month:02}{day:02}-{time:04}-{origin}-{carrier}-{number}"
        for year, month, day, time, origin, carrier, number in zip(*columns, strict=True)
    ]
    if len(set(ids)) != len(ids):
        raise SystemExit("two flights share a flight_id")
    return ids


def derive_weather(weather: pa.Table) -> pa.Table:
    """The hourly observations, one per airport and instant.

    The source rounds an observation's instant *down* to the hour (the routine report
    comes at 51 minutes past), so all that is sure is that it was made by the hour's end.
    """
    hours = weather["time_hour"].cast(UTC_MICROSECONDS).cast(pa.int64()).to_numpy()
    hour_end = np.asarray(hours, dtype=np.int64) // MINUTE + 60
    columns: dict[str, Any] = {
        "origin": weather["origin"].cast(pa.string()),
        "observed_at": timestamps(hour_end),
    }
    columns |= {name: weather[name].cast(pa.float32()) for name in WEATHER_VALUES}
    table = pa.table(columns).sort_by([("observed_at", "ascending"), ("origin", "ascending")])
    return table.take(pa.array(first_of_each(table, ("observed_at", "origin"))))


def derive_planes(planes: pa.Table) -> pa.Table:
    """The aircraft register by tail number, without ``speed``, which is always 0."""
    small = {"year": pa.int16(), "engines": pa.int8(), "seats": pa.int16()}
    names = ("tailnum", "year", "type", "manufacturer", "model", "engines", "seats", "engine")
    columns = {name: planes[name].cast(small.get(name, pa.string())) for name in names}
    table = pa.table(columns).sort_by("tailnum")
    return table.take(pa.array(first_of_each(table, ("tailnum",))))


def first_of_each(table: pa.Table, key: tuple[str, ...]) -> list[int]:
    """Positions of the first row of each key, in the table's order."""
    first: dict[tuple[Any, ...], int] = {}
    for position, values in enumerate(zip(*(table[k].to_pylist() for k in key), strict=True)):
        first.setdefault(values, position)
    return list(first.values())


def write(table: pa.Table, path: Path) -> None:
    """Write a table small and always in the same bytes."""
    encodings = {f.name: encoding_of(f.name, f.type) for f in table.schema}
    chosen = {name: encoding for name, encoding in encodings.items() if encoding}
    pq.write_table(
        table.replace_schema_metadata(None),
        path,
        row_group_size=1 << 17,
        compression="zstd",
        compression_level=19,
        use_dictionary=[name for name in encodings if name not in chosen],
        column_encoding=chosen,
    )


def encoding_of(name: str, kind: pa.DataType) -> str | None:
    """The Parquet encoding that suits a column, or nothing for a dictionary."""
    if name in ("flight_id", "model"):
        return "DELTA_BYTE_ARRAY"
    return "DELTA_BINARY_PACKED" if pa.types.is_timestamp(kind) else None
