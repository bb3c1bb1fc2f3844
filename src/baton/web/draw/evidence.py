"""A sequential test: its evidence over the units exposed, each question with the threshold at which it decides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from baton.web.draw import axes
from baton.web.draw.canvas import WIDE, hover, nothing, picture, place, tag
from baton.web.draw.canvas import words as text
from baton.web.draw.lettering import breadth, clipped, spread
from baton.web.draw.numeral import told
from baton.web.draw.scale import Linear, Log, finite, shown

_FLOOR, _CEILING = 1e-2, 1e6
_DOTS = 80
_FAR = 1000.0
_APART = 17.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: its evidence (times the stake) after so many exposures, and the threshold that answers it."""

    name: str
    trajectory: Sequence[tuple[int, float | None]]
    threshold: float
    tone: str = ""


@dataclass(frozen=True, slots=True)
class _Plot:
    x: Linear
    y: Log
    width: float


def evidence(questions: Sequence[Asked], *, title: str, words: str = "", width: int = WIDE, height: int = 240) -> Markup:
    """All questions of a test in one picture, on a logarithmic axis from 0.01 to 1,000,000 at most; what lies outside is drawn at its edge.

    `words` are the verdict's own, told in the description. Questions with the same threshold share its line.
    """
    asked = [question for question in questions if any(finite(value) for _, value in question.trajectory)]
    if not asked:
        return nothing(title, width, 120)
    asked = [Asked(one.name, one.trajectory, one.threshold, one.tone or f"s{index % 6 + 1}") for index, one in enumerate(asked)]
    plot = _laid_out(asked, width, height)
    ticks = plot.y.ticks(7)
    body = [
        axes.rulings(plot.y, ticks, [_power(tick) for tick in ticks], plot.x.start, plot.x.end),
        axes.numbers(plot.x, plot.y.start, count=5 if width > 500 else 3),
        *_limits(plot, asked),
        *(_line(plot, question) for question in asked),
        _names(plot, asked),
        text("units exposed", plot.x.end, height - 4, "tick", "end"),
    ]
    gist = " ".join([*(_gist(question) for question in asked), words]).strip()
    return picture("evidence", (width, height), title, gist, body)


def _laid_out(asked: Sequence[Asked], width: int, height: int) -> _Plot:
    values = [
        value for one in asked for value in (*shown(value for _, value in one.trajectory), *shown((one.threshold,))) if value > 0
    ]
    low = 10.0 ** math.floor(math.log10(max(min([*values, 1.0]), _FLOOR)))
    high = 10.0 ** math.ceil(math.log10(min(max([*values, 1.0]) * 1.6, _CEILING)))
    last = max(exposures for one in asked for exposures, _ in one.trajectory)
    beside = (
        max(min(breadth(f"{one.name}  {_amount(_latest(one)[1], one.threshold)}") + 26, 170.0) for one in asked)
        if width > 500
        else 16.0
    )
    top = 16.0 if width > 500 else 14.0 + 18 * len(asked)
    y = Log(low, max(high, low * 10), height - 44.0, top)
    return _Plot(Linear(0, max(last, 1), axes.margin([_power(tick) for tick in y.ticks(7)]), width - beside), y, float(width))


def _power(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def beyond(value: float, threshold: float) -> str:
    """Evidence that is a thousand times what its question needs, in words; empty for less."""
    return f"far past {_power(threshold)}" if threshold > 0 and value >= _FAR * threshold else ""


def _amount(value: float, threshold: float) -> str:
    return beyond(value, threshold) or (told(value) if value >= 0.001 else "<0.001")


def _latest(question: Asked) -> tuple[int, float]:
    return next((exposures, value) for exposures, value in reversed(question.trajectory) if finite(value))


def _limits(plot: _Plot, asked: Sequence[Asked]) -> list[Markup]:
    shared: dict[float, list[Asked]] = {}
    for question in asked:
        if finite(question.threshold) and question.threshold > 0:
            shared.setdefault(question.threshold, []).append(question)
    drawn = []
    heights = [plot.y.at(threshold) for threshold in shared]
    for threshold, questions in shared.items():
        y, alone = plot.y.at(threshold), len(shared) > 1 or len(asked) == 1
        crowded = any(0 < y - other < _APART for other in heights)
        said = (
            f"{questions[0].name} decides at {_power(threshold)}"
            if alone and len(asked) > 1
            else f"decides at {_power(threshold)}"
        )
        drawn.append(
            tag(
                "g",
                hover(said),
                tag("line", x1=plot.x.start, x2=plot.x.end, y1=y, y2=y, class_="limit"),
                text(said, plot.x.start + 6, y + 13 if crowded else y - 5, "small halo"),
                class_=questions[0].tone if len(questions) == 1 else "bad",
            )
        )
    return drawn


def _line(plot: _Plot, question: Asked) -> Markup:
    steps, dots, pen = [], [], "M"
    every = max(1, len(question.trajectory) // _DOTS)
    for index, (exposures, value) in enumerate(question.trajectory):
        if not finite(value):
            pen = "M"
            continue
        x, y = plot.x.at(exposures), plot.y.at(value)
        steps.append(f"{pen}{place(x)},{place(y)}")
        pen = "L"
        if index % every == 0 or index == len(question.trajectory) - 1:
            said = f"{question.name}: {_amount(value, question.threshold)} after {exposures:,} units"
            dots.append(
                tag(
                    "g",
                    hover(said),
                    tag("circle", cx=x, cy=y, r=7, class_="hit"),
                    tag("circle", cx=x, cy=y, r=3.5, class_="cursor dot"),
                    class_="strip",
                    data_tip=said,
                )
            )
    exposures, value = _latest(question)
    end = tag("circle", cx=plot.x.at(exposures), cy=plot.y.at(value), r=3.5, class_="fill")
    return tag("g", tag("path", d="".join(steps), class_="line"), end, *dots, class_=question.tone)


def _names(plot: _Plot, asked: Sequence[Asked]) -> Markup:
    ends = [_latest(question) for question in asked]
    if plot.width > 500:
        spots = [(plot.x.end + 10, y) for y in spread([plot.y.at(value) for _, value in ends], 17, plot.y.end, plot.y.start)]
    else:
        spots = [(plot.x.start + 14, 9.0 + 18 * index) for index in range(len(asked))]
    drawn = []
    for question, (_, value), (x, y) in zip(asked, ends, spots, strict=True):
        number = _amount(value, question.threshold)
        name = clipped(question.name, plot.width - x - breadth(number) - 14)
        key = tag("line", x1=x - 14, x2=x - 4, y1=y, y2=y, class_="line") if plot.width <= 500 else ""
        label = tag("text", tag("tspan", name, class_="strong"), tag("tspan", number, dx=5, class_="hush"), x=x, y=y + 4)
        drawn.append(tag("g", key, label, class_=question.tone))
    return Markup("").join(drawn)


def _gist(question: Asked) -> str:
    exposures, value = _latest(question)
    known = shown(value for _, value in question.trajectory)
    reached = "reached" if max(known) >= question.threshold else "did not reach"
    return (
        f"{question.name}: after {exposures:,} units the evidence is {_amount(value, question.threshold)}, at most {_amount(max(known), question.threshold)}; "
        f"it {reached} its threshold of {_power(question.threshold)}."
    )
