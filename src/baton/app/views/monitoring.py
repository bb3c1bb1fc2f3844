"""Monitoring in plain values: quality by month and by day, how far inputs strayed, the error budget, what retraining was worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from baton.app.views.criterion import bound, met, places
from baton.app.views.newest import newest
from baton.delivery.release import Release
from baton.incidents.incident import Incident
from baton.ledger.ports import LedgerReader, StateReader
from baton.monitoring.day import Day
from baton.monitoring.month import Month
from baton.monitoring.traffic import PROMISED, Traffic, traffic
from baton.project.definition import Definition
from baton.registry.version import ModelVersion

DAY = timedelta(days=1)
MOST_DAYS = 400
MOST_MONTHS = 36
MOST_MARKS = 400
"""Releases and incidents that marks are chosen from."""
WINDOW = 30
"""Days over which an error budget is spent."""
RECENT = 7
"""Days whose burn tells when a budget will be spent."""
LATE = 0.9
"""The share of labels from which quality counts as known; below it, it is drawn as provisional."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of days [since, until): what a page shows."""

    since: datetime
    until: datetime

    def __contains__(self, at: datetime) -> bool:
        return self.since <= at < self.until


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened to what serves: a release that went live, or an incident; without an end it is still open."""

    kind: str
    id: str
    at: datetime
    words: str
    tone: str
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """A feature over days: None where nothing was measured; `worst` and `last` of what was, with the day of the worst."""

    name: str
    values: tuple[float | None, ...]
    worst: float
    worst_day: date | None
    last: float | None


@dataclass(frozen=True, slots=True)
class Budget:
    """The error budget over the last 30 days with traffic: how many failures the promise allows, how many there were.

    `burn` is, per day, the failures over what that day's traffic allows (1: the budget lasts exactly as long as the window).
    `gone_on` is the day on which it will be spent if the last week goes on, None when it will not be within the window.
    """

    promised: float
    asked: int
    failed: int
    allowed: float
    burn: tuple[tuple[str, float], ...]
    gone_on: date | None

    @property
    def left(self) -> float | None:
        """Share of the budget that is left; None without traffic."""
        return 1 - self.failed / self.allowed if self.allowed else None


@dataclass(frozen=True, slots=True)
class Without:
    """A month with retraining and without: the answering versions beside the frozen first model."""

    month: Month
    brier: float | None
    auc: float | None
    value: float | None


@dataclass(frozen=True, slots=True)
class Weighed:
    """Slices with the `share` that each carries of what is above a Brier score, the `level`; with `missed`, of a promise not kept."""

    rows: tuple[Mapping[str, Any], ...]
    missed: bool
    level: float | None


def months(records: StateReader, limit: int = MOST_MONTHS) -> list[Month]:
    """The last months, oldest first."""
    return sorted(records.latest(Month, limit=limit), key=lambda each: each.month)


def days(records: StateReader, limit: int = MOST_DAYS) -> list[Day]:
    """The last days with traffic, oldest first."""
    return sorted(records.latest(Day, limit=limit), key=lambda each: each.day)


def stretch(known: Sequence[Day], length: int) -> Stretch:
    """The last so many days that were served, all of them for 0; an empty stretch without any."""
    if not known:
        return Stretch(datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC))
    until = known[-1].day + DAY
    return Stretch(max(known[0].day, until - timedelta(days=length)) if length else known[0].day, until)


def bounds_of(month: str) -> Stretch:
    """The days of a month "2023-06". Raises ValueError when it is none."""
    start = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    return Stretch(start, (start + timedelta(days=32)).replace(day=1))


def missed(month: Month, definition: Definition | None) -> tuple[str, ...]:
    """The success criteria that a month does not meet, in words."""
    known = {"auc": month.auc, "brier": month.brier}
    return tuple(
        f"{each.metric} {value:.{places(each.metric)}f}, promised {bound(each)}"
        for each in (definition.problem.success if definition is not None else ())
        if (value := known.get(each.metric)) is not None and not met(each, value)
    )


def weighed(slices: Sequence[Mapping[str, Any]], whole: Mapping[str, Any], promised: float | None) -> Weighed:
    """Slices of a month with how much of its miss each carries, those worse than the rest first, the heaviest of them first.

    A slice carries labelled · (its Brier score − the promised one); its `share` is that of all labelled · (overall − promised), None
    without labels. A month that keeps its promise has no miss: there a share is of everything above the overall Brier score.
    """
    overall = whole["brier"]
    missed = overall is not None and promised is not None and overall > promised
    level = promised if missed else overall
    carried = [_carried(each, level) for each in slices]
    total = whole["labelled"] * (overall - level) if missed else sum(max(each or 0.0, 0.0) for each in carried)
    rows = [
        {**each, "share": amount / total if amount is not None and total > 0 and (missed or amount > 0) else None}
        for each, amount in zip(slices, carried, strict=True)
    ]
    rows.sort(key=lambda each: (not each["worse"], -(each["share"] if each["share"] is not None else -math.inf)))
    return Weighed(tuple(rows), missed, level)


def _carried(each: Mapping[str, Any], level: float | None) -> float | None:
    return None if each["brier"] is None or level is None else each["labelled"] * (each["brier"] - level)


def marks(records: StateReader, within: Stretch, limit: int = 24) -> list[Mark]:
    """Releases that went live and incidents that were open in a stretch, oldest first: the newest releases, the gravest incidents."""
    served = [each for each in records.latest(Release, limit=MOST_MARKS) if each.live_at is not None and each.live_at in within]
    wrong = [
        each
        for each in records.latest(Incident, limit=MOST_MARKS)
        if each.opened_at < within.until and (each.resolved_at or within.until) > within.since
    ]
    wrong.sort(key=lambda each: (each.severity, -each.opened_at.timestamp()))
    found = [Mark("release", each.id, each.live_at, f"v{each.version} live", "info") for each in served[:limit] if each.live_at]
    found += [
        Mark("incident", each.id, each.opened_at, each.signal, "bad" if each.severity <= 2 else "warn", each.resolved_at)
        for each in wrong[:limit]
    ]
    return sorted(found, key=lambda each: (each.at, each.id))


def courses(known: Sequence[Day], by: str, watched: Sequence[str] = ()) -> list[Course]:
    """How far each feature strayed, day by day, the worst first; only `watched` ones when any is named.

    `by` drift: excess stability index (0: like in training). outside: share of rows beyond the 1 %–99 % range of the training.
    """
    told: list[Mapping[str, float]] = [day.drift if by == "drift" else day.outside for day in known]
    names = sorted({name for each in told for name in each})
    made = [_course(name, known, told) for name in names if not watched or name in watched]
    return sorted(made, key=lambda each: (-each.worst, each.name))


def _course(name: str, known: Sequence[Day], told: Sequence[Mapping[str, float]]) -> Course:
    values = tuple(each.get(name) for each in told)
    present = [(value, day.day.date()) for value, day in zip(values, known, strict=True) if value is not None]
    worst, on = max(present, default=(0.0, None), key=lambda each: each[0])
    return Course(name, values, worst, on, present[-1][0] if present else None)


def version_on(records: StateReader, day: Day | None) -> ModelVersion | None:
    """The version whose training the numbers of a day were measured against: the one that was live."""
    number = max(day.versions) if day is not None and day.versions else None
    return records.get(ModelVersion, f"version-{number}") if number is not None else None


def candidate_of(version: ModelVersion | None) -> str:
    """The digest of the training's answer, where its reference is kept; empty when the record does not name it."""
    found = version.lineage.get("candidate", "") if version is not None else ""
    return found if isinstance(found, str) else ""


