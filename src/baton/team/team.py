"""A team in force: its people, the matrix that binds their roles to phases, and who answers for what at an instant.

Everything here is a function of the people, the matrix and the instant, so the ledger's facts about people are enough
to tell who was accountable at any time. Exactly one reachable person is accountable for each phase as long as one
person of the team is reachable at all; `assert_covered` refuses the transition that would leave none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from baton.kernel.clock import iso
from baton.kernel.errors import Conflict, InvalidInput, NotFound, Refused
from baton.kernel.suggest import did_you_mean
from baton.project.phase import PHASES
from baton.team.person import Delegation, Person
from baton.team.raci import DEFAULT, Matrix, role_with

_STRENGTH = ("", "I", "C", "A", "R", "RA")


@dataclass(frozen=True, slots=True)
class Accountable:
    """Who answers for a phase. `via` is how it came to them: owner, delegate, deputy, peer, responsible, define, anybody."""

    person: Person
    via: str

    @property
    def fallback(self) -> bool:
        """Whether somebody answers who is not the declared owner or their chosen delegate."""
        return self.via not in ("owner", "delegate")


@dataclass(frozen=True, slots=True)
class Team:
    """The people in declared order, and the matrix; `teams` are named groups of people."""

    people: tuple[Person, ...]
    matrix: Matrix = field(default_factory=lambda: DEFAULT)
    teams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _named: Mapping[str, Person] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_named", {person.id: person for person in self.people if person.status == "active"})

    @property
    def active(self) -> tuple[Person, ...]:
        """Everybody who has not left."""
        return tuple(person for person in self.people if person.status == "active")

    def wearing(self, role: str) -> tuple[Person, ...]:
        """Everybody who wears a role and has not left, in declared order."""
        return tuple(person for person in self.people if role in person.roles and person.status == "active")

    def bearing(self, phase: str, letter: str) -> tuple[Person, ...]:
        """Everybody whose role bears that letter in a phase, each once."""
        found = (person for role in role_with(self.matrix, phase, letter) for person in self.wearing(role))
        return tuple(dict.fromkeys(found))

    def person(self, name: str) -> Person | None:
        """The person of that name, None when there is none or they have left."""
        return self._named.get(name)

    def known(self, name: str) -> Person:
        """The person of that name. Raises NotFound with the nearest one."""
        found = self.person(name)
        if found is None:
            raise NotFound(
                f"nobody is called '{name}'",
                where="people of the team",
                why=did_you_mean(name, [each.id for each in self.active]),
                fix="baton team coverage lists the people",
            )
        return found

    def owner(self, phase: str) -> Person:
        """Who the matrix names as accountable, whether reachable now or not. Raises Refused when nobody wears the role."""
        owners = self.bearing(phase, "A")
        if not owners:
            role = next(iter(role_with(self.matrix, phase, "A")), "")
            raise Refused(
                f"nobody is accountable for '{phase}'",
                where="people in baton.yaml",
                why=f"its accountable role '{role}' is worn by no one",
                fix=f"give a person the role '{role}', or override raci.{phase}",
            )
        return owners[0]

    def accountable(self, phase: str, at: datetime, subject: str = "") -> Accountable:
        """The one reachable person who answers for a phase, about a subject, at an instant.

        In this order: the owner's delegate, the owner, their deputies, others in the accountable role, those who do the
        work, the owner of `define`, anybody. Raises Refused when nobody of the team is reachable.
        """
        for person, via in self._candidates(phase, at, subject):
            if person.reachable(at):
                return Accountable(person, via)
        raise Refused(
            f"nobody can be accountable for '{phase}' at {iso(at)}",
            where="people of the team",
            why="everybody is away, has left or cannot be reached",
            fix="end an absence: baton team back NAME; or add a person to baton.yaml",
        )

    def _candidates(self, phase: str, at: datetime, subject: str) -> Iterator[tuple[Person, str]]:
        owners = self.bearing(phase, "A")
        for place, owner in enumerate(owners):
            given = self.delegated(owner, at, phase, subject)
            if given is not owner:
                yield given, "delegate" if place == 0 else "peer"
            yield owner, "peer" if place else "owner"
            for deputy in self.deputies(owner):
                yield deputy, "deputy"
        for person in self.bearing(phase, "R"):
            yield person, "responsible"
        for person in self.bearing("define", "A"):
            yield person, "define"
            for deputy in self.deputies(person):
                yield deputy, "define"
        for person in self.active:
            yield person, "anybody"

    def delegated(self, person: Person, at: datetime, phase: str, subject: str = "") -> Person:
        """Whoever ends up with a person's duty by the delegations that hold: the person, when there is none."""
        seen, holder = {person.id}, person
        while (to := self.person(holder.delegate(at, phase, subject))) is not None and to.id not in seen:
            seen.add(to.id)
            holder = to
        return holder

    def deputies(self, person: Person) -> Iterator[Person]:
        """The deputy, the deputy's deputy and so on, each once."""
        seen, deputy = {person.id}, self.person(person.deputy)
        while deputy is not None and deputy.id not in seen:
            yield deputy
            seen.add(deputy.id)
            deputy = self.person(deputy.deputy)

    def responsible(self, phase: str, at: datetime) -> Person:
        """The first reachable person who does the work of a phase; the accountable one when there is none."""
        found = next((person for person in self.bearing(phase, "R") if person.reachable(at)), None)
        return found or self.accountable(phase, at).person

    def role_in(self, person: Person, phase: str) -> str:
        """The role in which a person acts in a phase: the one with the strongest letter there, the work before the signature."""
        letters = self.matrix[phase]
        return max(person.roles, key=lambda role: (_STRENGTH.index(letters.get(role, "")), -person.roles.index(role)))

    def having(self, person: Person) -> Team:
        """The team with this person as they became."""
        others = (person if each.id == person.id else each for each in self.people)
        return replace(self, people=tuple(others))


