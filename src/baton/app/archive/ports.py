"""What the archive needs from the outside: an engine for our own queries, the history of tables, and a setter of papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa


class Analysis(Protocol):
    """Computes over Parquet files. One question at a time; nothing is written."""

    def define(self, table: str, files: Sequence[str]) -> None:
        """Let a table be asked by its name, as the files of one version. Raises Corrupt when they cannot be read."""
        ...

    def kinds(self, table: str) -> dict[str, str]:
        """Columns of a defined table in order, with the engine's types."""
        ...

    def ask(self, sql: str, values: Sequence[Any] = ()) -> pa.Table:
        """The rows of a query of ours. Raises Unavailable (too long, too much memory), InvalidInput when a value does not fit."""
        ...

    def stream(self, sql: str, values: Sequence[Any] = (), rows: int = 50_000) -> pa.RecordBatchReader:
        """The same in pieces, for what is too long to hold."""
        ...


class Logs(Protocol):
    """The history of tables, as their own logs tell it. Reads only."""

    def entries(self, table: str) -> tuple[dict[str, Any], ...]:
        """Every version that the log still tells, oldest first: `version`, `written` (instant), `operation`, `added` and `removed`
        (rows), `files`, `bytes`, `known` (column → newest instant added), `columns` (None: as before). Raises Corrupt."""
        ...


class Papers(Protocol):
    """Sets documents. What is in `data` is text in the document, never a command."""

    def document(self, template: Path, data: Mapping[str, Any], form: str) -> bytes:
        """The document as `pdf` or, its first page, `png`. Raises InvalidInput when it cannot be set, MissingExtra without a setter."""
        ...
