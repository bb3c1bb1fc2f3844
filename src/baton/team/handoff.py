"""Hand-offs: a result is offered with evidence and a deadline, checked, and accepted, declined, or escalated.

Every function here is pure: from a hand-off and the team to the hand-off as it becomes. The giver stays holder until
acceptance. What is handed over is pinned: when it changed since the offer, the offer is superseded by a new round.

    offered ──accept──▶ accepted       offered ──decline──▶ declined       offered ──subject changed──▶ superseded
    offered ──deadline, or whom it waits on is gone──▶ offered to the next in the chain … ──chain at its end──▶ lapsed
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from baton.kernel.errors import Conflict, Refused
from baton.kernel.ids import derived_id
from baton.ledger.fact import POLICY
from baton.team.edge import Edge
from baton.team.team import Team

if TYPE_CHECKING:
    from baton.project.ownership import HandoffRule


@dataclass(frozen=True, slots=True)
class Check:
    """One thing the evidence must show, and whether it did."""

    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What is handed over: the subject, its evidence, the checks that it must pass, and what it is pinned to by digest."""

    subject: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    pin: Mapping[str, str] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)


@dataclass(frozen=True, slots=True)
class Handoff:
    """One result on its way from a giver to a receiver. Times are UTC.

    `given_in` and `taken_in` are the phases at both ends. `pin` names what is handed over by content digest. `waiting_on`
    is who must answer now, `level` how often it was escalated, `asked` everybody who was asked and did not answer.
    `within` is the time each of them gets, fixed at the offer. `consultation` is the id of one that must settle first.
    """

    KIND: ClassVar[str] = "handoff"
    id: str
    status: str
    edge: str
    subject: str
    payload: str
    given_in: str
    taken_in: str
    giver: str
    receiver: str
    waiting_on: str
    accept: str
    within: timedelta
    offered_at: datetime
    since: datetime
    deadline: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    pin: Mapping[str, str] = field(default_factory=dict)
    round: int = 1
    level: int = 0
    asked: tuple[str, ...] = ()
    consultation: str = ""
    answered_by: str = ""
    answered_at: datetime | None = None
    reason: str = ""

    @property
    def open(self) -> bool:
        """Whether somebody still has to answer."""
        return self.status == "offered"

    @property
    def holder(self) -> str:
        """Who has the subject in hand: the giver until somebody accepts."""
        return self.answered_by_person if self.status == "accepted" else self.giver

    @property
    def answered_by_person(self) -> str:
        """Who took it: the person who answered, or the one it waited on when policy did."""
        return self.waiting_on if self.answered_by in ("", POLICY) else self.answered_by


def handoff_id(edge: str, subject: str, round: int = 1) -> str:
    """The id of an offer's round: the same cause gives the same id."""
    return derived_id("handoff", edge, subject, *(() if round == 1 else (round,)))


def offer(team: Team, edge: Edge, result: Result, at: datetime, rule: HandoffRule, *, giver: str = "", round: int = 1) -> Handoff:
    """Offer a result along an edge: from the responsible of the giving phase to the accountable of the receiving one.

    `giver` names another giver. Nobody is asked to take their own offer as long as somebody else of the chain is reachable.
    """
    gives = giver or team.responsible(edge.giver, at).id
    owner = team.accountable(edge.receiver, at, result.subject).person.id
    receiver = owner
    if rule.accept == "person" and owner == gives:
        receiver = next((name for name in _chain(team, owner, edge.receiver, result.subject, at) if name != gives), owner)
    return Handoff(
        id=handoff_id(edge.name, result.subject, round),
        status="offered",
        edge=edge.name,
        subject=result.subject,
        payload=edge.payload,
        given_in=edge.giver,
        taken_in=edge.receiver,
        giver=gives,
        receiver=receiver,
        waiting_on=receiver,
        accept=rule.accept,
        within=rule.within,
        offered_at=at,
        since=at,
        deadline=at + rule.within,
        evidence=result.evidence,
        checks=result.checks,
        pin=result.pin,
        round=round,
    )


def by_policy(handoff: Handoff, at: datetime) -> Handoff:
    """What policy makes of an offer: failed checks decline it, passed ones accept it unless a person must.

    Raises Conflict when it was answered before.
    """
    if wrong := failed(_unanswered(handoff)):
        words = "; ".join(f"{check.name}: {check.detail}" for check in wrong)
        return _answered(handoff, "declined", POLICY, at, words)
    if handoff.accept == "policy":
        return _answered(handoff, "accepted", POLICY, at, f"all {len(handoff.checks)} checks passed")
    return handoff


def failed(handoff: Handoff) -> tuple[Check, ...]:
    """The checks that did not pass."""
    return tuple(check for check in handoff.checks if not check.passed)


def accepted(team: Team, handoff: Handoff, by: str, at: datetime, reason: str = "") -> Handoff:
    """The hand-off once a person took it.

    Raises Conflict when it was answered before, Refused when it waits on another, a check failed, or the person offered it
    themselves although somebody else could take it.
    """
    _answerable(team, handoff, by, at)
    if wrong := failed(handoff):
        raise Refused(
            f"{handoff.id} cannot be accepted: {len(wrong)} of its checks failed",
            where=handoff.payload,
            why="; ".join(f"{check.name}: {check.detail}" for check in wrong),
            fix=f'baton decline {handoff.id} --reason "what is to be mended"',
        )
    if own_offer(team, handoff, by, at):
        raise Refused(
            f"{by} offered {handoff.id} and cannot take it too",
            where=handoff.payload,
            why="the author of a result does not approve it while somebody else can",
            fix=f"let another person of the team answer; {handoff.deadline:%Y-%m-%d %H:%M} UTC it moves on by itself",
        )
    return _answered(handoff, "accepted", by, at, reason or "accepted")


