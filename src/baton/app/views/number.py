"""The numbers that matter at a glance, each with its course and what is worth knowing with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from baton.app.lifecycle.turn import Turn
from baton.app.views.incidents import OPEN as UNRESOLVED
from baton.app.views.monitoring import days as served_days
from baton.app.views.monitoring import months as judged_months
from baton.delivery.release import TRIAL, Release
from baton.incidents.incident import Incident
from baton.ledger.ports import LedgerReader, StateReader
from baton.monitoring.day import Day
from baton.monitoring.month import Month
from baton.monitoring.traffic import PROMISED, traffic
from baton.registry.version import ModelVersion
from baton.team.metrics import spread

if TYPE_CHECKING:
    from baton.project.definition import Definition

DAYS = 90
"""Days of service that the sparks show."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number that matters: its value now, where it was before, its course (oldest first) and what it is worth knowing with it.

    `unit` is "%" for shares, "ms", a currency, or empty. None: not known.
    """

    name: str
    value: float | None
    unit: str = ""
    course: tuple[float | None, ...] = ()
    told: str = ""
    tone: str = ""
    page: str = ""


def numbers(records: StateReader, ledger: LedgerReader, at: datetime, definition: Definition | None = None) -> list[Number]:
    """The numbers that matter at an instant, each with its course; what breaks a promise of the project is bad."""
    currency = definition.problem.value.currency if definition is not None else ""
    declared = definition.monitor.latency_ms if definition is not None else None
    days, months = served_days(records, DAYS), judged_months(records, 13)
    return [
        _models(records),
        _predictions(days),
        _labels(days),
        *_service(ledger, days, at, declared),
        _incidents(records),
        _value(months, currency),
        *_delivery(records, at),
    ]


def _models(records: StateReader) -> Number:
    live, trial = records.latest(Release, status=("live",), limit=1), records.latest(Release, status=(*TRIAL, "arm"), limit=10)
    versions = sum(records.counts(ModelVersion).values())
    told = f"version {live[0].version} since {live[0].since:%Y-%m-%d}" if live else "none is live"
    more = f"{len(trial)} on trial" if trial else f"{_count(versions, 'version')} in all"
    return Number("Models live", float(len(live)), told=f"{told}; {more}", tone="" if live else "warn", page="/releases")


def _predictions(days: Sequence[Day]) -> Number:
    course = tuple(float(day.predictions) for day in days)
    week = days[-7:]
    mean = sum(day.predictions for day in week) / len(week) if week else None
    return Number(
        "Predictions a day",
        mean,
        course=course,
        told=f"mean of {_count(len(week), 'day')}" if week else "no traffic yet",
        page="/monitoring",
    )


def _labels(days: Sequence[Day]) -> Number:
    judged = [day for day in days if day.status == "judged" and day.predictions]
    share = judged[-1].labelled / judged[-1].predictions if judged else None
    course = tuple(day.labelled / day.predictions for day in judged)
    told = f"of {judged[-1].day:%Y-%m-%d}" if judged else "no label has arrived yet"
    return Number("Labels arrived", share, "%", course, told, page="/monitoring")


def _service(ledger: LedgerReader, days: Sequence[Day], at: datetime, declared: float | None) -> list[Number]:
    """Latency against what is `declared` (ms), and what is left of the failures that the promise allows."""
    known = traffic(days, [each for each in ledger.measurements() if each[-1] <= at])[-DAYS:]
    slow = tuple(each.p99_ms for each in known)
    last = next((each for each in reversed(slow) if each is not None), None)
    limit = f"; {declared:,.0f} ms declared" if declared is not None else ""
    recent = known[-30:]
    asked, lost = sum(each.requests for each in recent), sum(each.errors or 0 for each in recent)
    left = 1 - lost / ((1 - PROMISED) * asked) if asked else None
    return [
        Number(
            "Latency p99",
            last,
            "ms",
            slow,
            "not measured yet" if last is None else f"last day{limit}",
            "bad" if last is not None and declared is not None and last > declared else "",
            page="/monitoring",
        ),
        Number(
            "Error budget left",
            left,
            "%",
            told=f"{lost:,} of {asked:,} failed in {_count(len(recent), 'day')}; 1 in {1 / (1 - PROMISED):,.0f} may"
            if asked
            else "nothing was asked yet",
            tone="bad" if left is not None and left < 0 else "warn" if left is not None and left < 0.25 else "",
            page="/monitoring",
        ),
    ]


def _incidents(records: StateReader) -> Number:
    by_status = records.counts(Incident)
    now = sum(by_status.get(status, 0) for status in UNRESOLVED)
    told = f"{sum(by_status.values()):,} in all, {by_status.get('resolved', 0):,} resolved"
    return Number("Open incidents", float(now), told=told, tone="bad" if now else "", page="/incidents")


def _value(months: Sequence[Month], currency: str) -> Number:
    known = [each for each in months if each.value is not None]
    last = known[-1] if known else None
    so_far = " so far" if last is not None and last.status == "open" else ""
    told = f"{last.month}{so_far}, {last.matured * 100:.0f} % of labels arrived" if last else "no month is judged yet"
    return Number(
        "Value of the month", last.value if last else None, currency, tuple(each.value for each in known), told, page="/product"
    )


def _delivery(records: StateReader, at: datetime) -> list[Number]:
    """Deployments of a year and their lead time (after Forsgren, Humble and Kim, "Accelerate", 2018)."""
    releases = [each for each in records.latest(Release, limit=200) if each.live_at and each.live_at > at - timedelta(days=365)]
    turns = {each.id: each for each in records.latest(Turn, limit=200)}
    leads = spread([each.live_at - turns[each.turn].started_at for each in releases if each.live_at and each.turn in turns])
    failed = sum(
        each.status == "rolled-back" for each in records.latest(Release, limit=200) if each.started_at > at - timedelta(days=365)
    )
    hours = leads.median.total_seconds() / 3600 if leads.median is not None else None
    return [
        Number("Deployments", float(len(releases)), told=f"in a year; {failed} rolled back", page="/team"),
        Number("Lead time", hours, "h", told="median, from the start of a turn to live", page="/team"),
    ]


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' if count != 1 else ''}"
