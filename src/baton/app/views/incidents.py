"""Incidents in plain values: the list, why one happened, its timeline out of the ledger, on whom it waits, what it touched, its review."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from baton.app.lifecycle.turn import Turn
from baton.app.views.relation import tables_of
from baton.delivery.release import Release
from baton.incidents.incident import Incident
from baton.incidents.proposal import Proposal
from baton.kernel.clock import parse_instant
from baton.kernel.errors import BatonError
from baton.ledger.ports import StateReader
from baton.monitoring.day import Day
from baton.monitoring.month import Month
from baton.project.definition import Definition, Monitor
from baton.registry.version import ModelVersion
from baton.team.handoff import Handoff, answerers, escalated
from baton.team.team import Team

OPEN = ("open", "mitigating")
MOST = 2000
"""Incidents that one list is made from, the newest."""
SEVERITIES: Mapping[int, str] = {1: "critical", 2: "harm", 3: "cause"}
"""What a severity means: 2 pages somebody, 3 is a ticket."""
SIGNALS: Mapping[str, str] = {
    "calibration": "scores no longer mean what they say",
    "novelty": "inputs left what the model was trained on",
    "contract": "a source broke its contract",
    "source": "a source cannot be read",
    "release": "a release did harm and was rolled back",
}
"""What each signal says, in words."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which incidents to list; empty fields mean any."""

    status: str = ""
    severity: str = ""
    signal: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of incidents, how many fit in all, and the counts of everything by status and severity."""

    rows: tuple[Incident, ...]
    total: int
    status: Mapping[str, int]
    severity: Mapping[str, int]
    signals: tuple[str, ...]
    read: int


@dataclass(frozen=True, slots=True)
class Clock:
    """The hand-off of an incident: on whom it waits, until when, who is asked next (empty: nobody, it lapses), and who may answer."""

    handoff: Handoff
    able: tuple[str, ...]
    following: str
    passed: float

    @property
    def open(self) -> bool:
        """Whether somebody still has to answer."""
        return self.handoff.open


@dataclass(frozen=True, slots=True)
class Reach:
    """What an incident touched: the version with its releases and predictions since, sources, features, people, and what else was open
    (20 at most, and how many `more`)."""

    version: ModelVersion | None
    releases: tuple[Release, ...]
    predictions: int
    days: int
    source: str
    versions_fed: tuple[int, ...]
    features: tuple[str, ...]
    stakeholders: tuple[str, ...]
    others: tuple[Incident, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: proposal, turn, version, release; None where it did not come so far."""

    proposal: Proposal | None
    turn: Turn | None
    version: ModelVersion | None
    release: Release | None


def listed(records: StateReader, wanted: Wanted, after: int = 0, limit: int = 25) -> Listed:
    """Incidents that fit, open ones first, then the newest; at most 2,000 are looked at, the newest."""
    where = {name: value for name in ("severity", "signal", "subject") if (value := getattr(wanted, name))}
    status = {"": (), "unresolved": OPEN}.get(wanted.status, (wanted.status,))
    known = records.latest(Incident, status=status, where=where or None, limit=MOST)
    fitting = [
        each
        for each in known
        if (wanted.since is None or each.opened_at >= wanted.since) and (wanted.until is None or each.opened_at < wanted.until)
    ]
    fitting.sort(key=lambda each: (each.status not in OPEN, -each.opened_at.timestamp(), each.id))
    rows = tuple(fitting[after : after + limit])
    by_signal = tuple(records.counts(Incident, "signal"))
    return Listed(rows, len(fitting), records.counts(Incident), records.counts(Incident, "severity"), by_signal, len(known))


def why(incident: Incident, monitor: Monitor | None) -> list[str]:
    """Why it happened, in plain words with the numbers behind them."""
    found = incident.evidence
    words = _words(incident, monitor)
    if "evidence" in found and "level" in found:
        years = float(found["level"]) / 365
        words.append(
            f"The evidence reached {_amount(found['evidence'])}; the level is {_amount(found['level'])}, so that an alarm without a cause "
            f"comes once in {years:.1f} years of daily looks on average."
        )
    return words


def _words(incident: Incident, monitor: Monitor | None) -> list[str]:
    if incident.signal == "novelty":
        return _novel(incident, monitor)
    if incident.signal == "calibration":
        return _off(incident, monitor)
    return _harmed(incident) if incident.signal == "release" else _plainly(incident)


def _novel(incident: Incident, monitor: Monitor | None) -> list[str]:
    shares = incident.evidence.get("outside", {})
    parts = [f"{name}: {share:.0%} of rows lay outside the range of its training" for name, share in shares.items()]
    tolerated = f" ({monitor.novelty:.0%} is tolerated)" if monitor is not None else ""
    words = [f"Since {since_day(incident)}, what {incident.subject} is asked about is no longer what it learned from."]
    return [*words, f"{'; '.join(parts)}{tolerated}."] if parts else words


def _off(incident: Incident, monitor: Monitor | None) -> list[str]:
    error = float(incident.evidence.get("error", 0.0))
    tolerated = f"; {monitor.calibration * 100:.1f} is tolerated" if monitor is not None else ""
    way = "high: it warns too often" if error > 0 else "low: it warns too rarely"
    return [
        f"Since {since_day(incident)}, the scores of {incident.subject} are {abs(error) * 100:.1f} points too {way}{tolerated}. Labels that arrived prove it."
    ]


