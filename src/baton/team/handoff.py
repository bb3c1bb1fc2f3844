"""Hand-offs: a result is offered with evidence and a deadline, checked, and accepted, declined, or escalated.

Every function here is pure: from a hand-off and the team to the hand-off as it becomes. The giver stays holder until
acceptance.

    offered ──accept──▶ accepted          offered ──decline──▶ declined
    offered ──deadline──▶ offered to the next in the chain (level + 1) … ──chain at its end──▶ lapsed
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from baton.kernel.errors import Conflict, Refused
from baton.kernel.ids import derived_id
from baton.team.raci import Team

if TYPE_CHECKING:
    from baton.project.definition import HandoffRule


@dataclass(frozen=True, slots=True)
class Edge:
    """One agreed hand-off of the lifecycle: from phase to phase, and the payload in the words both ends use."""

    name: str
    giver: str
    receiver: str
    payload: str


EDGES = {
    edge.name: edge
    for edge in (
        Edge("problem", "define", "ingest", "problem definition and data requirements"),
        Edge("data", "validate", "features", "clean validated data available"),
        Edge("training-set", "features", "train", "training set, known-time correct"),
        Edge("candidate", "evaluate", "register", "validated model ready for production"),
        Edge("bundle", "package", "deploy", "packaged model ready for deployment"),
        Edge("release", "deploy", "monitor", "released model and its objectives"),
        Edge("incident", "monitor", "incident", "incident with evidence and blast radius"),
        Edge("retraining", "incident", "retrain", "decision to retrain"),
        Edge("report", "monitor", "define", "model performance and value of the month"),
    )
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing the evidence must show, and whether it did."""

    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Handoff:
    """One result on its way from a giver to a receiver.

    `waiting_on` is who must answer now, `level` how often it was escalated, `asked` everybody who was asked and let it
    expire. Times are UTC.
    """

    KIND: ClassVar[str] = "handoff"
    id: str
    status: str
    edge: str
    subject: str
    payload: str
    giver: str
    receiver: str
    waiting_on: str
    accept: str
    offered_at: datetime
    since: datetime
    deadline: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    level: int = 0
    asked: tuple[str, ...] = ()
    answered_by: str = ""
    answered_at: datetime | None = None
    reason: str = ""

    @property
    def open(self) -> bool:
        """Whether somebody still has to answer."""
        return self.status == "offered"


def offer(
    team: Team, edge: str, subject: str, at: datetime, rule: HandoffRule, evidence: Mapping[str, Any], checks: tuple[Check, ...]
) -> Handoff:
    """Offer a result along an edge: from the responsible of the giving phase to the accountable of the receiving one."""
    between = EDGES[edge]
    receiver = team.accountable(between.receiver).name
    return Handoff(
        id=derived_id("handoff", edge, subject),
        status="offered",
        edge=edge,
        subject=subject,
        payload=between.payload,
        giver=team.responsible(between.giver).name,
        receiver=receiver,
        waiting_on=receiver,
        accept=rule.accept,
        offered_at=at,
        since=at,
        deadline=at + rule.within,
        evidence=evidence,
        checks=checks,
    )


def by_policy(handoff: Handoff, at: datetime) -> Handoff:
    """What policy makes of an offer: failed checks decline it, passed ones accept it unless a person must.

    Raises Conflict when it was answered before.
    """
    failed = [check for check in _unanswered(handoff).checks if not check.passed]
    if failed:
        return replace(
            handoff,
            status="declined",
            answered_by="policy",
            answered_at=at,
            reason="; ".join(f"{check.name}: {check.detail}" for check in failed),
        )
    if handoff.accept == "policy":
        return replace(
            handoff, status="accepted", answered_by="policy", answered_at=at, reason=f"all {len(handoff.checks)} checks passed"
        )
    return handoff


def accepted(handoff: Handoff, by: str, at: datetime, reason: str = "") -> Handoff:
    """The hand-off once a person took it. Raises Conflict when it was answered before, Refused when it waits on another."""
    return replace(_answerable(handoff, by), status="accepted", answered_by=by, answered_at=at, reason=reason or "accepted")


def declined(handoff: Handoff, by: str, at: datetime, reason: str) -> Handoff:
    """The hand-off once a person sent it back. A reason is required (Refused without one)."""
    if not reason.strip():
        raise Refused(
            "a decline needs a reason",
            where=handoff.id,
            why="the giver must know what to mend",
            fix=f'baton decline {handoff.id} --reason "…"',
        )
    return replace(_answerable(handoff, by), status="declined", answered_by=by, answered_at=at, reason=reason)


def _unanswered(handoff: Handoff) -> Handoff:
    if not handoff.open:
        raise Conflict(
            f"{handoff.id} is already {handoff.status}",
            where=handoff.payload,
            why=f"answered by {handoff.answered_by or 'nobody'}: {handoff.reason}",
            fix="baton inbox",
        )
    return handoff


def _answerable(handoff: Handoff, by: str) -> Handoff:
    if by != _unanswered(handoff).waiting_on:
        raise Refused(
            f"{handoff.id} waits on {handoff.waiting_on}, not on {by}",
            where=handoff.payload,
            fix=f"baton accept {handoff.id} --as {handoff.waiting_on}",
        )
    return handoff


def escalated(team: Team, handoff: Handoff, at: datetime, within: timedelta) -> Handoff:
    """One step along the chain: receiver → deputy → another accountable of the phase → accountable for `define`.

    Never to somebody who let it expire; at the end of the chain the hand-off lapses and stays with its giver. Raises
    Conflict when it was answered before.
    """
    asked = (*_unanswered(handoff).asked, handoff.waiting_on)
    following = next((name for name in _chain(team, handoff) if name not in asked), None)
    if following is None:
        return replace(handoff, status="lapsed", asked=asked, answered_at=at, reason="nobody along the chain answered")
    return replace(handoff, waiting_on=following, level=handoff.level + 1, asked=asked, since=at, deadline=at + within)


def _chain(team: Team, handoff: Handoff) -> tuple[str, ...]:
    phase = EDGES[handoff.edge].receiver
    receiver = team.person(handoff.receiver)
    deputy = (receiver.deputy,) if receiver is not None and receiver.deputy else ()
    others = tuple(person.name for person in team.people if any("A" in team.matrix[phase].get(role, "") for role in person.roles))
    return (handoff.receiver, *deputy, *others, team.accountable("define").name)
