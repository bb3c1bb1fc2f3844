"""The audience of a fact: who is asked and who is told, by one table of rules over the matrix. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from baton.kernel.clock import parse_instant
from baton.ledger.fact import Fact
from baton.team.approval import Matter, approvers, requested
from baton.team.notice import Cause, Notice, notice_id
from baton.team.person import Person
from baton.team.team import Team

Plain: TypeAlias = Mapping[str, Any]
"""The subject's record as the fact left it, as plain values."""
Who: TypeAlias = Callable[[Team, Plain], Iterable[str]]
SEVERE = 2
UNSETTLED = ("offered", "open", "requested")
"""The statuses of what still waits on somebody."""
LONGEST_TITLE, LONGEST_WORDS = 140, 400


@dataclass(frozen=True, slots=True)
class Rule:
    """Who hears of a fact and why. `title` and `then` are filled from the subject's record; `then` is what to type next."""

    who: Who
    why: str
    title: str
    then: str = ""
    asks: bool = False
    probe: bool = False
    when: Callable[[Plain], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person of an audience, and the rule by which they are in it."""

    person: Person
    rule: Rule


def the(name: str) -> Who:
    """The person, or the people, that a field of the record names."""

    def found(_: Team, state: Plain) -> Iterable[str]:
        value = state.get(name) or ()
        return (value,) if isinstance(value, str) else value

    return found


def bearing(letters: str, phase: str) -> Who:
    """Everybody who bears one of the letters in a phase; a phase in braces is a field of the record."""

    def found(team: Team, state: Plain) -> Iterator[str]:
        name = str(state.get(phase[1:-1], "")) if phase.startswith("{") else phase
        return (person.id for letter in letters for person in team.bearing(name, letter)) if name in team.matrix else iter(())

    return found


def _approvers(team: Team, state: Plain) -> Iterable[str]:
    """Everybody who may approve and has not yet, as the rules of approvals tell."""
    at = parse_instant(state["requested_at"])
    matter = Matter(state["action"], state["subject"], "", state["phase"], "", tuple(state["authors"]))
    signed = {signature["by"] for signature in state.get("given", ())}
    return (name for name in approvers(team, requested(matter, "", at, state["need"]), at) if name not in signed)


def _silent(_: Team, state: Plain) -> Iterator[str]:
    """Everybody who is consulted and has said nothing yet."""
    spoken = {comment["by"] for comment in state.get("comments", ())}
    return (name for name in state.get("asked", ()) if name not in spoken)


def _for_a_person(state: Plain) -> bool:
    """Whether an offer needs a person: policy neither takes it nor sends it back, and no consultation stands before it."""
    sound = all(check["passed"] for check in state.get("checks", ()))
    return sound and state["accept"] == "person" and not state.get("consultation")


def _by_policy(state: Plain) -> bool:
    return state.get("answered_by") == "policy"


def _live(state: Plain) -> bool:
    return bool(state["status"] == "live")


_TAKE = Rule(
    the("waiting_on"),
    "it waits on you",
    "Take it? {payload} ({subject})",
    'baton accept {id} --as {waiting_on}   or   baton decline {id} --as {waiting_on} --reason "…"',
    asks=True,
    when=_for_a_person,
)
_DO = Rule(the("owner"), "the task is yours", "To do: {what}", "baton inbox --as {owner}", asks=True)
_ALL_TOLD = "you are informed of this phase"

RULES: Mapping[str, tuple[Rule, ...]] = {
    # asked
    "handoff.offered": (_TAKE,),
    "handoff.consulted": (_TAKE,),
    "handoff.escalated": (
        _TAKE,
        Rule(the("asked"), "you did not answer in time", "It went on to {waiting_on}: {payload} ({subject})"),
    ),
    "consultation.opened": (
        Rule(_silent, "you are consulted", "Your word: {question}", 'baton comment {id} agree|object --reason "…"', asks=True),
    ),
    "task.opened": (_DO,),
    "task.passed-on": (_DO,),
    "approval.requested": (
        Rule(_approvers, "your approval is asked for", "Approve? {what}", "baton approve {id}", asks=True),
    ),
    "approval.granted": (Rule(the("requested_by"), "you asked for it", "Approved: {what}"),),
    "approval.refused": (Rule(the("requested_by"), "you asked for it", "Not approved: {what}"),),
    # told
    "handoff.accepted": (
        Rule(the("giver"), "you gave it", "Taken: {payload} ({subject})"),
        Rule(the("waiting_on"), "policy took it for you: you hold it now", "Yours: {payload} ({subject})", when=_by_policy),
        Rule(bearing("I", "{given_in}"), _ALL_TOLD, "Handed on: {payload} ({subject})"),
    ),
    "handoff.declined": (Rule(the("giver"), "you gave it", "Sent back: {payload} ({subject})"),),
    "handoff.lapsed": (Rule(the("giver"), "you gave it, and nobody took it", "Lapsed: {payload} ({subject})"),),
    "release.started": (Rule(bearing("I", "deploy"), _ALL_TOLD, "Version {version} is live", when=_live),),
    "release.promoted": (Rule(bearing("I", "deploy"), _ALL_TOLD, "Version {version} is live"),),
    "release.restored": (Rule(bearing("AI", "deploy"), "the version before serves again", "Version {version} is live again"),),
    "release.rolled-back": (Rule(bearing("AI", "deploy"), "a version was taken back", "Version {version} rolled back"),),
    "incident.opened": (
        Rule(the("owner"), "the incident is yours", "Incident: {cause}", "baton status"),
        Rule(bearing("AI", "incident"), "you answer for, or are informed of, incidents", "Incident: {cause}"),
    ),
    "incident.resolved": (
        Rule(the("owner"), "the incident was yours", "Resolved: {cause}"),
        Rule(bearing("AI", "incident"), "you answer for, or are informed of, incidents", "Resolved: {cause}"),
    ),
    "turn.failed": (Rule(bearing("AI", "retrain"), "you answer for, or are informed of, retraining", "Turn {number} failed"),),
    "month.closed": (Rule(bearing("I", "monitor"), _ALL_TOLD, "The month {month} is closed"),),
    "person.unreachable": (
        Rule(the("id"), "no channel reached you", "You cannot be reached; others are asked instead", probe=True),
        Rule(bearing("A", "define"), "you answer for the team", "{id} cannot be reached", "give them another contact in baton.yaml"),
    ),
}  # fmt: skip
"""Kinds of facts that people hear of. Where somebody is in two rules of a fact, the first one holds."""


def asks(kind: str) -> bool:
    """Whether something is wanted of anybody when such a fact happens."""
    return any(rule.asks for rule in RULES.get(kind, ()))


def audience(team: Team, fact: Fact, present: Plain | None = None) -> tuple[Recipient, ...]:
    """Who hears of a fact: each once; nobody who left, and nobody of their own act unless something is wanted of them.

    `present` is the subject's record as it is by now; whoever it no longer waits on is not asked. Without it the fact's own
    counts.
    """
    state, found = fact.state or {}, dict[str, Recipient]()
    for rule in RULES.get(fact.kind, ()):
        waits = set(_awaited(rule, team, state if present is None else present)) if rule.asks else set[str]()
        for name in rule.who(team, state) if rule.when(state) else ():
            person = team.person(name)
            if person is not None and name not in found and (name in waits if rule.asks else name != fact.actor):
                found[name] = Recipient(person, rule)
    return tuple(found.values())


def _awaited(rule: Rule, team: Team, present: Plain) -> Iterable[str]:
    return rule.who(team, present) if present.get("status") in UNSETTLED and rule.when(present) else ()


def notices_of(team: Team, fact: Fact, at: datetime, present: Plain | None = None) -> tuple[Notice, ...]:
    """The notices that a fact asks for, pending from `at` on; `present` as in `audience`.

    People who are away get theirs too; it does not ring.
    """
    cause = Cause(fact.kind, fact.subject, fact.effective_at)
    return tuple(_notice(recipient, cause, fact, at) for recipient in audience(team, fact, present))


def _notice(recipient: Recipient, cause: Cause, fact: Fact, at: datetime) -> Notice:
    person, rule, state = recipient.person, recipient.rule, fact.state or {}
    severe = isinstance(level := state.get("severity"), int) and level <= SEVERE
    return Notice(
        id=notice_id(cause, person.id),
        status="pending",
        to=person.id,
        why=rule.why,
        title=_line(rule.title.format_map(_Fields(state)), LONGEST_TITLE),
        words=_words(rule, state, fact.reason),
        asks=rule.asks,
        urgent=(rule.asks or severe) and person.reachable(at),
        group=str(state.get("subject") or fact.subject),
        cause=cause,
        created_at=at,
        next_try=at,
        probe=rule.probe,
    )


class _Fields(dict[str, Any]):
    """The record's fields for a text; one that is not there reads as nothing."""

    def __missing__(self, key: str) -> str:
        return ""


def _words(rule: Rule, state: Plain, reason: str) -> str:
    until = str(state.get("deadline") or "")[:16].replace("T", " ")
    lines = [_line(reason, LONGEST_WORDS), f"until {until} UTC" if rule.asks and until else ""]
    return "\n".join(line for line in (*lines, rule.then.format_map(_Fields(state))) if line)


def _line(text: str, longest: int) -> str:
    """One line of printable text: what comes from outside must not add lines to a message, nor headers to a mail."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
