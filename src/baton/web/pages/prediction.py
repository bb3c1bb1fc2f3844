"""Predictions: the rows behind a mark, and one row with what the model saw, what it said, and what came of it."""

import json
from datetime import datetime, timedelta
from typing import Any

from fastapi import Response

from baton.app.archive.archive import UNPREDICTED
from baton.app.views import monitoring as view
from baton.kernel.clock import iso
from baton.kernel.errors import InvalidInput, NotFound
from baton.registry.version import ModelVersion
from baton.web import pager
from baton.web.page import Look, Page
from baton.web.pages.drift import asked

MANY = 50
ORDERS = ("time", "loss", "high", "low")


def rows(look: Look) -> Response:
    """Predictions of some days, those of a slice or of a feature's values only; fifty a page."""
    known = view.days(look.records)
    within = asked(look, known[-1].day if known else look.at)
    feature, column = look.text("feature"), look.text("column")
    order = look.choice("order", ORDERS)
    question: dict[str, Any] = {
        "since": iso(within.since),
        "end": iso(within.until),
        "until": look.until,
        "feature": feature,
        "column": column,
        "value": look.text("value") if column else None,
        "order": order if feature or order in ("time", "loss") else "time",
        "limit": MANY,
        "after": (after := look.number("after", 0, 0, 10_000_000)),
    }
    low, high = _number(look, "low"), _number(look, "high")
    where = look.choice("where", ("within", "beyond", "missing"))
    if feature and where == "beyond" and low is not None and high is not None:
        question["beyond"] = [low, high]
    elif feature and where == "missing":
        question["missing"] = True
    elif feature and (low is not None or high is not None):
        question["within"] = [low, high]
    told = _told(look, question)
    return look.show(
        "monitoring/rows.html",
        told=told,
        within=within,
        last=within.until - timedelta(days=1),
        feature=feature,
        column=column,
        value=look.text("value"),
        where=where,
        low=low,
        high=high,
        order=order,
        after=after,
        threshold=look.definition.problem.value.threshold if look.definition is not None else None,
        pager=pager.by_place(lambda place: look.here(after=place), after, MANY, told["total"]),
    )


def _told(look: Look, question: dict[str, Any]) -> dict[str, Any]:
    """The rows that fit; none while nothing has been predicted."""
    try:
        told: dict[str, Any] = look.archive.ask("judged_rows", **question)
    except NotFound as error:
        if error.what != UNPREDICTED:
            raise
        return {"rows": [], "total": 0}
    return told


def row(look: Look) -> Response:
    """One prediction."""
    entity, at = look.text("entity"), look.instant("when")
    told = look.archive.ask("judged_row", entity=entity, at=iso(at) if at else "", until=look.until)
    number = told["own"].get("model_version")
    version = look.records.get(ModelVersion, f"version-{number}")
    kept = look.archive.ask("trained_on", candidate=view.candidate_of(version))
    importance = version.importance if version is not None else {}
    features: list[dict[str, Any]] = [
        _feature(name, value, kept.get(name), importance.get(name)) for name, value in told["features"].items()
    ]
    features.sort(key=lambda each: (not each["outside"], -float(each["importance"] or 0.0)))
    decided = datetime.fromisoformat(told["own"]["decided_at"])
    return look.show(
        "monitoring/row.html",
        entity=entity,
        told=told,
        own=told["own"],
        model=version,
        features=features,
        outside=sum(bool(each["outside"]) for each in features),
        ranged=sum(each["low"] is not None for each in features),
        decided=decided,
        frozen=next(
            (each for each in told["all"] if each["variant"] == "shadow" and each["decided_at"] == told["own"]["decided_at"]),
            None,
        ),
        body=json.dumps({"inputs": told["features"], "explain": True}, ensure_ascii=False),
        worth=look.definition.problem.value if look.definition is not None else None,
    )


def _feature(name: str, value: Any, kept: dict[str, Any] | None, importance: float | None) -> dict[str, Any]:
    low, high = (kept["low"], kept["high"]) if kept is not None else (None, None)
    known = isinstance(value, int | float) and not isinstance(value, bool)
    outside = bool(low is not None and high is not None and known and not low <= value <= high)
    # An empty range, of a feature that never changed, has no place in it.
    place = (
        min(max((value - low) / (high - low), 0.0), 1.0)
        if low is not None and high is not None and known and high > low
        else None
    )
    return {"name": name, "value": value, "low": low, "high": high, "outside": outside, "place": place, "importance": importance}


def _number(look: Look, name: str) -> float | None:
    text = look.text(name)
    if not text:
        return None
    try:
        found = float(text)
    except ValueError:
        raise InvalidInput(f"'{text}' is no number", where=name, fix="write e.g. 12.5") from None
    if found != found or abs(found) == float("inf"):
        raise InvalidInput(f"'{text}' is no bound", where=name, fix="write a finite number")
    return found


PAGES = (
    Page("GET", "/monitoring/rows", "read", rows),
    Page("GET", "/monitoring/row", "read", row),
)
