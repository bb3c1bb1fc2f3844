"""Who may do what, derived from the matrix: R may do, A may approve, C may comment, I may read. What has no entry is denied.

The command line, the API and the console ask `decide`, and nothing else decides. A letter counts when a role of the
person bears it, when somebody who bears it delegated the duty to them, or when the phase falls to them as accountable.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from baton.kernel.errors import InvalidInput, Refused
from baton.kernel.suggest import did_you_mean
from baton.ledger.fact import KEEPER
from baton.project.phase import PHASES
from baton.team.actor import Actor
from baton.team.person import Person
from baton.team.team import Team

ANYBODY = ("R", "A", "C", "I")
WORK = ("R", "A")
VOICE = ("R", "A", "C")
INFORMED = "I"


@dataclass(frozen=True, slots=True)
class Right:
    """One action: the letters that carry it, in a phase (any phase when empty), and whether services may have it.

    `outside` ones need no person: they happen before there is a team, or are open on this machine. `what` says it in words.
    """

    action: str
    letters: tuple[str, ...]
    phase: str = ""
    services: bool = True
    outside: bool = False
    what: str = ""


RIGHTS: Mapping[str, Right] = {
    right.action: right
    for right in (
        Right("project.make", ANYBODY, outside=True, what="make a project"),
        Right("project.check", ANYBODY, outside=True, what="check a project's files"),
        Right("identity.log-in", ANYBODY, outside=True, what="log in and out"),
        Right("serve", ANYBODY, outside=True, what="ask the model server, on this machine or with its token"),
        Right("read", ANYBODY, what="look at everything that is on the record"),
        Right("files.write", WORK, what="write CODEOWNERS"),
        Right("team.self", ANYBODY, services=False, what="say that they are away, back or leaving, or delegate"),
        Right(
            "team.change",
            ("A",),
            "define",
            services=False,
            what="say that others are away, back or leaving, or delegate for them",
        ),
        Right("loop.run", WORK, "monitor", what="run the loop"),
        Right("console.run", WORK, "monitor", what="serve the console"),
        Right("version.reproduce", VOICE, "train", what="train a version again and compare"),
        Right("version.delete", WORK, "register", services=False, what="delete the files of a version"),
        Right("handoff.offer", WORK, what="offer a result"),
        Right("handoff.answer", ANYBODY, what="take or decline a hand-off that waits on them"),
        Right("consultation.comment", VOICE, services=False, what="comment when consulted"),
        Right("task.finish", ANYBODY, services=False, what="finish or give up a task of theirs"),
        Right("approval.answer", WORK, services=False, what="approve or refuse"),
        Right("override.ask", WORK, services=False, what="ask to override a gate or a brake, to promote early, or to freeze"),
        Right("score.run", WORK, "deploy", what="score a table or a query"),
        Right("score.publish", WORK, "deploy", services=False, what="publish scores that were withheld"),
        Right("release.roll-back", WORK, "deploy", services=False, what="roll a release back"),
        Right("release.halt", WORK, "incident", services=False, what="pull the kill switch"),
        Right("release.resume", WORK, "incident", services=False, what="end a halt"),
        Right("identity.invite", ("A",), "define", services=False, what="invite people"),
        Right("token.issue", ANYBODY, services=False, what="issue and revoke tokens of their own"),
        Right("token.service", ("A",), "define", services=False, what="make service accounts"),
    )
}
"""Every action there is."""

PROCESSES: Mapping[str, tuple[str, ...]] = {"loop": ("loop.run", "read"), "server": ("serve",), "console": ("console.run",)}
"""The service accounts of Baton's own processes, and what each may do."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided, why, in which role the actor acts, and for whom when the duty was delegated to them."""

    allowed: bool
    reason: str
    role: str = ""
    for_whom: str = ""


