"""A look at what a hand-off is pinned to, and another round when it is no longer what was offered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from baton.app.alone.desk import Desk
from baton.app.alone.offer import ruled
from baton.app.alone.view import found
from baton.app.alone.wording import STALE
from baton.app.bootstrap import open_references
from baton.app.lifecycle.offering import renew
from baton.app.lifecycle.office import Office
from baton.app.seat import Seat
from baton.kernel.errors import Conflict, Corrupt, InvalidInput, NotFound
from baton.project.ownership import EdgeRule, Ownership
from baton.team.actor import Actor
from baton.team.edge import edges_with
from baton.team.handoff import Handoff, Result
from baton.team.ports import References
from baton.team.reference import ATTESTED, parse


@dataclass(frozen=True, slots=True)
class Look:
    """One pinned artefact as it is now: `same`, `changed`, `gone`, or `stated` when nobody here can look at it."""

    reference: str
    state: str
    then: str
    now: str = ""
    why: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def look(references: References, handoff: Handoff) -> tuple[Look, ...]:
    """Everything that a hand-off is pinned to, looked at now. Raises Unavailable when somebody does not answer."""
    return tuple(_look(references, name, digest, handoff) for name, digest in sorted(handoff.pin.items()))


def _look(references: References, name: str, then: str, handoff: Handoff) -> Look:
    try:
        reference = parse(name)
    except InvalidInput:
        return Look(name, "stated", then, why="pinned by the loop")
    if reference.kind == ATTESTED:
        return Look(name, "stated", then, why=f"as {handoff.evidence.get('offered_by', handoff.giver)} stated it")
    try:
        seen = references.pin(reference)
    except NotFound as error:
        return Look(name, "gone", then, why=f"{error.what} ({error.where})")
    except Corrupt as error:
        return Look(name, "changed", then, why=error.why)
    state = "same" if (str(seen.reference), seen.digest) == (name, then) else "changed"
    return Look(name, state, then, seen.digest, facts=seen.facts)


def renewable(looked: Sequence[Look]) -> bool:
    """Whether everything that changed can be pinned as it is now."""
    return all(each.now for each in looked if each.state in ("changed", "gone"))


def assert_as_offered(here: Seat, handoff: Handoff) -> None:
    """Raise Conflict when something that an open hand-off is pinned to is no longer what was offered.

    What can be pinned as it is now is offered anew, and waits for another look.
    """
    looked = look(open_references(here.project), handoff) if handoff.pin else ()
    if all(each.state in ("same", "stated") for each in looked):
        return
    what, why = f"{handoff.id} cannot be accepted: it is not what was offered", changes(looked)
    if not renewable(looked):
        raise Conflict(what, where=handoff.payload, why=why, fix="bring back what was offered, or let it be offered again")
    made = anew(here.office, handoff, looked)
    here.commit()
    told = f"look at what is there now, then: baton handoff accept {made.id}"
    raise Conflict(
        what,
        where=handoff.payload,
        why=f"{why}; it is offered anew as {made.id}",
        fix=told
        if made.open
        else f"its checks must run on what is there now: baton handoff offer --edge {handoff.edge} --subject '{handoff.subject}' …",
    )


def renewed(desk: Desk, id: str, actor: Actor, looked: Sequence[Look]) -> Handoff:
    """Another round of an open offer, pinned to what is there now. Raises Conflict when it is open no more."""
    here = desk.seat(actor)
    handoff = found(here.state, id)
    here.allow("handoff.offer", here.name(handoff.giver), handoff.given_in, handoff.subject)
    if not handoff.open:
        raise Conflict(
            f"{handoff.id} is {handoff.status}: nothing is left to renew",
            why=handoff.reason,
            fix=f"offer what is there now: baton handoff offer --edge {handoff.edge} --subject '{handoff.subject}' …",
        )
    made = anew(here.office, handoff, looked)
    here.commit()
    return made


def anew(office: Office, handoff: Handoff, looked: Sequence[Look]) -> Handoff:
    """The next round, pinned to what was seen. Checks spoke of what was offered before, and say so; alone they decide no more."""
    owned = _with_edge_of(office.owned, handoff)
    office = replace(office, owned=ruled(owned, handoff.edge, "person" if handoff.accept == "person" else "policy"))
    seen = {each.reference: each for each in looked if each.now}
    pin = {name: seen[name].now if name in seen else digest for name, digest in handoff.pin.items()}
    facts = {name: dict(each.facts) for name, each in seen.items()}
    evidence = {**handoff.evidence, "artefacts": {**handoff.evidence.get("artefacts", {}), **facts}}
    checks = handoff.checks
    if checks and STALE not in evidence:
        evidence[STALE] = f"before the change, in round {handoff.round}"
    if checks and handoff.accept != "person":
        words = "did not run on what is offered now"
        checks = tuple(replace(each, passed=False, detail=words) for each in checks)
    return renew(office, handoff, Result(handoff.subject, evidence, checks, pin), changes(looked))


def _with_edge_of(owned: Ownership, handoff: Handoff) -> Ownership:
    if handoff.edge in edges_with(owned.edges):
        return owned
    rule = EdgeRule(giver=handoff.given_in, receiver=handoff.taken_in, payload=handoff.payload)
    return owned.model_copy(update={"edges": {**owned.edges, handoff.edge: rule}})


def changes(looked: Sequence[Look]) -> str:
    """What is no longer as it was offered, in words."""
    return "; ".join(f"{each.reference} {each.state}" for each in looked if each.state in ("changed", "gone"))
