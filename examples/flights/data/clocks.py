"""From the clock readings of two cities to instants: the hard part of this data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from columns import DAY, Mask, Minutes, Strings, clock_minutes, integers, midnights, present, strings

NEW_YORK = "America/New_York"
TAXI = 28
"""Minutes on the ground, out and in, that a typical flight adds to its air time."""

NOT_A_TIME = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Clocks:
    """What the flights' clock readings come to, in minutes of UTC."""

    scheduled: Minutes
    departed: Minutes
    landed: Minutes
    due: Minutes
    has_departed: Mask
    has_landed: Mask


def destination_zones(flights: pa.Table, airports: pa.Table) -> dict[str, str]:
    """The time zone of every destination; refuses a destination that has none."""
    known = dict(zip(airports["faa"].to_pylist(), airports["tzone"].to_pylist(), strict=True))
    zones = {dest: known.get(dest) for dest in sorted(set(flights["dest"].to_pylist()))}
    missing = [dest for dest, zone in zones.items() if zone is None]
    if missing:
        raise SystemExit(f"no time zone for {', '.join(missing)}: add it to the airports table")
    return {dest: zone for dest, zone in zones.items() if zone is not None}


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


def refuse_impossible(departed: Minutes, landed: Minutes, left: Mask, arrived: Mask) -> None:
    """Stop if a flight lands before it leaves, or lands without having left."""
    if np.any(arrived & ~left):
        raise SystemExit("a flight has an arrival delay and no departure")
    if np.any(landed[arrived] < departed[arrived]):
        raise SystemExit("a flight lands before it departs")


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


def offset_minutes(moment: datetime) -> int:
    """The offset from UTC of an aware moment, in minutes."""
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError(f"{moment} carries no offset from UTC")
    return int(offset.total_seconds() // 60)
