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

        A field equals a text that it is, a whole number the text of its digits ("3"), a truth "true" or "false"; a fraction, a
        list, a mapping and nothing at all equal no text. A dot leads into a mapping ("more.of").
        Sorted to the second; the store picks, so that thousands of others are never decoded.
        """
        ...

    def latest(
        self,
        kind: type[R],
        *,
        before: str = "",
        status: Sequence[str] = (),
        where: Mapping[str, str] | None = None,
        limit: int = 50,
    ) -> list[R]:
        """Records of a kind, those that appeared last first; only those that appeared before the record of the id `before`.

        `where` as in `earliest`. An unknown `before` has nothing before it. No more than `limit` are decoded.
        """
        ...

    def counts(
        self, kind: type[R], field: str = "status", *, status: Sequence[str] = (), where: Mapping[str, str] | None = None
    ) -> dict[str, int]:
        """How many records of a kind have each value of a field, by the value as `where` of `earliest` tells it.

        Sorted by value. Records whose field equals no text are counted under "". None is decoded.
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

    def recent(
        self,
        *,
        kind: str | None = None,
        subject: str | None = None,
        actor: str | None = None,
        before: int | None = None,
        until: datetime | None = None,
        limit: int = 50,
    ) -> list[Fact]:
        """Facts, newest first: those before the place `before` in the log, recorded at or before `until`; `kind` as in `facts`."""
        ...

    def span(self) -> tuple[datetime, datetime] | None:
        """The first and the last instant at which a fact was recorded, UTC; None for an empty log."""
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

    def leaf_hashes(self) -> list[bytes]:
        """The leaf hashes that were stored, in order; no fact is decoded."""
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

    def raw(self, kind: str) -> Iterator[Mapping[str, Any]]:
        """All records of a kind as plain values, in order of first appearance, each decoded when it is its turn."""
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
