"""Departure: what stops, and what falls to whom, when people leave or are away; before it happens.

Leaving and being away differ: the deputies of whoever is away stand in, those of whoever has left were theirs alone.
Pure: from the team, what is open, and an instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from baton.team.approval import Approval, needed
from baton.team.consultation import Consultation
from baton.team.coverage import Open, able, answers, being_away, may_sign
from baton.team.handoff import Handoff, escalated
from baton.team.person import left
from baton.team.task import Task
from baton.team.team import Team


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one thing: it falls `to` a person, or `stops` because nobody is left who could do it."""

    to: str
    stops: bool
    words: str


@dataclass(frozen=True, slots=True)
class Consequence:
    """One thing that somebody's going touches: a `phase`, the `work` of one, or something that is open."""

    kind: str
    subject: str
    away: Fate
    left: Fate


def without(team: Team, names: Iterable[str], at: datetime, waiting: Open) -> tuple[Consequence, ...]:
    """What follows when these people go together, while away and once left. Raises NotFound for an unknown name."""
    gone = tuple(team.known(name).id for name in names)
    away, parted = being_away(team, gone, at), team
    for name in gone:
        parted = parted.having(left(parted.known(name)))
    told = zip(_fates(team, away, gone, at, waiting), _fates(team, parted, gone, at, waiting), strict=True)
    return tuple(Consequence(kind, subject, fate, other) for (kind, subject, fate), (_, _, other) in told)


Told: TypeAlias = Iterator[tuple[str, str, Fate]]


def _fates(team: Team, rest: Team, gone: tuple[str, ...], at: datetime, waiting: Open) -> Told:
    """What is touched depends on the team as it is, so both ways of going touch the same."""
    yield from _phases(team, rest, gone, at)
    yield from _handoffs(rest, gone, at, waiting.handoffs)
    for approval in waiting.approvals:
        if set(gone) & set(may_sign(team, approval, at)):
            yield "approval", f"{approval.id}: {approval.what}", _approval(rest, approval, gone, at)
    for consultation in waiting.consultations:
        if set(gone) & set(consultation.missing):
            yield "consultation", f"{consultation.id}: {consultation.question}", _consultation(consultation, gone)
    for task in waiting.tasks:
        if task.owner in gone:
            yield "task", f"{task.id}: {task.what}", _task(rest, task, at)


def _phases(team: Team, rest: Team, gone: tuple[str, ...], at: datetime) -> Told:
    for phase in team.matrix:
        before, doers = answers(team, phase, at), {person.id for person in team.bearing(phase, "R")}
        if before is not None and before.person.id in gone:
            yield "phase", phase, _phase(rest, phase, at)
        elif doers and not doers - set(gone):
            yield "work", phase, _work(rest, phase, at)


def _handoffs(rest: Team, gone: tuple[str, ...], at: datetime, handoffs: Iterable[Handoff]) -> Told:
    for handoff in handoffs:
        subject = f"{handoff.id}: {handoff.payload} ({handoff.subject})"
        if handoff.waiting_on in gone:
            yield "hand-off", subject, _handoff(rest, handoff, at)
        elif handoff.giver in gone:
            yield "given", subject, _given(rest, handoff, at)


def _phase(rest: Team, phase: str, at: datetime) -> Fate:
    after = answers(rest, phase, at)
    if after is None:
        return Fate("", stops=True, words="nobody of the team is there to answer for it")
    if not any(person.reachable(at) for person in able(rest, phase)):
        return Fate(
            after.person.id, stops=True, words=f"{after.person.id} would answer for it ({after.via}), and nobody can do it"
        )
    return Fate(after.person.id, stops=False, words=f"falls to {after.person.id} ({after.via})")


def _work(rest: Team, phase: str, at: datetime) -> Fate:
    after = answers(rest, phase, at)
    if after is None:
        return Fate("", stops=True, words="nobody of the team is there to do it")
    heir = rest.responsible(phase, at).id
    return Fate(heir, stops=False, words=f"falls back on {heir}, who answers for it")


def _handoff(rest: Team, handoff: Handoff, at: datetime) -> Fate:
    if answers(rest, handoff.taken_in, at) is None:
        return Fate("", stops=True, words="nobody of the team is there to take it")
    after = escalated(rest, handoff, at)
    if after.open:
        return Fate(after.waiting_on, stops=False, words=f"falls to {after.waiting_on}")
    holder = rest.person(handoff.giver)
    if holder is None or not holder.reachable(at):
        return Fate("", stops=True, words="nobody along its chain is there, nor is its giver")
    return Fate(holder.id, stops=True, words=f"nobody along its chain is there: it lapses and stays with {holder.id}")


def _given(rest: Team, handoff: Handoff, at: datetime) -> Fate:
    heir = _doer(rest, handoff.given_in, at)
    words = f"waits on {handoff.waiting_on}; if it comes back, it goes to {heir or 'nobody'}"
    return Fate(heir, stops=not heir, words=words)


def _approval(rest: Team, approval: Approval, gone: tuple[str, ...], at: datetime) -> Fate:
    others = [name for name in (may_sign(rest, approval, at) if rest.active else ()) if name not in gone]
    if not others:
        return Fate("", stops=True, words="nobody else may approve it")
    return Fate(others[0], stops=False, words=f"needs {needed(rest, approval, at) - len(approval.given)} of {', '.join(others)}")


def _consultation(consultation: Consultation, gone: tuple[str, ...]) -> Fate:
    others = [name for name in consultation.missing if name not in gone]
    if len(consultation.comments) + len(others) < consultation.quorum:
        words = f"its quorum cannot be met: '{consultation.default}' holds at the deadline"
        return Fate("", stops=consultation.default == "stop", words=words)
    return Fate(others[0], stops=False, words=f"{', '.join(others)} can still speak")


def _task(rest: Team, task: Task, at: datetime) -> Fate:
    heir = _doer(rest, task.phase, at)
    return Fate(heir, stops=not heir, words=f"falls to {heir}" if heir else "nobody of the team is there to do it")


def _doer(rest: Team, phase: str, at: datetime) -> str:
    """Who does the work of a phase, empty when nobody is there."""
    return rest.responsible(phase, at).id if answers(rest, phase, at) is not None else ""
