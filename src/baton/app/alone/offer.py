"""Offering at a desk: what is wanted becomes the present round of a hand-off, the same one however often it is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from baton.app.alone.desk import TRIES, Desk
from baton.app.alone.wording import MOST, NAME, RESERVED, STALE, short, words_of
from baton.app.lifecycle.offering import current, edge_named, hand_over, renew
from baton.app.lifecycle.office import Office
from baton.app.seat import Seat
from baton.kernel.errors import Conflict, InvalidInput
from baton.project.ownership import EdgeRule, HandoffRule, Ownership
from baton.project.phase import PHASES
from baton.team.actor import Actor
from baton.team.edge import edges_with
from baton.team.handoff import Check, Handoff, Result
from baton.team.ports import References
from baton.team.reference import Pinned, parse
from baton.team.team import phase_named


@dataclass(frozen=True, slots=True)
class Offer:
    """What somebody wants to hand over. `evidence` are numbers and texts by name, `ran` how each check's command ended.

    `to` and `payload` describe an edge that the team's file does not name. `again` offers once more what was sent back,
    although nothing about it changed.
    """

    edge: str
    subject: str
    artefacts: tuple[Pinned, ...] = ()
    checks: tuple[Check, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    ran: Mapping[str, Any] = field(default_factory=dict)
    to: str = ""
    payload: str = ""
    again: bool = False


def offer(desk: Desk, wanted: Offer, actor: Actor) -> Handoff:
    """The present round of a hand-off. The same offer again is the same hand-off, however often and from wherever it comes.

    What differs from the round that is known begins another one; what was accepted stays so as long as its pins do.
    """
    _assert_fit(wanted)
    desk.move()
    for left in reversed(range(TRIES)):
        here = desk.seat(actor)
        made = _offered(here, _among(here.office, wanted), wanted)
        try:
            if here.draft.changes:
                here.commit()
        except Conflict:
            if not left:
                raise
            continue
        return made
    raise AssertionError("the last try returns or raises")


def _among(office: Office, wanted: Offer) -> Office:
    """The office with the offer's own edge, if it describes one. What no check speaks for waits for a person."""
    owned = with_edge(office.owned, wanted.edge, wanted.to, wanted.payload)
    return replace(office, owned=owned if wanted.checks else ruled(owned, wanted.edge, "person"))


def ruled(owned: Ownership, edge: str, accept: Literal["policy", "person"]) -> Ownership:
    """The rules with an edge that policy, or a person, answers."""
    rule = owned.handoffs.get(edge, HandoffRule()).model_copy(update={"accept": accept})
    return owned.model_copy(update={"handoffs": {**owned.handoffs, edge: rule}})


def with_edge(owned: Ownership, name: str, to: str, payload: str) -> Ownership:
    """The rules with an edge of the offer's own: to the phase `to`, from the one before it.

    Raises InvalidInput when only half of it is named, or an agreed edge is described in other words.
    """
    if not (to or payload):
        return owned
    if not (to and payload):
        raise InvalidInput(
            "an edge of your own needs both ends and their words", where="--to, --payload", fix='--to deploy --payload "…"'
        )
    receiver = phase_named(to)
    known = edges_with(owned.edges).get(name)
    if known is not None and (known.receiver, known.payload) != (receiver, payload):
        raise InvalidInput(
            f"'{name}' is agreed otherwise",
            where=f"edges.{name}",
            why=f"it goes to {known.receiver} with '{known.payload}'; both ends must mean the same thing",
            fix="leave --to and --payload out, or choose another name: --edge NAME",
        )
    if known is not None:
        return owned
    if NAME.fullmatch(name) is None:
        raise InvalidInput(
            f"'{name[:80]!a}' is no name for an edge", where="--edge", fix="letters, digits, - and _, e.g. shop-model"
        )
    giver = PHASES[max(PHASES.index(receiver) - 1, 0)]
    return owned.model_copy(update={"edges": {**owned.edges, name: EdgeRule(giver=giver, receiver=receiver, payload=payload)}})


def _offered(here: Seat, office: Office, wanted: Offer) -> Handoff:
    edge = edge_named(office.owned, wanted.edge)
    gives = office.team.responsible(edge.giver, office.now).id
    by = here.name(gives)
    here.allow("handoff.offer", by, edge.giver, wanted.subject)
    evidence = {**wanted.evidence, "offered_by": by}
    evidence |= {"artefacts": {str(each.reference): dict(each.facts) for each in wanted.artefacts}} if wanted.artefacts else {}
    evidence |= {"checks": dict(wanted.ran)} if wanted.ran else {}
    pin = {str(each.reference): each.digest for each in wanted.artefacts}
    result = Result(wanted.subject, evidence, wanted.checks, pin)
    known = current(office.draft, edge.name, wanted.subject)
    if known is None:
        return hand_over(office, edge.name, result, giver="" if here.actor.kind == "service" else by, by=by)
    why = _difference(known, result) or ("offered again" if wanted.again and known.status in ("declined", "lapsed") else "")
    return renew(office, known, result, why, by=by) if why else known


def _difference(known: Handoff, result: Result) -> str:
    """What is other than in the round that is known, in words; empty when it is the same offer."""
    names = sorted(name for name in {*known.pin, *result.pin} if known.pin.get(name) != result.pin.get(name))
    if names:
        return f"changed since the offer: {', '.join(names)}"
    if known.status == "accepted":
        return ""
    if STALE in known.evidence and result.checks:
        return "its checks ran again"
    if {(each.name, each.passed) for each in known.checks} != {(each.name, each.passed) for each in result.checks}:
        return "its checks ended otherwise"
    return "" if _told(known.evidence) == _told(result.evidence) else "its evidence changed"


def _told(evidence: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in evidence.items() if name not in RESERVED}


def pinned(references: References, texts: Sequence[str]) -> tuple[Pinned, ...]:
    """Artefacts as they are now, each once. Raises what `References.pin` raises, for the first that cannot be pinned."""
    seen = (references.pin(parse(text)) for text in texts)
    return tuple({str(each.reference): each for each in seen}.values())


def _assert_fit(wanted: Offer) -> None:
    """Refuse what does not belong on a record that is kept for ever."""
    if not wanted.subject.strip() or len(wanted.subject) > 200 or not wanted.subject.isprintable():
        raise InvalidInput(
            "the subject must be 1 to 200 characters in one line", where="--subject", fix='--subject "shop model 7"'
        )
    if wanted.payload and (len(wanted.payload) > 200 or not wanted.payload.isprintable()):
        raise InvalidInput("the payload must be at most 200 characters in one line", where="--payload", fix="shorten it")
    for what, names in (
        ("evidence", wanted.evidence),
        ("checks", [each.name for each in wanted.checks]),
        ("artefacts", wanted.artefacts),
    ):
        if len(names) > MOST:
            raise InvalidInput(f"there are {len(names)} {what}", where=what, why=f"at most {MOST} are kept", fix="summarise them")
    for name in (*wanted.evidence, *(each.name for each in wanted.checks)):
        if NAME.fullmatch(name) is None or name in RESERVED:
            raise InvalidInput(
                f"{short(name)!a} is no name for evidence or a check",
                why=f"{', '.join(RESERVED)} are Baton's own"
                if name in RESERVED
                else "letters, digits, . - and _, a letter first",
                fix="e.g. --evidence auc=0.81 --check 'tests=pytest -q'",
            )
    if len({each.name for each in wanted.checks}) < len(wanted.checks):
        raise InvalidInput("two checks bear the same name", where="--check", fix="give each a name of its own")
    for name, value in wanted.evidence.items():
        if isinstance(value, str):
            words_of(value, name)
