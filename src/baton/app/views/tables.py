"""The workspace's tables for whoever asks in SQL."""

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from baton.app.bootstrap import open_query, open_tables
from baton.app.workspace import existing
from baton.kernel.errors import InvalidInput

if TYPE_CHECKING:
    import pyarrow as pa

WIDEST = 40


def ask(workspace: Path, text: str, max_rows: int = 5_000_000) -> "pa.Table":
    """The rows of one SELECT over all tables of the workspace.

    Raises InvalidInput with the engine's words, and when there are more than `max_rows`: an answer is never cut silently.
    """
    found = existing(workspace)
    tables = open_tables(found)
    names = sorted(path.name for path in found.tables.iterdir() if path.is_dir() and tables.exists(path.name))
    files = {name: tables.files(name) for name in names}
    rows = open_query()(text, files, max_rows=max_rows + 1, memory_limit="2GB", seconds=120)
    if rows.num_rows > max_rows:
        raise InvalidInput(
            f"the answer has more than {max_rows:,} rows",
            why="it would have to be cut",
            fix="aggregate, or add a LIMIT of your own",
        )
    return rows


def written(rows: "pa.Table", form: str) -> bytes:
    """Rows as table, CSV, JSON lines in an array, or Parquet."""
    import pyarrow.csv
    import pyarrow.parquet

    if form == "table":
        return _table(rows).encode()
    if form == "json":
        return (json.dumps(rows.to_pylist(), default=str, indent=1) + "\n").encode()
    sink, write = io.BytesIO(), pyarrow.csv.write_csv if form == "csv" else pyarrow.parquet.write_table
    try:
        write(rows, sink)
    except (pyarrow.ArrowException, NotImplementedError) as error:
        raise InvalidInput(
            f"{form} cannot hold a column of this answer", why=str(error).splitlines()[0], fix="cast it to text in the query"
        ) from error
    return sink.getvalue()


def _table(rows: "pa.Table") -> str:
    cells = [rows.column_names, *([_cell(value) for value in row.values()] for row in rows.to_pylist())]
    widths = [max(len(line[at]) for line in cells) for at in range(len(rows.column_names))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join([lines[0], "  ".join("─" * width for width in widths), *lines[1:], f"({rows.num_rows} rows)"]) + "\n"


def _cell(value: object) -> str:
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
