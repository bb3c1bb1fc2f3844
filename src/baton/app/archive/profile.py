"""What a column holds, for every column of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baton.app.archive.archivist import Archivist, Period, Seen
from baton.app.archive.clause import Clause
from baton.app.archive.column import bins_of, frequent, instants, numbers, shape, told
from baton.app.archive.plain import number, plain

if TYPE_CHECKING:
    import pyarrow as pa

    from baton.app.archive.column import Column

SAMPLE = 50_000
BINS = 20
TOP = 10
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def profile(archivist: Archivist, *, table: str, since: str = "", end: str = "", until: str = "") -> dict[str, Any]:
    """What each column holds, of the rows in a period (`Period`): `rows`, `sampled` (rows that the shape comes from) and `columns`.

    A column: `name`, `type`, `shape` (number, time, text, flag, other), `nulls` (NaN counts as one), `distinct` (approximate,
    within some percent), `min`, `max`, `mean`: of all rows. `quantiles` (p05 … p95), `top` (ten most frequent values with counts; not
    of numbers with many values, nor where nearly each row has its own) and `histogram` (20 bins: `edges`, `counts`; numbers and times): of all rows up to 50,000, beyond that of
    about so many, drawn by a hash of the row, always the same ones.
    """
    seen = archivist.see(table)
    clause = seen.rows(Period(since, end, until))
    exact = archivist.ask(", ".join(["count(*) AS rows", *_sums(seen)]), clause).to_pylist()[0]
    count = int(exact["rows"])
    sample = archivist.ask("*", _sampled(seen, clause, count))
    columns = [_column(seen, name, place, exact, sample) for place, name in enumerate(seen.kinds)]
    return {"table": table, "rows": count, "sampled": sample.num_rows, "columns": columns, "clock": seen.clock}


def _sums(seen: Seen) -> list[str]:
    told = []
    for place, (name, kind) in enumerate(seen.kinds.items()):
        column, form = seen.column(name), shape(kind)
        if form == "number" and kind in ("DOUBLE", "FLOAT"):
            column = f"CASE WHEN isfinite({column}) THEN {column} END"
        told += [f"count({column}) AS c{place}", f"approx_count_distinct({column}) AS d{place}"]
        if form != "other":
            told += [f"min({column}) AS l{place}", f"max({column}) AS h{place}"]
        if form in ("number", "flag"):
            told.append(f"avg({column}::DOUBLE) AS m{place}")
    return told


def _sampled(seen: Seen, clause: Clause, count: int) -> Clause:
    every = -(-count // SAMPLE)
    return clause if every <= 1 else Clause(f"{clause.text} AND hash({seen.name}) % {every} = 0", clause.values)


def _column(seen: Seen, name: str, place: int, exact: dict[str, Any], sample: pa.Table) -> dict[str, Any]:
    kind = seen.kinds[name]
    form, distinct = shape(kind), int(exact[f"d{place}"])
    made: dict[str, Any] = {
        "name": name,
        "type": kind,
        "shape": form,
        "nulls": int(exact["rows"]) - int(exact[f"c{place}"]),
        "distinct": distinct,
        "min": plain(exact.get(f"l{place}")),
        "max": plain(exact.get(f"h{place}")),
        "mean": _steady(exact.get(f"m{place}")),
        "quantiles": None,
        "top": [],
        "histogram": None,
    }
    values = sample[name]
    if form in ("number", "time"):
        made |= _spread(numbers(values) if form == "number" else instants(values), form)
    if (form in ("text", "flag") or distinct <= BINS) and distinct < 0.9 * sample.num_rows:
        made["top"] = [{"value": plain(value), "count": times} for value, times in frequent(values, TOP)]
    return made


def _steady(value: Any) -> float | None:
    """A mean without the last digits, which depend on the order in which threads add up."""
    found = number(value)
    return None if found is None else float(f"{found:.12g}")


def _spread(column: Column, form: str) -> dict[str, Any]:
    import numpy as np

    if not len(column):
        return {}
    marks = np.quantile(column, QUANTILES)
    edges = bins_of([column], BINS, outliers=True)
    counts, _ = np.histogram(column, edges)
    return {
        "quantiles": {
            f"p{round(100 * share):02d}": told(float(mark), form) for share, mark in zip(QUANTILES, marks, strict=True)
        },
        "histogram": {"edges": [told(float(edge), form) for edge in edges], "counts": counts.tolist()},
    }


QUESTIONS = {"profile": profile}
