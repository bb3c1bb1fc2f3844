"""What every SQL state store reads, and how: statements as text, so that a look needs no more than the standard library."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from baton.kernel.clock import from_micros, micros
from baton.kernel.errors import BatonError, Corrupt, Incompatible, NotFound, Unavailable
from baton.ledger.fact import Fact, Record
from baton.ledger.merkle import Frontier
from baton.ledger.ports import Head, StateReader

R = TypeVar("R", bound=Record)
Values = Mapping[str, Any]
Select = Callable[[str, Values], Iterator[Sequence[Any]]]
"""Runs a SELECT with `:name` parameters and yields its rows."""
Bodies = Callable[[str, str | None, Sequence[str], int], tuple[str, Values]]
"""The SELECT of a kind's bodies (one id, some statuses, at most so many), in order of first appearance."""

REVISION = 1
"""The schema's number, kept in `user_version`."""
CURSOR = "SELECT value FROM cursors WHERE name = :name"
NEWEST_HEAD = "SELECT size, peaks FROM heads ORDER BY size DESC LIMIT 1"
_FACT = "SELECT kind, subject_kind, subject, actor, role, effective_us, recorded_us, reason, payload, state, seq, leaf FROM facts"


class Records:
    """Records of a kind out of one SELECT."""

    def __init__(self, select: Select, bodies: Bodies) -> None:
        self._select, self._bodies = select, bodies

    def get(self, kind: type[R], id: str) -> R | None:
        """The record of that id, or None."""
        found = self._decoded(kind, id, (), 1)
        return found[0] if found else None

    def all(self, kind: type[R], *, status: Sequence[str] = (), limit: int = 10_000) -> list[R]:
        """Records of a kind in order of first appearance."""
        return self._decoded(kind, None, status, limit)

    def earliest(
        self, kind: type[R], field: str, *, status: Sequence[str] = (), where: Mapping[str, str] | None = None, limit: int = 200
    ) -> list[R]:
        """The first records of a kind by an instant in `field`, among those whose fields equal `where`."""
        inner, values = self._bodies(kind.KIND, None, status, -1)
        conditions, equal = _equal(where or {})
        text = f"SELECT body FROM ({inner}) WHERE {conditions} ORDER BY json_extract(body, :field) LIMIT :most"
        rows = self._select(text, {**values, **equal, "field": f"$.{field}", "most": limit})
        return [msgspec.json.decode(body, type=kind) for (body,) in rows]

    def _decoded(self, kind: type[R], id: str | None, status: Sequence[str], limit: int) -> list[R]:
        rows = self._select(*self._bodies(kind.KIND, id, status, limit))
        return [msgspec.json.decode(body, type=kind) for (body,) in rows]


class Reader(Records):
    """All of `ledger.ports.LedgerReader` but `close`, over anything that can run a SELECT."""

    def __init__(self, select: Select) -> None:
        super().__init__(select, _present)

    def as_of(self, moment: datetime) -> StateReader:
        """The records as of an instant."""
        return Records(self._select, partial(_past, micros(moment)))

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
        among, statuses = _among("status", status)
        conditions, equal = _equal(where or {})
        text = (
            f"SELECT body FROM records WHERE kind = :kind AND {conditions}{among} AND (:after = '' OR"
            " first_seq > (SELECT first_seq FROM records WHERE kind = :kind AND id = :after)) ORDER BY first_seq LIMIT :limit"
        )
        rows = self._select(text, {"kind": kind.KIND, "after": after, "limit": limit, **statuses, **equal})
        return [msgspec.json.decode(body, type=kind) for (body,) in rows]

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
        asked = {
            "seq > :after": after,
            "kind = :kind": None if kind is None or kind.endswith(".") else kind,
            "subject_kind = :of": kind[:-1] if kind is not None and kind.endswith(".") else None,
            "subject = :subject": subject,
            "recorded_us <= :until": None if until is None else micros(until),
        }
        asked = {where: value for where, value in asked.items() if value is not None}
        text = f"{_FACT} WHERE {' AND '.join(asked)} ORDER BY seq LIMIT :limit"
        values = {where.rpartition(":")[2]: value for where, value in asked.items()}
        return [_fact(row) for row in self._select(text, values | {"limit": limit})]

    def leaves(self) -> Iterator[tuple[Fact, bytes]]:
        """Every fact with its stored leaf hash, in order."""
        return ((_fact(row), row[-1]) for row in self._select(f"{_FACT} ORDER BY seq", {}))

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

    def raw(self, kind: str) -> list[Mapping[str, Any]]:
        """All records of a kind as plain values; `columns` tells the id and status they are found by where those contradict."""
        text = "SELECT id, status, body FROM records WHERE kind = :kind ORDER BY first_seq"
        return [_plain(*row) for row in self._select(text, {"kind": kind})]


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


def _present(kind: str, id: str | None, status: Sequence[str], limit: int) -> tuple[str, Values]:
    one = "" if id is None else " AND id = :id"
    among, statuses = _among("status", status)
    text = f"SELECT body FROM records WHERE kind = :kind{one}{among} ORDER BY first_seq LIMIT :limit"
    return text, {"kind": kind, "limit": limit, **({} if id is None else {"id": id}), **statuses}


def _past(until: int, kind: str, id: str | None, status: Sequence[str], limit: int) -> tuple[str, Values]:
    """The bodies as the last fact recorded by an instant (microseconds since 1970) left them."""
    one = "" if id is None else " AND subject = :id"
    among, statuses = _among("json_extract(facts.state, '$.status')", status)
    spans = (
        "SELECT min(seq) AS earliest, max(seq) AS latest FROM facts"
        f" WHERE subject_kind = :kind AND recorded_us <= :until{one} GROUP BY subject"
    )
    text = (
        f"SELECT facts.state AS body FROM facts JOIN ({spans}) AS spans ON facts.seq = spans.latest"
        f" WHERE facts.state IS NOT NULL{among} ORDER BY spans.earliest LIMIT :limit"
    )
    return text, {"kind": kind, "until": until, "limit": limit, **({} if id is None else {"id": id}), **statuses}


def _equal(where: Mapping[str, str]) -> tuple[str, Values]:
    """A condition that fields of the body equal texts; none given, it holds for all."""
    asked = {f"is{place}": (f"$.{name}", value) for place, (name, value) in enumerate(where.items())}
    conditions = " AND ".join(f"json_extract(body, :{key}_at) = :{key}" for key in asked) or "1"
    return conditions, {f"{key}_at": path for key, (path, _) in asked.items()} | {key: value for key, (_, value) in asked.items()}


def _among(column: str, values: Sequence[str]) -> tuple[str, Values]:
    """A condition that holds for any of the values; none given, it holds for all."""
    named = {f"status{number}": value for number, value in enumerate(values)}
    return (f" AND {column} IN ({', '.join(':' + name for name in named)})" if named else ""), named


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
