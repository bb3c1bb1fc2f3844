"""The loop at a glance: where each phase stands and who answers for it, the numbers that matter, what is new, what is late."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from baton.app.lifecycle.news import TOLD
from baton.app.lifecycle.turn import OPEN, Turn
from baton.app.views.incidents import OPEN as UNRESOLVED
from baton.app.views.monitoring import gained, without
from baton.app.views.newest import newest
from baton.app.views.present import stands_at
from baton.data.standing import UNREADABLE, SourceState
from baton.delivery.release import TRIAL, Release
from baton.incidents.incident import Incident
from baton.incidents.proposal import Proposal
from baton.kernel.errors import Refused
from baton.ledger.fact import Fact
from baton.ledger.ports import LedgerReader, StateReader
from baton.monitoring.day import Day
from baton.monitoring.month import Month
from baton.project.phase import PHASES
from baton.registry.version import ModelVersion
from baton.team.approval import Approval
from baton.team.handoff import Handoff
from baton.team.override import Override
from baton.team.team import Team

BUSY: Mapping[str, str] = {
    "preparing": "features", "training": "train", "evaluated": "evaluate", "registered": "register", "packaged": "package",
    "releasing": "deploy",
}  # fmt: skip
"""The phase in which a turn is, by its status."""
DAY, PATIENCE = timedelta(days=1), timedelta(hours=6)
"""The loop has a step a day; one that is so much later is overdue, since training takes its time."""
STEPS = (60, 120, 240)
"""Facts that are searched for news: a few, then more."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One phase: `tone` good, warn, bad, info or idle; `state` in words; who answers for it, by which way; since when."""

    phase: str
    tone: str
    state: str
    owner: str
    via: str
    since: datetime | None = None
    late: int = 0


@dataclass(frozen=True, slots=True)
class Late:
    """A hand-off whose time is over, and on whom it waits."""

    id: str
    payload: str
    subject: str
    waiting_on: str
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Glance:
    """What is looked at: the records of an instant, the ledger, that instant, and `until` when it is one of the past."""

    records: StateReader
    ledger: LedgerReader
    at: datetime
    until: datetime | None = None


def waiting(records: StateReader) -> list[Handoff]:
    """Results that nobody has taken yet, the most urgent first; at most 200."""
    return records.earliest(Handoff, "deadline", status=("offered",), limit=200)


def phases(glance: Glance, team: Team, waits: Sequence[Handoff]) -> list[Standing]:
    """Where each phase stands, in lifecycle order."""
    turn, told = next(iter(glance.records.latest(Turn, status=OPEN, limit=1)), None), _told(glance)
    return [_standing(phase, told.get(phase, _nothing), waits, turn, team, glance.at) for phase in PHASES]


State = tuple[str, str, "datetime | None"]


def _nothing() -> State:
    return "idle", "", None


def _standing(
    phase: str, told: Callable[[], State], waiting: Sequence[Handoff], turn: Turn | None, team: Team, at: datetime
) -> Standing:
    owner, via = _owner(team, phase, at)
    here = [each for each in waiting if each.taken_in == phase]
    late = sum(each.deadline < at for each in here)
    tone, state, since = told()
    if turn is not None and BUSY.get(turn.status) == phase:
        tone, state, since = (
            "info",
            f"turn {turn.number}" + (f" waits for {turn.waits_for}" if turn.waits_for else ""),
            turn.since,
        )
    if here:
        first = here[0]
        tone, since = ("bad" if late else "warn"), first.since
        state = f"{'late: ' if late else ''}waits on {first.waiting_on}"
    return Standing(phase, tone, state, owner, via, since, late)


def _owner(team: Team, phase: str, at: datetime) -> tuple[str, str]:
    try:
        found = team.accountable(phase, at)
    except Refused:
        return "", ""
    return found.person.id, found.via


def _told(glance: Glance) -> dict[str, Callable[[], State]]:
    """What each phase has to say for itself while nobody waits in it."""
    records, at = glance.records, glance.at
    sources = records.all(SourceState, limit=200)
    version = newest(records, ModelVersion)
    return {
        "define": partial(_defined, glance),
        "ingest": partial(_ingested, sources),
        "validate": partial(_validated, sources),
        "features": partial(_built, version),
        "train": partial(_trained, version),
        "evaluate": partial(_evaluated, version),
        "register": partial(_registered, version),
        "package": partial(_packaged, version),
        "deploy": partial(_deployed, records),
        "monitor": partial(_monitored, records),
        "incident": partial(_troubled, records),
        "retrain": partial(_retrained, records, at),
    }