def decide(team: Team, actor: Actor, action: str, at: datetime, phase: str = "", subject: str = "") -> Verdict:
    """Whether an actor may do this at an instant, in a phase and about a subject (any when empty)."""
    right = RIGHTS.get(action)
    if right is None:
        return Verdict(False, f"'{action}' is in no rights matrix, and what has no entry is denied")
    if actor.kind not in ("person", "service", KEEPER):
        return Verdict(False, f"'{actor.kind}' is no kind of actor")
    if right.outside:
        return Verdict(True, "open to everybody", "anybody")
    if actor.actions and action not in actor.actions:
        return Verdict(False, f"the token is limited to {', '.join(actor.actions)}")
    if actor.kind == "service":
        return _service(actor, right)
    if actor.kind == KEEPER:
        return Verdict(True, "holds the files of a workspace without identities", KEEPER)
    person = team.person(actor.name)
    if person is None:
        return Verdict(False, f"{actor.name} is not in the team, or has left")
    return _person(team, person, right, at, (right.phase or phase, subject))


def require(team: Team, actor: Actor, action: str, at: datetime, phase: str = "", subject: str = "") -> Verdict:
    """The verdict when it allows the action. Raises Refused with the reason and those who may."""
    verdict = decide(team, actor, action, at, phase, subject)
    if verdict.allowed:
        return verdict
    names = [name for name in permitted(team, action, at, phase, subject) if name != actor.name]
    right = RIGHTS.get(action)
    raise Refused(
        f"{actor.name or 'nobody'} may not {right.what if right and right.what else action}",
        where=f"action {action}" + (f", phase {where}" if (where := (right.phase if right else "") or phase) else ""),
        why=verdict.reason,
        fix=f"let {' or '.join(names[:4])} do it; baton team rights" if names else "baton team rights tells who may do what",
    )


def permitted(team: Team, action: str, at: datetime, phase: str = "", subject: str = "") -> tuple[str, ...]:
    """The names of everybody of the team who may do this now."""
    return tuple(each.id for each in team.active if decide(team, Actor(each.id), action, at, phase, subject).allowed)


def known_actions(names: tuple[str, ...]) -> tuple[str, ...]:
    """Actions as typed, each once and in order. Raises InvalidInput for one that does not exist."""
    for name in names:
        if name not in RIGHTS:
            raise InvalidInput(
                f"there is no action '{name}'", where="--actions", why=did_you_mean(name, RIGHTS), fix="baton team rights"
            )
    return tuple(dict.fromkeys(names))


def _service(actor: Actor, right: Right) -> Verdict:
    if not right.services:
        return Verdict(False, f"{actor.name} is a service account, and only a person may {right.what}")
    if right.action not in actor.actions:
        return Verdict(False, f"service account {actor.name} has no action at all")
    return Verdict(True, f"listed for service account {actor.name}", "service")


def _person(team: Team, person: Person, right: Right, at: datetime, about: tuple[str, str]) -> Verdict:
    phases = (about[0],) if about[0] else PHASES
    for phase in phases:
        if role := carrying(team, person, phase, right.letters):
            return Verdict(True, f"{role} is {team.matrix[phase].get(role, INFORMED)} in {phase}", role)
    for phase in phases:
        for giver in delegators(team, person, at, phase, about[1]):
            if role := carrying(team, giver, phase, right.letters):
                return Verdict(True, f"{giver.id} delegated {phase} to {person.id}", role, giver.id)
    for phase in phases if "A" in right.letters else ():
        if _falls_to(team, person, at, phase, about[1]):
            return Verdict(True, f"{phase} falls to {person.id}", team.role_in(person, phase), _owner(team, phase))
    where = f"in {about[0]}" if about[0] else "in any phase"
    return Verdict(False, f"{person.id} ({', '.join(person.roles)}) bears none of {', '.join(right.letters)} {where}")


def carrying(team: Team, person: Person, phase: str, letters: tuple[str, ...]) -> str:
    """The first role of a person that bears one of the letters in a phase, empty when none does. A role without column is informed."""
    row = team.matrix[phase]
    return next((role for role in person.roles if any(letter in row.get(role, INFORMED) for letter in letters)), "")


def delegators(team: Team, person: Person, at: datetime, phase: str, subject: str) -> Iterator[Person]:
    """Everybody whose duty in a phase ends with this person by the delegations that hold."""
    for giver in team.active:
        if giver.id != person.id and team.delegated(giver, at, phase, subject).id == person.id:
            yield giver


def _owner(team: Team, phase: str) -> str:
    return next((person.id for person in team.bearing(phase, "A")), "")


def _falls_to(team: Team, person: Person, at: datetime, phase: str, subject: str) -> bool:
    try:
        return team.accountable(phase, at, subject).person.id == person.id
    except Refused:
        return False