def own_offer(team: Team, handoff: Handoff, by: str, at: datetime) -> bool:
    """Whether a person would take what they offered themselves although somebody else of the team could."""
    return by == handoff.giver and any(person.reachable(at) and person.id != by for person in team.active)


def declined(team: Team, handoff: Handoff, by: str, at: datetime, reason: str) -> Handoff:
    """The hand-off once a person sent it back. A reason is required (Refused without one)."""
    if not reason.strip():
        raise Refused(
            "a decline needs a reason",
            where=handoff.id,
            why="the giver must know what to mend",
            fix=f'baton decline {handoff.id} --reason "what is to be mended"',
        )
    _answerable(team, handoff, by, at)
    return _answered(handoff, "declined", by, at, reason)


def changed(handoff: Handoff, present: Mapping[str, str]) -> tuple[str, ...]:
    """The names of pinned things that are not what they were at the offer."""
    return tuple(sorted(name for name, digest in handoff.pin.items() if present.get(name, digest) != digest))


def superseded(handoff: Handoff, at: datetime, reason: str) -> Handoff:
    """The hand-off once another round has taken its place. Raises Conflict when it was answered before."""
    return _answered(_unanswered(handoff), "superseded", "", at, reason)


def _answered(handoff: Handoff, status: str, by: str, at: datetime, reason: str) -> Handoff:
    return replace(handoff, status=status, answered_by=by, answered_at=at, reason=reason)


def _unanswered(handoff: Handoff) -> Handoff:
    if not handoff.open:
        raise Conflict(
            f"{handoff.id} is already {handoff.status}",
            where=handoff.payload,
            why=f"answered by {handoff.answered_by or 'nobody'}: {handoff.reason}",
            fix="baton inbox",
        )
    return handoff


def _answerable(team: Team, handoff: Handoff, by: str, at: datetime) -> None:
    if _unanswered(handoff).consultation:
        raise Refused(
            f"{handoff.id} is still being consulted on",
            where=handoff.payload,
            why=f"{handoff.consultation} is open; the time to answer begins when it is settled",
            fix="comment, or wait for it: baton inbox",
        )
    if by not in answerers(team, handoff, at):
        raise Refused(
            f"{handoff.id} waits on {handoff.waiting_on}, not on {by}",
            where=handoff.payload,
            fix=f"let {handoff.waiting_on} answer, or let them delegate: baton team delegate {handoff.waiting_on} {by} --until 2d",
        )


def answerers(team: Team, handoff: Handoff, at: datetime) -> tuple[str, ...]:
    """Who may answer now: the person it waits on, and whoever they delegated the phase to."""
    asked = team.person(handoff.waiting_on)
    if asked is None:
        return ()
    return tuple(dict.fromkeys((asked.id, team.delegated(asked, at, handoff.taken_in, handoff.subject).id)))


def overdue(team: Team, handoff: Handoff, at: datetime) -> str:
    """Why the hand-off must move on now, in words; empty while it may wait."""
    asked = team.person(handoff.waiting_on)
    if asked is None:
        return f"{handoff.waiting_on} has left"
    if not asked.reachable(at) and not any(_reachable(team, name, at) for name in answerers(team, handoff, at)):
        return f"{asked.id} is away" if asked.away(at) else f"{asked.id} cannot be reached"
    return f"{asked.id} did not answer in time" if at >= handoff.deadline else ""


def escalated(team: Team, handoff: Handoff, at: datetime) -> Handoff:
    """One step along the chain: receiver → deputy → another accountable of the phase → accountable for `define`.

    Never to somebody who is away or let it expire; at the end of the chain the hand-off lapses and stays with its giver.
    Raises Conflict when it was answered before.
    """
    asked = (*_unanswered(handoff).asked, handoff.waiting_on)
    chain = _chain(team, handoff.receiver, handoff.taken_in, handoff.subject, at)
    following = next((name for name in chain if name not in asked and name != handoff.giver), None)
    if following is None:
        return replace(handoff, status="lapsed", asked=asked, answered_at=at, reason="nobody along the chain answered")
    return replace(handoff, waiting_on=following, level=handoff.level + 1, asked=asked, since=at, deadline=at + handoff.within)


def _chain(team: Team, receiver: str, phase: str, subject: str, at: datetime) -> Iterator[str]:
    """Everybody along the chain who is reachable, each resolved through the delegations that hold."""
    asked = team.person(receiver)
    deputies = team.deputies(asked) if asked is not None else ()
    ladder = (
        *((asked,) if asked is not None else ()),
        *deputies,
        *team.bearing(phase, "A"),
        team.accountable("define", at).person,
    )
    for person in ladder:
        for each in (team.delegated(person, at, phase, subject), person):
            if each.reachable(at):
                yield each.id


def _reachable(team: Team, name: str, at: datetime) -> bool:
    person = team.person(name)
    return person is not None and person.reachable(at)
