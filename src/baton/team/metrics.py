"""How well a team delivers, told by the ledger: the four key metrics of DORA, and where results waited for whom.

Deployment frequency, lead time for changes, change failure rate and time to restore after Forsgren, Humble and Kim,
"Accelerate" (2018). A deployment is a release that came to serve all traffic; its change began with its turn. A change
failed when its release was rolled back. Everything is a function of facts, so a metric of last year is the same today.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median, quantiles
from typing import Any

from baton.kernel.clock import parse_instant
from baton.ledger.fact import SYSTEM, Fact

MACHINES = (SYSTEM, "policy")


@dataclass(frozen=True, slots=True)
class Spread:
    """A number of durations: how many, their median and 90th percentile; None for both when there are none."""

    count: int
    median: timedelta | None = None
    p90: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """One edge: how long results took from their first offer to acceptance, and how often they came back."""

    edge: str
    offered: int
    accepted: int
    by_people: int
    declined: int
    escalated: int
    lapsed: int
    lead: Spread


@dataclass(frozen=True, slots=True)
class Delivery:
    """The metrics of a stretch of time [since, until). Shares are None where there is nothing to divide by."""

    since: datetime
    until: datetime
    deployments: int
    per_month: float
    lead_time: Spread
    failure_rate: float | None
    restore: Spread
    handoffs_automatic: float | None
    steps_automatic: float | None
    flows: tuple[Flow, ...]
    waiting: Mapping[str, Spread]


def spread(spans: Sequence[timedelta]) -> Spread:
    """Count, median and 90th percentile of durations."""
    seconds = sorted(span.total_seconds() for span in spans)
    if not seconds:
        return Spread(0)
    high = quantiles(seconds, n=10, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]
    return Spread(len(seconds), timedelta(seconds=median(seconds)), timedelta(seconds=high))


def delivery(facts: Iterable[Fact], since: datetime, until: datetime) -> Delivery:
    """The metrics over everything that took effect in [since, until)."""
    told = list(facts)
    inside = [fact for fact in told if since <= fact.effective_at < until]
    live = [fact for fact in inside if _went_live(fact)]
    started = [fact for fact in inside if fact.kind == "release.started"]
    failed = {fact.subject for fact in inside if fact.kind == "release.rolled-back"}
    answered = [fact for fact in inside if fact.kind in ("handoff.accepted", "handoff.declined")]
    steps = [fact for fact in inside if fact.subject_kind in ("turn", "version", "release")]
    days = max((until - since) / timedelta(days=1), 1e-9)
    return Delivery(
        since=since,
        until=until,
        deployments=len(live),
        per_month=30 * len(live) / days,
        lead_time=spread(_lead_times(told, live)),
        failure_rate=len(failed) / len(started) if started else None,
        restore=spread(_restores(told, inside)),
        handoffs_automatic=_share(answered),
        steps_automatic=_share(steps),
        flows=tuple(_flows(told, inside)),
        waiting={who: spread(spans) for who, spans in sorted(_waits(told, since, until).items())},
    )


def _went_live(fact: Fact) -> bool:
    return fact.kind == "release.promoted" or (fact.kind == "release.started" and (fact.state or {}).get("status") == "live")


def _share(acts: Sequence[Fact]) -> float | None:
    return sum(fact.actor in MACHINES for fact in acts) / len(acts) if acts else None


def _lead_times(told: Sequence[Fact], live: Sequence[Fact]) -> list[timedelta]:
    begun = {fact.subject: fact.effective_at for fact in told if fact.kind == "turn.started"}
    turns = ((fact, str((fact.state or {}).get("turn", ""))) for fact in live)
    return [fact.effective_at - begun[turn] for fact, turn in turns if turn in begun]


def _restores(told: Sequence[Fact], inside: Sequence[Fact]) -> list[timedelta]:
    opened = {fact.subject: fact.effective_at for fact in told if fact.kind == "incident.opened"}
    ended = (fact for fact in inside if fact.kind == "incident.resolved" and fact.subject in opened)
    return [fact.effective_at - opened[fact.subject] for fact in ended]


def _flows(told: Sequence[Fact], inside: Sequence[Fact]) -> Iterable[Flow]:
    by_edge: dict[str, list[Fact]] = defaultdict(list)
    for fact in inside:
        if fact.subject_kind == "handoff":
            by_edge[_state(fact, "edge")].append(fact)
    first: dict[tuple[str, str], datetime] = {}
    for fact in told:
        if fact.kind == "handoff.offered":
            first.setdefault((_state(fact, "edge"), _state(fact, "subject")), fact.effective_at)
    for edge, facts in by_edge.items():
        taken = [fact for fact in facts if fact.kind == "handoff.accepted"]
        leads = [
            fact.effective_at - first[edge, _state(fact, "subject")] for fact in taken if (edge, _state(fact, "subject")) in first
        ]
        counted = {
            verb: sum(fact.kind == f"handoff.{verb}" for fact in facts) for verb in ("offered", "declined", "escalated", "lapsed")
        }
        yield Flow(
            edge=edge, accepted=len(taken), by_people=sum(f.actor not in MACHINES for f in taken), lead=spread(leads), **counted
        )


def _waits(told: Sequence[Fact], since: datetime, until: datetime) -> dict[str, list[timedelta]]:
    """How long each person was waited for, per hand-off and level, as far as it lies in the stretch; answers at once do not count."""
    waits: dict[str, list[timedelta]] = defaultdict(list)
    pending: dict[str, tuple[str, datetime]] = {}
    for fact in told:
        if fact.subject_kind != "handoff":
            continue
        if fact.subject in pending:
            who, begun = pending.pop(fact.subject)
            span = min(fact.effective_at, until) - max(begun, since)
            if span > timedelta():
                waits[who].append(span)
        state: Mapping[str, Any] = fact.state or {}
        if state.get("status") == "offered" and not state.get("consultation"):
            pending[fact.subject] = (str(state.get("waiting_on")), max(fact.effective_at, parse_instant(str(state["since"]))))
    for who, begun in pending.values():
        if begun < until:
            waits[who].append(until - max(begun, since))
    return waits


def _state(fact: Fact, name: str) -> str:
    return str((fact.state or {}).get(name, ""))
