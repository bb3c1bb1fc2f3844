"""What analysts ask of the record: a period against the one before it, its course, and the experiments on record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from baton.kernel.suggest import did_you_mean
from baton.ledger.ports import LedgerReader, StateReader
from baton.monitoring.day import Day
from baton.monitoring.month import Month
from baton.monitoring.traffic import ERRORS, P99, Traffic, traffic
from baton.project.definition import Definition
from baton.registry.version import ModelVersion

DAY = timedelta(days=1)
MOST_DAYS = 1100
"""Days that are read: three years. What is older is asked of the tables."""
PERIODS = ("30", "90", "365", "all")
PARTS = ("day", "week", "month")
OWN = ("variant", "release")
"""Columns of Baton's own by which the prediction log may be cut."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a dashboard is of: days [since, until), a version (0: all), a column with the value it must have, and how time is cut.

    `period` is the name of a length ("90", "all") or "own". `problems` say what contradicts itself, and what to change.
    """

    since: date
    until: date
    period: str
    version: int = 0
    column: str = ""
    value: str = ""
    part: str = "week"
    problems: tuple[str, ...] = ()

    @property
    def cut(self) -> bool:
        """Whether only a part of the predictions is meant, which only the tables know."""
        return bool(self.version or (self.column and self.value))

    @property
    def days(self) -> int:
        """How many days."""
        return (self.until - self.since).days

    @property
    def compared(self) -> bool:
        """Whether there is a time of equal length before it to hold it against."""
        return self.period != "all"

    def query(self) -> dict[str, object]:
        """What an address says of it; what is usual is left out."""
        own = self.period == "own"
        return {
            "period": None if own or self.period == "90" else self.period,
            "from": self.since.isoformat() if own else None,
            "to": (self.until - DAY).isoformat() if own else None,
            "version": self.version or None,
            "column": self.column or None,
            "value": self.value or None,
            "part": None if self.part == "week" else self.part,
        }

    def plain(self) -> dict[str, Any]:
        """What the archive is asked."""
        segment = {"column": self.column, "value": self.value} if self.column and self.value else {}
        return {"since": start_of(self.since), "end": start_of(self.until), "version": self.version, **segment}


@dataclass(frozen=True, slots=True)
class Known:
    """What filters can choose from: days with traffic, versions that answered, and columns of the prediction log."""

    days: Sequence[Day]
    versions: tuple[int, ...]
    columns: tuple[str, ...]
    sliced: str
    last: date


@dataclass(frozen=True, slots=True)
class Measured:
    """A stretch of days in numbers. Quality is over the days that were judged: `labelled` predictions whose label had arrived then.

    `errors` and `p99` (the median day's, ms) are of all traffic; None where nothing was measured.
    """

    predictions: int
    labelled: int
    score: float | None
    brier: float | None
    errors: int | None
    p99: float | None


def start_of(day: date) -> str:
    """The first instant of a day (UTC), as the archive is asked for it."""
    return f"{day.isoformat()}T00:00:00Z"


def known(records: StateReader, definition: Definition | None, at: datetime) -> Known:
    """What there is to choose from at an instant."""
    days = sorted(records.latest(Day, limit=MOST_DAYS), key=lambda each: each.day)
    versions = tuple(sorted({version for day in days for version in day.versions}))
    features = {name for each in records.latest(ModelVersion, limit=20) for name in each.importance}
    sliced = [name for name in (definition.gates.slices if definition is not None else ()) if name in features]
    columns = (*sliced, *sorted(features - set(sliced)), *OWN) if features else OWN
    last = at.date() if at == datetime(at.year, at.month, at.day, tzinfo=UTC) else at.date() + DAY
    return Known(days, versions, tuple(dict.fromkeys(columns)), sliced[0] if sliced else "", last)


def asked(told: Mapping[str, str], there: Known) -> Asked:
    """What an address asks for. What cannot be is left out of it, and said in `problems`."""
    problems: list[str] = []
    period = _choice(told, "period", ("90", *PERIODS, "own"), problems)
    part = _choice(told, "part", ("week", *PARTS), problems)
    since, until = _preset(period, there)
    first, last = (_day(told, name, problems) for name in ("from", "to"))
    if (first, last) != (None, None) and (first, last) != (since, until - DAY):
        period, since, until = "own", first or _first(there), (last or there.last - DAY) + DAY
    if since >= until:
        problems.append(f"The first day, {since}, is after the last one, {until - DAY}: exchange them, or leave one out.")
    version = _version(told.get("version", ""), there, problems)
    column, value = _segment(told, there, problems)
    return Asked(since, until, period, version, column, value, part, tuple(problems))


def _choice(told: Mapping[str, str], name: str, options: tuple[str, ...], problems: list[str]) -> str:
    found = told.get(name, "") or options[0]
    if found in options:
        return found
    problems.append(f"'{found[:40]}' is no {name}: choose one of {', '.join(dict.fromkeys(options))}.")
    return options[0]


def _preset(period: str, there: Known) -> tuple[date, date]:
    if period in ("all", "own"):
        return min(_first(there), there.last - DAY), there.last
    return there.last - timedelta(days=int(period)), there.last


def _first(there: Known) -> date:
    return there.days[0].day.date() if there.days else there.last - timedelta(days=90)


def _day(told: Mapping[str, str], name: str, problems: list[str]) -> date | None:
    text = told.get(name, "")
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or not 1980 <= found.year < 2100:
        problems.append(f"'{text[:40]}' is no day: write it as 2023-06-30.")
        return None
    return found


def _version(text: str, there: Known, problems: list[str]) -> int:
    if not text:
        return 0
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1
    if number in there.versions or number == 0:
        return number
    problems.append(f"Version '{text[:40]}' has answered nothing: {_among([str(each) for each in there.versions])}.")
    return 0


def _segment(told: Mapping[str, str], there: Known, problems: list[str]) -> tuple[str, str]:
    column, value = told.get("column", ""), told.get("value", "")
    if column and column not in there.columns:
        near = did_you_mean(column[:60], there.columns)
        fix = near if near.startswith("did") else "choose one of the list."
        problems.append(f"The prediction log has no column '{column[:40]}': {fix}")
        return "", value
    if value and not column:
        problems.append(f"The value '{value[:40]}' is of no column: choose one.")
        return "", value
    return column, value


def _among(names: Sequence[str]) -> str:
    return f"those that have are {', '.join(names[:20])}{' and more' if len(names) > 20 else ''}" if names else "none has yet"


def within(days: Iterable[Day], since: date, until: date) -> list[Day]:
    """The days of a stretch."""
    return [each for each in days if since <= each.day.date() < until]


def measured(days: Sequence[Day], flows: Sequence[Traffic]) -> Measured:
    """Days together."""
    judged = [each for each in days if each.labelled]
    slow = sorted(each.p99_ms for each in flows if each.p99_ms is not None)
    failed = [each.errors for each in flows if each.errors is not None]
    return Measured(
        sum(each.predictions for each in days),
        sum(each.labelled for each in judged),
        _mean(days, lambda each: each.mean_score, lambda each: each.predictions),
        _mean(judged, lambda each: each.brier, lambda each: each.labelled),
        sum(failed) if failed else None,
        slow[len(slow) // 2] if slow else None,
    )


def _mean(days: Iterable[Day], value: Callable[[Day], float | None], weight: Callable[[Day], int]) -> float | None:
    pairs = [(told, weight(each)) for each in days if (told := value(each)) is not None and weight(each)]
    total = sum(count for _, count in pairs)
    return sum(told * count for told, count in pairs) / total if total else None


def course(days: Sequence[Day], part: str) -> list[tuple[date, Measured]]:
    """Days together by day, week (from Monday on) or month, oldest first."""
    grouped: dict[date, list[Day]] = {}
    for each in days:
        grouped.setdefault(_begin(each.day.date(), part), []).append(each)
    return [(start, measured(each, ())) for start, each in sorted(grouped.items())]


def _begin(day: date, part: str) -> date:
    return day.replace(day=1) if part == "month" else day - timedelta(days=day.weekday()) if part == "week" else day


def months(records: StateReader, since: date, until: date) -> list[Month]:
    """The months that lie within a stretch or reach into it, oldest first."""
    found = records.latest(Month, limit=60)
    return sorted(
        (each for each in found if since.isoformat()[:7] <= each.month <= (until - DAY).isoformat()[:7]),
        key=lambda each: each.month,
    )


def flows(ledger: LedgerReader, days: Sequence[Day], at: datetime) -> list[Traffic]:
    """The traffic of days, as far as measured by an instant."""
    return traffic(days, [each for each in ledger.measurements() if each[0] in (ERRORS, P99) and each[-1] <= at])