def _defined(glance: Glance) -> State:
    """By the latest facts: among the records, those of all other phases would have to be passed over."""
    facts = glance.ledger.recent(kind="handoff.accepted", until=glance.until, limit=100)
    taken = ((fact.effective_at, fact.state) for fact in facts if fact.state is not None and fact.state["taken_in"] == "define")
    at, state = next(taken, (None, None))
    return ("idle", "nothing reported yet", None) if state is None else ("good", f"{state['subject']} accepted", at)


def _ingested(sources: Sequence[SourceState]) -> State:
    lost = [each.id for each in sources if each.status == UNREADABLE]
    newest = max((each.landed_at for each in sources), default=None)
    if lost:
        return "bad", f"{lost[0]} cannot be read", newest
    return (
        ("good", f"{len(sources)} source{'s' if len(sources) != 1 else ''} landed", newest)
        if sources
        else ("idle", "nothing landed yet", None)
    )


def _validated(sources: Sequence[SourceState]) -> State:
    broken = [each for each in sources if each.status == "broken"]
    newest = max((each.landed_at for each in sources), default=None)
    if broken:
        return "bad", f"{broken[0].id} breaks its contract", broken[0].landed_at
    return ("good", "contracts kept", newest) if sources else ("idle", "", None)


def _built(version: ModelVersion | None) -> State:
    if version is None:
        return "idle", "no training set yet", None
    return "good", "served as trained" if version.parity is not None else "built", version.trained_at


def _trained(version: ModelVersion | None) -> State:
    return ("idle", "no model yet", None) if version is None else ("good", f"version {version.version}", version.trained_at)


def _evaluated(version: ModelVersion | None) -> State:
    auc = version.metrics.get("auc") if version is not None else None
    if version is None:
        return "idle", "", None
    return "good", f"AUC {auc:.3f}" if auc is not None else "gates passed", version.trained_at


def _registered(version: ModelVersion | None) -> State:
    return ("idle", "", None) if version is None else ("good", f"version {version.version}: {version.status}", version.trained_at)


def _packaged(version: ModelVersion | None) -> State:
    return ("good", "bundle signed", version.trained_at) if version is not None and version.bundle else ("idle", "", None)


def _deployed(records: StateReader) -> State:
    trial = records.latest(Release, status=TRIAL, limit=1)
    live = records.latest(Release, status=("live",), limit=1)
    if trial:
        share = f" at {trial[0].share * 100:.0f} %" if trial[0].status == "canary" else ""
        return "info", f"version {trial[0].version} on trial as {trial[0].status}{share}", trial[0].since
    if records.latest(Override, status=("holding",), where={"kind": "halt"}, limit=1):
        return "bad", "halted: no version answers", None
    return ("good", f"version {live[0].version} is live", live[0].since) if live else ("idle", "nothing released yet", None)


def _monitored(records: StateReader) -> State:
    day = newest(records, Day)
    return (
        ("idle", "no traffic yet", None)
        if day is None
        else ("good", f"{day.predictions:,} prediction{'s' if day.predictions != 1 else ''}", day.day)
    )


def _troubled(records: StateReader) -> State:
    known = records.latest(Incident, status=UNRESOLVED, limit=50)
    if not known:
        return "good", "none open", None
    worst = min(known, key=lambda each: (each.severity, each.opened_at))
    return "bad" if worst.status == "open" else "warn", f"{len(known)} open: {worst.signal}", worst.opened_at


def _retrained(records: StateReader, at: datetime) -> State:
    waits = records.latest(Proposal, status=("waiting",), limit=1)
    if waits:
        return "warn", f"held back: {waits[0].brake}" if waits[0].brake else "waits for a decision", waits[0].made_at
    made = records.latest(Proposal, limit=50)
    year = sum(each.made_at > at - timedelta(days=365) for each in made)
    return ("idle", "never asked for", None) if not made else ("good", f"{year} in a year", made[0].made_at)


