"""What the house needs from its state store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from baton.ledger.fact import Change, Fact, Record

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Head:
    """The tree head after some commit: number of facts and Merkle root (hex)."""

    size: int
    root: str


class StateReader(Protocol):
    """Looks, never changes. Records come back as the values that were committed."""

    def get(self, kind: type[R], id: str) -> R | None:
        """The record of that id, or None."""
        ...

    def all(self, kind: type[R], *, status: Sequence[str] = (), limit: int = 10_000) -> list[R]:
        """Records of a kind in order of first appearance, only those in one of the statuses when any is given."""
        ...

    def earliest(
        self, kind: type[R], field: str, *, status: Sequence[str] = (), where: Mapping[str, str] | None = None, limit: int = 200
    ) -> list[R]:
        """The first so many records of a kind by an instant they hold in `field`; `where` names texts that fields must equal.

        Sorted to the second; the store picks, so that thousands of others are never decoded.
        """
        ...


class LedgerReader(StateReader, Protocol):
    """Looks at all that one workspace has on record, past and present; never changes it."""

    def page(
        self,
        kind: type[R],
        *,
        after: str = "",
        status: Sequence[str] = (),
        where: Mapping[str, str] | None = None,
        limit: int = 100,
    ) -> list[R]:
        """Records of a kind in order of first appearance, those after the record of the id `after`; `where` as in `earliest`.

        The store picks: no more than `limit` are decoded, however many there are. An unknown `after` has nothing after it.
        """
        ...

    def cursor(self, name: str) -> str | None:
        """How far a stage has come, in its own words."""
        ...

    def facts(
        self,
        *,
        kind: str | None = None,
        subject: str | None = None,
        after: int = 0,
        until: datetime | None = None,
        limit: int = 100_000,
    ) -> list[Fact]:
        """Facts in order; `kind` may end in `.` to mean all of a subject kind."""
        ...

    def as_of(self, moment: datetime) -> StateReader:
        """The records as the ledger knew them at that instant."""
        ...

    def head(self) -> Head:
        """The present tree head."""
        ...

    def leaves(self) -> Iterator[tuple[Fact, bytes]]:
        """Every fact with the leaf hash that was stored for it, in order."""
        ...

    def heads(self) -> list[Head]:
        """The tree heads after each commit, in order."""
        ...

    def measurements(self) -> list[tuple[str, float, datetime]]:
        """All measurements, oldest first."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...

    def raw(self, kind: str) -> list[Mapping[str, Any]]:
        """All records of a kind as plain values, in order of first appearance."""
        ...


class State(LedgerReader, Protocol):
    """Records, facts and cursors of one workspace.

    `commit` is atomic and serial: all changes, their facts, the tree head and the cursors, or nothing. It is safe to call
    from several processes. `expect` are cursors as the caller last saw them; when one differs, Conflict is raised and
    nothing is written, so a repeated step is never recorded twice.
    """

    def commit(
        self,
        changes: Sequence[Change],
        *,
        cursors: Mapping[str, str] | None = None,
        expect: Mapping[str, str | None] | None = None,
        seen: int | None = None,
    ) -> Head:
        """Record changes with their facts. `seen` is the log's size when the changes were decided on: a record that has a
        later fact makes them stale, and so does any of its kind if the kind is decided on `Together`. Raises Conflict (stale cursor or record), Unavailable (locked, full)."""
        ...

    def measure(self, name: str, value: float, at: datetime) -> None:
        """Note a measured duration or size. Measurements stand outside the ledger: they differ from run to run."""
        ...
