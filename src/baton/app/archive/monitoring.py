"""What a version learned from beside what came, what the detectors say of it, and who answered how much."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from baton.app.archive.archivist import Archivist, Period, Seen
from baton.app.archive.column import bins_of, numbers, shape
from baton.app.archive.distribution import two_histograms
from baton.app.archive.plain import number
from baton.app.bootstrap import open_artifacts
from baton.app.lifecycle.collecting import FROZEN, OWN, PREDICTIONS
from baton.kernel.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    pass

MOST_DAYS = 400
_BINS = 24


def trained_on(archivist: Archivist, *, candidate: str) -> dict[str, Any]:
    """What a version saw in training, by watched numeric feature: `low` and `high` (1 % and 99 % quantiles), `edges` (deciles) and
    `shares`. `candidate` is the digest of the training's answer; empty when the artefact is gone."""
    try:
        told = json.loads(open_artifacts(archivist.workspace).get(candidate)) if candidate else {}
    except NotFound:
        told = {}
    reference = told.get("reference", {})
    return {
        name: {
            "low": low,
            "high": reference["high"][name],
            "edges": reference["edges"][name],
            "shares": reference["shares"][name],
        }
        for name, low in reference.get("low", {}).items()
    }


def strayed(
    archivist: Archivist,
    *,
    feature: str,
    candidate: str,
    since: str,
    end: str,
    until: str = "",
    before: tuple[str, str] = ("", ""),
) -> dict[str, Any]:
    """A feature's values in predictions decided in `since` ≤ t < `end`, beside what the version learned from.

    `shape` number: `edges`, `reference` (shares, read off the quantiles kept of the training), `present` (counts), `below`, `above`
    (of the training's 1 %–99 % range, counts), `missing`, `rows`, `mean`, `low`, `high`. Where nothing is kept of the training the
    reference is the predictions of the period `before`, and `low` and `high` are None. Category: `labels`, `reference` and `present`.
    """
    seen = predictions(archivist)
    column = named(seen, feature)
    quoted, kept = seen.column(column), trained_on(archivist, candidate=candidate).get(feature)
    if shape(seen.kinds[column]) != "number" or kept is None:
        return _compared(archivist, seen, column, (since, end, until, before))
    values = archivist.ask(quoted, seen.rows(Period(since, end, until), [("variant", "!=", FROZEN)]))[column]
    known = numbers(values)
    edges = _edges(known, kept)
    counted = _counts(known, edges)
    return {
        "shape": "number",
        "edges": edges,
        "reference": _portions(kept, edges),
        "present": counted,
        "below": int((known < kept["low"]).sum()),
        "above": int((known > kept["high"]).sum()),
        "missing": len(values) - len(known),
        "rows": len(values),
        "mean": number(known.mean()) if len(known) else None,
        "low": kept["low"],
        "high": kept["high"],
    }


def _compared(archivist: Archivist, seen: Seen, column: str, when: tuple[str, str, str, tuple[str, str]]) -> dict[str, Any]:
    since, end, until, before = when
    told = two_histograms(
        archivist,
        table=PREDICTIONS,
        column=column,
        reference=before,
        present=(since, end),
        until=until,
        bins=_BINS,
        where=[("variant", "!=", FROZEN)],
    )
    now, was = told["present"], told["reference"]
    mean = None
    if told["shape"] == "number":
        rows = seen.rows(Period(since, end, until), [("variant", "!=", FROZEN)])
        mean = number(archivist.ask(f"avg({seen.column(column)}) AS mean", rows)["mean"][0].as_py())
    return {
        "shape": "number" if told["shape"] == "number" else "category",
        "edges": told.get("edges", []),
        "labels": [str(label) for label in told.get("labels", [])],
        "reference": was["counts"],
        "present": now["counts"],
        "below": 0,
        "above": 0,
        "missing": now["missing"],
        "rows": now["rows"],
        "mean": mean,
        "low": None,
        "high": None,
    }


def _edges(known: Any, kept: dict[str, Any]) -> list[float]:
    """Even bins over the training's range and over what came, whichever reaches further."""
    import numpy as np

    own = bins_of([known], _BINS)
    if own and own[0] <= kept["low"] and own[-1] >= kept["high"]:
        return own
    return bins_of([np.array([kept["low"], kept["high"], *own[:1], *own[-1:]])], _BINS)


