"""What the project's features are made of, how they were spread month by month, and which rules rows broke."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baton.app.archive.archivist import Archivist, Period
from baton.app.archive.clause import Clause, quoted
from baton.app.archive.column import shape
from baton.app.archive.featurefile import LONGEST, declared
from baton.app.archive.plain import number, plain
from baton.app.bootstrap import open_artifacts
from baton.app.lifecycle.collecting import FROZEN, OWN, PREDICTIONS
from baton.data.contract import parse_contract
from baton.kernel.errors import InvalidProject, NotFound
from baton.kernel.suggest import did_you_mean
from baton.project.tablename import QUARANTINE

if TYPE_CHECKING:
    from baton.app.archive.archivist import Seen
    from baton.project.definition import Definition

MOST_DAYS = 20_000
TOP = 6
_NOT_FEATURES = OWN


def plan(archivist: Archivist, *, file: str = "") -> dict[str, Any]:  # noqa: ARG001  it keys the answer that is remembered
    """What the feature file declares now: see `featurefile.declared`. `file` is any text that changes when the file does.

    Also `kinds`: number or category of each feature that was ever logged. Raises InvalidProject when the file is missing or wrong.
    """
    definition = archivist.definition
    path = archivist.project / definition.features
    text = path.read_text(errors="replace") if path.is_file() and path.stat().st_size <= LONGEST else ""
    told = json.loads(_declared(text, str(definition.features), definition.entity.source, _rules(archivist.project, definition)))
    kinds = archivist.predictions().kinds if PREDICTIONS in archivist.names() else {}
    logged = {each["name"]: kinds[_logged(each["name"])] for each in told["features"] if _logged(each["name"]) in kinds}
    return {**told, "kinds": {name: "number" if shape(kind) == "number" else "category" for name, kind in logged.items()}}


@lru_cache(maxsize=4)
def _declared(text: str, file: str, entity_source: str, rules: str) -> str:
    return json.dumps(declared(text, file, entity_source, json.loads(rules)))


def _rules(project: Path, definition: Definition) -> str:
    """The columns of each source that are not logged as they are; a contract that cannot be read has none to tell."""
    found: dict[str, dict[str, str]] = {}
    for name, source in definition.sources.items():
        if source.contract is not None and (project / source.contract).is_file():
            try:
                found[name] = parse_contract((project / source.contract).read_text(), str(source.contract)).log_rules
            except InvalidProject:
                continue
    return json.dumps({name: rules for name, rules in found.items() if rules}, sort_keys=True)


def missing(archivist: Archivist, *, since: str = "", end: str = "", until: str = "") -> dict[str, Any]:
    """Of the predictions decided in `since` ≤ t < `end`: `rows`, and `missing`, the share of null or NaN per logged feature."""
    if PREDICTIONS not in archivist.names():
        return {"rows": 0, "missing": {}}
    seen = archivist.predictions()
    names = [name for name in seen.kinds if name not in _NOT_FEATURES]
    counts = [f"count(*) FILTER (WHERE {_absent(seen, name)})" for name in names]
    row = archivist.ask(
        ", ".join(["count(*) AS rows", *(f"{told} AS c{at}" for at, told in enumerate(counts))]),
        _answered(seen, Period(since, end, until)),
    )
    rows = int(row["rows"][0].as_py())
    return {"rows": rows, "missing": {name: row[f"c{at}"][0].as_py() / rows for at, name in enumerate(names)} if rows else {}}


def months(archivist: Archivist, *, feature: str, until: str = "") -> dict[str, Any]:
    """A feature in every month of predictions, at most the last 60: `shape` and `months`.

    Each month: `month` (its first instant), `rows`, `missing` (share of null or NaN), and of numbers `p10`, `p50`, `p90`, of categories
    `shares` of the six values most frequent in all (`values`), the rest being all others.
    """
    seen, column = _seen(archivist, feature)
    clause = _answered(seen, Period(until=until))
    month = "date_trunc('month', decided_at)"
    counted = f"{month} AS month, count(*) AS rows, count(*) FILTER (WHERE {_absent(seen, column)}) AS absent"
    grouped = "GROUP BY 1 ORDER BY 1 DESC LIMIT 60"
    name = seen.column(column)
    if shape(seen.kinds[column]) == "number":
        marks = f"quantile_cont({name}, [0.1, 0.5, 0.9]) FILTER (WHERE NOT ({_absent(seen, column)})) AS marks"
        found = archivist.ask(f"{counted}, {marks}", clause, grouped).to_pylist()
        made = [{**_month(row), **_marks(row["marks"])} for row in reversed(found)]
        return {"feature": feature, "shape": "number", "values": [], "months": made}
    top = archivist.ask(
        f"CAST({name} AS VARCHAR) AS value, count(*) AS rows",
        clause,
        f"GROUP BY 1 HAVING value IS NOT NULL ORDER BY 2 DESC, 1 LIMIT {TOP}",
    )
    values = [str(value) for value in top["value"].to_pylist()]
    rows = archivist.ask(
        f"{month} AS month, CAST({name} AS VARCHAR) AS value, count(*) AS rows", clause, "GROUP BY 1, 2"
    ).to_pylist()
    by = {(row["month"], row["value"]): int(row["rows"]) for row in rows}
    found = archivist.ask(counted, clause, grouped).to_pylist()
    made = [
        {**_month(row), "shares": [by.get((row["month"], value), 0) / row["rows"] for value in values]} for row in reversed(found)
    ]
    return {"feature": feature, "shape": "category", "values": [plain(value) for value in values], "months": made}


def _month(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"month": plain(row["month"]), "rows": int(row["rows"]), "missing": row["absent"] / row["rows"]}


def _marks(marks: list[float] | None) -> dict[str, float | None]:
    return {name: number(value) for name, value in zip(("p10", "p50", "p90"), marks or (None, None, None), strict=True)}


def beside_training(
    archivist: Archivist, *, feature: str, candidate: str, since: str = "", end: str = "", until: str = ""
) -> dict[str, Any]:
    """A feature's values in a period of predictions beside what a version saw in training, named by the digest of its `candidate`.

    Numbers: `edges` (deciles of training, between the lowest and highest of both), `reference` (shares in training; empty for a feature
    that is not watched) and `counts` per bin. Categories: `labels` (the twelve most frequent) with `counts`, `known` (how many values
    training knew) and `unknown` (rows with a value that training did not). Both: `rows`, `missing`.
    """
    seen, column = _seen(archivist, feature)
    told = json.loads(open_artifacts(archivist.workspace).get(candidate)) if candidate else {}
    clause = _answered(seen, Period(since, end, until))
    values = archivist.ask(seen.column(column), clause)[column]
    if shape(seen.kinds[column]) == "number":
        return {"feature": feature, "shape": "number", **_in_deciles(told.get("reference", {}), feature, values)}
    signature = {each["name"]: each.get("categories") for each in told.get("signature", {}).get("features", ())}
    return {"feature": feature, "shape": "category", **_in_categories(signature.get(feature) or [], values)}


def _in_deciles(reference: Mapping[str, Any], feature: str, values: Any) -> dict[str, Any]:
    import numpy as np

    from baton.app.archive.column import bins_of, numbers
    from baton.evaluation.stability import shares_of

    known = numbers(values)
    inner, shares = reference.get("edges", {}).get(feature), reference.get("shares", {}).get(feature)
    base = {"rows": len(values), "missing": len(values) - len(known)}
    if not inner or not shares:
        edges = bins_of([known], 20, outliers=True)
        return {**base, "edges": edges, "reference": [], "counts": np.histogram(known, edges)[0].tolist() if edges else []}
    low, high = reference["low"].get(feature, inner[0]), reference["high"].get(feature, inner[-1])
    step = max(1e-9, (inner[-1] - inner[0]) / len(inner)) if len(inner) > 1 else max(1e-9, abs(inner[0]) / 10, 0.5)
    edges = [min(low, inner[0] - step / 2), *inner, max(high, inner[-1] + step / 2)]
    counts = (shares_of(known, np.asarray(inner)) * len(known)).round().tolist() if len(known) else [0] * len(shares)
    return {**base, "edges": edges, "reference": list(shares), "counts": counts}


def _in_categories(categories: list[str], values: Any) -> dict[str, Any]:
    import pyarrow as pa

    from baton.app.archive.column import frequent

    found = frequent(values.cast(pa.string()), len(values))
    known = set(categories)
    return {
        "labels": [plain(value) for value, _ in found[:12]],
        "counts": [count for _, count in found[:12]],
        "others": sum(count for _, count in found[12:]),
        "known": len(known),
        "unknown": sum(count for value, count in found if value not in known) if known else None,
        "rows": len(values),
        "missing": values.null_count,
    }


def broken_rules(archivist: Archivist, *, source: str, since: str = "", end: str = "", until: str = "") -> dict[str, Any]:
    """Rejected rows of a source by day and rule: `days`, each with `day` (its first instant; None for a source without known_at), `rule`
    and `rows`; at most 20,000, the latest."""
    if QUARANTINE not in archivist.names():
        return {"source": source, "days": []}
    clause = archivist.see(QUARANTINE).rows(Period(since, end, until), [("source", "=", source)])
    found = archivist.ask(
        "date_trunc('day', known_at) AS day, rule, count(*) AS rows",
        clause,
        f"GROUP BY 1, 2 ORDER BY 1 DESC NULLS LAST, 2 LIMIT {MOST_DAYS}",
    )
    return {"source": source, "days": [{name: plain(value) for name, value in row.items()} for row in found.to_pylist()]}


def _answered(seen: Seen, period: Period) -> Clause:
    """The predictions of a period, each asked for once: the frozen first model scores the same rows again."""
    return seen.rows(period, [("variant", "!=", FROZEN)])


def _seen(archivist: Archivist, feature: str) -> tuple[Seen, str]:
    seen, column = archivist.predictions(), _logged(feature)
    if column not in seen.kinds or (feature in _NOT_FEATURES and column == feature):
        names = [name for name in seen.kinds if name not in _NOT_FEATURES]
        raise NotFound(f"feature '{feature}' was never logged", where=PREDICTIONS, fix=did_you_mean(feature, names))
    return seen, column


def _logged(feature: str) -> str:
    """The column of the prediction log that holds a feature."""
    return f"feature_{feature}" if feature in OWN else feature


def _absent(seen: Seen, column: str) -> str:
    name = quoted(column)
    return f"{name} IS NULL" + (f" OR isnan({name})" if seen.kinds[column] in ("DOUBLE", "FLOAT") else "")


QUESTIONS = {"plan": plan, "missing": missing, "months": months, "beside_training": beside_training, "broken_rules": broken_rules}
