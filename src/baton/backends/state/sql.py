"""The state store on SQL: SQLite in the workspace, Postgres by URL later."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import quote

import msgspec
import sqlalchemy as sa

from baton.backends.state import schema
from baton.backends.state.reader import CURSOR, NEWEST_HEAD, REVISION, Reader, frontier, no_state, refusal, refuse_newer
from baton.backends.state.schema import facts, heads, measurements, records
from baton.backends.state.shelf import Values
from baton.kernel.clock import micros
from baton.kernel.digest import canonical
from baton.kernel.errors import Conflict
from baton.ledger.fact import Change, Fact, Together
from baton.ledger.merkle import Frontier, leaf_hash
from baton.ledger.ports import Head

PATIENCE = 200
BUSY = 30.0


def open_sqlite(path: Path, *, create: bool = False, patience: float = BUSY) -> "SqlState":
    """Open a workspace's state database; `create` makes it when absent. `patience` is how many seconds a commit waits for another's.

    Raises NotFound when it is absent and not to be made, Incompatible when a newer Baton made it, Corrupt when the
    file is not a database.
    """
    if not path.exists():
        if not create:
            raise no_state(path)
        with suppress(OSError):  # what is wrong with the place is told when it is opened
            path.touch()
    # never made by a connection: one that a thread opens after the file was lost would put an empty one in its place
    url = sa.URL.create("sqlite", database=f"file:{quote(str(path))}", query={"mode": "rw", "uri": "true"})
    engine = sa.create_engine(url, connect_args={"timeout": patience, "isolation_level": None})
    sa.event.listen(engine, "connect", partial(_on_connect, patience))
    sa.event.listen(engine, "begin", _begin_immediate)
    with _translated(str(path)):
        _settle_revision(engine)
    return SqlState(engine, str(path))


def _on_connect(patience: float, connection: Any, _: Any) -> None:
    _write_ahead(connection)
    # half a mebibyte of pages each: the system's own cache serves all connections, and a console has one for every thread
    for pragma in ("synchronous=FULL", f"busy_timeout={patience * 1000:.0f}", "foreign_keys=ON", "cache_size=-512"):
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
    """Make the tables of a new database, refuse one that a newer Baton made, give an older one the indexes it lacks."""
    with engine.connect().execution_options(reads=True) as connection:
        found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        indexes = {name for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'index'")}
    refuse_newer(found)
    if found < REVISION:
        with engine.begin() as connection:
            schema.metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version={REVISION}")
    elif missing := schema.indexes.keys() - indexes:
        _index(engine, missing)


def _index(engine: sa.Engine, missing: Iterable[str]) -> None:
    # Whoever has no room for an index, or a damaged row in its way, can still open the ledger and be told by what they do next.
    with suppress(sa.exc.DatabaseError), engine.begin() as connection:
        for name in sorted(missing):
            connection.execute(sa.schema.CreateIndex(schema.indexes[name], if_not_exists=True))


@contextmanager
def _translated(where: str) -> Iterator[None]:
    try:
        yield
    except sa.exc.DatabaseError as error:
        raise refusal(error.orig, where) from error


def _select(engine: sa.Engine, where: str, text: str, values: Values) -> Iterator[Sequence[Any]]:
    with _translated(where), engine.connect().execution_options(reads=True, stream_results=True) as connection:
        yield from connection.execute(sa.text(text), values)


class SqlState(Reader):
    """Implements `ledger.ports.State`; see there for what it promises."""

    def __init__(self, engine: sa.Engine, where: str) -> None:
        super().__init__(partial(_select, engine, where))
        self._engine, self._where = engine, where

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
                found = connection.execute(sa.text(CURSOR), {"name": name}).scalar()
                if found != value:
                    raise Conflict(
                        f"'{name}' stands at {found}, not at {value}",
                        why="another process took this step",
                        fix="look again: baton status",
                    )
            _refuse_stale(connection, changes, seen)
            log = frontier(connection.execute(sa.text(NEWEST_HEAD)).first())
            rows = [_append(log, change) for change in changes]
            if rows:
                connection.execute(sa.insert(facts), rows)
                connection.execute(sa.insert(heads), {"size": log.size, "root": log.root(), "peaks": b"".join(log.peaks)})
            for row, change in zip(rows, changes, strict=True):
                _upsert(connection, row, change)
            for name, value in (cursors or {}).items():
                connection.execute(
                    sa.text("INSERT INTO cursors VALUES (:n, :v) ON CONFLICT (name) DO UPDATE SET value = :v"),
                    {"n": name, "v": value},
                )
            return Head(log.size, log.root().hex())

    def measure(self, name: str, value: float, at: datetime) -> None:
        """Note a measurement."""
        with _translated(self._where), self._engine.begin() as connection:
            connection.execute(sa.insert(measurements), {"name": name, "value": value, "at_us": micros(at)})

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def _refuse_stale(connection: sa.Connection, changes: Sequence[Change], seen: int | None) -> None:
    if seen is None:
        return
    later = {
        (row.kind, row.id) for row in connection.execute(sa.select(records.c.kind, records.c.id).where(records.c.last_seq > seen))
    }
    kinds = {kind for kind, _ in later}
    for record in (change.record for change in changes):
        if (record.KIND, record.id) in later:
            raise _stale(f"{record.KIND} {record.id}")
        if isinstance(record, Together) and record.KIND in kinds:
            raise _stale(f"another {record.KIND}")


def _stale(what: str) -> Conflict:
    return Conflict(f"{what} has changed meanwhile", why="somebody else acted first", fix="look again: baton status")


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
