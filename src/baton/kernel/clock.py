"""Time as an argument: clocks, durations and the one textual form of an instant.

Everything below the edges receives `now`; only an edge asks a clock. All instants are timezone-aware UTC.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d{1,6})([smhdw])")


class Clock(Protocol):
    """Tells the present instant of a workspace."""

    def now(self) -> datetime:
        """The present instant, UTC."""
        ...


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> datetime:
        """The wall clock's instant, UTC, microseconds."""
        return datetime.now(UTC)


class SimulatedClock:
    """A clock that stands still until it is moved forward; it never goes back."""

    def __init__(self, start: datetime) -> None:
        self._now = to_utc(start)

    def now(self) -> datetime:
        """The instant the clock stands at."""
        return self._now

    def advance(self, to: datetime) -> None:
        """Move to a later instant. An earlier one raises ValueError: facts must stay in order."""
        if to < self._now:
            raise ValueError(f"the simulated clock stands at {iso(self._now)} and cannot go back to {iso(to)}")
        self._now = to_utc(to)


def to_utc(moment: datetime) -> datetime:
    """The same instant in UTC. A naive datetime raises ValueError: its zone would be a guess."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; write it as UTC, e.g. {moment.isoformat()}Z")
    return moment.astimezone(UTC)


def iso(moment: datetime) -> str:
    """RFC 3339 text of an instant, UTC with `Z`; microseconds only when there are any."""
    return to_utc(moment).isoformat().replace("+00:00", "Z")


def parse_instant(text: str) -> datetime:
    """Read an RFC 3339 instant or a bare date (midnight UTC). Raises ValueError when it is neither."""
    moment = datetime.fromisoformat(text.strip())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None and len(text.strip()) == 10 else to_utc(moment)


def micros(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC, exact."""
    return (to_utc(moment) - EPOCH) // timedelta(microseconds=1)


def from_micros(value: int) -> datetime:
    """The instant so many microseconds after 1970-01-01 UTC."""
    return EPOCH + timedelta(microseconds=value)


def iso_micros(value: int) -> str:
    """`iso` of so many microseconds after 1970-01-01 UTC, at a tenth of its price: the second's text is remembered."""
    second, rest = divmod(value, 1_000_000)
    return f"{_second(second)}.{rest:06d}Z" if rest else f"{_second(second)}Z"


@lru_cache(maxsize=8)
def _second(since_epoch: int) -> str:
    return (EPOCH + timedelta(seconds=since_epoch)).isoformat().removesuffix("+00:00")


def parse_duration(text: str) -> timedelta:
    """Read `90s`, `15m`, `3h`, `7d` or `2w`. Raises ValueError naming the units when there is none."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is not a duration: write a whole number and a unit, one of s, m, h, d, w, e.g. 3h")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def duration_text(span: timedelta) -> str:
    """The exact spelling in the largest unit up to days that `parse_duration` reads back; sub-second spans raise ValueError."""
    if span % timedelta(seconds=1):
        raise ValueError(f"{span} is not a whole number of seconds")
    seconds = span // timedelta(seconds=1)
    unit = next(unit for unit, size in reversed(_UNITS.items()) if unit != "w" and seconds % size == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def floor_to(moment: datetime, step: timedelta) -> datetime:
    """The latest multiple of `step` since 1970-01-01 UTC that is not after `moment`."""
    return EPOCH + ((to_utc(moment) - EPOCH) // step) * step


def stopwatch() -> Callable[[], float]:
    """Start measuring; the returned call tells the seconds since. For measurements, never for decisions."""
    from time import perf_counter

    start = perf_counter()
    return lambda: perf_counter() - start
