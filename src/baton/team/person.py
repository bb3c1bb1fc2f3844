"""A person of the team as the ledger knows them: hats, reach, absences, delegations, and whether they have left.

    active ──leave──▶ left ──return──▶ active

Being away, out of reach or delegating is not a status but an interval: it begins and ends by the clock, with no further act.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, TypeVar

from baton.kernel.clock import iso
from baton.kernel.errors import Conflict, InvalidInput
from baton.ledger.fact import Together

if TYPE_CHECKING:
    from baton.project.ownership import Member


@dataclass(frozen=True, slots=True)
class Absence:
    """A declared absence: from `since` on, up to but not including `until` (UTC)."""

    since: datetime
    until: datetime
    reason: str = ""

    def covers(self, at: datetime) -> bool:
        """Whether the person is away at that instant."""
        return self.since <= at < self.until


@dataclass(frozen=True, slots=True)
class Delegation:
    """Duties given to another person for a time: those of `phases` (all when empty), about `subject` (any when empty)."""

    to: str
    since: datetime
    until: datetime
    phases: tuple[str, ...] = ()
    subject: str = ""
    reason: str = ""

    def covers(self, at: datetime, phase: str, subject: str = "") -> bool:
        """Whether it holds at that instant for that phase and subject."""
        fits = (not self.phases or phase in self.phases) and self.subject in ("", subject)
        return fits and self.since <= at < self.until


Span = TypeVar("Span", Absence, Delegation)


@dataclass(frozen=True, slots=True)
class Person(Together):
    """One person. `id` is the name, `rank` the place among the declared people (earlier comes first where two fit).

    `contacts` are channel addresses (`mailto:`, `slack://`, `https://` …); without one the inbox is the only channel.
    `unreachable_since` is set when every channel failed and cleared when one delivers. `gone` tells why they left:
    `removed` from the project's file, or `left` by an act that the file cannot undo.
    """

    KIND: ClassVar[str] = "person"
    id: str
    status: str
    rank: int
    roles: tuple[str, ...]
    contacts: tuple[str, ...] = ()
    deputy: str = ""
    skills: tuple[str, ...] = ()
    handles: tuple[tuple[str, str], ...] = ()
    absences: tuple[Absence, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    unreachable_since: datetime | None = None
    gone: str = ""

    @property
    def name(self) -> str:
        """The name, which is the id."""
        return self.id

    def away(self, at: datetime) -> bool:
        """Whether a declared absence covers that instant."""
        return any(absence.covers(at) for absence in self.absences)

    def reachable(self, at: datetime) -> bool:
        """Active, not away, and not out of reach on every channel."""
        return self.status == "active" and self.unreachable_since is None and not self.away(at)

    def delegate(self, at: datetime, phase: str, subject: str = "") -> str:
        """The name of whoever the person gave this duty to at that instant; the latest delegation that holds wins."""
        holding = (each.to for each in reversed(self.delegations) if each.covers(at, phase, subject))
        return next(holding, "")


def declared(member: Member, rank: int, roles: tuple[str, ...] = ()) -> Person:
    """A person as the project declares them; `roles` are further hats that come from their teams."""
    return Person(
        id=member.name,
        status="active",
        rank=rank,
        roles=tuple(dict.fromkeys((*member.roles, *roles))),
        contacts=tuple(filter(None, (member.contact, *member.contacts))),
        deputy=member.deputy or "",
        skills=member.skills,
        handles=tuple(sorted(member.handles.items())),
    )


def redeclared(known: Person, anew: Person) -> Person:
    """What the project declares now, with the absences, delegations and reach that the ledger holds."""
    return replace(anew, absences=known.absences, delegations=known.delegations, unreachable_since=known.unreachable_since)


def left(person: Person, gone: str = "left") -> Person:
    """The person once they have left: no duty, no absence, no delegation remains. Raises Conflict when they left before."""
    if person.status == "left":
        raise Conflict(f"{person.name} has already left", fix="baton team coverage")
    return replace(person, status="left", absences=(), delegations=(), unreachable_since=None, gone=gone)


def returned(person: Person) -> Person:
    """The person back in the team. Raises Conflict when they never left."""
    if person.status != "left":
        raise Conflict(f"{person.name} has not left", fix="baton team coverage")
    return replace(person, status="active", gone="")


def absent(person: Person, absence: Absence) -> Person:
    """The person with one more absence. Raises InvalidInput when it ends before it begins."""
    return replace(person, absences=(*person.absences, _ordered(absence)))


def delegating(person: Person, delegation: Delegation) -> Person:
    """The person with one more delegation; whether it closes a loop is the team's business.

    Raises InvalidInput when it ends before it begins or names the person themselves.
    """
    if delegation.to == person.name:
        raise InvalidInput(f"{person.name} cannot delegate to themselves", where="--to", fix="name another person of the team")
    return replace(person, delegations=(*person.delegations, _ordered(delegation)))


def back(person: Person, at: datetime) -> Person:
    """The person with every absence ended at that instant."""
    ended = (replace(each, until=min(each.until, at)) for each in person.absences)
    return replace(person, absences=tuple(each for each in ended if each.since < each.until))


def _ordered(interval: Span) -> Span:
    if interval.since >= interval.until:
        raise InvalidInput(
            f"the time from {iso(interval.since)} until {iso(interval.until)} is empty",
            where="--until",
            fix="name an end after the beginning, e.g. --until 2026-12-24",
        )
    return interval
