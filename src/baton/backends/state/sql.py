"""The state store on SQL: SQLite in the workspace, Postgres by URL later."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import sleep
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from baton.backends.state import schema
from baton.backends.state.schema import cursors, facts, heads, measurements, records
from baton.kernel.clock import from_micros, micros
from baton.kernel.digest import canonical
from baton.kernel.errors import Conflict, Corrupt, Incompatible, NotFound, Unavailable
from baton.ledger.fact import Change, Fact, Record
from baton.ledger.merkle import Frontier, leaf_hash
from baton.ledger.ports import Head, StateReader

R = TypeVar("R", bound=Record)
REVISION = 1
PATIENCE = 200


def open_sqlite(path: Path, *, create: bool = False) -> "SqlState":
    """Open a workspace's state database; `create` makes it when absent.

    Raises NotFound when it is absent and not to be made, Incompatible when a newer Baton made it, Corrupt when the
    file is not a database.
    """
    if not path.exists() and not create:
        raise NotFound(f"there is no state in {path.parent}", where=str(path), fix="baton replay, or baton up, makes one")
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 30, "isolation_level": None})
    sa.event.listen(engine, "connect", _on_connect)
    sa.event.listen(engine, "begin", _begin_immediate)
    with _translated(str(path)):
        _settle_revision(engine)
    return SqlState(engine, str(path))


def _on_connect(connection: Any, _: Any) -> None:
    _write_ahead(connection)
    for pragma in ("synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: Any) -> None:
    """Switch to the write-ahead log. Two first openings at once can refuse each other without waiting, so this one waits."""
    for _ in range(PATIENCE):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            sleep(0.01)
    connection.execute("PRAGMA journal_mode=WAL")


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("reads") else "BEGIN IMMEDIATE")


def _settle_revision(engine: sa.Engine) -> None:
    """Make the tables of a new database, or refuse one that a newer Baton made."""
    with engine.connect().execution_options(reads=True) as connection:
        found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if found > REVISION:
        raise Incompatible(
            f"the workspace has state revision {found}, this Baton knows up to {REVISION}",
            why="a newer Baton made it",
            fix="upgrade Baton: pip install -U baton-ml",
        )
    if found < REVISION:
        with engine.begin() as connection:
            schema.metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version={REVISION}")


@contextmanager
def _translated(where: str) -> Iterator[None]:
    try:
        yield
    except sa.exc.OperationalError as error:
        text = str(error.orig)
        raise Unavailable(f"the state cannot be used: {text}", where=where, fix=_advice(text)) from error
    except sa.exc.DatabaseError as error:
        raise Corrupt(
            f"the state database is damaged: {error.orig}",
            where=where,
            fix="restore it from a copy; baton ledger verify tells what is whole",
        ) from error


def _advice(text: str) -> str:
    if "full" in text:
        return "free some space on the disk and start again; nothing was half-written"
    return (
        "another process holds it for long: end it, or try again"
        if "locked" in text
        else "check that the folder exists and is writable"
    )


class _SqlReader:
    """Reads records out of one SELECT that yields (id, body, status) of a kind in order of first appearance."""

    def __init__(self, engine: sa.Engine, where: str) -> None:
        self._engine, self._where = engine, where

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with _translated(self._where), self._engine.connect().execution_options(reads=True) as connection:
            yield connection

    def _bodies(self, kind: str, id: str | None, status: Sequence[str], limit: int) -> sa.Select[Any]:
        query = sa.select(records.c.body).where(records.c.kind == kind).order_by(records.c.first_seq).limit(limit)
        if id is not None:
            query = query.where(records.c.id == id)
        return query.where(records.c.status.in_(status)) if status else query

    def get(self, kind: type[R], id: str) -> R | None:
        """The record of that id, or None."""
        with self._reading() as connection:
            body = connection.execute(self._bodies(kind.KIND, id, (), 1)).scalar()
        return None if body is None else msgspec.json.decode(body, type=kind)

    def all(self, kind: type[R], *, status: Sequence[str] = (), limit: int = 10_000) -> list[R]:
        """Records of a kind in order of first appearance."""
        with self._reading() as connection:
            bodies = connection.execute(self._bodies(kind.KIND, None, status, limit)).scalars().all()
        return [msgspec.json.decode(body, type=kind) for body in bodies]


class _Past(_SqlReader):
    """The records as the last fact before an instant left them."""

    def __init__(self, engine: sa.Engine, where: str, moment: datetime) -> None:
        super().__init__(engine, where)
        self._until = micros(moment)

    def _bodies(self, kind: str, id: str | None, status: Sequence[str], limit: int) -> sa.Select[Any]:
        known = sa.select(sa.func.max(facts.c.seq).label("last"), sa.func.min(facts.c.seq).label("first")).where(
            facts.c.subject_kind == kind, facts.c.recorded_us <= self._until
        )
        if id is not None:
            known = known.where(facts.c.subject == id)
        spans = known.group_by(facts.c.subject).subquery()
        query = (
            sa.select(facts.c.state)
            .join(spans, facts.c.seq == spans.c.last)
            .where(facts.c.state.is_not(None))
            .order_by(spans.c.first)
            .limit(limit)
        )
        return query.where(sa.func.json_extract(facts.c.state, "$.status").in_(status)) if status else query


class SqlState(_SqlReader):
    """Implements `ledger.ports.State`; see there for what it promises."""

    def commit(
        self,
        changes: Sequence[Change],
        *,
        cursors: Mapping[str, str] | None = None,
        expect: Mapping[str, str | None] | None = None,
        seen: int | None = None,
    ) -> Head:
        """Record changes, facts, tree head and cursors in one transaction."""
        with _translated(self._where), self._engine.begin() as connection:
            for name, value in (expect or {}).items():
                found = _cursor(connection, name)
                if found != value:
                    raise Conflict(
                        f"'{name}' stands at {found}, not at {value}",
                        why="another process took this step",
                        fix="look again: baton status",
                    )
            _refuse_stale(connection, changes, seen)
            frontier = _frontier(connection)
            rows = [_append(frontier, change) for change in changes]
            if rows:
                connection.execute(sa.insert(facts), rows)
                connection.execute(
                    sa.insert(heads), {"size": frontier.size, "root": frontier.root(), "peaks": b"".join(frontier.peaks)}
                )
            for row, change in zip(rows, changes, strict=True):
                _upsert(connection, row, change)
            for name, value in (cursors or {}).items():
                connection.execute(
                    sa.text("INSERT INTO cursors VALUES (:n, :v) ON CONFLICT (name) DO UPDATE SET value = :v"),
                    {"n": name, "v": value},
                )
            return Head(frontier.size, frontier.root().hex())

    def cursor(self, name: str) -> str | None:
        """How far a stage has come."""
        with self._reading() as connection:
            return _cursor(connection, name)

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
        query = sa.select(facts).where(facts.c.seq > after).order_by(facts.c.seq).limit(limit)
        if kind is not None:
            query = query.where(facts.c.kind.startswith(kind, autoescape=True) if kind.endswith(".") else facts.c.kind == kind)
        if subject is not None:
            query = query.where(facts.c.subject == subject)
        if until is not None:
            query = query.where(facts.c.recorded_us <= micros(until))
        with self._reading() as connection:
            return [_fact(row) for row in connection.execute(query)]

    def as_of(self, moment: datetime) -> StateReader:
        """The records as of an instant."""
        return _Past(self._engine, self._where, moment)

    def head(self) -> Head:
        """The present tree head."""
        with self._reading() as connection:
            frontier = _frontier(connection)
        return Head(frontier.size, frontier.root().hex())

    def leaves(self) -> Iterator[tuple[Fact, bytes]]:
        """Every fact with its stored leaf hash, in order."""
        with self._reading() as connection:
            for row in connection.execution_options(stream_results=True).execute(sa.select(facts).order_by(facts.c.seq)):
                yield _fact(row), row.leaf

    def heads(self) -> list[Head]:
        """The tree heads after each commit."""
        with self._reading() as connection:
            return [
                Head(row.size, row.root.hex())
                for row in connection.execute(sa.select(heads.c.size, heads.c.root).order_by(heads.c.size))
            ]

    def measure(self, name: str, value: float, at: datetime) -> None:
        """Note a measurement."""
        with _translated(self._where), self._engine.begin() as connection:
            connection.execute(sa.insert(measurements), {"name": name, "value": value, "at_us": micros(at)})

    def measurements(self) -> list[tuple[str, float, datetime]]:
        """All measurements, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(measurements).order_by(measurements.c.id)).all()
        return [(row.name, row.value, from_micros(row.at_us)) for row in rows]

    def raw(self, kind: str) -> list[Mapping[str, Any]]:
        """All records of a kind as plain values; `columns` tells the id and status they are found by where those contradict."""
        query = (
            sa.select(records.c.id, records.c.status, records.c.body).where(records.c.kind == kind).order_by(records.c.first_seq)
        )
        with self._reading() as connection:
            return [_plain(row) for row in connection.execute(query)]

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def _plain(row: Any) -> Mapping[str, Any]:
    value: dict[str, Any] = msgspec.json.decode(row.body)
    columns = {"id": row.id, "status": row.status}
    return value if all(value.get(name, column) == column for name, column in columns.items()) else value | {"columns": columns}


