"""Bars: lying, one row a thing (`bars`), or standing, one column a thing (`columns`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from baton.web.draw import axes
from baton.web.draw.canvas import WIDE, hover, linked, nothing, picture, tag, words
from baton.web.draw.lettering import abridged, breadth, clipped
from baton.web.draw.numeral import told
from baton.web.draw.scale import Linear, around, counts, finite, shown


@dataclass(frozen=True, slots=True)
class Bar:
    """One row or column: one value per group; a tone highlights it; `note` is said after the value."""

    label: str
    values: Sequence[float | None]
    tone: str = ""
    href: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Style:
    unit: str
    names: Sequence[str]
    stacked: bool

    def tone(self, bar: Bar, group: int) -> str:
        several = len(self.names) > 1 or len(bar.values) > 1
        return f"s{group % 6 + 1}" if several else bar.tone or "s1"

    def said(self, bar: Bar, group: int | None = None) -> str:
        values = bar.values if group is None else bar.values[group : group + 1]
        first = group or 0
        parts = [
            f"{self.names[first + at]} {told(value, self.unit)}" if first + at < len(self.names) else told(value, self.unit)
            for at, value in enumerate(values)
        ]
        return f"{bar.label}: {', '.join(parts)}{f' ({bar.note})' if bar.note else ''}"


def bars(
    rows: Sequence[Bar], *, title: str, unit: str = "", names: Sequence[str] = (), stacked: bool = False, width: int = WIDE
) -> Markup:
    """Lying bars with the label on the left and the value at the end; `names` are of the groups when a row has several values."""
    if not any(shown(row.values) for row in rows):
        return nothing(title, width)
    style, groups = _Style(unit, names, stacked), max(len(row.values) for row in rows)
    thick, gap = (16, 10) if stacked or groups == 1 else (13, 12)
    tall = (thick if stacked else thick * groups) + gap
    left = min(max(breadth(row.label) for row in rows) + 14, width * 0.42)
    right = max(breadth(said) for row in rows for said in _endings(row, style)) + 12
    low, high = _reach(rows, stacked)
    x = Linear(low, high, left, max(width - right, left + 60))
    top = 24.0 if len(names) > 1 else 2.0
    body = [_key(names, left) if len(names) > 1 else Markup("")]
    body += [_row(row, style, x, (top + tall * index, float(tall - gap), thick)) for index, row in enumerate(rows)]
    foot = top + tall * len(rows)
    body.append(tag("line", x1=x.at(0), x2=x.at(0), y1=top, y2=foot - gap / 2, class_="rule zero"))
    return picture("bars", (width, foot), title, _gist(rows, style), body)


def _reach(rows: Sequence[Bar], stacked: bool) -> tuple[float, float]:
    values = [value for row in rows for value in shown(row.values)]
    if stacked:
        values = [
            total
            for row in rows
            for total in (sum(v for v in shown(row.values) if v > 0), sum(v for v in shown(row.values) if v < 0))
        ]
    low, high = min(0.0, *values), max(0.0, *values)
    return (low, high) if high - low > 1e-12 else (0.0, 1.0)


def _ending(row: Bar, style: _Style) -> str:
    known = shown(row.values)
    said = told(sum(known) if style.stacked and known else next(iter(row.values), None), style.unit)
    return f"{said}  {row.note}" if row.note else said


def _endings(row: Bar, style: _Style) -> list[str]:
    """What is said at the ends of a row: one text, or one for each of several bars."""
    several = not style.stacked and len(row.values) > 1
    return [told(value, style.unit) for value in row.values] if several else [_ending(row, style)]


def _row(row: Bar, style: _Style, x: Linear, spot: tuple[float, float, int]) -> Markup:
    top, tall, thick = spot
    label = words(abridged(row.label, x.start - 12), x.start - 10, top + tall / 2 + 4, "label", "end")
    ends, drawn, positive, negative = [], [], 0.0, 0.0
    for group, value in enumerate(row.values):
        if not finite(value):
            continue
        begin = (positive if value >= 0 else negative) if style.stacked else 0.0
        positive, negative = (positive + value, negative) if value >= 0 else (positive, negative + value)
        y = top if style.stacked else top + thick * group
        left, right = sorted((x.at(begin), x.at(begin + value)))
        ends.append((right, y))
        drawn.append(
            _piece(
                (left, y, max(right - left, 1.0), thick - (0 if style.stacked or len(row.values) == 1 else 1)), style, row, group
            )
        )
    if not ends:
        drawn.append(words("no value", x.at(0) + 6, top + tall / 2 + 4, "hush small"))
    elif style.stacked or len(row.values) == 1:
        drawn.append(_end(row, style, max(right for right, _ in ends) + 7, top + tall / 2 + 4))
    else:
        drawn += [
            words(told(value, style.unit), end + 6, y + 10, "small hush")
            for (end, y), value in zip(ends, shown(row.values), strict=True)
        ]
    return linked(tag("g", label, *drawn), row.href, style.said(row))


def _end(row: Bar, style: _Style, x: float, y: float) -> Markup:
    said = _ending(Bar(row.label, row.values), style)
    return tag("text", tag("tspan", said), tag("tspan", row.note, dx=7, class_="hush") if row.note else "", x=x, y=y)


def _piece(spot: tuple[float, float, float, float], style: _Style, row: Bar, group: int) -> Markup:
    x, y, wide, tall = spot
    said = style.said(row, group)
    return tag(
        "rect",
        hover(said),
        x=x,
        y=y,
        width=wide,
        height=float(tall),
        rx=0 if style.stacked else 2,
        class_=f"fill {style.tone(row, group)}{' seam' if style.stacked and min(wide, tall) > 3 else ''}",
        data_tip=said,
    )


def _key(names: Sequence[str], left: float) -> Markup:
    x, drawn = left, []
    for index, name in enumerate(names):
        drawn.append(
            tag("rect", x=x, y=4, width=9, height=9, rx=2, class_=f"fill s{index % 6 + 1}")
            + words(name, x + 14, 12, "small hush")
        )
        x += breadth(name, 11) + 32
    return Markup("").join(drawn)


def columns(
    rows: Sequence[Bar],
    *,
    title: str,
    unit: str = "",
    names: Sequence[str] = (),
    stacked: bool = False,
    width: int = WIDE,
    height: int = 200,
) -> Markup:
    """Standing bars over a common axis; labels are thinned when they do not fit."""
    if not any(shown(row.values) for row in rows):
        return nothing(title, width, min(height, 120))
    style = _Style(unit, names, stacked)
    whole = counts((value for row in rows for value in shown(row.values)), unit)
    low, high = around([*_reach(rows, stacked)], 5, whole=whole)
    y = Linear(low, high, height - 26.0, 30.0 if len(names) > 1 else 10.0, whole)
    ticks, labels = axes.measured(y, unit)
    left, right = axes.margin(labels), width - 4.0
    step = (right - left) / len(rows)
    body = [_key(names, left) if len(names) > 1 else Markup(""), axes.rulings(y, ticks, labels, left, right)]
    body += [_column(row, style, y, (left + step * index, step)) for index, row in enumerate(rows)]
    body.append(_feet(rows, left, step, height - 8.0))
    return picture("columns", (width, height), title, _gist(rows, style), body)


def _column(row: Bar, style: _Style, y: Linear, spot: tuple[float, float]) -> Markup:
    left, step = spot
    room = min(step * (0.72 if step > 8 else 0.86), 64.0)
    wide = room if style.stacked else room / max(len(row.values), 1)
    x, drawn, positive, negative = left + (step - room) / 2, [], 0.0, 0.0
    for group, value in enumerate(row.values):
        if not finite(value):
            continue
        begin = (positive if value >= 0 else negative) if style.stacked else 0.0
        positive, negative = (positive + value, negative) if value >= 0 else (positive, negative + value)
        high, low = sorted((y.at(begin), y.at(begin + value)))
        across = x if style.stacked else x + wide * group
        drawn.append(
            _piece(
                (across, high, wide - (0 if style.stacked or len(row.values) == 1 else 1), max(low - high, 1.0)),
                style,
                row,
                group,
            )
        )
    drawn.append(
        tag(
            "rect",
            hover(style.said(row)),
            x=left,
            y=y.end,
            width=step,
            height=y.start - y.end,
            class_="hit",
            data_tip=style.said(row),
        )
        if row.href
        else Markup("")
    )
    return linked(tag("g", *drawn), row.href, style.said(row))


def _feet(rows: Sequence[Bar], left: float, step: float, y: float) -> Markup:
    broadest = max(breadth(row.label, axes.TICK) for row in rows) + 10
    every = max(1, -int(-min(broadest, 110.0) // step))
    room = max(step * every, 24.0)
    return Markup("").join(
        words(clipped(row.label, room, axes.TICK), left + step * (index + 0.5), y, "tick", "middle")
        for index, row in enumerate(rows)
        if index % every == 0 and breadth(clipped(row.label, room, axes.TICK), axes.TICK) / 2 <= left + step * (index + 0.5)
    )


def _gist(rows: Sequence[Bar], style: _Style) -> str:
    totals = [(sum(shown(row.values)), row) for row in rows if shown(row.values)]
    most, least = max(totals, key=lambda pair: pair[0])[1], min(totals, key=lambda pair: pair[0])[1]
    kept = f"{len(rows)} in all." if len(rows) > 1 else ""
    return (
        f"{kept} Highest {style.said(most)}; lowest {style.said(least)}.".strip() if len(totals) > 1 else f"{style.said(most)}."
    )
