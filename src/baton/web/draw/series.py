"""Values over time as lines, with what happened and the limits that matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from markupsafe import Markup

from baton.web.draw import axes
from baton.web.draw.calendar import Time, dated, instant
from baton.web.draw.canvas import WIDE, hover, nothing, picture, place, tag
from baton.web.draw.lettering import abridged, breadth, clipped, spread
from baton.web.draw.mark import ROW, Event, Part, Plot, Stretch, Threshold, event, limit, staggered, stretch
from baton.web.draw.numeral import told
from baton.web.draw.scale import Linear, around, counts, finite, shown

_STRIPS, _EDGE, _KEY, _LONELY = 6.0, 4.0, 18, 3.0
_WITHIN = 2
"""How many rows of labels of events the picture holds without growing."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: points in time order, a tone or series class (s1, s2, … in turn when empty), and an interval (instant, low, high) around it."""

    name: str
    points: Sequence[tuple[datetime, float | None]]
    tone: str = ""
    dashed: bool = False
    interval: Sequence[tuple[datetime, float | None, float | None]] = ()


def series(
    lines: Sequence[Line],
    *,
    title: str,
    unit: str = "",
    marks: Sequence[Event | Threshold | Stretch] = (),
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
    flags = staggered(_laid_out(lines, drawn, limits, (within, unit, (width, height), 0)), events)
    rows = max((flag.row for flag in flags), default=-1) + 1
    height += ROW * max(0, rows - _WITHIN) + _KEY * max(0, len(_keyed(lines, unit, width)) - 1)
    plot = _laid_out(lines, drawn, limits, (within, unit, (width, height), rows))
    ticks, labels = axes.measured(plot.y, unit)
    body = [
        *(stretch(plot, mark) for mark in marks if isinstance(mark, Stretch)),
        axes.rulings(plot.y, ticks, labels, plot.x.start, plot.x.end),
        axes.dates(plot.x, plot.bottom, width),
        *(_interval(plot, line) for line in lines),
        *(_path(plot, line) for line in lines),
        *_strips(plot, lines),
        *(event(plot, flag) for flag in flags),
        *(limit(plot, mark, _parts(plot, lines)) for mark in limits),
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
) -> Plot:
    within, unit, (width, height), rows = asked
    values = [value for _, value in drawn]
    values += [value for line in lines for _, low, high in line.interval for value in shown((low, high))]
    values = _roomy(values, [mark.value for mark in limits])
    whole = counts(values, unit)
    beside = width > 500 and any(line.name for line in lines)
    right = 16 + max(min(164.0, breadth(_ending(line, unit), 12.6) + 8) for line in lines) if beside else 16
    keyed = 0 if beside else len(_keyed(lines, unit, width))
    key = 4 + _KEY * keyed if keyed else 0
    low, high = around(values, 5, within, whole)
    y = Linear(low, high, float(height - 28), float(10 + key + ROW * rows + (4 if rows else 0)), whole)
    _, labels = axes.measured(y, unit)
    moments = [at for at, _ in drawn]
    return Plot(Time.of(moments, axes.margin(labels), float(width - right)), y, unit, float(width))


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


def _path(plot: Plot, line: Line) -> Markup:
    steps, lonely = [], []
    for run in _runs(line):
        places = [f"{place(plot.x.at(at))},{place(plot.y.at(value))}" for at, value in run]
        steps.append("M" + "L".join(places))
        if len(run) == 1:
            lonely.append(tag("circle", cx=plot.x.at(run[0][0]), cy=plot.y.at(run[0][1]), r=_LONELY, class_="fill"))
    drawn = tag("path", d="".join(steps), class_="line dashed" if line.dashed else "line") if steps else Markup("")
    return tag("g", drawn, *lonely, class_=line.tone)


def _interval(plot: Plot, line: Line) -> Markup:
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


def _parts(plot: Plot, lines: Sequence[Line]) -> list[Part]:
    """The straight parts of all lines."""
    runs = [[(plot.x.at(at), plot.y.at(value)) for at, value in run] for line in lines for run in _runs(line)]
    return [(*here, *there) for run in runs for here, there in pairwise(run)]


def _strips(plot: Plot, lines: Sequence[Line]) -> list[Markup]:
    """For each place where something was measured: a hidden cursor, the values there, and the room that shows them."""
    found: dict[int, dict[int, tuple[datetime, float]]] = {}
    for index, line in enumerate(lines):
        for at, value in line.points:
            if finite(value):
                found.setdefault(round((plot.x.at(at) - plot.x.start) / _STRIPS), {})[index] = (instant(at), value)
    return [_strip(plot, lines, here) for _, here in sorted(found.items())]


def _strip(plot: Plot, lines: Sequence[Line], here: dict[int, tuple[datetime, float]]) -> Markup:
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


def _names(plot: Plot, lines: Sequence[Line]) -> Markup:
    if not any(line.name for line in lines):
        return Markup("")
    return _key(plot, lines) if plot.width <= 500 else _beside(plot, lines)


def _beside(plot: Plot, lines: Sequence[Line]) -> Markup:
    ends = [(line, *last) for line in lines if (last := _last(line))]
    places = spread([plot.y.at(value) for _, _, value in ends], 16, plot.top + 2, plot.bottom)
    drawn = []
    for (line, at, value), y in zip(ends, places, strict=True):
        from_y, x, room = plot.y.at(value), plot.x.end, plot.width - plot.x.end - 16
        number = told(value, plot.unit)
        name = abridged(line.name, room - breadth(number) - 4, 12.6)
        label = tag("text", tag("tspan", name, class_="strong"), tag("tspan", number, dx=5, class_="hush"), x=x + 10, y=y + 4)
        end = tag("circle", cx=plot.x.at(at), cy=from_y, r=3, class_="fill")
        drawn.append(tag("g", _lead((plot.x.at(at), from_y), x, y), end, label, class_=line.tone))
    return Markup("").join(drawn)


def _lead(end: tuple[float, float], edge: float, y: float) -> Markup:
    """What leads from the end of a line to its name beside it; to one that ended before the edge, only a dash of its colour."""
    x, from_y = end
    if x < edge - 1:
        return tag("line", x1=edge + 1, x2=edge + 8, y1=y, y2=y, class_="line")
    if abs(y - from_y) <= 3:
        return Markup("")
    return tag("path", d=f"M{place(edge + 3)},{place(from_y)}L{place(edge + 8)},{place(y)}", class_="lead")


def _keyed(lines: Sequence[Line], unit: str, width: float) -> list[list[tuple[int, str, float]]]:
    """The rows of the key: the place of a line among all, its name as far as a row holds it, and where it begins."""
    rows: list[list[tuple[int, str, float]]] = []
    x, room = 0.0, width - 2 * _EDGE
    for index, line in enumerate(lines if any(line.name for line in lines) else ()):
        number = breadth(_value(line, unit)) + 24
        name = abridged(line.name, room - number, 12.6)
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


def _key(plot: Plot, lines: Sequence[Line]) -> Markup:
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
