"""How a column is spread in a period, alone or beside another period: the same bins for both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baton.app.archive.archivist import Archivist, Period, Seen
from baton.app.archive.column import bins_of, frequent, instants, numbers, shape, told
from baton.app.archive.plain import plain
from baton.kernel.errors import InvalidInput

if TYPE_CHECKING:
    import pyarrow as pa

MOST_BINS = 100
TOP = 12
Where = list[tuple[str, str, Any]]


def histogram(  # noqa: PLR0913  each is one of the page's fields
    archivist: Archivist,
    *,
    table: str,
    column: str,
    since: str = "",
    end: str = "",
    until: str = "",
    bins: int = 20,
    edges: list[float] | None = None,
    where: Where | None = None,
) -> dict[str, Any]:
    """Counts of one column in a period (`Period`), of all its rows: see `two_histograms`, with `counts` in place of the two."""
    seen = archivist.see(table)
    values = archivist.ask(seen.column(column), seen.rows(Period(since, end, until), where or []))[column]
    made = _spread(seen, column, [values], bins, edges)
    (counts,) = made.pop("sides")
    return {"table": table, "column": column, "type": seen.kinds[column], **made, "counts": counts}


def two_histograms(  # noqa: PLR0913  each is one of the page's fields
    archivist: Archivist,
    *,
    table: str,
    column: str,
    reference: tuple[str, str],
    present: tuple[str, str],
    until: str = "",
    bins: int = 20,
    edges: list[float] | None = None,
    where: Where | None = None,
) -> dict[str, Any]:
    """The spread of one column in two periods, each (since, end), over the same bins or categories; as far as known by `until`.

    `shape` is number, time or category. Numbers and times: `edges` (one more than bins; the outermost thousandth of numbers of both
    together does not stretch them, whole numbers of a short span have a bin each, given `edges` are kept), and `reference` and `present`, each with
    `counts` per bin, `under` and `over` (outside the edges), `missing` (null or NaN) and `rows`. Categories: `labels`, the twelve
    most frequent in both together, and each side's `counts` per label, `over` (all other values), `missing`, `rows`.
    """
    seen = archivist.see(table)
    name, more = seen.column(column), where or []
    sides = [archivist.ask(name, seen.rows(Period(*period, until), more))[column] for period in (reference, present)]
    made = _spread(seen, column, sides, bins, edges)
    before, now = made.pop("sides")
    return {"table": table, "column": column, "type": seen.kinds[column], **made, "reference": before, "present": now}


def _spread(seen: Seen, column: str, sides: list[pa.ChunkedArray], bins: int, edges: list[float] | None) -> dict[str, Any]:
    form = shape(seen.kinds[column])
    if form in ("number", "time"):
        return _binned(form, sides, max(1, min(bins, MOST_BINS)), edges)
    return _categories(sides)


def _binned(form: str, sides: list[pa.ChunkedArray], bins: int, edges: list[float] | None) -> dict[str, Any]:
    import numpy as np

    values = [numbers(side) if form == "number" else instants(side) for side in sides]
    if edges is not None and (form == "time" or not 2 <= len(edges) <= MOST_BINS + 1 or sorted(set(edges)) != edges):
        raise InvalidInput(
            "these are no edges of bins", where="edges", fix=f"2 to {MOST_BINS + 1} rising numbers, of a column of numbers"
        )
    marks = edges if edges is not None else bins_of(values, bins, outliers=form == "time")
    counted = []
    for side, column in zip(sides, values, strict=True):
        counts = np.histogram(column, marks)[0].tolist() if marks else []
        under, over = ((column < marks[0]).sum(), (column > marks[-1]).sum()) if marks else (0, 0)
        counted.append(
            {"counts": counts, "under": int(under), "over": int(over), "missing": len(side) - len(column), "rows": len(side)}
        )
    return {"shape": form, "edges": [told(edge, form) for edge in marks], "sides": counted}


def _categories(sides: list[pa.ChunkedArray]) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = [
        side.cast(pa.string()) if not pa.types.is_nested(side.type) else pc.cast(side.is_valid(), pa.string()) for side in sides
    ]
    together = pa.chunked_array([chunk for side in texts for chunk in side.chunks], pa.string())
    labels = [value for value, _ in frequent(together, TOP)]
    counted = []
    for side in texts:
        by = dict(frequent(side, len(side)))
        counts = [by.get(label, 0) for label in labels]
        present = len(side) - side.null_count
        counted.append({"counts": counts, "over": present - sum(counts), "missing": side.null_count, "rows": len(side)})
    return {"shape": "category", "labels": [plain(label) for label in labels], "sides": counted}


QUESTIONS = {"histogram": histogram, "two_histograms": two_histograms}
