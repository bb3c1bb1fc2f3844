"""Figures of the analyst's corner: numbers of any part of the predictions, drawn, with the same as a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from markupsafe import Markup

from baton.app.views import analysis as view
from baton.monitoring.month import Month
from baton.web import wording
from baton.web.draw.bars import Bar, bars, columns
from baton.web.draw.canvas import fits
from baton.web.draw.series import Line, series
from baton.web.draw.share import Part, share
from baton.web.marks import limits
from baton.web.page import Look


@dataclass(frozen=True, slots=True)
class Numbers:
    """A part of the predictions in numbers; None where nothing is known."""

    predictions: int
    labelled: int
    score: float | None
    observed: float | None
    brier: float | None
    auc: float | None = None
    money: float | None = None

    @property
    def arrived(self) -> float | None:
        """Share of predictions whose label arrived."""
        return self.labelled / self.predictions if self.predictions else None


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with its title, a note, and its numbers as a table."""

    name: str
    title: str
    note: str
    draw: Callable[[int], Markup]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    wide: str = "w6"

    @property
    def picture(self) -> Markup:
        """Wide and narrow."""
        return fits(self.draw)


Point = tuple[date, Numbers]


def on_record(look: Look, there: view.Known, asked: view.Asked) -> list[Figure]:
    """The figures of all traffic, out of the days and months on record."""
    days = view.within(there.days, asked.since, asked.until)
    course = [(start, recorded(each)) for start, each in view.course(days, asked.part)]
    found = view.months(look.records, asked.since, asked.until)
    by_month = [(date.fromisoformat(f"{each.month}-01"), _of_month(each)) for each in found]
    return [_metric(look, "brier", course, asked.part), _metric(look, "auc", by_month, "month")]


def _of_month(month: Month) -> Numbers:
    return Numbers(month.predictions, month.labelled, None, month.late_rate, month.brier, month.auc, month.value)


def counted(look: Look, there: view.Known, asked: view.Asked, found: dict[str, Any]) -> list[Figure]:
    """The figures out of the tables."""
    course = [(date.fromisoformat(each["start"]), numbers_of(each)) for each in found["course"]]
    by_month = [(date.fromisoformat(f"{each['month']}-01"), numbers_of(each)) for each in found["months"]]
    return [
        _scores(course, asked),
        _metric(look, "brier", course, asked.part),
        _metric(look, "auc", course, asked.part),
        _value(look, by_month),
        *([_segments(look, there, asked, found)] if found["segments"] else []),
        _versions(look, asked, found),
        _decisions(found),
    ]


def _at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _scores(course: Sequence[Point], asked: view.Asked) -> Figure:
    lines = [
        Line("came true", [(_at(day), each.observed) for day, each in course], "s2"),
        Line("mean score", [(_at(day), each.score) for day, each in course], "s1"),
    ]
    rows = [
        (
            str(day),
            wording.number(each.predictions),
            wording.percent(each.score),
            wording.percent(each.observed),
            wording.percent(each.arrived, 0),
        )
        for day, each in course
    ]
    title, heads = f"Mean score and what came true, by {asked.part}", ("From", "Predictions", "Mean score", "Came true", "Labels")
    return Figure("scores", title, "", lambda width: series(lines, title=title, unit="%", width=width), heads, rows, "w12")


def _metric(look: Look, name: str, course: Sequence[Point], part: str) -> Figure:
    word, note = {"brier": ("Brier score", "lower is better"), "auc": ("AUC", "higher is better")}[name]
    line, marks = Line(word, [(_at(day), getattr(each, name)) for day, each in course], "s1"), limits(look, name)
    digits = 4 if name == "brier" else 3
    rows = [(str(day), wording.number(each.labelled), wording.number(getattr(each, name), digits)) for day, each in course]
    title = f"{word} by {part}"
    return Figure(
        name, title, note, lambda width: series([line], title=title, marks=marks, width=width), ("From", "Labels", word), rows
    )


def _value(look: Look, months: Sequence[Point]) -> Figure:
    currency = look.currency
    unit = wording.sign(currency)
    drawn = [Bar(f"{day:%Y-%m}", (each.money,)) for day, each in months]
    rows = [(f"{day:%Y-%m}", wording.money(each.money, currency), wording.number(each.labelled)) for day, each in months]
    draw = partial(_columns, drawn, unit)
    return Figure("value", "Value by month", currency, draw, ("Month", "Value", "Labels"), rows)


def _columns(drawn: Sequence[Bar], unit: str, width: int) -> Markup:
    return columns(drawn, title="Value by month", unit=unit, width=width)


def _segments(look: Look, there: view.Known, asked: view.Asked, found: dict[str, Any]) -> Figure:
    by, other = divided_by(there, asked), found["others"]
    told = [(str(each["value"]), each) for each in found["segments"]]
    told += [(wording.plural(found["other_values"], "other value"), other)] if other is not None else []
    named = {str(each["value"]) for each in found["segments"]}
    free = not (asked.column and asked.value)
    drawn = [
        Bar(
            name,
            (each["predictions"],),
            "s1" if name in named else "idle",
            look.url("/analysis", **{**asked.query(), "column": by, "value": name}) if name in named and free else None,
            f"{wording.percent(each['observed'], 0)} came true" if each["observed"] is not None else "",
        )
        for name, each in told
    ]
    rows = [
        (
            name,
            wording.number(each["predictions"]),
            wording.percent(each["score"]),
            wording.percent(each["observed"]),
            wording.number(each["brier"], 4),
            wording.number(each["auc"], 3),
        )
        for name, each in told
    ]
    title, heads = f"Predictions by {by}", (by, "Predictions", "Mean score", "Came true", "Brier", "AUC")
    note = "choose one to see it alone" if free else ""
    return Figure("segments", title, note, lambda width: bars(drawn, title=title, width=width), heads, rows)


def _versions(look: Look, asked: view.Asked, found: dict[str, Any]) -> Figure:
    told = [(f"v{each['version']}", each) for each in found["versions"]]
    several = len(told) > 1 and not asked.version
    links = {
        name: look.url("/analysis", **{**asked.query(), "version": each["version"]}) if several else None for name, each in told
    }
    drawn = [Part(name, each["predictions"], "", links[name]) for name, each in told[-12:]]
    rows = [(name, wording.number(each["predictions"])) for name, each in told]
    title = "Traffic by version"
    return Figure("versions", title, "", lambda width: share(drawn, title=title, width=width), ("Version", "Predictions"), rows)


def _decisions(found: dict[str, Any]) -> Figure:
    title = f"Decisions at the threshold of {found['threshold']:g}"
    told = [("above: acted", found["above"], "s1"), ("below: left", found["below"], "idle")]
    drawn = [Part(name, count, tone) for name, count, tone in told]
    rows = [(name, wording.number(count)) for name, count, _ in told]
    return Figure("decisions", title, "", lambda width: share(drawn, title=title, width=width), ("Decision", "Predictions"), rows)


def divided_by(there: view.Known, asked: view.Asked) -> str:
    """The column whose values are told apart: the one chosen, or where its value is chosen too, another one."""
    if asked.column and not asked.value:
        return asked.column
    others = [each for each in (there.sliced, *there.columns) if each and each != asked.column]
    return others[0] if others else ""


def numbers_of(told: dict[str, Any]) -> Numbers:
    """What the archive counted."""
    return Numbers(**{name: told[name] for name in ("predictions", "labelled", "score", "observed", "brier", "auc", "money")})


def recorded(told: view.Measured) -> Numbers:
    """What the days on record tell."""
    return Numbers(told.predictions, told.labelled, told.score, None, told.brier)