def _harmed(incident: Incident) -> list[str]:
    because = incident.evidence.get("because", [])
    return [
        incident.cause[:1].upper() + incident.cause[1:] + ".",
        f"What was proved worse: {', '.join(map(str, because)) or 'not recorded'}.",
    ]


def _plainly(incident: Incident) -> list[str]:
    return [incident.cause[:1].upper() + incident.cause[1:] + ("" if incident.cause.endswith(".") else ".")]


def _amount(value: Any) -> str:
    return f"{float(value):,.0f}" if isinstance(value, int | float) else str(value)


def since_day(incident: Incident) -> str:
    """The day from which the evidence grew, else the one on which it was opened."""
    told = incident.evidence.get("since")
    return str(told) if told else f"{incident.opened_at:%Y-%m-%d}"


def since_of(incident: Incident) -> datetime:
    """The same as an instant."""
    try:
        return parse_instant(since_day(incident))
    except (ValueError, OverflowError):
        return incident.opened_at


def features_of(incident: Incident) -> tuple[str, ...]:
    """The features that the evidence names."""
    named = incident.evidence.get("outside", {})
    return tuple(map(str, named)) if isinstance(named, Mapping) else ()


def number_of(incident: Incident) -> int | None:
    """The version that it is about; None when it is about something else."""
    kind, _, number = incident.subject.partition(" ")
    return int(number) if kind == "version" and number.isascii() and number.isdigit() and len(number) < 10 else None


def handoffs(records: StateReader, incident: Incident) -> list[Handoff]:
    """The rounds in which it was handed over, newest first."""
    return records.latest(Handoff, where={"subject": incident.id}, limit=5)


def clock(team: Team, handoff: Handoff, at: datetime) -> Clock:
    """How far the time to answer has run, and who is asked after it."""
    if not handoff.open:
        return Clock(handoff, (), "", 1.0)
    try:
        after = escalated(team, handoff, max(at, handoff.deadline))
        following = after.waiting_on if after.open else ""
    except BatonError:
        following = ""
    passed = (at - handoff.since) / (handoff.deadline - handoff.since) if handoff.deadline > handoff.since else 1.0
    return Clock(handoff, answerers(team, handoff, at), following, min(max(passed, 0.0), 1.0))


def done(records: StateReader, incident: Incident) -> Done:
    """The way from the proposal to the release that mended it."""
    proposal = records.get(Proposal, incident.proposal) if incident.proposal else None
    turn = records.get(Turn, proposal.turn) if proposal is not None and proposal.turn else None
    version = records.get(ModelVersion, f"version-{turn.version}") if turn is not None and turn.version else None
    mended = incident.mended_by if incident.mended_by.startswith("release-") else turn.release if turn is not None else ""
    return Done(proposal, turn, version, records.get(Release, mended) if mended else None)


def reach(records: StateReader, incident: Incident, definition: Definition | None, at: datetime) -> Reach:
    """What it touches: by lineage down to predictions, up to people; and what else was wrong at the time."""
    number, source = (
        number_of(incident),
        incident.subject.removeprefix("source ") if incident.subject.startswith("source ") else "",
    )
    version = records.get(ModelVersion, f"version-{number}") if number is not None else None
    releases = tuple(records.latest(Release, where={"version": str(number)}, limit=20)) if number is not None else ()
    end, begin = incident.resolved_at or at, since_of(incident)
    days = [
        day for day in records.latest(Day, limit=400) if begin <= day.day < end and (number is None or number in day.versions)
    ]
    fed = [each.version for each in records.latest(ModelVersion, limit=50) if source and source in tables_of(each)]
    others = [
        each
        for each in records.latest(Incident, limit=200)
        if each.id != incident.id and each.opened_at < end and (each.resolved_at or at) > incident.opened_at
    ]
    return Reach(
        version,
        releases,
        sum(day.predictions for day in days),
        len(days),
        source,
        tuple(fed),
        features_of(incident),
        definition.problem.stakeholders if definition is not None else (),
        tuple(others[:20]),
        max(0, len(others) - 20),
    )


def afterwards(records: StateReader, incident: Incident, most: int = 12) -> list[Month]:
    """The months from the one in which it was opened, oldest first: what was live beside the frozen first model."""
    first = f"{incident.opened_at:%Y-%m}"
    return sorted((each for each in records.latest(Month, limit=60) if each.month >= first), key=lambda each: each.month)[:most]


def lasted(incident: Incident, at: datetime) -> timedelta:
    """How long it was open, or has been."""
    return (incident.resolved_at or at) - incident.opened_at


def around(records: StateReader, incident: Incident, at: datetime, before: int = 28, after: int = 21) -> list[Day]:
    """The days around it: from before the evidence grew until after it was mended."""
    begin = since_of(incident) - timedelta(days=before)
    end = (incident.resolved_at or at) + timedelta(days=after)
    return sorted((day for day in records.latest(Day, limit=400) if begin <= day.day < end), key=lambda day: day.day)