def assert_covered(team: Team, at: datetime) -> None:
    """Raise Refused when, at that instant or at any later one, some phase has nobody who can be accountable.

    Reachability changes only where an absence begins or ends, so those instants are all that must be looked at.
    """
    borders = {each.since for person in team.active for each in person.absences if each.since > at}
    for moment in sorted({at, *borders}):
        if not any(person.reachable(moment) for person in team.active):
            raise Refused(
                f"from {iso(moment)} on nobody would be accountable for {', '.join(PHASES)}",
                where="people of the team",
                why="everybody would be away, gone or out of reach",
                fix="choose another time, or let somebody come back first: baton team back NAME",
            )


def assert_no_loop(team: Team, giver: str, delegation: Delegation) -> None:
    """Raise Conflict when a delegation would give a duty back to its giver, over whatever links hold at the same time."""
    start: tuple[str, ...] = (giver, delegation.to)
    paths, seen = [(start, delegation.since, delegation.until)], set[tuple[str, datetime, datetime]]()
    while paths:
        path, since, until = paths.pop()
        if path[-1] == giver:
            raise Conflict(
                f"the delegation would close a loop: {' → '.join(path)}",
                where="baton team delegate",
                why="a duty that comes back to its giver belongs to nobody",
                fix="delegate to somebody outside the loop, or for a time when the others have ended",
            )
        holder = team.person(path[-1])
        for link in holder.delegations if holder is not None else ():
            begins, ends = max(since, link.since), min(until, link.until)
            if begins < ends and (link.to, begins, ends) not in seen and _share(delegation, link):
                seen.add((link.to, begins, ends))
                paths.append(((*path, link.to), begins, ends))


def _share(one: Delegation, other: Delegation) -> bool:
    """Whether some phase and subject fall under both."""
    phases = not one.phases or not other.phases or bool(set(one.phases) & set(other.phases))
    return phases and (one.subject == other.subject or "" in (one.subject, other.subject))


def phase_named(text: str) -> str:
    """A phase by its name. Raises InvalidInput with the nearest one."""
    if text not in PHASES:
        raise InvalidInput(f"'{text}' is no phase", why=did_you_mean(text, PHASES), fix=f"one of {', '.join(PHASES)}")
    return text
