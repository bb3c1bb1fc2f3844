"""Tenure: who was accountable for each phase over recorded time, proved by replaying the ledger's facts about charter and people.

Whoever answers changes only where a fact is recorded or an absence or a delegation begins or ends. Between two such
instants one look is enough, so a finite number of looks covers every instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import TypeAlias

from baton.kernel.errors import Refused
from baton.project.phase import PHASES
from baton.team.charter import Charter, team_under
from baton.team.person import Delegation, Person
from baton.team.team import Team

Key: TypeAlias = tuple[str, str]
"""A phase, and a subject that some delegation names; empty for every other subject."""

ORPHAN = "nobody"
"""How a phase is answered for when nobody is: what must never be."""


@dataclass(frozen=True, slots=True)
class Became:
    """A charter or a person as a fact left them, at the instant when it was recorded (UTC)."""

    at: datetime
    record: Charter | Person


@dataclass(frozen=True, slots=True)
class Tenure:
    """One stretch of time, from `since` up to `until`, in which one person answered for a phase by one way.

    `person` is empty when nobody could: an orphan.
    """

    phase: str
    subject: str
    person: str
    via: str
    since: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        """How long it lasted."""
        return self.until - self.since

    @property
    def fallback(self) -> bool:
        """Whether somebody answered who was neither the owner nor their chosen delegate."""
        return self.via not in ("owner", "delegate")


@dataclass(frozen=True, slots=True)
class Proof:
    """Every tenure in order, how many instants were looked at, and from when until when."""

    tenures: tuple[Tenure, ...]
    looks: int
    since: datetime | None
    until: datetime

    @property
    def orphaned(self) -> timedelta:
        """How long phases had nobody, summed over phases; zero is the promise."""
        return sum((each.length for each in self.tenures if not each.person), timedelta())

    @property
    def fallbacks(self) -> tuple[Tenure, ...]:
        """The stretches in which somebody stood in who was not meant to."""
        return tuple(each for each in self.tenures if each.fallback and each.person)

    @property
    def torn(self) -> tuple[tuple[Tenure, Tenure], ...]:
        """Neighbours of one phase between which time is missing or counted twice; none is the promise."""
        own = groupby(sorted(self.tenures, key=_place), key=lambda each: (each.phase, each.subject))
        return tuple(pair for _, group in own for pair in pairwise(group) if pair[0].until != pair[1].since)


def _place(tenure: Tenure) -> tuple[int, str, datetime]:
    return PHASES.index(tenure.phase), tenure.subject, tenure.since


def prove(history: Iterable[Became], until: datetime) -> Proof:
    """Replay facts in their order and tell who answered for what up to, not including, `until`.

    Facts of one instant count together: a commit is whole or not at all. A clock that went back does not turn time back:
    such a fact counts from the latest instant before it. Time begins with the first charter that has people.
    """
    known = tuple(_forward(history))
    subjects = ("", *sorted({each.subject for fact in known for each in _delegations(fact.record) if each.subject}))
    running: dict[Key, Tenure] = {}
    closed: list[Tenure] = []
    looks, first = 0, None
    for team, since, before in _standing(known, until):
        first = first or since
        for begins, ends in pairwise((since, *_borders(team, since, before), before)):
            looks += 1
            for key in ((phase, subject) for phase in team.matrix for subject in subjects):
                _follow(running, closed, _look(team, key, begins, ends))
    closed += running.values()
    return Proof(tuple(sorted(closed, key=_place)), looks, first, until)


def _forward(history: Iterable[Became]) -> Iterator[Became]:
    latest: datetime | None = None
    for each in history:
        latest = each.at if latest is None else max(latest, each.at)
        yield replace(each, at=latest)


def _delegations(record: Charter | Person) -> Iterator[Delegation]:
    yield from () if isinstance(record, Charter) else record.delegations


def _standing(known: tuple[Became, ...], until: datetime) -> Iterator[tuple[Team, datetime, datetime]]:
    """The team after each instant with a fact, and until when it stood."""
    charter: Charter | None = None
    people: dict[str, Person] = {}
    moments = [(at, tuple(group)) for at, group in groupby(known, key=lambda fact: fact.at)]
    for number, (at, group) in enumerate(moments):
        for record in (fact.record for fact in group):
            if isinstance(record, Charter):
                charter = record
            else:
                people[record.id] = record
        before = min(moments[number + 1][0], until) if number + 1 < len(moments) else until
        if charter is not None and people and at < before:
            yield team_under(charter, people.values()), at, before


def _borders(team: Team, since: datetime, before: datetime) -> list[datetime]:
    """The instants in between at which an absence or a delegation begins or ends."""
    away = {moment for person in team.active for each in person.absences for moment in (each.since, each.until)}
    given = {moment for person in team.active for each in person.delegations for moment in (each.since, each.until)}
    return sorted(moment for moment in away | given if since < moment < before)


def _look(team: Team, key: Key, since: datetime, until: datetime) -> Tenure:
    phase, subject = key
    try:
        found = team.accountable(phase, since, subject)
    except Refused:
        return Tenure(phase, subject, "", ORPHAN, since, until)
    return Tenure(phase, subject, found.person.id, found.via, since, until)


def _follow(running: dict[Key, Tenure], closed: list[Tenure], seen: Tenure) -> None:
    """Prolong the tenure that goes on, or close it and begin the next."""
    key = (seen.phase, seen.subject)
    known = running.get(key)
    if known is not None and (known.person, known.via, known.until) == (seen.person, seen.via, seen.since):
        running[key] = replace(known, until=seen.until)
        return
    if known is not None:
        closed.append(known)
    running[key] = seen


def totals(proof: Proof) -> Mapping[str, timedelta]:
    """How long each way of answering held, summed over phases."""
    found: dict[str, timedelta] = {}
    for each in proof.tenures:
        found[each.via] = found.get(each.via, timedelta()) + each.length
    return found
