"""What stands on a plot beside its lines: events with their labels, limits, and stretches of time behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from baton.web.draw.calendar import Time, dated, instant
from baton.web.draw.canvas import hover, linked, tag, words
from baton.web.draw.lettering import breadth, clipped
from baton.web.draw.numeral import told
from baton.web.draw.scale import Linear

ROW = 15
"""The height of a row of labels of events."""
_ROWS, _BESIDE = 8, 5.0
Part = tuple[float, float, float, float]
"""A straight part of a line, from (x, y) to (x, y)."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at an instant: a vertical rule with a label."""

    at: datetime
    label: str
    tone: str = "info"
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit: a dashed horizontal rule with a word."""

    value: float
    label: str
    tone: str = "bad"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Something that lasted, such as an open incident; without an end it still does."""

    start: datetime
    end: datetime | None
    label: str
    tone: str = "s1"
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Plot:
    """Where things are: both scales and the unit of the values."""

    x: Time
    y: Linear
    unit: str
    width: float

    @property
    def top(self) -> float:
        """The upper end of the values' axis."""
        return self.y.end

    @property
    def bottom(self) -> float:
        """The lower end of the values' axis."""
        return self.y.start


@dataclass(frozen=True, slots=True)
class Flag:
    """An event with the place of its rule, its label's ends and the row it stands in; without a row it has no label."""

    event: Event
    label: str
    spot: tuple[float, float, float]
    row: int

    def meets(self, other: Flag) -> bool:
        """Whether a label lies on the other's label or under the other's rule."""
        (x, left, right), (its_x, its_left, its_right) = self.spot, other.spot
        over = self.row == other.row and left < its_right + 6 and its_left < right + 6
        crossed = other.row >= self.row and left < its_x + 3 and its_x - 3 < right
        crosses = self.row >= other.row >= 0 and its_left < x + 3 and x - 3 < its_right
        return over or crossed or crosses


def staggered(plot: Plot, events: Sequence[Event]) -> list[Flag]:
    """Events with their labels in the lowest free row, none on top of another; where every row is taken, the rule alone says it.

    From the newest back with labels to the right, unless that leaves out more than from the oldest on with labels to the left: close
    together at the right edge, only those have room.
    """
    ordered = sorted(events, key=lambda event: instant(event.at))
    back, on = _raised(plot, ordered[::-1], right=True), _raised(plot, ordered, right=False)
    left_out = [sum(not flag.label for flag in flags) for flags in (back, on)]
    return back[::-1] if left_out[0] <= left_out[1] else on


def _raised(plot: Plot, ordered: Sequence[Event], *, right: bool) -> list[Flag]:
    """Events in this order, each in the lowest row that is free, to the one side where that fits into the picture, else to the other."""
    held: list[Flag] = []
    for event in ordered:
        x, label = plot.x.at(event.at), clipped(event.label, 150, 11)
        wide = breadth(label, 11) + 8
        sides = [(x, x + _BESIDE, x + wide), (x, x - wide, x - _BESIDE)]
        fitting = [spot for spot in (sides if right else sides[::-1]) if spot[1] >= 0 and spot[2] < plot.width]
        choices = (Flag(event, label, spot, row) for spot in fitting[:1] for row in range(_ROWS))
        held.append(
            next((flag for flag in choices if not any(flag.meets(other) for other in held)), Flag(event, "", (x, x, x), -1))
        )
    return held


def event(plot: Plot, flag: Flag) -> Markup:
    """An event: its rule, a dot and its label."""
    one, (x, left, _right) = flag.event, flag.spot
    said = f"{dated(instant(one.at))}: {one.label}"
    y = plot.top - 8 - ROW * flag.row if flag.row >= 0 else plot.top
    beside = (
        (words(flag.label, x + 7, y + 4, "small label") if left >= x else words(flag.label, x - 7, y + 4, "small label", "end"))
        if flag.label
        else ""
    )
    drawn = tag(
        "g",
        hover(said),
        tag("line", x1=x, x2=x, y1=y, y2=plot.bottom, class_="line thin dotted"),
        tag("rect", x=x - 4, y=y - 4, width=8.0, height=plot.bottom - y + 4, class_="hit"),
        tag("circle", cx=x, cy=y, r=3, class_="fill"),
        beside,
        class_=one.tone,
        data_tip=said,
    )
    return linked(drawn, one.href, said)


def limit(plot: Plot, mark: Threshold, drawn: Sequence[Part]) -> Markup:
    """A limit: its rule, and its words where they cover least of what is `drawn`."""
    y, said = plot.y.at(mark.value), f"{mark.label} {told(mark.value, plot.unit)}"
    wide = breadth(said, 11)
    heights = [at for at, fits in ((y - 5, y - 18 > plot.top), (y + 14, y + 18 < plot.bottom)) if fits] or [y + 14]
    first, last = plot.x.start + 4, max(plot.x.end - 6 - wide, plot.x.start)
    lefts = [first, *(last + (first - last) * at / 8 for at in range(8))]
    left, base = min(
        ((left, base) for left in lefts for base in heights),
        key=lambda spot: sum(_covered(part, (spot[0] - 2, spot[0] + wide + 2, spot[1] - 11, spot[1] + 3)) for part in drawn),
    )
    return tag(
        "g",
        tag("line", x1=plot.x.start, x2=plot.x.end, y1=y, y2=y, class_="limit"),
        words(said, left, base, "small halo"),
        class_=mark.tone,
    )


def _covered(part: Part, box: tuple[float, float, float, float]) -> float:
    """How many pixels of a part, from left to right, may lie in a box of left, right, top and bottom."""
    (x, y, to_x, to_y), (left, right, top, bottom) = part, box
    begin, end = max(x, left), min(to_x, right)
    if begin >= end:
        return 0.0
    slope = (to_y - y) / (to_x - x)
    high, low = sorted((y + slope * (begin - x), y + slope * (end - x)))
    return end - begin if high < bottom and low > top else 0.0


def stretch(plot: Plot, mark: Stretch) -> Markup:
    """A stretch behind the lines, with its words where they have room."""
    left, right = plot.x.at(mark.start), plot.x.at(mark.end) if mark.end else plot.x.end
    right = max(right, left + 1.5)
    until = dated(instant(mark.end), exact=False) if mark.end else "now"
    said = f"{mark.label}, {dated(instant(mark.start), exact=False)} – {until}"
    label = clipped(mark.label, right - left - 8, 11)
    drawn = tag(
        "g",
        hover(said),
        tag("rect", x=left, y=plot.top, width=right - left, height=plot.bottom - plot.top, class_="band"),
        words(label, left + 5, plot.top + 14, "small hush label") if label == mark.label else "",
        class_=mark.tone,
        data_tip=said,
    )
    return linked(drawn, mark.href, said)
