"""Approvals: a promotion, an override or a deletion needs so many different people, none of whom wrote what they approve.

    requested ──enough people──▶ granted ──its time is over──▶ expired
    requested ──one refuses──▶ refused      requested, granted ──withdrawn──▶ withdrawn

Who approves in a phase: its accountable and its responsible, the accountable of the phases that hand over to it or take
from it, and the accountable for `define`. While fewer of them are reachable than are needed it falls further: to the
deputies of the accountable, to those consulted, to anybody of the team. Never to an author of the subject (of a group,
every member), nor to whoever acts for an author by delegation. A person counts once, for themselves or for one other.
Whoever asks for an override has signed by asking, unless the subject is their own work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from baton.kernel.clock import iso
from baton.kernel.errors import Conflict, Refused
from baton.kernel.ids import derived_id
from baton.team.edge import EDGES
from baton.team.permission import carrying, delegators
from baton.team.person import Person
from baton.team.team import Team

MOVES: Mapping[str, frozenset[str]] = {
    "requested": frozenset({"granted", "refused", "withdrawn"}),
    "granted": frozenset({"expired", "withdrawn"}),
    "refused": frozenset(),
    "expired": frozenset(),
    "withdrawn": frozenset(),
}


@dataclass(frozen=True, slots=True)
class Signature:
    """One person's word: in which role, when, and for whom when a duty was delegated to them."""

    by: str
    role: str
    at: datetime
    words: str = ""
    for_whom: str = ""


@dataclass(frozen=True, slots=True)
class Matter:
    """What is to be approved: an action on a subject pinned by digest, in a phase, by whom it was made, in words.

    `valid` is how long the approval lasts, None until it is used or withdrawn.
    """

    action: str
    subject: str
    digest: str
    phase: str
    what: str
    authors: tuple[str, ...] = ()
    valid: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """One request and what people said to it. `need` is how many are asked for; `note` tells when so many cannot be had."""

    KIND: ClassVar[str] = "approval"
    id: str
    status: str
    action: str
    subject: str
    digest: str
    phase: str
    what: str
    requested_by: str
    requested_at: datetime
    need: int
    authors: tuple[str, ...] = ()
    valid: timedelta | None = None
    round: int = 1
    given: tuple[Signature, ...] = ()
    expires_at: datetime | None = None
    decided_at: datetime | None = None
    reason: str = ""
    note: str = ""

    @property
    def open(self) -> bool:
        """Whether people still have to say something."""
        return self.status == "requested"

    def in_force(self, at: datetime) -> bool:
        """Whether it was granted by then and its time is not over."""
        return self.stands(at) and self.decided_at is not None and self.decided_at <= at

    def stands(self, at: datetime) -> bool:
        """Whether it is granted, be it later than that instant, and its time is not over then."""
        return self.status == "granted" and (self.expires_at is None or at < self.expires_at)


def approval_id(matter: Matter, round: int = 1) -> str:
    """The id of a request's round: the same cause gives the same id."""
    return derived_id("approval", matter.action, matter.subject, matter.digest, *(() if round == 1 else (round,)))


def requested(matter: Matter, by: str, at: datetime, need: int, round: int = 1) -> Approval:
    """A new request."""
    return Approval(
        id=approval_id(matter, round),
        status="requested",
        action=matter.action,
        subject=matter.subject,
        digest=matter.digest,
        phase=matter.phase,
        what=matter.what,
        requested_by=by,
        requested_at=at,
        need=need,
        authors=matter.authors,
        valid=matter.valid,
        round=round,
    )


def approved(team: Team, approval: Approval, by: str, at: datetime, words: str = "") -> Approval:
    """The approval with one more signature; granted when that makes enough.

    Raises Conflict when it was decided before or they count already, Refused when they may not approve it.
    """
    signature = _signature(team, _undecided(approval, "granted"), by, at, words)
    signed = replace(approval, given=(*approval.given, signature))
    wanted = needed(team, approval, at)
    if len(signed.given) < wanted:
        return signed
    names = " and ".join(each.by for each in signed.given)
    note = "" if wanted == approval.need else _short(approval.need, wanted)
    expires = None if approval.valid is None else at + approval.valid
    return replace(signed, status="granted", decided_at=at, expires_at=expires, note=note, reason=f"approved by {names}")


def declared(approval: Approval, at: datetime, words: str) -> Approval:
    """The approval granted by being declared, without anybody's signature. Raises Conflict when it was decided before."""
    expires = None if approval.valid is None else at + approval.valid
    granted = replace(_undecided(approval, "granted"), status="granted", decided_at=at, expires_at=expires, reason=words)
    return replace(granted, note="nobody signed it by name")


def _short(need: int, wanted: int) -> str:
    eyes = "four eyes cannot be had" if need == 2 else f"{need} people cannot be had"
    return f"{eyes}: {wanted} person{'s' if wanted > 1 else ''} of the team may approve this"


