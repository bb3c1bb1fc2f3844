"""Single rows of a table: to look at, and to take away as a file."""

from pathlib import Path
from typing import Any

from baton.app.archive.archivist import Archivist, Period, Seen
from baton.app.archive.file import written
from baton.app.archive.plain import records
from baton.kernel.errors import InvalidInput

MOST = 1000
Where = list[tuple[str, str, Any]]
Order = list[tuple[str, str]]


def rows(  # noqa: PLR0913  each is one of the page's fields
    archivist: Archivist,
    *,
    table: str,
    where: Where | None = None,
    order: Order | None = None,
    since: str = "",
    end: str = "",
    until: str = "",
    limit: int = 50,
    after: int = 0,
    columns: list[str] | None = None,
) -> dict[str, Any]:
    """Rows of a table, at most 1,000 at a time, `after` that many: `columns` (name, type), `rows` (lists of values), `total`.

    `where` holds (column, test, value): = != < <= > >=, in (a list), contains and starts (text, whatever its case), empty and given
    (any value). `order` holds (column, "up" or "down"); without it newest first by the table's instant. The period is of the
    table's own instant (`Period`). Instants are texts in RFC 3339; NaN and infinities are texts too.
    """
    seen = archivist.see(table)
    clause = seen.rows(Period(since, end, until), where or [])
    shown = columns or list(seen.kinds)
    names = ", ".join(seen.column(name) for name in shown)
    bounds = f"{_order(seen, order)} LIMIT {max(1, min(limit, MOST))} OFFSET {max(0, after)}"
    found = archivist.ask(names, clause, bounds)
    return {
        "table": table,
        "columns": [{"name": name, "type": seen.kinds[name]} for name in shown],
        "rows": records(found),
        "total": archivist.ask("count(*) AS total", clause)["total"][0].as_py(),
        "after": max(0, after),
    }


def download_rows(  # noqa: PLR0913  each is one of the page's fields
    archivist: Archivist,
    path: Path,
    *,
    table: str,
    form: str = "csv",
    where: Where | None = None,
    since: str = "",
    end: str = "",
    until: str = "",
) -> dict[str, str]:
    """All rows that `rows` would count, as `csv` or `parquet`, in no promised order. At most 512 MB, else Refused."""
    seen = archivist.see(table)
    clause = seen.rows(Period(since, end, until), where or [])
    stream = archivist.analysis.stream(f"SELECT * {clause.text}", clause.values)
    return written(stream, path, form, table)


def _order(seen: Seen, order: Order | None) -> str:
    ways = {"up": "ASC NULLS LAST", "down": "DESC NULLS LAST"}
    parts = []
    for name, way in order if order is not None else [(seen.clock, "down")] if seen.clock else []:
        if way not in ways:
            raise InvalidInput(f"'{way}' is no order", where=name, fix="write up or down")
        parts.append(f"{seen.column(name)} {ways[way]}")
    # Rows that are equal in what they are ordered by must come in one order, or a second page repeats the first one.
    parts += [seen.column(name) for name in list(seen.kinds)[:2]]
    return f"ORDER BY {', '.join(parts)}"


QUESTIONS = {"rows": rows}
EXPORTS = {"download_rows": download_rows}