def first_days(records: StateReader, version: ModelVersion | None, length: int = 14) -> tuple[datetime, datetime] | None:
    """The first days that a version served: what stands in for the training where nothing is kept of it."""
    found = newest(records, Release, where={"version": str(version.version)}) if version is not None else None
    return None if found is None or found.live_at is None else (found.live_at, found.live_at + timedelta(days=length))


def service(ledger: LedgerReader, known: Sequence[Day], at: datetime, within: Stretch) -> list[Traffic]:
    """The traffic of the days of a stretch, oldest first, as far as measured by an instant."""
    first, last = within.since.date().isoformat(), within.until.date().isoformat()
    told = traffic(known, [each for each in ledger.measurements() if each[-1] <= at])
    return [each for each in told if first <= each.day < last]


def budget(known: Sequence[Traffic], promised: float = PROMISED) -> Budget:
    """What is left of the error budget of the last 30 days with traffic."""
    last = known[-WINDOW:]
    allowance = 1 - promised
    asked, failed = sum(each.requests for each in last), sum(each.errors or 0 for each in last)
    burn = tuple((each.day, (each.errors or 0) / (allowance * each.requests)) for each in last if each.requests)
    return Budget(promised, asked, failed, allowance * asked, burn, _gone(last, allowance * asked - failed))


def _gone(last: Sequence[Traffic], left: float) -> date | None:
    week = last[-RECENT:]
    pace = sum(each.errors or 0 for each in week) / len(week) if week else 0.0
    if not week or (pace <= 0 and left >= 0):
        return None
    day = date.fromisoformat(week[-1].day)
    if left <= 0:
        return day
    wait = left / pace
    return day + timedelta(days=int(wait)) if wait <= WINDOW else None


def without(known: Sequence[Month]) -> list[Without]:
    """Each month beside the frozen first model: how much better (Brier lower, AUC higher, more value) retraining made it."""
    return [
        Without(
            each,
            _less(each.frozen_brier, each.brier),
            _less(each.auc, each.frozen_auc),
            _less(each.value, each.frozen_value),
        )
        for each in known
        if each.frozen_brier is not None or each.frozen_value is not None
    ]


def gained(rows: Sequence[Without]) -> float | None:
    """The value that retraining added over months; None where no month can be compared."""
    known = [each.value for each in rows if each.value is not None]
    return sum(known) if known else None


def _less(more: float | None, less: float | None) -> float | None:
    return None if more is None or less is None else more - less


def watching(records: StateReader, known: Sequence[Day]) -> tuple[Release | None, list[Day]]:
    """The live release and the days that its version alone answered: what the detectors weigh, at most 180 of them."""
    live = newest(records, Release, status=("live",))
    if live is None or live.live_at is None:
        return live, []
    since, version = live.live_at, live.version
    return live, [day for day in known if day.day >= since and day.versions == (version,)][-180:]
