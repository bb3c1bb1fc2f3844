"""From a red mark to the rows behind it: slices with their noise, what decisions came to, single predictions with their truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baton.app.archive.archivist import Archivist, Period, moment
from baton.app.archive.clause import Clause, all_of, quoted
from baton.app.archive.column import shape
from baton.app.archive.monitoring import named, predictions
from baton.app.archive.plain import plain, records
from baton.app.archive.quality import PARTS, joined, measured
from baton.app.archive.truth import truth
from baton.app.lifecycle.collecting import FROZEN, OWN, PREDICTIONS
from baton.kernel.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    pass

MOST = 200
"""The most rows of one answer."""
MOST_SLICES = 40
_FEW, _SURE = 20, 1.96


def judged_slices(archivist: Archivist, *, column: str, since: str, end: str, until: str = "") -> dict[str, Any]:
    """Quality of the predictions decided in `since` ≤ t < `end`, with the labels known by `until`, by the values of a column.

    `all`, which for a calendar month is what the month's record says, and each of `slices`: what `quality.measured` tells, `value` (None:
    missing), `apart` (how much higher its mean squared error is than everybody else's), `from` and `to` (95 % interval of that) and, for
    a column of numbers with more than 20 values, which is cut into ten parts of equal counts, `low` and `high`.

    The worst first; the 40 with most predictions. A slice is `worse` when all of its interval is above 0 and 30 labels arrived.
    """
    import numpy as np

    seen = predictions(archivist)
    kind, known = joined(archivist, named(seen, column), Period(since, end, until), 0)
    losses = (known.scores - known.labels) ** 2
    groups = sorted(_cut(known.values, kind), key=lambda group: -len(group[1]))
    there = np.isfinite(losses)
    slices = []
    for told, places in groups[:MOST_SLICES]:
        inside = np.zeros(len(losses), dtype=bool)
        inside[places] = True
        slices.append(
            {
                **told,
                **measured(archivist, known.scores[inside], known.labels[inside]),
                **_apart(losses, inside & there, ~inside & there),
            }
        )
    slices.sort(key=lambda each: (not each["worse"], -(each["apart"] or -1)))
    return {
        "column": column,
        "all": measured(archivist, known.scores, known.labels),
        "slices": slices,
        "others": max(0, len(groups) - MOST_SLICES),
    }


def _apart(losses: Any, mine: Any, theirs: Any) -> dict[str, Any]:
    """How much worse one side is, by Welch's interval of the difference of means."""
    here, there = losses[mine], losses[theirs]
    if len(here) < 2 or len(there) < 2:
        return {"apart": None, "from": None, "to": None, "worse": False}
    apart = float(here.mean() - there.mean())
    noise = _SURE * float((here.var(ddof=1) / len(here) + there.var(ddof=1) / len(there)) ** 0.5)
    return {"apart": apart, "from": apart - noise, "to": apart + noise, "worse": apart - noise > 0 and len(here) >= 30}


def _cut(values: list[Any], kind: str) -> list[tuple[dict[str, Any], list[int]]]:
    """Places by value; numbers of many values by tenth, each with its bounds."""
    import numpy as np

    if shape(kind) == "number":
        column = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        present = column[np.isfinite(column)]
        if len(np.unique(present)) > _FEW:
            marks = np.unique(np.quantile(present, np.linspace(0, 1, PARTS + 1)))
            parts = np.clip(np.searchsorted(marks, column, side="right") - 1, 0, len(marks) - 2)
            parts[~np.isfinite(column)] = -1
            return [(_tenth(marks, int(part)), np.flatnonzero(parts == part).tolist()) for part in np.unique(parts)]
    found: dict[Any, list[int]] = {}
    for place, value in enumerate(values):
        found.setdefault(None if isinstance(value, float) and value != value else plain(value), []).append(place)
    return [({"value": value}, places) for value, places in found.items()]


def _tenth(marks: Any, part: int) -> dict[str, Any]:
    if part < 0:
        return {"value": None}
    low, high = float(marks[part]), float(marks[part + 1])
    return {"value": f"{low:.4g} – {high:.4g}", "low": low, "high": high}


def outcomes(archivist: Archivist, *, since: str, end: str, until: str = "") -> dict[str, Any]:
    """What became of the decisions of a period, at the problem's threshold: counts of the four outcomes with their worth, `labelled`,
    `predictions`, and the same of the frozen first model as `frozen` (None where it did not run)."""
    sides = {}
    for name, frozen in (("live", False), ("frozen", True)):
        _, known = joined(archivist, "", Period(since, end, until), 0, frozen=frozen)
        sides[name] = _confused(archivist, known.scores, known.labels) if len(known.scores) else None
    return sides


def _confused(archivist: Archivist, scores: Any, labels: Any) -> dict[str, Any]:
    import numpy as np

    worth = archivist.definition.problem.value
    there = np.isfinite(labels)
    acted, true = scores[there] >= worth.threshold, labels[there] > 0
    counts = {
        "true_positive": int((acted & true).sum()),
        "false_positive": int((acted & ~true).sum()),
        "false_negative": int((~acted & true).sum()),
        "true_negative": int((~acted & ~true).sum()),
    }
    return {
        "threshold": worth.threshold,
        "predictions": len(scores),
        "labelled": int(there.sum()),
        "outcomes": {
            name: {"count": count, "each": getattr(worth, name), "worth": count * getattr(worth, name)}
            for name, count in counts.items()
        },
    }


def judged_rows(  # noqa: PLR0913  each is one of the page's fields
    archivist: Archivist,
    *,
    since: str,
    end: str,
    until: str = "",
    feature: str = "",
    within: tuple[float | None, float | None] | None = None,
    beyond: tuple[float, float] | None = None,
    missing: bool = False,
    column: str = "",
    value: str | None = None,
    order: str = "time",
    limit: int = 50,
    after: int = 0,
) -> dict[str, Any]:
    """Single predictions decided in `since` ≤ t < `end`, with the labels known by `until`: at most 200, `after` that many, and `total`.

    A row: `entity`, `at`, `version`, `variant`, `score`, `label` (None: not arrived), `value` (of `feature`). Only those whose feature is
    `within` bounds, `beyond` a range, or `missing`; and whose `column` has a `value` (None: any; "" with a column: missing). `order`:
    time (newest first), loss (furthest from the truth first), low or high (by the feature).
    """
    seen, key = predictions(archivist), quoted(archivist.definition.entity.key)
    sought = named(seen, feature) if feature else ""
    wanted: list[tuple[str, str, Any]] = [("variant", "!=", FROZEN)]
    if sought and within is not None:
        wanted += [(sought, sign, bound) for sign, bound in zip((">=", "<="), within, strict=True) if bound is not None]
    if sought and beyond is not None:
        wanted.append((sought, "given", None))  # the engine counts NaN as the greatest number
    if sought and missing:
        wanted.append((sought, "empty", None))
    if column and value is not None:
        wanted.append((named(seen, column), "=", value) if value else (named(seen, column), "empty", None))
    mine = seen.rows(Period(since, end, until), wanted)
    if sought and beyond is not None:
        mine = Clause(f"{mine.text} AND ({seen.column(sought)} < ? OR {seen.column(sought)} > ?)", (*mine.values, *beyond))
    known = truth(archivist, until)
    told = seen.column(sought) if sought else "NULL"
    found = archivist.analysis.ask(
        f"SELECT p.entity, p.decided_at, p.model_version, p.variant, p.score, l.label, p.value FROM (SELECT {key} AS entity, decided_at, "
        f"model_version, variant, score, {told} AS value {mine.text}) p LEFT JOIN ({known.text}) l ON p.entity = l.entity "
        f"ORDER BY {_order(order)}, p.decided_at DESC, p.entity LIMIT {max(1, min(limit, MOST))} OFFSET {max(0, after)}",
        (*mine.values, *known.values),
    )
    names = ("entity", "at", "version", "variant", "score", "label", "value")
    return {
        "rows": [dict(zip(names, row, strict=True)) for row in records(found)],
        "total": archivist.ask("count(*) AS total", mine)["total"][0].as_py(),
        "after": max(0, after),
    }


def _order(name: str) -> str:
    known = {
        "time": "p.decided_at DESC",
        "loss": "(p.score - l.label) * (p.score - l.label) DESC NULLS LAST",
        "low": "p.value ASC NULLS LAST",
        "high": "p.value DESC NULLS LAST",
    }
    if name not in known:
        raise InvalidInput(f"'{name}' is no order", where="rows", fix=f"one of {', '.join(known)}")
    return known[name]


def judged_row(archivist: Archivist, *, entity: str, at: str = "", until: str = "") -> dict[str, Any]:
    """One prediction and what came of it: `own` (id, instant, version, release, variant, score), `features` (name → value as the model saw
    it), `label` and `known_at`, and `all` (predictions of that entity, the frozen model's too: those of that instant, and the newest; at most
    20, newest first).

    Without `at` the newest that answered. Raises NotFound.
    """
    seen, key = predictions(archivist), quoted(archivist.definition.entity.key)
    within = Period("", "", until).within(quoted(seen.clock) if seen.clock else None)
    told, then = Clause(f"{key} = ?", (entity,)), moment(at, "at")
    moments = [] if then is None else [Clause("decided_at = ?", (then,))]
    answered = _of(all_of([told, within, Clause(f"variant <> '{FROZEN}'"), *moments]))
    chosen = next(iter(archivist.ask("*", answered, "ORDER BY decided_at DESC LIMIT 1").to_pylist()), None)
    if chosen is None:
        raise NotFound(
            f"no prediction of '{entity[:80]}' is on record at that time", where=PREDICTIONS, fix="go back to the list of rows"
        )
    own = {*OWN, archivist.definition.entity.key}
    known = truth(archivist, until)
    asked = f"SELECT label, known_at FROM ({known.text}) WHERE entity = ? ORDER BY known_at DESC LIMIT 1"
    label = archivist.analysis.ask(asked, (*known.values, entity)).to_pylist()
    same = Clause("decided_at = ?", (chosen["decided_at"],))
    each = "decided_at, model_version, variant, score"
    found = archivist.ask(each, _of(all_of([told, within, same])), "LIMIT 20").to_pylist()
    found += archivist.ask(
        each, _of(all_of([told, within, Clause(f"NOT ({same.text})", same.values)])), "ORDER BY decided_at DESC LIMIT 20"
    ).to_pylist()
    found = sorted(found[:20], key=lambda row: (row["decided_at"], row["variant"] != FROZEN), reverse=True)
    return {
        "own": {name: plain(chosen[name]) for name in OWN if name in chosen},
        "features": {
            name.removeprefix("feature_") if name.removeprefix("feature_") in OWN else name: plain(value)
            for name, value in chosen.items()
            if name not in own
        },
        "label": label[0]["label"] if label else None,
        "known_at": plain(label[0]["known_at"]) if label else None,
        "all": [{name: plain(value) for name, value in row.items()} for row in found],
    }


def _of(condition: Clause) -> Clause:
    return Clause(f"FROM {quoted(PREDICTIONS)} WHERE {condition.text}", condition.values)


def scored_on(archivist: Archivist) -> dict[str, Any]:
    """The columns that predictions can be cut by: `features`, each with its name and shape (number, text, flag, …)."""
    seen = predictions(archivist)
    own = {*OWN, archivist.definition.entity.key}
    return {
        "features": [
            {"name": name.removeprefix("feature_") if name.removeprefix("feature_") in OWN else name, "shape": shape(kind)}
            for name, kind in seen.kinds.items()
            if name not in own
        ]
    }


QUESTIONS = {
    "judged_slices": judged_slices,
    "outcomes": outcomes,
    "judged_rows": judged_rows,
    "judged_row": judged_row,
    "scored_on": scored_on,
}
