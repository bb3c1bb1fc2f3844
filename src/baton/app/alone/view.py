"""Hand-offs as the edges read them: one by its id, or a page of them in the order of their offers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

import msgspec

from baton.app.alone.wording import short
from baton.kernel.errors import NotFound
from baton.kernel.suggest import did_you_mean
from baton.ledger.fact import Record
from baton.ledger.ports import StateReader
from baton.team.handoff import Handoff

R = TypeVar("R", bound=Record)


class Records(Protocol):
    """Where records are read from: a state or a draft."""

    def get(self, kind: type[R], id: str) -> R | None:
        """The record of that id, or None."""
        ...

    def all(self, kind: type[R], *, status: Sequence[str] = (), limit: int = 100_000) -> list[R]:
        """Records of a kind in order of first appearance."""
        ...


def found(records: Records, id: str) -> Handoff:
    """The hand-off of that id, or the newest about that subject. Raises NotFound with the nearest open one."""
    handoff = records.get(Handoff, id) or _about(records, id)
    if handoff is None:
        known = [each.id for each in records.all(Handoff, status=("offered",), limit=1000)]
        raise NotFound(
            f"there is no hand-off '{short(id)}'", why=did_you_mean(short(id), known[:50]), fix="baton inbox lists what waits"
        )
    return handoff


def _about(records: Records, subject: str) -> Handoff | None:
    """The open hand-off about a subject, else the newest one; None when there is none, or open ones along several edges."""
    waiting = [each for each in records.all(Handoff, status=("offered",)) if each.subject == subject]
    if waiting:
        return waiting[0] if len(waiting) == 1 else None
    return next((each for each in reversed(records.all(Handoff)) if each.subject == subject), None)


def described(handoff: Handoff) -> dict[str, Any]:
    """A hand-off in plain values, with who holds its subject."""
    plain: dict[str, Any] = msgspec.to_builtins(handoff)
    return {**plain, "holder": handoff.holder}


def listed(
    records: StateReader,
    *,
    status: Sequence[str] = (),
    waiting_on: str = "",
    after: tuple[datetime, str] | None = None,
    limit: int = 100,
) -> list[Handoff]:
    """Hand-offs in the order of their offers, those after the given place (instant of the offer, id)."""
    chosen = (each for each in records.all(Handoff, status=status, limit=1_000_000) if waiting_on in ("", each.waiting_on))
    ordered = sorted(chosen, key=lambda each: (each.offered_at, each.id))
    return [each for each in ordered if after is None or (each.offered_at, each.id) > after][:limit]