def refused(team: Team, approval: Approval, by: str, at: datetime, words: str) -> Approval:
    """The approval once somebody who may approve it said no; one no is enough. Raises as `approved` does."""
    if not words.strip():
        raise Refused(
            "a refusal needs a reason", where=approval.id, fix=f'baton refuse {approval.id} --reason "what speaks against it"'
        )
    _signature(team, _undecided(approval, "refused"), by, at, words)
    return replace(approval, status="refused", decided_at=at, reason=f"{by}: {words}")


def expired(approval: Approval, at: datetime) -> Approval:
    """The approval once its time is over. Raises Conflict while there is time."""
    if approval.expires_at is None or at < approval.expires_at:
        raise Conflict(f"{approval.id} has not expired", fix="baton inbox")
    return replace(_undecided(approval, "expired"), status="expired", reason=f"its time was over at {iso(approval.expires_at)}")


def withdrawn(approval: Approval, at: datetime, reason: str) -> Approval:
    """The approval once nothing needs it any more."""
    return replace(_undecided(approval, "withdrawn"), status="withdrawn", decided_at=at, reason=reason)


def _undecided(approval: Approval, status: str) -> Approval:
    if status not in MOVES[approval.status]:
        raise Conflict(f"{approval.id} is already {approval.status}", where=approval.what, why=approval.reason, fix="baton inbox")
    return approval


def needed(team: Team, approval: Approval, at: datetime) -> int:
    """How many people must sign now: as many as were asked for, or all who may when those are fewer; at least one."""
    there = {*approvers(team, approval, at), *(each.by for each in approval.given)}
    return max(1, min(approval.need, len(there)))


def approvers(team: Team, approval: Approval, at: datetime) -> tuple[str, ...]:
    """The names of those who may approve it, the accountable first; the authors themselves when there is nobody else."""
    out = barred(team, approval, at)
    found: dict[str, None] = {}
    for tier, people in enumerate(_tiers(team, approval.phase)):
        if tier and sum(_reachable(team, name, at) for name in found) >= approval.need:
            break
        found.update((person.id, None) for person in people if person.id not in out)
    return tuple(found) or tuple(person.id for person in team.active)


def _tiers(team: Team, phase: str) -> Iterator[list[Person]]:
    joined = [
        edge.giver if edge.receiver == phase else edge.receiver for edge in EDGES.values() if phase in (edge.giver, edge.receiver)
    ]
    accountable = [person for each in (phase, *joined, "define") for person in team.bearing(each, "A")]
    yield [*team.bearing(phase, "A"), *team.bearing(phase, "R"), *accountable]
    yield [deputy for person in team.bearing(phase, "A") for deputy in team.deputies(person)]
    yield list(team.bearing(phase, "C"))
    yield list(team.active)


def _reachable(team: Team, name: str, at: datetime) -> bool:
    person = team.person(name)
    return person is not None and person.reachable(at)


def barred(team: Team, approval: Approval, at: datetime) -> frozenset[str]:
    """Who may not approve: the authors, the members of groups that are, and whoever acts for one of them by delegation."""
    authors = {name for author in approval.authors for name in team.teams.get(author, (author,))}
    return frozenset(name for author in authors for name in _acting_for(team, author, approval, at))


def _acting_for(team: Team, author: str, approval: Approval, at: datetime) -> Iterable[str]:
    seen, holder = {author}, team.person(author)
    while holder is not None and (to := holder.delegate(at, approval.phase, approval.subject)) and to not in seen:
        seen.add(to)
        holder = team.person(to)
    return seen


def _signature(team: Team, approval: Approval, by: str, at: datetime, words: str) -> Signature:
    """The signature of a person, or the refusal of it."""
    person = team.known(by)
    if by in (each.by for each in approval.given) or by in (each.for_whom for each in approval.given):
        raise Conflict(
            f"{by} has approved {approval.id} already", why="a person counts once, whatever hats they wear", fix="baton inbox"
        )
    may = approvers(team, approval, at)
    for_whom = "" if by in may else _for_whom(team, approval, person, at, may)
    if by not in may and not for_whom:
        raise Refused(
            f"{by} may not approve {approval.id}",
            where=approval.what,
            why=_why_not(team, approval, by, at),
            fix=f"let {' or '.join(may[:4])} do it: baton approve {approval.id}",
        )
    named = team.known(for_whom) if for_whom else person
    role = carrying(team, named, approval.phase, ("A", "R")) or team.role_in(named, approval.phase)
    return Signature(by, role, at, words, for_whom)


def _for_whom(team: Team, approval: Approval, person: Person, at: datetime, may: tuple[str, ...]) -> str:
    """Whom a delegate signs for: somebody who may, and has not been counted."""
    if person.id in barred(team, approval, at):
        return ""
    counted = {name for each in approval.given for name in (each.by, each.for_whom)}
    givers = delegators(team, person, at, approval.phase, approval.subject)
    return next((giver.id for giver in givers if giver.id in may and giver.id not in counted), "")


def _why_not(team: Team, approval: Approval, by: str, at: datetime) -> str:
    if by in {name for author in approval.authors for name in team.teams.get(author, (author,))}:
        return f"it is {by}'s own work, and nobody approves their own"
    if by in barred(team, approval, at):
        return f"{by} acts for an author of it by delegation"
    return f"in {approval.phase} {by} is neither accountable nor responsible, nor does it fall to {by}"
