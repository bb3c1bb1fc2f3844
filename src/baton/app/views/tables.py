"""The workspace's tables for whoever asks in SQL."""

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from baton.app.bootstrap import open_query, open_tables, read_state
from baton.app.views.present import stands_at
from baton.app.workspace import existing
from baton.kernel.clock import iso
from baton.kernel.errors import InvalidInput, NotFound
from baton.kernel.suggest import did_you_mean
from baton.project.tablename import LABELS, PREDICTIONS, QUARANTINE, SCORES

if TYPE_CHECKING:
    import pyarrow as pa

WIDEST = 40
_FIRST_ROW = {
    LABELS: "its first row comes with the first label that is known",
    QUARANTINE: "its first row comes with the first one that breaks a contract",
    PREDICTIONS[0]: "its first row comes the day after a model has answered for the first time",
    PREDICTIONS[1]: "its first row comes the day after a model was first on trial",
    SCORES: "its first row comes with the first batch of scores that is published: baton score",
}


def ask(workspace: Path, text: str, max_rows: int = 5_000_000) -> "pa.Table":
    """The rows of one SELECT over all tables of the workspace.

    Raises NotFound for a table without rows or that nobody writes, InvalidInput with the engine's words, and when there are
    more than `max_rows`: an answer is never cut silently.
    """
    found = existing(workspace)
    tables = open_tables(found)
    names = sorted(path.name for path in found.tables.iterdir() if path.is_dir() and tables.exists(path.name))
    files = {name: tables.files(name) for name in names}
    try:
        rows = open_query()(text, files, max_rows=max_rows + 1, memory_limit="2GB", seconds=120)
    except NotFound as error:
        raise _told(error, workspace, names) from None
    if rows.num_rows > max_rows:
        raise InvalidInput(
            f"the answer has more than {max_rows:,} rows",
            why="it would have to be cut",
            fix="aggregate, or add a LIMIT of your own",
        )
    return rows


def _told(error: NotFound, workspace: Path, names: list[str]) -> NotFound:
    """Why a table is not there: Baton's own appear with their first row, any other is nobody's."""
    name = error.where.lower()
    if name not in _FIRST_ROW:
        return NotFound(f"there is no table '{error.where}'", where=str(workspace), fix=did_you_mean(name, [*names, *_FIRST_ROW]))
    with read_state(workspace) as (_, state):
        begun = stands_at(state)
    if begun is None:
        why, fix = "no daily step has been recorded in this workspace", "run the loop: baton up, or over history: baton replay"
    else:
        why, fix = f"{_FIRST_ROW[name]}; the last daily step was {iso(begun)}", "see where the loop stands: baton status"
    return NotFound(f"table '{name}' has no rows yet", where=str(workspace), why=why, fix=fix)


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
