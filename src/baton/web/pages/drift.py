"""Drift of one feature: what it was in training and what came on a day, its course, and the ways to its rows."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Response
from markupsafe import Markup

from baton.app.views import monitoring as view
from baton.kernel.clock import iso
from baton.kernel.errors import InvalidInput, NotFound
from baton.kernel.suggest import did_you_mean
from baton.monitoring.day import Day
from baton.web.draw.canvas import fits
from baton.web.draw.histogram import categories, histogram
from baton.web.draw.mark import Event, Stretch, Threshold
from baton.web.draw.series import Line, series
from baton.web.marks import tolerated, went_live
from baton.web.page import Look, Page, of_predictions

DAY = timedelta(days=1)


def feature(look: Look) -> Response:
    """The page of a feature on a day, or on a stretch of days."""
    name, known = look.text("name"), view.days(look.records)
    if not known:
        raise NotFound(
            "nothing has been served yet", where="monitoring", fix="run the loop: baton up, or over history: baton replay"
        )
    _known(look, name, known)
    within = asked(look, _worst(known, name))
    here = [day for day in known if day.day in within]
    version = view.version_on(look.records, here[-1] if here else None)
    whole = (within.until - within.since) // DAY
    return look.show(
        "monitoring/feature.html",
        name=name,
        within=within,
        last=within.until - DAY,
        whole=whole,
        here=here,
        watched=any(name in day.drift for day in known),
        drift=max((day.drift[name] for day in here if name in day.drift), default=None),
        outside=_mean([day.outside[name] for day in here if name in day.outside]),
        model=version,
        course=_course(look, known, name, within),
        earlier=_beside(look, within, -whole),
        later=_beside(look, within, whole) if within.until <= known[-1].day else "",
    )


def spread(look: Look) -> Response:
    """Both distributions, and what lies outside."""
    name, known = look.text("name"), view.days(look.records)
    within = asked(look, _worst(known, name))
    version = view.version_on(look.records, next((day for day in reversed(known) if day.day in within), None))
    first = view.first_days(look.records, version)
    told = look.archive.ask(
        "strayed",
        feature=name,
        candidate=view.candidate_of(version),
        since=iso(within.since),
        end=iso(within.until),
        until=look.until,
        before=[iso(at) for at in first] if first else ["", ""],
    )
    trained = told["low"] is not None
    names = ("training" if trained else "first days", "these days")
    return look.fragment(
        "monitoring/spread.html",
        name=name,
        told=told,
        within=within,
        last=within.until - DAY,
        trained=trained,
        model=version,
        picture=_picture(name, told, names),
    )


def _picture(name: str, told: Mapping[str, Any], names: tuple[str, str]) -> Markup:
    def draw(width: int) -> Markup:
        if told["shape"] == "category":
            return categories(
                told["labels"],
                told["reference"],
                told["present"],
                title=f"{name}: {names[1]} beside {names[0]}",
                names=names,
                width=width,
            )
        return histogram(
            told["edges"],
            told["reference"],
            told["present"],
            title=f"{name}: {names[1]} beside {names[0]}",
            names=names,
            width=width,
        )

    return fits(draw)


def asked(look: Look, default: datetime) -> view.Stretch:
    """The days of the address: `day`, up to and with `until`. Raises InvalidInput when they are none, or more than a year."""
    since = _midnight(look.instant("day") or default)
    last = _midnight(look.instant("until") or since)
    if not timedelta() <= last - since <= timedelta(days=366):
        raise InvalidInput(
            "these are no days to look at",
            where="until",
            why="it ends before it begins, or lasts more than a year",
            fix="choose days within a year",
        )
    return view.Stretch(since, last + DAY)


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _worst(known: list[Day], name: str) -> datetime:
    last = known[-90:]
    return max(last, key=lambda day: (day.drift.get(name, -1.0), day.day)).day if last else datetime(1970, 1, 1, tzinfo=UTC)


def _known(look: Look, name: str, known: list[Day]) -> None:
    if any(name in day.drift for day in known[-30:]):
        return
    features = [each["name"] for each in look.archive.ask("scored_on")["features"]]
    if name not in features:
        raise NotFound(f"no feature '{name}' was ever scored", where="monitoring", fix=did_you_mean(name, features))


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _beside(look: Look, within: view.Stretch, days: int) -> str:
    first, last = within.since + timedelta(days=days), within.until - DAY + timedelta(days=days)
    return look.here(day=first.date().isoformat(), until=last.date().isoformat() if last != first else None)


def _course(look: Look, known: list[Day], name: str, within: view.Stretch) -> list[dict[str, object]]:
    """How the feature strayed over a year, with the days that are looked at."""
    shown = known[-365:]
    if not any(name in day.drift or name in day.outside for day in shown):
        return []
    marks: list[Event | Stretch] = [Stretch(within.since, within.until, "shown", "accent")]
    marks += went_live(look, shown[0].day)
    limits = tolerated(look)

    def outside(width: int) -> Markup:
        line = Line("", [(day.day, day.outside.get(name)) for day in shown])
        return series(
            [line],
            title=f"{name}: share of rows outside the training range",
            unit="%",
            marks=[*marks, *limits],
            within=(0, None),
            width=width,
            height=200,
        )

    def drift(width: int) -> Markup:
        line = Line("", [(day.day, day.drift.get(name)) for day in shown], "s3")
        return series(
            [line],
            title=f"{name}: drift of the whole spread",
            marks=[*marks, Threshold(0.25, "large from")],
            within=(0, None),
            width=width,
            height=200,
        )

    return [
        {"name": "Rows outside the training range", "picture": fits(outside)},
        {"name": "Drift: stability index beyond noise", "picture": fits(drift)},
    ]


PAGES = (
    Page("GET", "/monitoring/feature/{name}", "read", feature),
    Page("GET", "/monitoring/feature/{name}/spread", "read", of_predictions(spread)),
)
