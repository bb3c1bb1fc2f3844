"""Time as a scale: ticks at minutes, hours, days, weeks, months or years, whichever fit; everything in UTC."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

DAY = timedelta(days=1)
_MINUTES = (1, 5, 15, 30, 60, 180, 360, 720)
_DAYS = (1, 2, 7, 14)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 6000)
_MONDAY = datetime(1, 1, 1, tzinfo=UTC)


def instant(at: datetime) -> datetime:
    """The same instant in UTC; one without a zone is taken to be in UTC already."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def dated(at: datetime, exact: bool = True) -> str:
    """An instant to be read: "3 Jun 2023, 14:05"; without the time at midnight, or when not exact."""
    day = f"{at.day} {at:%b} {at.year}"
    return day if not exact or (at.hour, at.minute) == (0, 0) else f"{day}, {at:%H:%M}"


@dataclass(frozen=True, slots=True)
class Time:
    """Instants along a line: `first` lies at place `start`, `last` at `end`; the two differ."""

    first: datetime
    last: datetime
    start: float
    end: float
    daily: bool = False
    """Whether hours mean nothing here: its ticks are whole days then."""

    @classmethod
    def over(cls, first: datetime, last: datetime, start: float, end: float) -> Time:
        """The scale of a stretch; an empty one is widened to a day."""
        first, last = instant(first), instant(last)
        return cls(first, last if last > first else first + DAY, start, end)

    @classmethod
    def of(cls, moments: Sequence[datetime], start: float, end: float) -> Time:
        """The scale of some instants; a lone one stands in the middle of two days, and none closer than a day are told by the hour."""
        known = sorted({instant(at) for at in moments})
        daily = all(later - earlier >= DAY for earlier, later in pairwise(known))
        if len(known) == 1:
            return cls(known[0] - DAY, known[0] + DAY, start, end, daily)
        return cls(known[0], known[-1], start, end, daily)

    def at(self, when: datetime) -> float:
        """The place of an instant, kept between start and end."""
        part = (instant(when) - self.first) / (self.last - self.first)
        return self.start + (self.end - self.start) * min(max(part, 0.0), 1.0)

    def ticks(self, count: int = 8) -> list[tuple[datetime, str]]:
        """At most so many instants with their labels; a year is named at its January and at the first month."""
        span = self.last - self.first
        for minutes in () if self.daily else _MINUTES:
            if span <= timedelta(minutes=minutes) * count:
                return [(at, _hour(at)) for at in self._within(_evenly(self.first, timedelta(minutes=minutes)))][:count]
        for days in _DAYS:
            if span <= timedelta(days=days) * count:
                return [(at, f"{at.day} {at:%b}") for at in self._within(_evenly(self.first, timedelta(days=days)))][:count]
        months = next((months for months in _MONTHS if span <= timedelta(days=30.6 * months) * count), _MONTHS[-1])
        ticks = list(self._within(_monthly(self.first, months)))[:count]
        return [(at, _month(at, months, index == 0)) for index, at in enumerate(ticks)]

    def _within(self, candidates: Iterator[datetime]) -> Iterator[datetime]:
        for at in candidates:
            if at > self.last:
                return
            if at >= self.first:
                yield at


def _evenly(first: datetime, step: timedelta) -> Iterator[datetime]:
    return _upward(_MONDAY + (first - _MONDAY) // step * step, lambda at: at + step)


def _monthly(first: datetime, step: int) -> Iterator[datetime]:
    whole = (first.year * 12 + first.month - 1) // step * step
    return _upward(_month_of(max(whole, 12)), lambda at: _month_of(at.year * 12 + at.month - 1 + step))


def _month_of(months: int) -> datetime:
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def _upward(at: datetime, following: Callable[[datetime], datetime]) -> Iterator[datetime]:
    while True:
        yield at
        try:
            at = following(at)
        except (OverflowError, ValueError):
            return


def _hour(at: datetime) -> str:
    return f"{at:%H:%M}" if (at.hour, at.minute) != (0, 0) else f"{at.day} {at:%b}"


def _month(at: datetime, step: int, first: bool) -> str:
    if step % 12 == 0:
        return str(at.year)
    return f"{at:%b} {at.year}" if first or at.month == 1 else f"{at:%b}"
