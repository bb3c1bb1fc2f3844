"""Values over time as lines, with what happened and the limits that matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from markupsafe import Markup

from baton.web.draw import axes
from baton.web.draw.calendar import Time, dated, instant
from baton.web.draw.canvas import WIDE, hover, linked, nothing, picture, place, tag, words
from baton.web.draw.lettering import breadth, clipped, spread
from baton.web.draw.numeral import told
from baton.web.draw.scale import Linear, around, finite, shown

_STRIPS, _EDGE, _BESIDE = 6.0, 4.0, 5.0
_ROW, _KEY = 15, 18
_ROWS, _WITHIN = 8, 2
"""Rows that labels of events may take, and how many of them the picture holds without growing."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: points in time order, a tone or series class (s1, s2, … in turn when empty), and an interval (instant, low, high) around it."""

    name: str
    points: Sequence[tuple[datetime, float | None]]
    tone: str = ""
    dashed: bool = False
    interval: Sequence[tuple[datetime, float | None, float | None]] = ()


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
class Span:
    """A stretch of time behind the lines, such as an open incident; without an end it goes on."""

    start: datetime
    end: datetime | None
    label: str
    tone: str = "warn"
    href: str | None = None


@dataclass(frozen=True, slots=True)
class _Plot:
    """Where things are: both scales and the unit of the values."""

    x: Time
    y: Linear
    unit: str
    width: float

    @property
    def top(self) -> float:
        return self.y.end

    @property
    def bottom(self) -> float:
        return self.y.start


def series(
    lines: Sequence[Line],
    *,
    title: str,
    unit: str = "",
    marks: Sequence[Event | Threshold | Span] = (),
    within: tuple[float | None, float | None] = (None, None),
    width: int = WIDE,
    height: int = 220,
) -> Markup:
    """Lines over time, each named at its end; `within` pins the lowest or the highest value of the axis (0 for counts).

    Drawn narrow, the names stand above, in as many rows as they need. Events that lie close together make the picture taller, so that
    each keeps its label. Points in the same place of the picture are told by one strip that answers the pointer.
    """
    lines = [_toned(line, index) for index, line in enumerate(lines)]
    drawn = [(instant(at), value) for line in lines for at, value in line.points if finite(value)]
    if not drawn:
        return nothing(title, width, min(height, 120))
    limits = [mark for mark in marks if isinstance(mark, Threshold) and finite(mark.value)]
    events = [mark for mark in marks if isinstance(mark, Event)]
    flags = _flags(_laid_out(lines, drawn, limits, (within, unit, (width, height), 0)), events)
    rows = max((flag.row for flag in flags), default=-1) + 1
    height += _ROW * max(0, rows - _WITHIN) + _KEY * max(0, len(_keyed(lines, unit, width)) - 1)
    plot = _laid_out(lines, drawn, limits, (within, unit, (width, height), rows))
    ticks, labels = axes.measured(plot.y, unit)
    body = [
        *(_span(plot, mark) for mark in marks if isinstance(mark, Span)),
        axes.rulings(plot.y, ticks, labels, plot.x.start, plot.x.end),
        axes.dates(plot.x, plot.bottom, width),
        *(_interval(plot, line) for line in lines),
        *(_path(plot, line) for line in lines),
        *_strips(plot, lines),
        *(_event(plot, flag) for flag in flags),
        *(_limit(plot, mark, lines) for mark in limits),
        _names(plot, lines),
    ]
    return picture("series", (width, height), title, _gist(lines, unit, events), body)


def _toned(line: Line, index: int) -> Line:
    return line if line.tone else Line(line.name, line.points, f"s{index % 6 + 1}", line.dashed, line.interval)


def _laid_out(
    lines: Sequence[Line],
    drawn: Sequence[tuple[datetime, float]],
    limits: Sequence[Threshold],
    asked: tuple[tuple[float | None, float | None], str, tuple[int, int], int],
) -> _Plot:
    within, unit, (width, height), rows = asked
    values = [value for _, value in drawn]
    values += [value for line in lines for _, low, high in line.interval for value in shown((low, high))]
    values = _roomy(values, [limit.value for limit in limits])
    beside = width > 500 and any(line.name for line in lines)
    right = 16 + max(min(164.0, breadth(_ending(line, unit), 12.6) + 8) for line in lines) if beside else 16
    keyed = 0 if beside else len(_keyed(lines, unit, width))
    key = 4 + _KEY * keyed if keyed else 0
    low, high = around(values, 5, within)
    y = Linear(low, high, float(height - 28), float(10 + key + _ROW * rows + (4 if rows else 0)))
    _, labels = axes.measured(y, unit)
    moments = [at for at, _ in drawn]
    return _Plot(Time.over(min(moments), max(moments), axes.margin(labels), float(width - right)), y, unit, float(width))


