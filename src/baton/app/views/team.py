"""The team at a glance: who answers for what and how, who is away, what each letter of the matrix means, what one person holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from baton.app.views.catalogue import catalogue
from baton.ledger.ports import StateReader
from baton.team import coverage as covering
from baton.team.actor import Actor
from baton.team.approval import Approval
from baton.team.consultation import Consultation
from baton.team.coverage import Coverage, Open
from baton.team.departure import Consequence, without
from baton.team.handoff import Handoff
from baton.team.identity import Identity
from baton.team.metrics import Spread, spread
from baton.team.notice import Notice
from baton.team.permission import RIGHTS, Verdict, decide
from baton.team.person import Absence, Delegation, Person
from baton.team.role import Catalogue
from baton.team.task import Task
from baton.team.team import Team

OPEN: Final = 200
"""So many open things of each kind are looked at."""
READ: Final = 1500
"""So many of the newest hand-offs are read for what somebody holds and how fast they answer."""
HELD, LATEST = 10, 25
"""So much in somebody's hands, and so many notices, are told."""
SOON = timedelta(days=30)
"""Absences that begin within this time are told beforehand."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Somebody who is away, or will be soon. `cover` is who stands in by name, empty for nobody."""

    person: str
    since: datetime
    until: datetime
    reason: str
    cover: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the matrix: the letters of a role in a phase, and who wears the role."""

    role: str
    letters: str
    worn_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """One thing in somebody's hands: by which hand-off, and since when."""

    id: str
    payload: str
    subject: str
    since: datetime | None
    offered: bool


@dataclass(frozen=True, slots=True)
class Permission:
    """One action, what it is in words, and whether somebody may do it, with the reason."""

    action: str
    what: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Portrait:
    """One person: as the record has them, what they answer for, hold, were told, and how fast they answer.

    `owns`, `answers` and `works` are phases: by the matrix, now, and as one who does the work. `told` counts all notices.
    """

    person: Person
    account: str
    owns: tuple[str, ...]
    answers: tuple[str, ...]
    works: tuple[str, ...]
    deputy_of: tuple[str, ...]
    held: tuple[Held, ...]
    speed: Spread
    notices: tuple[Notice, ...]
    told: int
    rights: tuple[Permission, ...]


@cache
def _catalogue() -> Catalogue:
    """The catalogue that is shipped; it does not change while a process runs."""
    return catalogue()


def waiting(records: StateReader, most: int = OPEN) -> Open:
    """What is open and waits on people, the most urgent of each kind."""
    return Open(
        tuple(records.earliest(Handoff, "deadline", status=("offered",), limit=most)),
        tuple(records.earliest(Approval, "requested_at", status=("requested",), limit=most)),
        tuple(records.earliest(Consultation, "deadline", status=("open",), limit=most)),
        tuple(records.earliest(Task, "opened_at", status=("open",), limit=most)),
    )


def coverage(records: StateReader, team: Team, at: datetime) -> Coverage:
    """Who covers what at an instant, each person's load, and what the team lacks."""
    return covering.coverage(team, at, waiting(records), _catalogue().essential)


def departure(records: StateReader, team: Team, at: datetime, names: Sequence[str]) -> tuple[Consequence, ...]:
    """What follows when these people leave or are away. Raises NotFound for an unknown name."""
    return without(team, names, at, waiting(records)) if names else ()


def stage_for(skill: str) -> str:
    """Where in the roadmap a skill is learnt, empty when it is in none."""
    return str(_catalogue().stage_for(skill) or "")


def away(team: Team, at: datetime) -> list[Gone]:
    """Who is away now or within a month, in the order in which they go."""
    found = [
        Gone(person.id, each.since, each.until, each.reason, next((deputy.id for deputy in team.deputies(person)), ""))
        for person in team.active
        for each in person.absences
        if each.until > at and each.since < at + SOON
    ]
    return sorted(found, key=lambda each: (each.since, each.person))


def columns(team: Team) -> tuple[str, ...]:
    """The roles of the matrix, in its order, and after them those that people wear without a column."""
    named = (role for row in team.matrix.values() for role in row)
    worn = (role for person in team.active for role in person.roles)
    return tuple(dict.fromkeys((*named, *worn)))


def matrix(team: Team) -> list[tuple[str, tuple[Cell, ...]]]:
    """The rows of the matrix: a phase with its cells in the order of `columns`."""
    worn = {role: tuple(person.id for person in team.wearing(role)) for role in columns(team)}
    return [
        (phase, tuple(Cell(role, row.get(role, ""), worn[role]) for role in columns(team))) for phase, row in team.matrix.items()
    ]


def portrait(records: StateReader, team: Team, at: datetime, name: str) -> Portrait:
    """One person of the team. Raises NotFound with the nearest name."""
    person = team.known(name)
    owners = {phase: next((each.id for each in team.bearing(phase, "A")), "") for phase in team.matrix}
    known = {phase: covering.answers(team, phase, at) for phase in team.matrix}
    identity = records.get(Identity, name)
    newest = records.latest(Handoff, limit=READ)
    return Portrait(
        person=person,
        account=identity.status if identity is not None else "",
        owns=tuple(phase for phase, owner in owners.items() if owner == name),
        answers=tuple(phase for phase, found in known.items() if found is not None and found.person.id == name),
        works=tuple(phase for phase in team.matrix if person in team.bearing(phase, "R")),
        deputy_of=tuple(each.id for each in team.active if each.deputy == name),
        held=_held(newest, name),
        speed=spread(
            [each.answered_at - each.since for each in newest if each.answered_by == name and each.answered_at is not None]
        ),
        notices=tuple(records.latest(Notice, where={"to": name}, limit=LATEST)),
        told=sum(records.counts(Notice, where={"to": name}).values()),
        rights=tuple(
            Permission(right.action, right.what, decide(team, Actor(name), right.action, at)) for right in RIGHTS.values()
        ),
    )


def _held(newest: Sequence[Handoff], name: str) -> tuple[Held, ...]:
    """What somebody offered and nobody took yet, then what they took and did not hand on."""
    last: dict[str, Handoff] = {}
    for each in newest:
        last.setdefault(each.subject, each)
    mine = [each for each in last.values() if each.holder == name]
    offered = [Held(each.id, each.payload, each.subject, each.since, True) for each in mine if each.open]
    taken = [Held(each.id, each.payload, each.subject, each.answered_at, False) for each in mine if each.status == "accepted"]
    return (*offered, *taken)[:HELD]


def current(person: Person, at: datetime) -> tuple[tuple[Absence, ...], tuple[Delegation, ...]]:
    """Absences and delegations that hold or will."""
    return (
        tuple(each for each in person.absences if each.until > at),
        tuple(each for each in person.delegations if each.until > at),
    )


def masked(contact: str) -> str:
    """A channel address for whoever may not see it: its kind alone."""
    scheme, sign, _ = contact.partition(":")
    return f"{scheme}:…" if sign else "…"
