"""What the data stage needs from the outside: a reader of sources, versioned tables, and an engine that applies contracts.

All instants are UTC. Every interval of time is half open on the left: `(after, until]`, so that consecutive intervals share
no row and lose none. Ports raise only errors of `kernel.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from baton.data.contract import Contract
from baton.data.snapshot import Snapshot
from baton.project.definition import Source

if TYPE_CHECKING:
    import pyarrow as pa


class SourceReader(Protocol):
    """Reads what a declared source holds. Reading changes nothing and may be repeated; safe to call from several threads.

    Both calls raise BrokenSource (retryable) when the source is missing, truncated, changes while being read, or lacks a
    declared column.
    """

    def schema(self, source: Source) -> dict[str, str]:
        """Column → kind (`int`, `float`, `string`, `bool`, `timestamp` with a zone, `other`), selected columns only."""
        ...

    def read(self, source: Source, after: datetime | None, until: datetime) -> pa.Table:
        """The rows that became known in `(after, until]`, ordered by (known_at, key); `after` None reads from the beginning.

        A row whose known_at is null is not known and is left out. A source without known_at gives all its rows when
        `after` is None and none otherwise. Columns are `source.columns` (all when empty) plus key and known_at.
        """
        ...


class Tables(Protocol):
    """Append-only tables with versions.

    Atomic: an append is visible whole or not at all, also after a kill. Ordered: versions count up. One writer process
    per table, any number of reader processes. Names match `[a-z][a-z0-9_]*`; others raise InvalidInput. A full or
    unreachable disk raises Unavailable, damaged files raise Corrupt.
    """

    def append(self, table: str, rows: pa.Table, *, step: int, writer: str = "baton") -> Snapshot:
        """Add rows exactly once and return the snapshot after it; the first append creates the table.

        `step` counts up per table and writer (e.g. days since 1970). An append whose step is not above the writer's
        last committed one changes nothing and returns the current snapshot. No rows: the table is created when it is
        missing, otherwise nothing is committed. New columns are added (null in older rows); a column whose type cannot
        be kept raises BrokenSource.
        """
        ...

    def scan(
        self,
        table: str,
        columns: tuple[str, ...] | None = None,
        after: datetime | None = None,
        until: datetime | None = None,
        on: str = "known_at",
    ) -> pa.Table:
        """The rows whose `on` lies in `(after, until]`, in no promised order; without bounds all rows. Raises NotFound."""
        ...

    def exists(self, table: str) -> bool:
        """Whether the table was ever created."""
        ...

    def snapshot(self, table: str) -> Snapshot | None:
        """The latest committed version, or None when there is no such table."""
        ...

    def files(self, table: str) -> tuple[str, ...]:
        """Absolute paths of the Parquet files of the latest version, for DuckDB's `read_parquet`. Raises NotFound."""
        ...

    def last_step(self, table: str, writer: str = "baton") -> int | None:
        """The last committed step of a writer, or None when it never committed."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows split by a contract: `rejected` has `rule` and `reason` as last two columns; both keep the rows' order."""

    kept: pa.Table
    rejected: pa.Table
    counts: Mapping[str, int]


class Query(Protocol):
    """Answers SQL over Parquet files."""

    def __call__(
        self,
        sql: str,
        tables: Mapping[str, Sequence[str]],
        *,
        max_rows: int = 10_000,
        seconds: float = 30,
        memory_limit: str = "512MB",
    ) -> pa.Table:
        """The rows of one SELECT over views named as in `tables` (name → absolute Parquet paths), at most `max_rows`.

        Read only: nothing but the named files can be reached. Raises NotFound, with the name as `where`, for a table that
        is not there, InvalidInput for any other statement and for SQL that is refused, Unavailable when it takes too long or too much memory.
        """
        ...


class ContractEngine(Protocol):
    """Applies a contract's row rules."""

    def judge(self, rows: pa.Table, contract: Contract, seen: pa.Table | None) -> Judged:
        """Split rows into kept and rejected, each rejected row with the first rule it breaks.

        `seen` holds the contract's unique columns of the rows kept earlier. Among rows of equal unique values the first
        that breaks no other rule is kept. Raises BrokenSource when a declared column is missing or of another type.
        """
        ...
