"""Monitoring: what was promised against what was seen, and from a red mark to the rows that caused it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from urllib.parse import quote

from fastapi import Response
from markupsafe import Markup

from baton.app.views import monitoring as view
from baton.app.views.criterion import agreed, bound, met, places
from baton.monitoring.day import Day
from baton.monitoring.month import Month
from baton.web import wording
from baton.web.draw.bars import Bar, columns
from baton.web.draw.canvas import fits
from baton.web.draw.heat import Row, heat
from baton.web.draw.mark import Event, Stretch
from baton.web.draw.series import Line, series
from baton.web.marks import limits
from baton.web.page import Look, Page

PERIODS: Mapping[str, int] = {"90": 90, "30": 30, "365": 365, "all": 0}
STEPS: Mapping[str, tuple[float, ...]] = {"drift": (0.25, 0.5, 1.0, 2.0, 4.0, 8.0), "outside": (0.02, 0.05, 0.1, 0.2, 0.4, 0.7)}
"""Bounds of the classes of the heat map: a stability index above 0.25 is a large shift."""
ROWS = 12
"""Features that the heat map shows before all are asked for."""


def monitoring(look: Look) -> Response:
    """The page."""
    known, months = view.days(look.records), view.months(look.records)
    within = shown_of(look, known)
    shown = [day for day in known if day.day in within]
    return look.show(
        "monitoring.html",
        cards=_cards(look, known, months),
        months=_months(look, months),
        by_month=_by_month(look, months),
        by_day=_by_day(look, shown, within),
        without=_without(look, months),
        within=within,
        days=shown,
        periods=tuple(PERIODS),
        period=look.choice("days", tuple(PERIODS)),
        by=look.choice("by", ("outside", "drift")),
    )


def heat_map(look: Look) -> Response:
    """Features by days."""
    known = view.days(look.records)
    within = shown_of(look, known)
    shown, by = [day for day in known if day.day in within], look.choice("by", ("outside", "drift"))
    everything = look.choice("features", ("watched", "all")) == "all"
    courses = view.courses(shown, by)
    rows = courses if everything else courses[:ROWS]
    dates = [day.day.date() for day in shown]

    def link(row: Row, first: date, last: date) -> str:
        return feature_url(look, row.name, first, last, by)

    def draw(width: int) -> Markup:
        told = [Row(each.name, each.values, feature_url(look, each.name, each.worst_day, each.worst_day, by)) for each in rows]
        unit = "%" if by == "outside" else ""
        return heat(told, dates, title=_heading(by), unit=unit, steps=STEPS[by], link=link, width=width)

    picture = fits(draw, 1080, 360) if rows else ""
    return look.fragment(
        "monitoring/heat.html", picture=picture, courses=rows, left=len(courses) - len(rows), by=by, feature=feature_url
    )


def _heading(by: str) -> str:
    return (
        "Share of rows outside the range of training"
        if by == "outside"
        else "Drift: stability index beyond what sampling explains"
    )


def feature_url(look: Look, name: str, first: date | None, last: date | None = None, by: str = "") -> str:
    """The page of a feature on a day, or on the days from one to another."""
    until = last.isoformat() if last is not None and last != first else None
    return look.url(
        f"/monitoring/feature/{quote(name, safe='')}", day=first.isoformat() if first else None, until=until, by=by or None
    )


def shown_of(look: Look, known: Sequence[Day]) -> view.Stretch:
    """The days that the address asks for: a length, or from one day to another."""
    since, until = look.instant("since"), look.instant("until")
    found = view.stretch(known, PERIODS[look.choice("days", tuple(PERIODS))])
    return view.Stretch(since or found.since, until + timedelta(days=1) if until else found.until)


def _cards(look: Look, known: Sequence[Day], months: Sequence[Month]) -> list[dict[str, object]]:
    last = next((each for each in reversed(months) if each.brier is not None), None)
    cards = [_metric(look, last, metric) for metric in ("brier", "auc")] if last is not None else []
    judged = next((day for day in reversed(known) if day.status == "judged" and day.predictions), None)
    if judged is not None:
        share = judged.labelled / judged.predictions
        told = f"of {wording.day(judged.day)}: {judged.labelled:,} of {judged.predictions:,}"
        cards.append({"name": "Labels arrived", "value": wording.percent(share), "told": told, "href": "#by-day"})
    week = view.courses(known[-7:], "outside")
    if week:
        far = week[0]
        limit = look.definition.monitor.novelty if look.definition is not None else 1.0
        told, tone = f"{far.name}, highest of the last 7 days", "warn" if far.worst > limit else ""
        cards.append(
            {
                "name": "Furthest from training",
                "value": wording.percent(far.worst, 0),
                "told": told,
                "tone": tone,
                "href": feature_url(look, far.name, far.worst_day, far.worst_day, "outside"),
            }
        )
    gained = view.gained(view.without(months))
    if gained is not None:
        told = f"in {wording.plural(len(months), 'month')}, against the first model"
        cards.append(
            {
                "name": "Worth of retraining",
                "value": wording.money(gained, look.currency),
                "told": told,
                "href": "#without",
                "tone": "good" if gained > 0 else "",
            }
        )
    return cards


def _metric(look: Look, month: Month, metric: str) -> dict[str, object]:
    value, wanted = getattr(month, metric), agreed(look.definition, metric)
    kept = wanted is None or value is None or met(wanted, value)
    promise = f"; promised {bound(wanted)}" if wanted is not None else ""
    told = f"{wording.percent(month.matured, 0)} of labels arrived{promise}"
    name = {"brier": "Brier score", "auc": "AUC"}[metric]
    return {
        "name": f"{name} of {month.month}",
        "value": wording.number(value, places(metric)),
        "told": told,
        "tone": "" if kept else "bad",
        "href": look.url(f"/monitoring/month/{month.month}"),
    }


def _months(look: Look, months: Sequence[Month]) -> list[dict[str, object]]:
    """The table of months, newest first, with what was not kept."""
    criteria = {metric: agreed(look.definition, metric) for metric in ("brier", "auc")}
    told = []
    for month in reversed(months):
        bad = {
            metric: each is not None and (value := getattr(month, metric)) is not None and not met(each, value)
            for metric, each in criteria.items()
        }
        told.append(
            {
                "month": month,
                "bad": bad,
                "missed": view.missed(month, look.definition),
                "href": look.url(f"/monitoring/month/{month.month}"),
            }
        )
    return told


def _by_month(look: Look, months: Sequence[Month]) -> list[dict[str, object]]:
    """Quality by month: Brier and AUC, live beside the frozen first model; dashed while labels are still arriving."""
    if not months:
        return []
    spans = [view.bounds_of(each.month) for each in months]
    happened = _happened(look, view.Stretch(spans[0].since, spans[-1].until))
    pictures: list[dict[str, object]] = []
    for metric, name in (("brier", "Brier score"), ("auc", "AUC")):
        points = [
            (span.since + (span.until - span.since) / 2, getattr(each, metric), each)
            for span, each in zip(spans, months, strict=True)
        ]
        lines = _parted(
            "live", [(at, value, each.matured >= view.LATE and each.status == "closed") for at, value, each in points]
        )
        lines.append(Line("first model", [(at, getattr(each, f"frozen_{metric}")) for at, _, each in points], "s6", dashed=True))
        pictures.append(
            {
                "name": name,
                "better": "lower is better" if metric == "brier" else "higher is better",
                "picture": _quality(look, metric, name + " by month", lines, happened),
            }
        )
    return pictures


def _parted(name: str, points: Sequence[tuple[datetime, float | None, bool]]) -> list[Line]:
    """A line for what is known, and a dashed one for what later labels may still change."""
    sure = [(at, value if settled else None) for at, value, settled in points]
    open_ones = {place for place, (_, value, settled) in enumerate(points) if not settled and value is not None}
    # The dashes reach to what is known on either side, so that the course has no hole.
    rest = [(at, value if open_ones & {place - 1, place, place + 1} else None) for place, (at, value, _) in enumerate(points)]
    lines = [Line(name, sure, "s1")]
    if open_ones:
        lines.append(Line("so far", rest, "s1", dashed=True))
    return lines


def _happened(look: Look, within: view.Stretch) -> list[Event | Stretch]:
    made: list[Event | Stretch] = []
    for each in view.marks(look.records, within):
        if each.kind == "release":
            made.append(Event(each.at, each.words, each.tone, look.url(f"/releases/{each.id}")))
        else:
            end = min(each.end, within.until) if each.end else None
            made.append(Stretch(max(each.at, within.since), end, each.words, each.tone, look.url(f"/incidents/{each.id}")))
    return made


def _quality(look: Look, metric: str, title: str, lines: Sequence[Line], happened: Sequence[Event | Stretch]) -> Markup:
    def draw(width: int) -> Markup:
        return series(lines, title=title, marks=[*happened, *limits(look, metric)], width=width, height=230)

    return fits(draw)


def _by_day(look: Look, shown: Sequence[Day], within: view.Stretch) -> dict[str, object]:
    if not any(day.brier is not None for day in shown):
        return {}
    due = [day for day in shown if day.status != "served"]  # of the others no label can have come
    arrived = [(day.day, day.labelled / day.predictions if day.predictions else None) for day in due]
    lines = _parted(
        "Brier", [(day.day, day.brier, bool(day.predictions) and day.labelled / day.predictions >= view.LATE) for day in shown]
    )
    happened = _happened(look, within)
    waiting = [day for day in shown if day.status == "served"]
    happened += [Stretch(waiting[0].day, None, "labels still to come", "idle")] if waiting else []

    def draw(width: int) -> Markup:
        return series(
            [Line("arrived", arrived, "s6")],
            title="Share of labels that have arrived, by day",
            unit="%",
            within=(0, 1),
            width=width,
            height=110,
        )

    return {"quality": _quality(look, "brier", "Brier score by day", lines, happened), "arrived": fits(draw)}


def _without(look: Look, months: Sequence[Month]) -> dict[str, object]:
    rows = view.without(months)
    value = [
        Bar(each.month.month, (each.month.value, each.month.frozen_value), href=look.url(f"/monitoring/month/{each.month.month}"))
        for each in rows
    ]

    def draw(width: int) -> Markup:
        names = ("with retraining", "first model kept")
        unit = wording.sign(look.currency)
        return columns(
            value, title="Value by month, with retraining and without", unit=unit, names=names, width=width, height=210
        )

    known = any(each.value is not None for each in rows)
    return {"rows": rows, "gained": view.gained(rows), "picture": fits(draw) if known else "", "currency": look.currency}


PAGES = (
    Page("GET", "/monitoring", "read", monitoring),
    Page("GET", "/monitoring/heat", "read", heat_map),
)
