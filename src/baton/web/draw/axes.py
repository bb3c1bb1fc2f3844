"""Axes that stay in the background: hairlines across, few labels, none of it louder than the marks."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from baton.web.draw.calendar import Time
from baton.web.draw.canvas import tag, words
from baton.web.draw.lettering import breadth
from baton.web.draw.numeral import ticks_told
from baton.web.draw.scale import Linear, Log

TICK = 11


def margin(labels: Sequence[str]) -> float:
    """The room that labels at the left need."""
    return max((breadth(label, TICK) for label in labels), default=0.0) + 12


def rulings(y: Linear | Log, ticks: Sequence[float], labels: Sequence[str], left: float, right: float) -> Markup:
    """A hairline and a label for each tick; the one at zero is a little stronger."""
    return Markup("").join(
        tag("line", x1=left, x2=right, y1=y.at(tick), y2=y.at(tick), class_="rule zero" if tick == 0 else "rule")
        + words(label, left - 8, y.at(tick) + 4, "tick", "end")
        for tick, label in zip(ticks, labels, strict=True)
    )


def measured(y: Linear, unit: str, count: int = 5) -> tuple[list[float], list[str]]:
    """The ticks of a scale and their labels."""
    ticks = y.ticks(count)
    return ticks, ticks_told(ticks, unit)


def dates(x: Time, bottom: float, right: float) -> Markup:
    """The labels of time below a plot, each at its tick, the outer ones kept inside the picture."""
    count = max(2, int((x.end - x.start) // 72))
    drawn, taken = [], -1e9
    for at, label in x.ticks(count):
        middle, half = x.at(at), breadth(label, TICK) / 2
        shifted = min(max(middle, half + 1), right - half - 1)
        if shifted - half < taken + 8:
            continue
        taken = shifted + half
        drawn.append(tag("line", x1=middle, x2=middle, y1=bottom, y2=bottom + 4, class_="rule"))
        drawn.append(words(label, shifted, bottom + 18, "tick", "middle"))
    return Markup("").join(drawn)


def numbers(x: Linear, bottom: float, unit: str = "", count: int = 6) -> Markup:
    """The labels of a number below a plot."""
    ticks = x.ticks(count)
    return Markup("").join(
        tag("line", x1=x.at(tick), x2=x.at(tick), y1=bottom, y2=bottom + 4, class_="rule")
        + words(label, x.at(tick), bottom + 18, "tick", "middle")
        for tick, label in zip(ticks, ticks_told(ticks, unit), strict=True)
    )
