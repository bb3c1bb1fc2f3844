"""The inbox: everything that waits for somebody, since when, until when, what happens then, and what to type."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from baton.app.bootstrap import load_owned, read_state
from baton.app.identity import acting
from baton.app.lifecycle.people import recorded_team
from baton.app.seat import present_of
from baton.kernel.clock import iso
from baton.ledger.fact import KEEPER
from baton.ledger.ports import StateReader
from baton.team.approval import Approval, approvers, needed
from baton.team.consultation import Consultation
from baton.team.handoff import Handoff, answerers, escalated
from baton.team.task import Task
from baton.team.team import Team

Item: TypeAlias = dict[str, Any]
Row: TypeAlias = tuple[str, Callable[[], Item]]
AT_MOST = 200
"""So many of the most urgent are told in full; more are a backlog, not an inbox."""
NO_DEADLINE = "~"
"""Sorts after every instant."""


def inbox(project: Path, workspace: Path, named: str | None, *, everybody: bool = False) -> tuple[str, list[Item]]:
    """What waits on whoever is at the door, or on everybody; returns whose inbox it is, empty for everybody's.

    In a workspace without identities it is everybody's unless somebody is named.
    """
    actor = acting(project, workspace, named)
    name = "" if everybody or actor.kind in (KEEPER, "service") else actor.name
    return name, waiting(project, workspace, name or None)


def waiting(project: Path, workspace: Path, person: str | None) -> list[Item]:
    """What waits on one person, or on anybody, most urgent first. Raises NotFound for a name that nobody bears."""
    owned = load_owned(project).owned
    with read_state(workspace) as (found, state):
        team = recorded_team(state, owned)
        if person is not None:
            team.known(person)
        return items(state, team, present_of(found, state), person)


def items(state: StateReader, team: Team, at: datetime, person: str | None = None) -> list[Item]:
    """Open hand-offs, consultations, approvals and tasks as plain values, most urgent first; what has no deadline comes last."""
    rows = sorted(
        [
            *_handoffs(state, team, at, person),
            *_consultations(state, person),
            *_approvals(state, team, at, person),
            *_tasks(state, person),
        ],
        key=lambda row: row[0],
    )
    return [told() for _, told in rows[:AT_MOST]]


def _handoffs(state: StateReader, team: Team, at: datetime, person: str | None) -> Iterator[Row]:
    for who in _standing_in(team, person, at):
        where = {"consultation": "", **({} if who is None else {"waiting_on": who})}
        for each in state.earliest(Handoff, "deadline", status=("offered",), where=where, limit=AT_MOST):
            if person is None or person in answerers(team, each, at):
                yield iso(each.deadline), partial(_handoff, team, each)


def _standing_in(team: Team, person: str | None, at: datetime) -> tuple[str | None, ...]:
    """Whose hand-offs one may answer: one's own, and those of whoever delegates at all; None for everybody's."""
    if person is None:
        return (None,)
    givers = (each.id for each in team.active if any(link.since <= at < link.until for link in each.delegations))
    return tuple(dict.fromkeys((person, *givers)))


def _consultations(state: StateReader, person: str | None) -> Iterator[Row]:
    for each in state.all(Consultation, status=("open",)):
        if person is None or person in each.missing:
            yield iso(each.deadline), partial(_consultation, each)


def _approvals(state: StateReader, team: Team, at: datetime, person: str | None) -> Iterator[Row]:
    for each in state.all(Approval, status=("requested",)):
        signed = {signature.by for signature in each.given}
        able = tuple(name for name in approvers(team, each, at) if name not in signed)
        if person is None or person in able:
            yield NO_DEADLINE + iso(each.requested_at), partial(_approval, team, each, able, at)


def _tasks(state: StateReader, person: str | None) -> Iterator[Row]:
    for each in state.all(Task, status=("open",)):
        if person in (None, each.owner):
            yield NO_DEADLINE + iso(each.opened_at), partial(_task, each)


def _handoff(team: Team, handoff: Handoff) -> Item:
    after = escalated(team, handoff, handoff.deadline)
    then = f"it goes to {after.waiting_on}" if after.open else f"it lapses and stays with {handoff.giver}"
    plain: Item = msgspec.to_builtins(handoff)
    return plain | {
        "type": "handoff",
        "what": f"{handoff.payload} ({handoff.subject}), from {handoff.giver}",
        "waits_on": [handoff.waiting_on],
        "since": iso(handoff.since),
        "deadline": iso(handoff.deadline),
        "then": then,
        "do": f"baton accept {handoff.id}",
    }


def _consultation(each: Consultation) -> Item:
    return {
        "type": "consultation",
        "id": each.id,
        "what": each.question,
        "waits_on": list(each.missing),
        "since": iso(each.opened_at),
        "deadline": iso(each.deadline),
        "then": f"'{each.default}' holds",
        "do": f"baton comment {each.id} agree",
        "comments": [msgspec.to_builtins(comment) for comment in each.comments],
    }


def _approval(team: Team, each: Approval, able: tuple[str, ...], at: datetime) -> Item:
    given = [signature.by for signature in each.given]
    return {
        "type": "approval",
        "id": each.id,
        "what": each.what,
        "waits_on": list(able),
        "since": iso(each.requested_at),
        "deadline": None,
        "then": "it waits",
        "do": f"baton approve {each.id}",
        "action": each.action,
        "subject": each.subject,
        "digest": each.digest,
        "given": given,
        "missing": needed(team, each, at) - len(given),
    }


def _task(task: Task) -> Item:
    return {
        "type": "task",
        "id": task.id,
        "what": task.what,
        "waits_on": [task.owner],
        "since": iso(task.opened_at),
        "deadline": None,
        "then": "it waits",
        "do": f'baton done {task.id} --reason "…"',
        "phase": task.phase,
        "cause": task.cause,
    }
