"""What somebody typed as SQL, answered by the engine that lets nothing else happen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baton.app.archive.archivist import Archivist
from baton.app.archive.file import written
from baton.app.archive.plain import records
from baton.app.bootstrap import open_query
from baton.kernel.clock import stopwatch
from baton.kernel.errors import InvalidInput, NotFound
from baton.kernel.suggest import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

MOST_SHOWN = 1000
MOST_TAKEN = 1_000_000
SECONDS = 15.0
MEMORY = "512MB"
_WIDEST_WORD = re.compile(r"information_schema|duckdb_|pg_|show|describe|summarize", re.IGNORECASE)


def sql(archivist: Archivist, *, text: str, limit: int = 100) -> dict[str, Any]:
    """The answer to one SELECT over all tables, read only: `columns` (name, type), `rows`, `truncated`, `seconds`.

    At most 1,000 rows are shown, and `truncated` says that there are more; 15 seconds and 512 MB of memory at most. It sees what is
    stored now: an instant to look back to belongs into the text (`WHERE known_at <= …`).
    """
    wanted, watch = max(1, min(limit, MOST_SHOWN)), stopwatch()
    found = _found(archivist, text, wanted + 1)
    return {
        "columns": [{"name": field.name, "type": str(field.type)} for field in found.schema],
        "rows": records(found.slice(0, wanted)),
        "truncated": found.num_rows > wanted,
        "seconds": round(watch(), 3),
    }


def download(archivist: Archivist, path: Path, *, text: str, form: str = "csv") -> dict[str, str]:
    """The answer to one SELECT as a file, `csv` or `parquet`: at most a million rows, else InvalidInput; never cut silently."""
    found = _found(archivist, text, MOST_TAKEN + 1)
    if found.num_rows > MOST_TAKEN:
        raise InvalidInput(
            f"the answer has more than {MOST_TAKEN:,} rows", why="it would have to be cut", fix="aggregate, or add a LIMIT"
        )
    return written(found.to_reader(50_000), path, form, "answer")


def _found(archivist: Archivist, text: str, most: int) -> pa.Table:
    names = archivist.names()
    # A table costs the opening of all its files: those that the text cannot mean are left out.
    meant = names if _WIDEST_WORD.search(text) else [name for name in names if name in text.lower()]
    files = {name: archivist.tables.files(name) for name in meant}
    try:
        return open_query()(text, files, max_rows=most, seconds=SECONDS, memory_limit=MEMORY)
    except NotFound as error:
        fix = did_you_mean(error.where, names)
        raise NotFound(f"there is no table '{error.where}'", where="sql", fix=fix) from None


QUESTIONS = {"sql": sql}
EXPORTS = {"download": download}
