"""What every SQL state store reads, and how: statements as text, so that a look needs no more than the standard library."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from baton.backends.state.shelf import PRESENT, Choice, Shelf, Values, past
from baton.kernel.clock import from_micros, micros
from baton.kernel.errors import BatonError, Corrupt, Incompatible, NotFound, Unavailable
from baton.ledger.fact import Fact, Record
from baton.ledger.merkle import Frontier
from baton.ledger.ports import Head, StateReader

R = TypeVar("R", bound=Record)
Select = Callable[[str, Values], Iterator[Sequence[Any]]]
"""Runs a SELECT with `:name` parameters and yields its rows."""

REVISION = 1
"""The schema's number, kept in `user_version`."""
CURSOR = "SELECT value FROM cursors WHERE name = :name"
NEWEST_HEAD = "SELECT size, peaks FROM heads ORDER BY size DESC LIMIT 1"
_FACT = "SELECT kind, subject_kind, subject, actor, role, effective_us, recorded_us, reason, payload, state, seq, leaf FROM facts"

_ASKED = {
    "kind": "kind = :kind",
    "of": "subject_kind = :of",
    "subject": "subject = :subject",
    "actor": "actor = :actor",
    "after": "seq > :after",
    "before": "seq < :before",
    # The first condition spares a look at every later fact; the second holds where the clock went back.
    # +seq: with its own shortcut for a maximum SQLite would walk the table from its end instead of the index on time.
    # +recorded_us: a subject has few facts, and its own index finds them sooner than the one on time.
    "until": "seq <= (SELECT max(+seq) FROM facts WHERE recorded_us <= :until) AND +recorded_us <= :until",
}


class Records:
    """Records of a kind off one shelf: the present one, or that of an instant."""

    def __init__(self, select: Select, shelf: Shelf) -> None:
        self._select, self._shelf = select, shelf

    def get(self, kind: type[R], id: str) -> R | None:
        """The record of that id, or None."""
        found = self._decoded(kind, Choice(kind.KIND, id=id), 1)
        return found[0] if found else None

    def all(self, kind: type[R], *, status: Sequence[str] = (), limit: int = 10_000) -> list[R]:
        """Records of a kind in order of first appearance."""
        return self._decoded(kind, Choice(kind.KIND, status=status), limit)

    def earliest(
        self, kind: type[R], field: str, *, status: Sequence[str] = (), where: Mapping[str, str] | None = None, limit: int = 200
    ) -> list[R]:
        """The first records of a kind by an instant in `field`, among those whose fields equal `where`."""
        return self._decoded(kind, Choice(kind.KIND, status=status, where=where), limit, by=field)

    def latest(
        self,
        kind: type[R],
        *,
        before: str = "",
        status: Sequence[str] = (),
        where: Mapping[str, str] | None = None,
        limit: int = 50,
    ) -> list[R]:
        """Records of a kind, those that appeared last first."""
        return self._decoded(kind, Choice(kind.KIND, status=status, where=where, before=before), limit, newest=True)

    def counts(
        self, kind: type[R], field: str = "status", *, status: Sequence[str] = (), where: Mapping[str, str] | None = None
    ) -> dict[str, int]:
        """How many records of a kind have each value of a field."""
        counted: dict[str, int] = {}
        for value, number in self._select(*Choice(kind.KIND, status=status, where=where).counts(self._shelf, field)):
            counted[value or ""] = counted.get(value or "", 0) + number
        return dict(sorted(counted.items()))

    def _decoded(self, kind: type[R], choice: Choice, limit: int, *, by: str = "", newest: bool = False) -> list[R]:
        rows = self._select(*choice.bodies(self._shelf, limit, by=by, newest=newest))
        return [msgspec.json.decode(body, type=kind) for (body,) in rows]