def _counts(known: Any, edges: list[float]) -> list[int]:
    """How many values are in each bin; what lies beyond counts in the outer ones."""
    import numpy as np

    return np.histogram(np.clip(known, edges[0], edges[-1]), edges)[0].tolist() if len(known) else [0] * (len(edges) - 1)


def _portions(kept: dict[str, Any], edges: list[float]) -> list[float]:
    """Shares per bin, out of the quantiles that are kept of the training: in between, values are taken to be spread evenly."""
    import numpy as np

    marks, levels = [kept["low"]], [0.01]
    for edge, level in zip(kept["edges"], np.cumsum(kept["shares"]).tolist(), strict=False):
        if edge > marks[-1]:
            marks.append(edge)
            levels.append(max(level, levels[-1]))
    if kept["high"] > marks[-1]:
        marks.append(kept["high"])
        levels.append(max(0.99, levels[-1]))
    below = np.interp(edges, marks, levels, left=0.0, right=1.0)
    return [float(value) for value in np.diff(below)]


def weighed(archivist: Archivist, *, errors: list[float | None], outside: list[dict[str, float]]) -> dict[str, Any]:
    """What the detectors say of days in order, as the loop weighs them every day (`monitoring/detector.py`).

    `calibration`, `novelty` and `together` are their evidence after each day; `since_calibration` and `since_novelty` the places from
    which each grew most; `streams` the evidence of each feature now, most first. At most 400 days.
    """
    import numpy as np

    from baton.monitoring.detector import calibration_evidence, novelty_evidence

    tolerated = archivist.definition.monitor

    if max(len(errors), len(outside)) > MOST_DAYS:
        raise InvalidInput("too many days to weigh", where="weighed", fix=f"at most {MOST_DAYS}")
    judged = [place for place, error in enumerate(errors) if error is not None]
    names = sorted({name for day in outside for name in day})
    shares = np.array([[day.get(name, np.nan) for name in names] for day in outside]).reshape(len(outside), len(names))
    told = np.array([errors[place] for place in judged], dtype=np.float64)
    course: list[dict[str, float | None]] = []
    for day in range(1, len(outside) + 1):
        upto = int(np.searchsorted(judged, day))
        off = calibration_evidence(told[:upto], tolerated.calibration).value
        new = novelty_evidence(shares[:day], tolerated.novelty).value if names else None
        course.append({"calibration": off, "novelty": new, "together": (off + new) / 2 if new is not None else off})
    last, fresh = (
        calibration_evidence(told, tolerated.calibration),
        novelty_evidence(shares, tolerated.novelty) if names else None,
    )
    ranked = sorted(zip(names, fresh.streams, strict=True), key=lambda each: -each[1]) if fresh is not None else []
    return {
        "course": course,
        "since_calibration": judged[last.change_point] if judged else None,
        "since_novelty": fresh.change_point if fresh is not None and len(shares) else None,
        "streams": [{"name": name, "evidence": value} for name, value in ranked],
    }


def predictions(archivist: Archivist) -> Seen:
    """The table of predictions. Raises NotFound before the first one."""
    return archivist.predictions()


def named(seen: Seen, feature: str) -> str:
    """The column of a feature, which bears another name where the first is Baton's own."""
    return f"feature_{feature}" if feature in OWN and f"feature_{feature}" in seen.kinds else feature


def answered_by_day(archivist: Archivist, *, since: str, end: str, until: str = "") -> dict[str, Any]:
    """How many predictions each version answered a day (UTC): `versions`, and `days` with their `counts` in that order. At most 400 days."""
    seen = predictions(archivist)
    rows = seen.rows(Period(since, end, until), [("variant", "!=", FROZEN)])
    found = archivist.ask(
        "strftime(make_timestamp(epoch_us(decided_at)), '%Y-%m-%d') AS day, model_version AS version, count(*) AS count",
        rows,
        "GROUP BY ALL ORDER BY ALL",
    ).to_pylist()
    versions = sorted({row["version"] for row in found})
    counts: dict[str, list[int]] = {}
    for row in found:
        counts.setdefault(row["day"], [0] * len(versions))[versions.index(row["version"])] = row["count"]
    return {"versions": versions, "days": [{"day": day, "counts": each} for day, each in counts.items()][-MOST_DAYS:]}


QUESTIONS = {
    "answered_by_day": answered_by_day,
    "trained_on": trained_on,
    "strayed": strayed,
    "weighed": weighed,
}
