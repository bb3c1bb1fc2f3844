"""Two distributions over the same bins: the reference as an outline, the present filled."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from markupsafe import Markup

from baton.web.draw import axes
from baton.web.draw.canvas import WIDE, hover, nothing, picture, place, tag, words
from baton.web.draw.lettering import abridged, breadth
from baton.web.draw.numeral import told
from baton.web.draw.scale import Linear, around, finite, shown

_ROWS = 12


def histogram(
    edges: Sequence[float],
    reference: Sequence[float | None],
    present: Sequence[float | None],
    *,
    title: str,
    unit: str = "",
    names: tuple[str, str] = ("reference", "present"),
    width: int = WIDE,
) -> Markup:
    """Counts or shares per bin, drawn as shares of their own sum; `edges` has one more than the bins, `unit` is that of the edges.

    Infinite outer edges are drawn as wide as their neighbour and said as "below" and "above". Negative amounts are gaps.
    """
    count = min(len(edges) - 1, max(len(reference), len(present)))
    bounds = _bounded(edges[: count + 1])
    was, now = _shares(reference, count), _shares(present, count)
    if bounds is None or not shown([*was, *now]):
        return nothing(title, width, 120)
    height = 210 if width > 500 else 190
    low, high = around([0.0, *shown([*was, *now])], 4)
    y = Linear(low, high, height - 28.0, 32.0)
    ticks, labels = axes.measured(y, "%", 4)
    x = Linear(bounds[0], bounds[-1], axes.margin(labels), width - 14.0)
    body = [
        axes.rulings(y, ticks, labels, x.start, x.end),
        *(_filled(x, y, bounds[at : at + 2], now[at]) for at in range(count)),
        tag("path", d=_steps(x, y, bounds, was), class_="outline s6"),
        axes.numbers(x, y.start, unit, 6 if width > 500 else 4),
        *(
            _told_bin(x, y, bounds[at : at + 2], (_said(edges[at : at + 2], unit), was[at], now[at], names))
            for at in range(count)
        ),
        _key(names, x.start),
    ]
    return picture(
        "histogram",
        (width, height),
        title,
        _gist([_said(edges[at : at + 2], unit) for at in range(count)], was, now, names),
        body,
    )


def _bounded(edges: Sequence[float]) -> list[float] | None:
    inner = [edge for edge in edges if finite(edge)]
    if len(inner) < 2 or any(later <= earlier for earlier, later in itertools.pairwise(edges)):
        return None
    if inner[-1] - inner[0] <= 1e-9 * max(abs(inner[0]), abs(inner[-1])):
        return None
    first, last = inner[1] - inner[0], inner[-1] - inner[-2]
    before = [inner[0] - first] if not finite(edges[0]) else []
    after = [inner[-1] + last] if not finite(edges[-1]) else []
    bounds = [*before, *inner, *after]
    return bounds if len(bounds) == len(edges) else None


def _shares(amounts: Sequence[float | None], count: int) -> list[float | None]:
    known = [value if finite(value) and value >= 0 else None for value in amounts[:count]]
    total = sum(shown(known))
    padded = known + [None] * (count - len(known))
    return [value / total if value is not None and total > 0 else None for value in padded]


def _filled(x: Linear, y: Linear, bounds: Sequence[float], portion: float | None) -> Markup:
    if portion is None:
        return Markup("")
    left, right, top = x.at(bounds[0]), x.at(bounds[1]), y.at(portion)
    inset = 0.5 if right - left > 3 else 0.0
    return tag(
        "rect", x=left + inset, y=top, width=max(right - left - 2 * inset, 0.5), height=y.start - top, class_="soft s1 mass"
    )


def _steps(x: Linear, y: Linear, bounds: Sequence[float], portions: Sequence[float | None]) -> str:
    steps, last = [], None
    for at, portion in enumerate(portions):
        left, right = place(x.at(bounds[at])), place(x.at(bounds[at + 1]))
        if portion is None:
            steps.append(f"V{place(y.start)}" if last is not None else "")
        else:
            high = place(y.at(portion))
            steps.append(f"V{high}H{right}" if last is not None else f"M{left},{place(y.start)}V{high}H{right}")
        last = portion
    return "".join([*steps, f"V{place(y.start)}" if last is not None else ""])


def _said(edges: Sequence[float], unit: str) -> str:
    low, high = edges
    if not math.isfinite(low):
        return f"below {told(high, unit)}"
    return f"{told(low, unit)} or more" if not math.isfinite(high) else f"{told(low, unit)} to {told(high, unit)}"


def _told_bin(
    x: Linear,
    y: Linear,
    bounds: Sequence[float],
    what: tuple[str, float | None, float | None, tuple[str, str]],
) -> Markup:
    said, was, now, names = what
    tip = f"{said}\n{names[0]} {told(was, '%')}\n{names[1]} {told(now, '%')}"
    left, right = x.at(bounds[0]), x.at(bounds[1])
    return tag("rect", hover(tip), x=left, y=y.end, width=right - left, height=y.start - y.end, class_="hit bin", data_tip=tip)


def _key(names: tuple[str, str], left: float) -> Markup:
    second = left + breadth(names[1], 12) + 36
    return (
        tag("rect", x=left, y=4, width=11, height=11, rx=2, class_="soft s1 mass")
        + words(names[1], left + 17, 14, "strong")
        + tag("rect", x=second, y=4.5, width=10, height=10, class_="outline s6")
        + words(names[0], second + 17, 14, "hush")
    )


def _gist(bins: Sequence[str], was: Sequence[float | None], now: Sequence[float | None], names: tuple[str, str]) -> str:
    moved = [
        (abs(after - before), at)
        for at, (before, after) in enumerate(zip(was, now, strict=True))
        if before is not None and after is not None
    ]
    if not moved:
        return f"{len(bins)} bins; nothing to compare."
    apart = sum(change for change, _ in moved) / 2
    change, at = max(moved)
    if change < 1e-9:
        return f"{names[1]} and {names[0]} are the same in all {len(bins)} bins."
    return (
        f"{told(apart, '%')} of {names[1]} lies elsewhere than in {names[0]}; the largest change is at {bins[at]}: {told(was[at], '%')} in {names[0]}, "
        f"{told(now[at], '%')} in {names[1]}."
    )


def categories(
    labels: Sequence[str],
    reference: Sequence[float | None],
    present: Sequence[float | None],
    *,
    title: str,
    names: tuple[str, str] = ("reference", "present"),
    width: int = WIDE,
) -> Markup:
    """The same for categories: one row each, most frequent in the reference first; beyond twelve the rest is summed."""
    was, now = _shares(reference, len(labels)), _shares(present, len(labels))
    rows = _ranked(labels, was, now)
    if not shown([*was, *now]):
        return nothing(title, width, 120)
    left = min(max(breadth(label) for label, _, _ in rows) + 14, width * 0.4)
    right = max(breadth(_change(before, after), 11) for _, before, after in rows) + 12
    x = Linear(0, max([*shown([value for _, before, after in rows for value in (before, after)]), 1e-09]), left, width - right)
    drawn = [_category(x, row, 28.0 + 26 * at, (names, width)) for at, row in enumerate(rows)]
    gist = _gist([label for label, _, _ in rows], [before for _, before, _ in rows], [after for _, _, after in rows], names)
    return picture("categories", (width, 30 + 26 * len(rows)), title, gist, [*drawn, _key(names, left)])


def _ranked(
    labels: Sequence[str], was: Sequence[float | None], now: Sequence[float | None]
) -> list[tuple[str, float | None, float | None]]:
    rows = sorted(zip(labels, was, now, strict=True), key=lambda row: (-(row[1] or 0.0), -(row[2] or 0.0), row[0]))
    rest = rows[_ROWS:]
    if not rest:
        return rows
    return [*rows[:_ROWS], (f"{len(rest)} others", sum(shown(row[1] for row in rest)), sum(shown(row[2] for row in rest)))]


def _change(before: float | None, after: float | None) -> str:
    return f"{told(before, '%')} → {told(after, '%')}"


def _category(x: Linear, row: tuple[str, float | None, float | None], top: float, what: tuple[tuple[str, str], int]) -> Markup:
    (label, before, after), (names, width) = row, what
    tip = f"{label}\n{names[0]} {told(before, '%')}\n{names[1]} {told(after, '%')}"
    drawn = [
        tag("rect", x=x.start, y=top, width=float(width) - x.start, height=20, class_="hit"),
        words(abridged(label, x.start - 12), x.start - 10, top + 14, "", "end"),
        tag("rect", x=x.start, y=top + 2, width=max(x.at(after) - x.start, 1.0), height=16, class_="soft s1 mass")
        if after is not None
        else "",
        tag("path", d=f"M{place(x.start)},{place(top + 2)}H{place(x.at(before))}v16H{place(x.start)}", class_="outline s6")
        if before is not None
        else "",
        words(_change(before, after), float(width), top + 14, "small hush", "end"),
    ]
    return tag("g", hover(tip), *drawn, class_="bin", data_tip=tip)
