"""How good the scores were, as far as the truth has arrived: over all, and by score. It counts as the months on record do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from baton.app.archive.archivist import Archivist, Period
from baton.app.archive.clause import quoted
from baton.app.archive.plain import number
from baton.app.archive.truth import truth
from baton.app.lifecycle.collecting import FROZEN
from baton.kernel.digest import finite

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, Any]

PARTS = 10
_SURE = 1.96


class Known(NamedTuple):
    """Predictions of a period, in one order: score, label (NaN: not arrived) and what they are sliced by."""

    scores: Array
    labels: Array
    values: list[Any]


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

    _, known = joined(archivist, "", Period(since, end, until), version, where or [])
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


def joined(
    archivist: Archivist,
    column: str,
    period: Period,
    version: int,
    where: list[tuple[str, str, Any]] | None = None,
    *,
    frozen: bool = False,
) -> tuple[str, Known]:
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
    return seen.kinds.get(column, ""), Known(scores, labels, table["value"].to_pylist() if column else [])


def measured(archivist: Archivist, scores: Array, labels: Array) -> dict[str, Any]:
    """The quality of some predictions: `predictions`, `labelled`, and over the labelled ones `mean_score`, `observed` (share that came
    true), `brier`, `auc` (None with one class only) and `money` (the outcome matrix at the threshold, in the problem's currency)."""
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


def _interval(true: float, count: int) -> tuple[float | None, float | None]:
    """Wilson's interval of a share, 95 %."""
    if not count:
        return None, None
    share, square = true / count, _SURE * _SURE
    middle, span = share + square / (2 * count), _SURE * ((share * (1 - share) + square / (4 * count)) / count) ** 0.5
    return max(0.0, (middle - span) / (1 + square / count)), min(1.0, (middle + span) / (1 + square / count))


QUESTIONS = {"calibration": calibration}
