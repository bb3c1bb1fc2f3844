"""Consultations: those who are consulted in a phase are asked before a result is taken, within a time, to a quorum.

open ──quorum of comments, or the deadline──▶ settled (proceed | stop)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from baton.kernel.clock import iso
from baton.kernel.errors import Conflict, InvalidInput, Refused
from baton.kernel.ids import derived_id
from baton.team.team import Team

if TYPE_CHECKING:
    from baton.project.ownership import ConsultRule

STANCES = ("agree", "object", "abstain")


@dataclass(frozen=True, slots=True)
class Comment:
    """What one consulted person said: agree, object or abstain, and why."""

    by: str
    stance: str
    words: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Consultation:
    """A question to everybody consulted in `phase`. `default` is what holds when the quorum is not reached in time."""

    KIND: ClassVar[str] = "consultation"
    id: str
    status: str
    about: str
    phase: str
    question: str
    asked: tuple[str, ...]
    quorum: int
    deadline: datetime
    default: str
    opened_at: datetime
    comments: tuple[Comment, ...] = ()
    outcome: str = ""
    reason: str = ""
    settled_at: datetime | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Who was asked and has said nothing yet."""
        return tuple(name for name in self.asked if name not in {comment.by for comment in self.comments})


def consult(
    team: Team, phase: str, about: str, question: str, rule: ConsultRule, at: datetime, without: Iterable[str] = ()
) -> Consultation:
    """Ask everybody who is consulted in a phase, but for those who hold both ends already.

    A quorum larger than the number of people who can be asked is cut to it; with nobody to ask, the default holds at once.
    """
    asked = tuple(person.id for person in team.bearing(phase, "C") if person.id not in set(without))
    made = Consultation(
        id=derived_id("consultation", about, phase),
        status="open",
        about=about,
        phase=phase,
        question=question,
        asked=asked,
        quorum=min(rule.quorum, len(asked)),
        deadline=at + rule.within,
        default=rule.default,
        opened_at=at,
    )
    return made if asked else _settled(made, rule.default, "nobody is consulted in this phase", at)


def commented(consultation: Consultation, by: str, stance: str, words: str, at: datetime) -> Consultation:
    """The consultation with one more voice; settled when that completes the quorum.

    Raises Conflict when it is settled or they spoke before, Refused when they were not asked, InvalidInput for a stance
    that does not exist or an objection without words.
    """
    if consultation.status != "open":
        raise Conflict(f"{consultation.id} is settled: {consultation.outcome}", why=consultation.reason, fix="baton inbox")
    if by not in consultation.asked:
        raise Refused(
            f"{by} was not asked in {consultation.id}",
            where=consultation.question,
            why=f"consulted are {', '.join(consultation.asked)}",
            fix="let one of them comment",
        )
    if by not in consultation.missing:
        raise Conflict(f"{by} has commented on {consultation.id} already", fix="baton inbox")
    if stance not in STANCES:
        raise InvalidInput(f"'{stance}' is no stance", where="comment", fix=f"one of {', '.join(STANCES)}")
    if stance == "object" and not words.strip():
        raise InvalidInput(
            "an objection needs words", where=consultation.id, fix='--reason "what is wrong, and what would mend it"'
        )
    heard = replace(consultation, comments=(*consultation.comments, Comment(by, stance, words, at)))
    return _weighed(heard, at) if len(heard.comments) >= heard.quorum else heard


def _weighed(heard: Consultation, at: datetime) -> Consultation:
    """A consulted voice counts, it does not veto: the majority of stances holds, the default where they balance."""
    against = [comment for comment in heard.comments if comment.stance == "object"]
    balance = sum(comment.stance == "agree" for comment in heard.comments) - len(against)
    outcome = heard.default if balance == 0 else "proceed" if balance > 0 else "stop"
    words = "; ".join(f"{comment.by} objects: {comment.words}" for comment in against) or "nobody objects"
    return _settled(heard, outcome, f"{len(heard.comments)} of {len(heard.asked)} heard; {words}", at)


def expired(consultation: Consultation, at: datetime) -> Consultation:
    """The consultation once its time is over: the declared default holds. Raises Conflict while there is time."""
    if at < consultation.deadline:
        raise Conflict(f"{consultation.id} has time until {iso(consultation.deadline)}", fix="wait, or comment")
    words = f"{len(consultation.comments)} of {consultation.quorum} voices in time; the default holds"
    return _settled(consultation, consultation.default, words, at)


def _settled(consultation: Consultation, outcome: str, reason: str, at: datetime) -> Consultation:
    return replace(consultation, status="settled", outcome=outcome, reason=reason, settled_at=at)