def _roomy(values: list[float], limits: list[float]) -> list[float]:
    """All of them, with a little room beyond a limit at either end."""
    every = [*values, *limits]
    pad = (max(every) - min(every)) * 0.06
    return (
        every
        + [limit - pad for limit in limits if limit == min(every)]
        + [limit + pad for limit in limits if limit == max(every)]
    )


def _last(line: Line) -> tuple[datetime, float] | None:
    return next(((instant(at), value) for at, value in reversed(line.points) if finite(value)), None)


def _ending(line: Line, unit: str) -> str:
    last = _last(line)
    return f"{line.name}  {told(last[1], unit) if last else '–'}"


def _runs(line: Line) -> list[list[tuple[datetime, float]]]:
    runs: list[list[tuple[datetime, float]]] = [[]]
    for at, value in line.points:
        if finite(value):
            runs[-1].append((at, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _path(plot: _Plot, line: Line) -> Markup:
    steps, lonely = [], []
    for run in _runs(line):
        places = [f"{place(plot.x.at(at))},{place(plot.y.at(value))}" for at, value in run]
        steps.append("M" + "L".join(places))
        if len(run) == 1:
            lonely.append(tag("circle", cx=plot.x.at(run[0][0]), cy=plot.y.at(run[0][1]), r=2, class_="fill"))
    drawn = tag("path", d="".join(steps), class_="line dashed" if line.dashed else "line") if steps else Markup("")
    return tag("g", drawn, *lonely, class_=line.tone)


def _interval(plot: _Plot, line: Line) -> Markup:
    runs: list[list[tuple[float, float, float]]] = [[]]
    for at, low, high in line.interval:
        if finite(low) and finite(high):
            runs[-1].append((plot.x.at(at), plot.y.at(low), plot.y.at(high)))
        elif runs[-1]:
            runs.append([])
    d = "".join(_hull(run) for run in runs if len(run) > 1)
    return tag("path", d=d, class_=f"band {line.tone}") if d else Markup("")


def _hull(run: Sequence[tuple[float, float, float]]) -> str:
    there = [f"{place(x)},{place(high)}" for x, _, high in run]
    back = [f"{place(x)},{place(low)}" for x, low, _ in reversed(run)]
    return f"M{'L'.join(there + back)}Z"


def _limit(plot: _Plot, limit: Threshold, lines: Sequence[Line]) -> Markup:
    y, said = plot.y.at(limit.value), f"{limit.label} {told(limit.value, plot.unit)}"
    wide = breadth(said, 11)
    heights = [at for at, fits in ((y - 5, y - 18 > plot.top), (y + 14, y + 18 < plot.bottom)) if fits] or [y + 14]
    first, last = plot.x.start + 4, max(plot.x.end - 6 - wide, plot.x.start)
    lefts = [first, *(last + (first - last) * at / 8 for at in range(8))]
    drawn = [part for line in lines for run in _runs(line) for part in _parts(plot, run)]
    left, base = min(
        ((left, base) for left in lefts for base in heights),
        key=lambda spot: sum(_covered(part, (spot[0] - 2, spot[0] + wide + 2, spot[1] - 11, spot[1] + 3)) for part in drawn),
    )
    return tag(
        "g",
        tag("line", x1=plot.x.start, x2=plot.x.end, y1=y, y2=y, class_="limit"),
        words(said, left, base, "small halo"),
        class_=limit.tone,
    )


def _parts(plot: _Plot, run: Sequence[tuple[datetime, float]]) -> list[tuple[float, float, float, float]]:
    """The straight parts of a line, each from (x, y) to (x, y)."""
    spots = [(plot.x.at(at), plot.y.at(value)) for at, value in run]
    return [(*here, *there) for here, there in pairwise(spots)]


def _covered(part: tuple[float, float, float, float], box: tuple[float, float, float, float]) -> float:
    """How many pixels of a part, from left to right, may lie in a box of left, right, top and bottom."""
    (x, y, to_x, to_y), (left, right, top, bottom) = part, box
    begin, end = max(x, left), min(to_x, right)
    if begin >= end:
        return 0.0
    slope = (to_y - y) / (to_x - x)
    high, low = sorted((y + slope * (begin - x), y + slope * (end - x)))
    return end - begin if high < bottom and low > top else 0.0


def _span(plot: _Plot, span: Span) -> Markup:
    left, right = plot.x.at(span.start), plot.x.at(span.end) if span.end else plot.x.end
    right = max(right, left + 1.5)
    until = dated(instant(span.end), exact=False) if span.end else "now"
    said = f"{span.label}, {dated(instant(span.start), exact=False)} – {until}"
    label = clipped(span.label, right - left - 8, 11)
    drawn = tag(
        "g",
        hover(said),
        tag("rect", x=left, y=plot.top, width=right - left, height=plot.bottom - plot.top, class_="band"),
        words(label, left + 5, plot.top + 14, "small hush label") if label == span.label else "",
        class_=span.tone,
        data_tip=said,
    )
    return linked(drawn, span.href, said)


def _strips(plot: _Plot, lines: Sequence[Line]) -> list[Markup]:
    """For each place where something was measured: a hidden cursor, the values there, and the room that shows them."""
    found: dict[int, dict[int, tuple[datetime, float]]] = {}
    for index, line in enumerate(lines):
        for at, value in line.points:
            if finite(value):
                found.setdefault(round((plot.x.at(at) - plot.x.start) / _STRIPS), {})[index] = (instant(at), value)
    return [_strip(plot, lines, here) for _, here in sorted(found.items())]


def _strip(plot: _Plot, lines: Sequence[Line], here: dict[int, tuple[datetime, float]]) -> Markup:
    at = max(moment for moment, _ in here.values())
    x = plot.x.at(at)
    values = "\n".join(f"{lines[index].name} {told(value, plot.unit)}".strip() for index, (_, value) in here.items())
    said = f"{dated(at)}\n{values}"
    left, right = max(x - _STRIPS / 2, plot.x.start - 2), min(x + _STRIPS / 2, plot.x.end + 2)
    return tag(
        "g",
        hover(said),
        tag("rect", x=left, y=plot.top, width=right - left, height=plot.bottom - plot.top, class_="hit"),
        tag("line", x1=x, x2=x, y1=plot.top, y2=plot.bottom, class_="cursor ray"),
        *(
            tag("circle", cx=x, cy=plot.y.at(value), r=3.5, class_=f"cursor dot {lines[index].tone}")
            for index, (_, value) in here.items()
        ),
        class_="strip",
        data_tip=said,
    )


def _flags(plot: _Plot, events: Sequence[Event]) -> list[_Flag]:
    """Events with their labels in the lowest free row, none on top of another; where every row is taken, the rule alone says it.

    From the newest back with labels to the right, unless that leaves out more than from the oldest on with labels to the left: close
    together at the right edge, only those have room.
    """
    ordered = sorted(events, key=lambda event: instant(event.at))
    back, on = _raised(plot, ordered[::-1], right=True), _raised(plot, ordered, right=False)
    left_out = [sum(not flag.label for flag in flags) for flags in (back, on)]
    return back[::-1] if left_out[0] <= left_out[1] else on


def _raised(plot: _Plot, ordered: Sequence[Event], *, right: bool) -> list[_Flag]:
    """Events in this order, each in the lowest row that is free, to the one side where that fits into the picture, else to the other."""
    held: list[_Flag] = []
    for event in ordered:
        x, label = plot.x.at(event.at), clipped(event.label, 150, 11)
        wide = breadth(label, 11) + 8
        sides = [(x, x + _BESIDE, x + wide), (x, x - wide, x - _BESIDE)]
        fitting = [spot for spot in (sides if right else sides[::-1]) if spot[1] >= 0 and spot[2] < plot.width]
        choices = (_Flag(event, label, spot, row) for spot in fitting[:1] for row in range(_ROWS))
        held.append(
            next((flag for flag in choices if not any(flag.meets(other) for other in held)), _Flag(event, "", (x, x, x), -1))
        )
    return held


@dataclass(frozen=True, slots=True)
class _Flag:
    """An event with the place of its rule, its label's ends and the row it stands in; without a row it has no label."""

    event: Event
    label: str
    spot: tuple[float, float, float]
    row: int

    def meets(self, other: _Flag) -> bool:
        """Whether a label lies on the other's label or under the other's rule."""
        (x, left, right), (its_x, its_left, its_right) = self.spot, other.spot
        over = self.row == other.row and left < its_right + 6 and its_left < right + 6
        crossed = other.row >= self.row and left < its_x + 3 and its_x - 3 < right
        crosses = self.row >= other.row >= 0 and its_left < x + 3 and x - 3 < its_right
        return over or crossed or crosses


def _event(plot: _Plot, flag: _Flag) -> Markup:
    event, (x, left, _right) = flag.event, flag.spot
    said = f"{dated(instant(event.at))}: {event.label}"
    y = plot.top - 8 - _ROW * flag.row if flag.row >= 0 else plot.top
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
        class_=event.tone,
        data_tip=said,
    )
    return linked(drawn, event.href, said)


def _names(plot: _Plot, lines: Sequence[Line]) -> Markup:
    if not any(line.name for line in lines):
        return Markup("")
    return _key(plot, lines) if plot.width <= 500 else _beside(plot, lines)


def _beside(plot: _Plot, lines: Sequence[Line]) -> Markup:
    ends = [(line, last[1]) for line in lines if (last := _last(line))]
    places = spread([plot.y.at(value) for _, value in ends], 16, plot.top + 2, plot.bottom)
    drawn = []
    for (line, value), y in zip(ends, places, strict=True):
        from_y, x, room = plot.y.at(value), plot.x.end, plot.width - plot.x.end - 16
        number = told(value, plot.unit)
        name = clipped(line.name, room - breadth(number) - 4, 12.6)
        bend = (
            tag("path", d=f"M{place(x + 3)},{place(from_y)}L{place(x + 8)},{place(y)}", class_="lead")
            if abs(y - from_y) > 3
            else ""
        )
        label = tag("text", tag("tspan", name, class_="strong"), tag("tspan", number, dx=5, class_="hush"), x=x + 10, y=y + 4)
        drawn.append(tag("g", bend, tag("circle", cx=x, cy=from_y, r=3, class_="fill"), label, class_=line.tone))
    return Markup("").join(drawn)


def _keyed(lines: Sequence[Line], unit: str, width: float) -> list[list[tuple[int, str, float]]]:
    """The rows of the key: the place of a line among all, its name as far as a row holds it, and where it begins."""
    rows: list[list[tuple[int, str, float]]] = []
    x, room = 0.0, width - 2 * _EDGE
    for index, line in enumerate(lines if any(line.name for line in lines) else ()):
        number = breadth(_value(line, unit)) + 24
        name = clipped(line.name, room - number, 12.6)
        wide = number + breadth(name, 12.6)
        if not rows or x + wide > room:
            rows.append([])
            x = 0.0
        rows[-1].append((index, name, x + _EDGE))
        x += wide + 12
    return rows


def _value(line: Line, unit: str) -> str:
    last = _last(line)
    return told(last[1] if last else None, unit)


def _key(plot: _Plot, lines: Sequence[Line]) -> Markup:
    drawn = []
    for row, held in enumerate(_keyed(lines, plot.unit, plot.width)):
        for index, name, x in held:
            line, y = lines[index], 9.0 + _KEY * row
            number = clipped(_value(line, plot.unit), plot.width - x - 24)
            label = [tag("tspan", name, class_="strong"), tag("tspan", number, dx=5, class_="hush")]
            rule = tag("line", x1=x, x2=x + 10, y1=y, y2=y, class_="line dashed" if line.dashed else "line")
            drawn.append(tag("g", rule, tag("text", *label, x=x + 14, y=y + 4), class_=line.tone))
    return Markup("").join(drawn)


def _gist(lines: Sequence[Line], unit: str, events: Sequence[Event]) -> str:
    said = [_course(line, unit) for line in lines]
    if events:
        marks = [f"{event.label} on {dated(instant(event.at), exact=False)}" for event in events[:6]]
        said.append(f"Marked: {', '.join(marks)}{f' and {len(events) - 6} more' if len(events) > 6 else ''}.")
    return " ".join(said)


def _course(line: Line, unit: str) -> str:
    known = [(instant(at), value) for at, value in line.points if finite(value)]
    name = line.name or "Value"
    if not known:
        return f"{name}: nothing measured."
    (first, begin), (last, end) = known[0], known[-1]
    if len(known) == 1:
        return f"{name}: {told(begin, unit)} on {dated(first, exact=False)}."
    (lowest, low), (highest, high) = min(known, key=lambda point: point[1]), max(known, key=lambda point: point[1])
    return (
        f"{name} from {told(begin, unit)} on {dated(first, exact=False)} to {told(end, unit)} on {dated(last, exact=False)}, lowest "
        f"{told(low, unit)} on {dated(lowest, exact=False)}, highest {told(high, unit)} on {dated(highest, exact=False)}."
    )
