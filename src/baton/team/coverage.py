"""Coverage: who answers for each phase at an instant and who comes next, each person's load, and what the team lacks.

Pure: from the team, what is open, and an instant. Works on a declared team as on a recorded one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from baton.kernel.errors import Refused
from baton.team.approval import Approval, approvers
from baton.team.consultation import Consultation
from baton.team.handoff import Handoff
from baton.team.person import Absence, Person, absent
from baton.team.raci import role_with
from baton.team.role import missing
from baton.team.task import Task
from baton.team.team import Accountable, Team

Essential: TypeAlias = Callable[[str], tuple[str, ...]]
"""The essential skills of a role."""

NEVER = datetime.max.replace(tzinfo=UTC)
"""The end of an absence that is only thought of."""


@dataclass(frozen=True, slots=True)
class Open:
    """What is open and waits on people: hand-offs, approvals, consultations and tasks."""

    handoffs: tuple[Handoff, ...] = ()
    approvals: tuple[Approval, ...] = ()
    consultations: tuple[Consultation, ...] = ()
    tasks: tuple[Task, ...] = ()

    def waiting_on(self, team: Team, name: str, at: datetime) -> tuple[str, ...]:
        """The ids of everything that waits on a person, alone or with others."""
        return (
            *(each.id for each in self.handoffs if each.waiting_on == name),
            *(each.id for each in self.approvals if name in may_sign(team, each, at)),
            *(each.id for each in self.consultations if name in each.missing),
            *(each.id for each in self.tasks if each.owner == name),
        )


@dataclass(frozen=True, slots=True)
class Cover:
    """One phase. `owner` is whom the matrix names, `accountable` who answers now and by which way, `next` who would after them.

    Names are empty when there is nobody. `able` are all whose own role lets them do it or answer for it: the bus factor is
    their number. `deputies` could besides, while whom they stand in for is away; once that person has left they cannot. `gap` says in words why somebody stands in who was not meant to; `lacks` are the essential skills of the accountable
    role that nobody who wears it declares.
    """

    phase: str
    role: str
    owner: str
    accountable: str
    via: str
    next: str
    next_via: str
    able: tuple[str, ...]
    deputies: tuple[str, ...] = ()
    gap: str = ""
    lacks: tuple[str, ...] = ()

    @property
    def fallback(self) -> bool:
        """Whether somebody answers who is neither the owner nor their chosen delegate."""
        return self.via not in ("owner", "delegate")


@dataclass(frozen=True, slots=True)
class Load:
    """One person: the phases they own by the matrix, answer for now, work in; and the ids of what waits on them."""

    person: str
    reachable: bool
    owns: tuple[str, ...]
    answers: tuple[str, ...]
    works: tuple[str, ...]
    waiting: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every phase and every active person at an instant (UTC)."""

    at: datetime
    phases: tuple[Cover, ...]
    people: tuple[Load, ...]

    @property
    def fallbacks(self) -> int:
        """How many phases somebody answers for who was not meant to."""
        return sum(cover.fallback for cover in self.phases)


def may_sign(team: Team, approval: Approval, at: datetime) -> tuple[str, ...]:
    """Who may approve it and has not yet."""
    signed = {name for each in approval.given for name in (each.by, each.for_whom)}
    return tuple(name for name in approvers(team, approval, at) if name not in signed)


def able(team: Team, phase: str) -> tuple[Person, ...]:
    """Everybody who could do a phase or answer for it: by their own role, or as a deputy."""
    return (*bearers(team, phase), *deputies(team, phase))


def bearers(team: Team, phase: str) -> tuple[Person, ...]:
    """Who wears a phase's accountable or a responsible role: who of them is left when others leave can still do it."""
    return tuple(dict.fromkeys((*team.bearing(phase, "A"), *team.bearing(phase, "R"))))


def deputies(team: Team, phase: str) -> tuple[Person, ...]:
    """Who could do a phase only while whom they stand in for is away: that one's leaving ends it."""
    found = dict.fromkeys(deputy for owner in team.bearing(phase, "A") for deputy in team.deputies(owner))
    own = bearers(team, phase)
    return tuple(person for person in found if person not in own)


def coverage(team: Team, at: datetime, waiting: Open, essential: Essential) -> Coverage:
    """Who covers what at an instant. Skills are judged only when somebody of the team declares any."""
    declared = any(person.skills for person in team.active)
    covers = tuple(_cover(team, phase, at, essential if declared else lambda _: ()) for phase in team.matrix)
    return Coverage(at, covers, tuple(_load(team, person, at, covers, waiting) for person in team.active))


def _cover(team: Team, phase: str, at: datetime, essential: Essential) -> Cover:
    owners, found = team.bearing(phase, "A"), answers(team, phase, at)
    after = answers(being_away(team, (found.person.id,), at), phase, at) if found is not None else None
    role = next(iter(role_with(team.matrix, phase, "A")), "")
    known = tuple(skill for person in team.wearing(role) for skill in person.skills)
    return Cover(
        phase=phase,
        role=role,
        owner=owners[0].id if owners else "",
        accountable=found.person.id if found is not None else "",
        via=found.via if found is not None else "nobody",
        next=after.person.id if after is not None else "",
        next_via=after.via if after is not None else "nobody",
        able=tuple(person.id for person in bearers(team, phase)),
        deputies=tuple(person.id for person in deputies(team, phase)),
        gap=_gap(role, owners, found, at),
        lacks=missing(known, essential(role)) if team.wearing(role) else (),
    )


def _gap(role: str, owners: tuple[Person, ...], found: Accountable | None, at: datetime) -> str:
    if found is None:
        return "nobody of the team is reachable"
    if not owners:
        return f"nobody wears its accountable role {role}"
    if not found.fallback:
        return ""
    return f"{owners[0].id} is away" if owners[0].away(at) else f"{owners[0].id} cannot be reached"


def answers(team: Team, phase: str, at: datetime, subject: str = "") -> Accountable | None:
    """Who answers for a phase, None when nobody can."""
    try:
        return team.accountable(phase, at, subject)
    except Refused:
        return None


def being_away(team: Team, names: Iterable[str], at: datetime) -> Team:
    """The team as if these people were away from that instant on."""
    for name in names:
        person = team.person(name)
        team = team.having(absent(person, Absence(at, NEVER, "as if away"))) if person is not None else team
    return team


def _load(team: Team, person: Person, at: datetime, covers: Iterable[Cover], waiting: Open) -> Load:
    told = tuple(covers)
    return Load(
        person=person.id,
        reachable=person.reachable(at),
        owns=tuple(cover.phase for cover in told if cover.owner == person.id),
        answers=tuple(cover.phase for cover in told if cover.accountable == person.id),
        works=tuple(phase for phase in team.matrix if person in team.bearing(phase, "R")),
        waiting=waiting.waiting_on(team, person.id, at),
    )
