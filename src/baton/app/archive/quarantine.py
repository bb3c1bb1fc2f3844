"""Rows that were set aside, with the rule that each broke."""

import json
from typing import Any

from baton.app.archive.archivist import Archivist, Period
from baton.app.archive.plain import records
from baton.project.tablename import QUARANTINE

MOST = 500


def quarantine(  # noqa: PLR0913  each is one of the page's fields
    archivist: Archivist,
    *,
    source: str = "",
    rule: str = "",
    since: str = "",
    end: str = "",
    until: str = "",
    limit: int = 50,
    after: int = 0,
) -> dict[str, Any]:
    """Rejected rows, newest first, at most 500 at a time, of one source or of all (""), of one rule or of all.

    `rows`: source, key, known_at (None: the source has none), rule, reason, and `row`, the whole row as it came. `rules`: source,
    rule, how many, first and last instant, most frequent first, at most 200; `total` rows in all. The period is of the instant at
    which a row became known.
    """
    if QUARANTINE not in archivist.names():
        return {"rows": [], "rules": [], "total": 0}
    where: list[tuple[str, str, Any]] = [(name, "=", value) for name, value in (("source", source), ("rule", rule)) if value]
    clause = archivist.see(QUARANTINE).rows(Period(since, end, until), where)
    bounds = f"LIMIT {max(1, min(limit, MOST))} OFFSET {max(0, after)}"
    names = ("source", "key", "known_at", "rule", "reason", "row")
    found = archivist.ask(
        ", ".join(f'"{name}"' for name in names), clause, f"ORDER BY known_at DESC NULLS LAST, source, key, rule {bounds}"
    )
    counted = archivist.ask(
        "source, rule, count(*) AS rows, min(known_at) AS first, max(known_at) AS last",
        clause,
        "GROUP BY source, rule ORDER BY rows DESC, source, rule LIMIT 200",
    )
    total = archivist.ask("count(*) AS total", clause)["total"][0].as_py()
    rows = [dict(zip(names, row, strict=True)) for row in records(found)]
    return {
        "rows": [{**row, "row": json.loads(row["row"]) if row["row"] else {}} for row in rows],
        "rules": [dict(zip(counted.column_names, row, strict=True)) for row in records(counted)],
        "total": total,
    }


QUESTIONS = {"quarantine": quarantine}
