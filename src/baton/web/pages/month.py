"""A month: its quality, its slices with what makes them red, whether scores meant what they said, and what decisions came to."""

from datetime import timedelta
from typing import Any

from fastapi import Response

from baton.app.views import monitoring as view
from baton.app.views.criterion import agreed
from baton.kernel.clock import iso
from baton.kernel.errors import NotFound
from baton.monitoring.month import Month
from baton.web.draw.canvas import fits
from baton.web.draw.reliability import Bin, reliability
from baton.web.page import Look, Page, of_predictions

SAID = {
    "true_positive": ("acted, came true", "good"),
    "false_positive": ("acted, did not", "warn"),
    "false_negative": ("left, came true", "bad"),
    "true_negative": ("left, did not", "idle"),
}


def month(look: Look) -> Response:
    """The page."""
    found, within = _month(look)
    months = view.months(look.records)
    place = next((at for at, each in enumerate(months) if each.month == found.month), 0)
    days, most = [day for day in view.days(look.records) if day.day in within], _most(look)
    return look.show(
        "monitoring/month.html",
        month=found,
        within=within,
        days=days,
        most=most,
        above=sum(most is not None and day.brier is not None and day.brier > most for day in days),
        missed=view.missed(found, look.definition),
        without=view.without([found]),
        currency=look.currency,
        happened=view.marks(look.records, within),
        column=look.text("column") or _first(look),
        before=months[place - 1].month if place else "",
        after=months[place + 1].month if place + 1 < len(months) else "",
    )


def slices(look: Look) -> Response:
    """Quality by the values of a column."""
    _, within = _month(look)
    column = look.text("column") or _first(look)
    columns = [each["name"] for each in look.archive.ask("scored_on")["features"]]
    if column not in columns:
        column = next(iter(columns), "")
    if not column:
        raise NotFound("there is nothing to slice by", where="predictions", why="no feature was ever scored")
    told = look.archive.ask("judged_slices", column=column, **_asked(look, within))
    return look.fragment(
        "monitoring/slices.html",
        told=told,
        weighed=view.weighed(told["slices"], told["all"], _most(look)),
        column=column,
        columns=columns,
        within=within,
        last=within.until - timedelta(days=1),
        month=look.text("month"),
    )


def outcomes(look: Look) -> Response:
    """Calibration and the four outcomes."""
    _, within = _month(look)
    told = look.archive.ask("calibration", **_asked(look, within))
    bins = [Bin(each["score"], each["observed"], each["count"], each["from"], each["to"]) for each in told["bins"]]
    became = look.archive.ask("outcomes", **_asked(look, within))
    picture = fits(
        lambda width: reliability(bins, title="Calibration: score against what came true", width=min(width, 460)), 460, 340
    )
    return look.fragment("monitoring/outcomes.html", told=told, became=became, picture=picture, said=SAID, currency=look.currency)


def _asked(look: Look, within: view.Stretch) -> dict[str, Any]:
    return {"since": iso(within.since), "end": iso(within.until), "until": look.until}


def _month(look: Look) -> tuple[Month, view.Stretch]:
    name = look.text("month")
    found = look.records.get(Month, name)
    if found is None:
        raise NotFound(
            f"no month '{name}' is on record",
            where="monitoring",
            fix="write it as 2023-06; a month is there from its first Monday on",
        )
    return found, view.bounds_of(name)


def _most(look: Look) -> float | None:
    """The highest Brier score that was agreed; None where none was."""
    found = agreed(look.definition, "brier")
    return found.at_most if found is not None else None


def _first(look: Look) -> str:
    """What the gates slice by, else nothing: the first column there is."""
    return next(iter(look.definition.gates.slices), "") if look.definition is not None else ""


PAGES = (
    Page("GET", "/monitoring/month/{month}", "read", month),
    Page("GET", "/monitoring/month/{month}/slices", "read", of_predictions(slices)),
    Page("GET", "/monitoring/month/{month}/outcomes", "read", of_predictions(outcomes)),
)
