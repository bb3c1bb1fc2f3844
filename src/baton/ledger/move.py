"""A record's move to another status: allowed by the table of its state machine, or refused. Called by every such machine."""

from collections.abc import Mapping
from dataclasses import Field, replace
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

from baton.kernel.errors import Conflict
from baton.ledger.fact import Record

Moves: TypeAlias = Mapping[str, frozenset[str]]
"""Status → the statuses that may follow it. A status that nothing follows is an end."""


class Movable(Record, Protocol):
    """A record that is a dataclass, so that a changed copy can be made of it."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


R = TypeVar("R", bound=Movable)


def move(record: R, moves: Moves, status: str, **changed: Any) -> R:
    """The record in another status, with whatever else changes. Raises Conflict, naming what is allowed, off the table."""
    allowed = moves.get(record.status, frozenset())
    if status not in allowed:
        raise Conflict(
            f"{record.id} is {record.status} and cannot become {status}",
            why=f"allowed: {', '.join(sorted(allowed)) or 'nothing, this is an end'}",
            fix="baton status",
        )
    return replace(record, status=status, **changed)