@dataclass(frozen=True, slots=True)
class Brief:
    """What whoever comes by wants to know first: what is live, who must act next, the last incident, and what retraining brought.

    `holds` are the overrides in force besides a halt. `gained` is value more than the first model alone would have brought in the months told, `brier` the mean of both, live first.
    """

    live: Release | None
    trial: Release | None
    halted: Override | None
    acts: Handoff | None
    incident: Incident | None
    proposal: Proposal | None
    holds: tuple[Override, ...] = ()
    months: int = 0
    gained: float | None = None
    brier: tuple[float, float] | None = None


def brief(records: StateReader, waits: Sequence[Handoff], at: datetime) -> Brief:
    """The first things to know at the instant of the records; `waits` are the hand-offs that wait."""
    incident = newest(records, Incident, status=UNRESOLVED) or newest(records, Incident)
    months = [each for each in records.latest(Month, limit=36) if each.brier is not None and each.frozen_brier is not None]
    return Brief(
        newest(records, Release, status=("live",)),
        newest(records, Release, status=TRIAL),
        newest(records, Override, status=("holding",), where={"kind": "halt"}),
        next(iter(waits), None),
        incident,
        records.get(Proposal, incident.proposal) if incident is not None and incident.proposal else None,
        _holding(records, at),
        len(months),
        gained(without(months)),
        (sum(each.brier or 0 for each in months) / len(months), sum(each.frozen_brier or 0 for each in months) / len(months))
        if months
        else None,
    )


def _holding(records: StateReader, at: datetime) -> tuple[Override, ...]:
    """Overrides in force, longest first. One whose time is over ends at the loop's next step: it holds nothing up any more."""
    known = [each for each in records.latest(Override, status=("holding",), limit=50) if each.kind != "halt"]
    return tuple(sorted((each for each in known if each.until is None or each.until > at), key=lambda each: each.asked_at))


@dataclass(frozen=True, slots=True)
class Pulse:
    """Whether the loop runs, as far as the record tells: `stepped` is its last daily step, None before the first one.

    `state`: `past` when an earlier instant is looked at, `alone` for a folder without a model (hand-offs need no loop), `unbegun`,
    `replayed` (it stands where the replay left it), `silent` when the next step is overdue, else `running`.
    """

    state: str
    stepped: datetime | None


def pulse(glance: Glance, clock: str, every: timedelta | None) -> Pulse:
    """How the loop is; `every` is its grain, None for a folder without a model."""
    stepped = stands_at(glance.ledger)
    if glance.until is not None:
        return Pulse("past", stepped)
    if every is None:
        return Pulse("alone", stepped)
    if stepped is None:
        return Pulse("unbegun", None)
    if clock == "replay":
        return Pulse("replayed", stepped)
    return Pulse("silent" if glance.at - stepped > max(every, DAY) + PATIENCE else "running", stepped)


def late(records: StateReader, waits: Sequence[Handoff], at: datetime, limit: int = 20) -> tuple[list[Late], int]:
    """Those of the waiting whose time is over, the longest first, and how many results wait for somebody in all."""
    waiting = records.counts(Handoff, status=("offered",)).get("offered", 0)
    waiting += records.counts(Approval, status=("requested",)).get("requested", 0)
    over = [Late(each.id, each.payload, each.subject, each.waiting_on, each.deadline) for each in waits if each.deadline < at]
    return over[:limit], waiting


def news(ledger: LedgerReader, until: datetime | None, after: int = 0, limit: int = 12) -> list[Fact]:
    """The latest facts that people are told of, newest first; only those after a place in the log. Looks at some hundreds at most."""
    found: list[Fact] = []
    before: int | None = None
    for step in STEPS:
        facts = ledger.recent(until=until, before=before, limit=step)
        found += [fact for fact in facts if fact.kind in TOLD and fact.seq > after]
        if len(found) >= limit or len(facts) < step or facts[-1].seq <= after:
            break
        before = facts[-1].seq
    return found[:limit]


def turning(records: StateReader) -> tuple[int, str, str]:
    """How many turns there were, the id of the one under way (or empty), and whether the loop has closed, in words."""
    turns = sum(records.counts(Turn).values())
    under_way = records.latest(Turn, status=OPEN, limit=1)
    mended = records.latest(Proposal, status=("done",), limit=1)
    words = "loop closed" if mended else "loop not closed yet"
    return turns, under_way[0].id if under_way else "", words
