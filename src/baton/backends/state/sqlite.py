"""A look at a workspace's state with the standard library alone: SQLAlchemy costs more to import than a look takes."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from baton.backends.state.reader import Reader, no_state, refusal, refuse_newer
from baton.backends.state.shelf import Values


def _select(connection: sqlite3.Connection, where: str, text: str, values: Values) -> Iterator[Sequence[Any]]:
    with _translated(where), closing(connection.execute(text, values)) as rows:
        yield from rows


class SqliteReader(Reader):
    """Implements `ledger.ports.LedgerReader` on the database that `sql.SqlState` writes."""

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        super().__init__(partial(_select, connection, where))
        self._connection = connection

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()


def read_sqlite(path: Path) -> SqliteReader:
    """Open a workspace's state database to look at it.

    Raises NotFound when it is absent or has no tables yet, Incompatible when a newer Baton made it, Corrupt when the file
    is not a database.
    """
    if not path.exists():
        raise no_state(path)
    with _translated(str(path)):
        # Not mode=ro: whoever opens a write-ahead log so cannot clear its files away when it is the last to close.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30, isolation_level=None, check_same_thread=False
        )
        try:
            _settle(connection, path)
        except BaseException:
            connection.close()
            raise
    return SqliteReader(connection, str(path))


def _settle(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse to write from here on, and to read what this Baton cannot."""
    connection.execute("PRAGMA query_only=ON")
    (revision,) = connection.execute("PRAGMA user_version").fetchone()
    refuse_newer(revision)
    if revision == 0:
        raise no_state(path)


@contextmanager
def _translated(where: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise refusal(error, where) from error
