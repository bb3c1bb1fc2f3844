"""Records to try a state store with, one with a field of every kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Protocol

from baton.ledger.fact import Act, Change, Together
from baton.ledger.ports import State

START = datetime(2023, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Place(Protocol):
    """Where a state lives: it can be opened any number of times, also side by side."""

    def open(self) -> State:
        """A handle of its own."""
        ...


@dataclass(frozen=True)
class Sample:
    """A record with a field of every kind."""

    KIND: ClassVar[str] = "sample"
    id: str
    status: str
    number: int = 0
    share: float = 0.0
    at: datetime | None = None
    tags: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sampler:
    """A record of another kind whose name begins alike."""

    KIND: ClassVar[str] = "sampler"
    id: str
    status: str


@dataclass(frozen=True)
class Member(Together):
    """A record that is decided on together with the others of its kind."""

    KIND: ClassVar[str] = "member"
    id: str
    status: str


def change(record: Sample | Sampler | Member, hours: float = 0.0, verb: str = "moved", **payload: Any) -> Change:
    """The change that leaves `record`, so many hours after the start."""
    return Act("ann", "sre", START + hours * HOUR).on(record, verb, "because", **payload)