class Reader(Records):
    """All of `ledger.ports.LedgerReader` but `close`, over anything that can run a SELECT."""

    def __init__(self, select: Select) -> None:
        super().__init__(select, PRESENT)

    def as_of(self, moment: datetime) -> StateReader:
        """The records as of an instant."""
        return Records(self._select, past(moment))

    def page(
        self,
        kind: type[R],
        *,
        after: str = "",
        status: Sequence[str] = (),
        where: Mapping[str, str] | None = None,
        limit: int = 100,
    ) -> list[R]:
        """The next records of a kind in order of first appearance."""
        return self._decoded(kind, Choice(kind.KIND, status=status, where=where, after=after), limit)

    def cursor(self, name: str) -> str | None:
        """How far a stage has come."""
        found = _only(self._select(CURSOR, {"name": name}))
        return None if found is None else str(found[0])

    def facts(
        self,
        *,
        kind: str | None = None,
        subject: str | None = None,
        after: int = 0,
        until: datetime | None = None,
        limit: int = 100_000,
    ) -> list[Fact]:
        """Facts in order."""
        where, values = _chosen({"kind": kind, "subject": subject, "until": until, "after": after})
        rows = self._select(f"{_FACT} WHERE {where} ORDER BY seq LIMIT :limit", {**values, "limit": limit})
        return [_fact(row) for row in rows]

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
        """Facts, newest first."""
        where, values = _chosen({"kind": kind, "subject": subject, "actor": actor, "until": until, "before": before})
        rows = self._select(f"{_FACT} WHERE {where} ORDER BY seq DESC LIMIT :limit", {**values, "limit": limit})
        return [_fact(row) for row in rows]

    def span(self) -> tuple[datetime, datetime] | None:
        """When the first and the last fact were recorded."""
        # Two looks at the ends of an index: one SELECT of both would read all of it.
        text = "SELECT (SELECT min(recorded_us) FROM facts), (SELECT max(recorded_us) FROM facts)"
        ((first, last),) = self._select(text, {})
        return None if first is None else (from_micros(first), from_micros(last))

    def leaves(self) -> Iterator[tuple[Fact, bytes]]:
        """Every fact with its stored leaf hash, in order."""
        return ((_fact(row), row[-1]) for row in self._select(f"{_FACT} ORDER BY seq", {}))

    def leaf_hashes(self) -> list[bytes]:
        """The stored leaf hashes, in order."""
        return [leaf for (leaf,) in self._select("SELECT leaf FROM facts ORDER BY seq", {})]

    def head(self) -> Head:
        """The present tree head."""
        present = frontier(_only(self._select(NEWEST_HEAD, {})))
        return Head(present.size, present.root().hex())

    def heads(self) -> list[Head]:
        """The tree heads after each commit."""
        return [Head(size, root.hex()) for size, root in self._select("SELECT size, root FROM heads ORDER BY size", {})]

    def measurements(self) -> list[tuple[str, float, datetime]]:
        """All measurements, oldest first."""
        rows = self._select("SELECT name, value, at_us FROM measurements ORDER BY id", {})
        return [(name, value, from_micros(at)) for name, value, at in rows]

    def raw(self, kind: str) -> Iterator[Mapping[str, Any]]:
        """All records of a kind as plain values; `columns` tells the id and status they are found by where those contradict."""
        text = "SELECT id, status, body FROM records WHERE kind = :kind ORDER BY first_seq"
        return (_plain(*row) for row in self._select(text, {"kind": kind}))


def frontier(row: Sequence[Any] | None) -> Frontier:
    """The Merkle frontier out of the row of NEWEST_HEAD, the empty one when there is none."""
    if row is None:
        return Frontier()
    size, peaks = row
    return Frontier(size, (peaks[at : at + 32] for at in range(0, len(peaks), 32)))


def no_state(path: Path) -> NotFound:
    """The refusal to look where nothing was made."""
    return NotFound(f"there is no state in {path.parent}", where=str(path), fix="baton replay, or baton up, makes one")


def refuse_newer(revision: int) -> None:
    """Raise Incompatible when a newer Baton made the database."""
    if revision > REVISION:
        raise Incompatible(
            f"the workspace has state revision {revision}, this Baton knows up to {REVISION}",
            why="a newer Baton made it",
            fix="upgrade Baton: pip install -U baton-ml",
        )


def refusal(error: BaseException | None, where: str) -> BatonError:
    """A database's error in Baton's words: Unavailable when it may pass, Corrupt when the file is damaged."""
    if isinstance(error, sqlite3.OperationalError):
        return Unavailable(f"the state cannot be used: {error}", where=where, fix=_advice(str(error)))
    return Corrupt(
        f"the state database is damaged: {error}",
        where=where,
        fix="restore it from a copy; baton ledger verify tells what is whole",
    )


def _advice(text: str) -> str:
    if "full" in text:
        return "free some space on the disk and start again; nothing was half-written"
    return (
        "another process holds it for long: end it, or try again"
        if "locked" in text
        else "check that the folder exists and is writable"
    )


def _chosen(asked: Mapping[str, Any]) -> tuple[str, Values]:
    """The condition on facts that are asked for; what is None is not asked."""
    given = {name: value for name, value in asked.items() if value is not None}
    if str(given.get("kind", "")).endswith("."):
        given["of"] = given.pop("kind")[:-1]
    if "until" in given:
        given["until"] = micros(given["until"])
    return " AND ".join(_ASKED[name] for name in given) or "1", given


def _only(rows: Iterator[Sequence[Any]]) -> Sequence[Any] | None:
    """The row of a SELECT that yields at most one, read to its end so that nothing stays open."""
    found = list(rows)
    return found[0] if found else None


def _plain(id: str, status: str, body: str) -> Mapping[str, Any]:
    value: dict[str, Any] = msgspec.json.decode(body)
    columns = {"id": id, "status": status}
    return value if all(value.get(name, column) == column for name, column in columns.items()) else value | {"columns": columns}


def _fact(row: Sequence[Any]) -> Fact:
    kind, subject_kind, subject, actor, role, effective, recorded, reason, payload, state, seq, _ = row
    return Fact(
        kind=kind,
        subject_kind=subject_kind,
        subject=subject,
        actor=actor,
        role=role,
        effective_at=from_micros(effective),
        recorded_at=from_micros(recorded),
        reason=reason,
        payload=msgspec.json.decode(payload),
        state=None if state is None else msgspec.json.decode(state),
        seq=seq,
    )