def _refuse_stale(connection: sa.Connection, changes: Sequence[Change], seen: int | None) -> None:
    if seen is None:
        return
    later = {
        (row.kind, row.id) for row in connection.execute(sa.select(records.c.kind, records.c.id).where(records.c.last_seq > seen))
    }
    stale = next((change.record for change in changes if (change.record.KIND, change.record.id) in later), None)
    if stale is not None:
        raise Conflict(
            f"{stale.KIND} {stale.id} has changed meanwhile",
            why="somebody else acted on it first",
            fix="look again: baton status",
        )


def _cursor(connection: sa.Connection, name: str) -> str | None:
    value: str | None = connection.execute(sa.select(cursors.c.value).where(cursors.c.name == name)).scalar()
    return value


def _frontier(connection: sa.Connection) -> Frontier:
    row = connection.execute(sa.select(heads).order_by(heads.c.size.desc()).limit(1)).first()
    return Frontier() if row is None else Frontier(row.size, (row.peaks[at : at + 32] for at in range(0, len(row.peaks), 32)))


def _append(frontier: Frontier, change: Change) -> dict[str, Any]:
    act, record = change.act, change.record
    state = msgspec.to_builtins(record, str_keys=True)
    fact = Fact(
        kind=f"{record.KIND}.{change.verb}",
        subject_kind=record.KIND,
        subject=record.id,
        actor=act.actor,
        role=act.role,
        effective_at=act.at,
        recorded_at=act.recorded_at or act.at,
        reason=change.reason,
        payload=msgspec.to_builtins(change.payload, str_keys=True),
        state=state,
    )
    leaf = leaf_hash(fact.leaf())
    frontier.append(leaf)
    return {
        "seq": frontier.size,
        "kind": fact.kind,
        "subject_kind": fact.subject_kind,
        "subject": fact.subject,
        "actor": fact.actor,
        "role": fact.role,
        "effective_us": micros(fact.effective_at),
        "recorded_us": micros(fact.recorded_at),
        "reason": fact.reason,
        "payload": canonical(fact.payload).decode(),
        "state": canonical(state).decode(),
        "leaf": leaf,
    }


def _upsert(connection: sa.Connection, row: Mapping[str, Any], change: Change) -> None:
    connection.execute(
        sa.text(
            "INSERT INTO records (kind, id, status, first_seq, last_seq, body) VALUES (:k, :i, :s, :q, :q, :b) "
            "ON CONFLICT (kind, id) DO UPDATE SET status = :s, last_seq = :q, body = :b"
        ),
        {"k": row["subject_kind"], "i": row["subject"], "s": change.record.status, "q": row["seq"], "b": row["state"]},
    )


def _fact(row: Any) -> Fact:
    return Fact(
        kind=row.kind,
        subject_kind=row.subject_kind,
        subject=row.subject,
        actor=row.actor,
        role=row.role,
        effective_at=from_micros(row.effective_us),
        recorded_at=from_micros(row.recorded_us),
        reason=row.reason,
        payload=msgspec.json.decode(row.payload),
        state=None if row.state is None else msgspec.json.decode(row.state),
        seq=row.seq,
    )
