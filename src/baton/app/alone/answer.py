"""Answering at a desk: a hand-off is taken after a look at everything it is pinned to, or sent back; the consulted comment."""

from collections.abc import Mapping

from baton.app import answers
from baton.app.alone.desk import Desk
from baton.app.alone.view import found
from baton.app.alone.wording import short
from baton.kernel.errors import Conflict, InvalidInput
from baton.kernel.suggest import did_you_mean
from baton.team.actor import Actor
from baton.team.consultation import Consultation
from baton.team.handoff import Handoff


def accept(desk: Desk, id: str, actor: Actor, reason: str = "", held: Mapping[str, str] | None = None) -> Handoff:
    """Take a hand-off, after a look at everything that it is pinned to.

    `held` are digests of what the taker has in hand, by reference. Raises Conflict when something is not what was offered.
    """
    desk.move()
    here = desk.seat(actor)
    handoff = found(here.state, id)
    if handoff.open:
        _assert_held(handoff, held or {})
    answers.accept(here, handoff.id, reason)
    return found(here.state, handoff.id)


def decline(desk: Desk, id: str, actor: Actor, reason: str) -> Handoff:
    """Send a hand-off back: its giver stays holder and gets a task."""
    desk.move()
    here = desk.seat(actor)
    handoff = found(here.state, id)
    answers.decline(here, handoff.id, reason)
    return found(here.state, handoff.id)


def comment(desk: Desk, id: str, actor: Actor, stance: str, words: str) -> Consultation:
    """Say what a consulted person thinks; the voice that completes the quorum settles the matter."""
    desk.move()
    here = desk.seat(actor)
    answers.comment(here, id, stance, words)
    heard = here.draft.get(Consultation, id)
    assert heard is not None
    return heard


def _assert_held(handoff: Handoff, held: Mapping[str, str]) -> None:
    for name, digest in held.items():
        if name not in handoff.pin:
            raise InvalidInput(
                f"'{short(name)}' is no artefact of {handoff.id}",
                where="held",
                why=did_you_mean(name, handoff.pin),
                fix="see its pin",
            )
        if digest != handoff.pin[name]:
            raise Conflict(
                f"what you hold as '{name}' is not what was offered",
                where=handoff.id,
                why=f"offered is {handoff.pin[name]}, you hold {digest}",
                fix="fetch it again, or let what you hold be offered",
            )
