"""How good the scores were, as far as the truth has arrived: by slice, and by score. It counts as the months on record do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from baton.app.archive.archivist import Archivist, Period
from baton.app.archive.clause import quoted
from baton.app.archive.column import shape
from baton.app.archive.plain import number, plain
from baton.app.archive.truth import truth
from baton.app.lifecycle.collecting import FROZEN
from baton.kernel.digest import finite

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, Any]

MOST_SLICES = 50
PARTS = 10
_FEW = 20
_SURE = 1.96


class _Known(NamedTuple):
    """Predictions of a period, in one order: score, label (NaN: not arrived) and what they are sliced by."""

    scores: Array
    labels: Array
    values: list[Any]


def quality_by_slice(
    archivist: Archivist,
    *,
    column: str = "",
    since: str = "",
    end: str = "",
    until: str = "",
    version: int = 0,
    frozen: bool = False,
) -> dict[str, Any]:
    """Quality of the predictions decided in `since` ≤ t < `end`, with the labels known by `until`, by the values of a column.

    `all` and each of `slices` (the 50 with most predictions; `others` says how many are left out): `value` (None: missing),
    `predictions`, `labelled`, and over the labelled ones `mean_score`, `observed` (share that came true), `brier`, `auc` (None with one
    class only) and `money` (the outcome matrix applied at the threshold, in the problem's currency). A column of numbers with more than
    20 values is cut into ten parts of equal counts, named by their bounds. Without a column only `all`, which for a calendar month
    is what the month's record says. `version` 0 is every version that answered; `frozen` asks for the frozen first model instead.
    """
    seen_kind, known = _joined(archivist, column, Period(since, end, until), version, frozen=frozen)
    groups = _groups(known.values, seen_kind) if column else {}
    ranked = sorted(groups.items(), key=lambda group: (-len(group[1]), str(group[0])))
    return {
        "column": column,
        "all": {"value": None, **_judged(archivist, known.scores, known.labels)},
        "slices": [
            {"value": plain(value), **_judged(archivist, known.scores[at], known.labels[at])}
            for value, at in ranked[:MOST_SLICES]
        ],
        "others": max(0, len(ranked) - MOST_SLICES),
    }


def calibration(
    archivist: Archivist,
    *,
    since: str = "",
    end: str = "",
    until: str = "",
    version: int = 0,
    where: list[tuple[str, str, Any]] | None = None,
) -> dict[str, Any]:
    """Whether scores mean what they say: ten bins of equal width from 0 to 1, of predictions decided in `since` ≤ t < `end` whose label
    was known by `until`.

    Each bin: `low`, `high`, `count`, `score` (mean) and `observed` (share that came true), both None in an empty bin, and its 95 %
    interval `from` and `to` (Wilson). Also `labelled`, `predictions`, `error` (mean score less observed share) and `version`.
    """
    import numpy as np

    _, known = _joined(archivist, "", Period(since, end, until), version, where or [])
    there = np.isfinite(known.labels)
    scores, labels = known.scores[there], known.labels[there]
    places = np.clip((scores * PARTS).astype(np.int64), 0, PARTS - 1)
    bins = []
    for place in range(PARTS):
        inside = places == place
        count, true = int(inside.sum()), float(labels[inside].sum())
        low, high = _interval(true, count)
        bins.append(
            {
                "low": place / PARTS,
                "high": (place + 1) / PARTS,
                "count": count,
                "score": number(scores[inside].mean()) if count else None,
                "observed": true / count if count else None,
                "from": low,
                "to": high,
            }
        )
    error = finite(float(np.mean(scores - labels))) if len(scores) else None
    return {"bins": bins, "labelled": len(scores), "predictions": len(there), "error": error, "version": version}


def _joined(
    archivist: Archivist,
    column: str,
    period: Period,
    version: int,
    where: list[tuple[str, str, Any]] | None = None,
    *,
    frozen: bool = False,
) -> tuple[str, _Known]:
    """Predictions with their labels: the join by which months are judged (`app/lifecycle/judging.py`)."""
    import numpy as np

    seen, key = archivist.predictions(), quoted(archivist.definition.entity.key)
    wanted: list[tuple[str, str, Any]] = [("variant", "=" if frozen else "!=", FROZEN), *(where or [])]
    wanted += [("model_version", "=", version)] if version else []
    sliced = seen.column(column) if column else "NULL"
    mine = seen.rows(period, wanted)
    labels_known = truth(archivist, period.until)
    table = archivist.analysis.ask(
        f"SELECT p.score, l.label::DOUBLE AS label, p.value FROM (SELECT {key} AS entity, decided_at, score, {sliced} AS value {mine.text}) p "
        f"LEFT JOIN ({labels_known.text}) l ON p.entity = l.entity ORDER BY p.decided_at, p.entity",
        (*mine.values, *labels_known.values),
    )
    scores, labels = (np.asarray(table[name].to_numpy(), dtype=np.float64) for name in ("score", "label"))
    return seen.kinds.get(column, ""), _Known(scores, labels, table["value"].to_pylist() if column else [])


def _judged(archivist: Archivist, scores: Array, labels: Array) -> dict[str, Any]:
    import numpy as np

    from baton.evaluation.metric import auc, brier
    from baton.monitoring.performance import money

    there = np.isfinite(labels)
    told, truth = scores[there], labels[there]
    some = bool(len(told))
    return {
        "predictions": len(scores),
        "labelled": len(told),
        "mean_score": finite(float(told.mean()), 12) if some else None,
        "observed": finite(float(truth.mean()), 12) if some else None,
        "brier": finite(brier(truth, told), 12),
        "auc": finite(auc(truth, told), 12),
        "money": money(archivist.definition.problem.value, truth, told) if some else None,
    }


def _groups(values: list[Any], kind: str) -> dict[Any, Array]:
    """Places by value; numbers of many values by tenth, which is named by its bounds."""
    import numpy as np

    if shape(kind) == "number":
        column = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        present = column[np.isfinite(column)]
        if len(np.unique(present)) > _FEW:
            return _tenths(column, present)
    found: dict[Any, list[int]] = {}
    for place, value in enumerate(values):
        found.setdefault(None if isinstance(value, float) and value != value else plain(value), []).append(place)
    return {value: np.array(places) for value, places in found.items()}


def _tenths(column: Array, present: Array) -> dict[Any, Array]:
    import numpy as np

    marks = np.unique(np.quantile(present, np.linspace(0, 1, PARTS + 1)))
    parts = np.clip(np.searchsorted(marks, column, side="right") - 1, 0, max(0, len(marks) - 2))
    parts[~np.isfinite(column)] = -1
    names = {-1: None} | {at: f"{marks[at]:.4g} – {marks[at + 1]:.4g}" for at in range(len(marks) - 1)}
    return {names[int(at)]: np.flatnonzero(parts == at) for at in np.unique(parts)}


def _interval(true: float, count: int) -> tuple[float | None, float | None]:
    """Wilson's interval of a share, 95 %."""
    if not count:
        return None, None
    share, square = true / count, _SURE * _SURE
    middle, span = share + square / (2 * count), _SURE * ((share * (1 - share) + square / (4 * count)) / count) ** 0.5
    return max(0.0, (middle - span) / (1 + square / count)), min(1.0, (middle + span) / (1 + square / count))


QUESTIONS = {"quality_by_slice": quality_by_slice, "calibration": calibration}
