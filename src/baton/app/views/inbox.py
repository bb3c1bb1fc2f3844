"""The inbox: everything that waits for somebody, since when, until when, what happens then, and what to type."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from baton.app.bootstrap import read_state
from baton.app.declared import load_owned
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
PAGE = 25
"""Items that a page shows."""


@dataclass(frozen=True, slots=True)
class Pile:
    """A page of what waits: its items, how many there are of each type in all, and how many of the most urgent can be paged through."""

    items: tuple[Item, ...]
    counts: Mapping[str, int]
    place: int
    reach: int

    @property
    def total(self) -> int:
        """Everything that waits, of every type."""
        return sum(self.counts.values())

    @property
    def following(self) -> int | None:
        """Where the next page begins; None on the last."""
        after = self.place + len(self.items)
        return after if after < self.reach else None


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
    return [told() for _, told in _urgent(state, team, at, person)[:AT_MOST]]


def pile(state: StateReader, team: Team, at: datetime, person: str | None = None, type: str = "", place: int = 0) -> Pile:
    """A page of what `items` tells, from `place` on; only of one type when it is named."""
    rows = {each: _shelf(each, state, team, at, person) for each in TYPES}
    chosen = [row for each in TYPES if type in ("", each) for row in rows[each]]
    urgent = sorted(chosen, key=lambda row: row[0])[:AT_MOST]
    counts = {each: _in_all(state, each, len(rows[each]), person) for each in TYPES}
    return Pile(tuple(told() for _, told in urgent[place : place + PAGE]), counts, place, len(urgent))


def count(state: StateReader, team: Team, at: datetime, person: str) -> int:
    """How many things wait on a person; none is told in full."""
    where = {"consultation": "", "waiting_on": person}
    own = sum(state.counts(Handoff, status=("offered",), where=where).values())
    for other in _standing_in(team, person, at)[1:]:
        own += sum(1 for _ in _handoffs(state, team, at, person, (other,)))
    tasks = sum(state.counts(Task, status=("open",), where={"owner": person}).values())
    asked = sum(1 for _ in _consultations(state, person)) + sum(1 for _ in _approvals(state, team, at, person))
    return own + asked + tasks


def waits(state: StateReader) -> Counter[str]:
    """How many hand-offs and tasks wait on each person now."""
    found = Counter(state.counts(Handoff, "waiting_on", status=("offered",)))
    found.update(state.counts(Task, "owner", status=("open",)))
    return found


def as_item(team: Team, at: datetime, record: Handoff | Consultation | Approval | Task) -> Item:
    """One thing as the inbox tells it, whether it is still open or not."""
    if isinstance(record, Handoff):
        return _handoff(team, record)
    if isinstance(record, Consultation):
        return _consultation(record)
    if isinstance(record, Task):
        return _task(record)
    return _approval(team, record, _able(team, record, at), at)


def _urgent(state: StateReader, team: Team, at: datetime, person: str | None) -> list[Row]:
    found = (row for each in TYPES for row in _shelf(each, state, team, at, person))
    return sorted(found, key=lambda row: row[0])


def _in_all(state: StateReader, type: str, known: int, person: str | None) -> int:
    """How many there are; the store counts what was not read because it is too much."""
    if known < AT_MOST or type not in ("handoff", "task"):
        return known
    if type == "task":
        return sum(state.counts(Task, status=("open",), where={} if person is None else {"owner": person}).values())
    where = {"consultation": "", **({} if person is None else {"waiting_on": person})}
    return max(known, sum(state.counts(Handoff, status=("offered",), where=where).values()))


def _handoffs(
    state: StateReader, team: Team, at: datetime, person: str | None, asked: tuple[str | None, ...] = ()
) -> Iterator[Row]:
    for who in asked or _standing_in(team, person, at):
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
        able = _able(team, each, at)
        if person is None or person in able:
            yield NO_DEADLINE + iso(each.requested_at), partial(_approval, team, each, able, at)


def _able(team: Team, each: Approval, at: datetime) -> tuple[str, ...]:
    signed = {signature.by for signature in each.given}
    return tuple(name for name in approvers(team, each, at) if name not in signed)


def _tasks(state: StateReader, person: str | None) -> Iterator[Row]:
    where = {} if person is None else {"owner": person}
    for each in state.earliest(Task, "opened_at", status=("open",), where=where, limit=AT_MOST):
        yield NO_DEADLINE + iso(each.opened_at), partial(_task, each)


TYPES = ("handoff", "consultation", "approval", "task")
"""What can wait on somebody."""


def _shelf(type: str, state: StateReader, team: Team, at: datetime, person: str | None) -> list[Row]:
    """What waits of one type."""
    if type == "handoff":
        return list(_handoffs(state, team, at, person))
    if type == "consultation":
        return list(_consultations(state, person))
    if type == "approval":
        return list(_approvals(state, team, at, person))
    return list(_tasks(state, person))


def _handoff(team: Team, handoff: Handoff) -> Item:
    plain: Item = msgspec.to_builtins(handoff)
    return plain | {
        "type": "handoff",
        "what": f"{handoff.payload} ({handoff.subject}), from {handoff.giver}",
        "waits_on": [handoff.waiting_on],
        "since": iso(handoff.since),
        "deadline": iso(handoff.deadline),
        "then": _then(team, handoff) if handoff.open else "",
        "do": f"baton accept {handoff.id}",
    }


def _then(team: Team, handoff: Handoff) -> str:
    after = escalated(team, handoff, handoff.deadline)
    return f"it goes to {after.waiting_on}" if after.open else f"it lapses and stays with {handoff.giver}"


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
