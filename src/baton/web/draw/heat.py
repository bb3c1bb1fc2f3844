"""A heat map: rows (features) by days, in seven steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from baton.web.draw.canvas import WIDE, hover, linked, nothing, picture, place, tag, words
from baton.web.draw.lettering import abridged, breadth, clipped
from baton.web.draw.numeral import told
from baton.web.draw.scale import finite, shown

_CLASSES = 7
_MOST_DAYS, _MOST_NARROW = 120, 60
_TALL, _GAP = 18, 2
_FINGER = 6.0  # a cell less wide than this is hit by nobody


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a value per day (None where nothing was measured), and where its label leads."""

    name: str
    values: Sequence[float | None]
    href: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Weeks:
    """Rows by longer columns: the highest value of each; `days` holds the first day of each column, `until` its last."""

    rows: Sequence[Row]
    days: Sequence[date]
    until: Sequence[date]


@dataclass(frozen=True, slots=True)
class _Sheet:
    columns: Weeks
    steps: Sequence[float]
    unit: str
    link: Callable[[Row, date, date], str | None] | None
    left: float
    step: float

    def kind(self, value: float | None) -> str:
        return f"h{sum(value >= bound for bound in self.steps)}" if finite(value) else "none"

    def x(self, column: int) -> float:
        return self.left + self.step * column


def heat(
    rows: Sequence[Row],
    days: Sequence[date],
    *,
    title: str,
    unit: str = "",
    steps: Sequence[float] = (),
    link: Callable[[Row, date, date], str | None] | None = None,
    width: int = WIDE,
) -> Markup:
    """Rows by days; more columns than fit (120, or 60 when narrow) become weeks of their highest value, and the description says so.

    `steps` are the six rising bounds between the seven classes, by default even parts of the highest value; `link` gives the address of a
    cell from its row and its first and last day, and None for one that leads nowhere. Cells are pointed at, not tabbed through: the way
    of the keyboard is the row's own link, as it is where cells are too thin (weeks of a year on a phone). Cells without a link are drawn
    together, a path a class and row.
    """
    values = [value for row in rows for value in shown(row.values[: len(days)])]
    if not values or not days:
        return nothing(title, width, 120)
    by_week = len(days) > (_MOST_DAYS if width > 500 else _MOST_NARROW)
    columns = weekly(rows, days) if by_week else Weeks(rows, days, days)
    top_value = max(*values, 0.0) or 1.0
    bounds = list(steps)[: _CLASSES - 1] or [top_value * part / _CLASSES for part in range(1, _CLASSES)]
    left = min(max(breadth(row.name) for row in rows) + 12, width * (0.3 if width > 500 else 0.36))
    step = (width - left) / len(columns.days)
    sheet = _Sheet(columns, bounds, unit, link if step >= _FINGER else None, left, step)
    foot = 24.0 + (_TALL + _GAP) * len(rows)
    body = [
        _months(columns.days, sheet, width),
        *(_row(sheet, row, 24.0 + (_TALL + _GAP) * index) for index, row in enumerate(columns.rows)),
        _scale(sheet, foot + 8, width, by_week),
    ]
    return picture("heat", (width, foot + 24), title, _gist(rows, days, unit, by_week), body)


def weekly(rows: Sequence[Row], days: Sequence[date]) -> Weeks:
    """The highest value of each row in each week, Monday to Sunday; the first and the last may be parts of one."""
    starts: list[int] = []
    for index, day in enumerate(days):
        if not starts or _monday(day) != _monday(days[starts[-1]]):
            starts.append(index)
    ends = [*starts[1:], len(days)]
    held = [
        Row(row.name, [max(shown(row.values[a:b]), default=None) for a, b in zip(starts, ends, strict=True)], row.href, row.note)
        for row in rows
    ]
    return Weeks(held, [days[start] for start in starts], [days[end - 1] for end in ends])


def _monday(day: date) -> int:
    return (day.toordinal() - 1) // 7


def _row(sheet: _Sheet, row: Row, top: float) -> Markup:
    label = words(abridged(row.name, sheet.left - 10), sheet.left - 8, top + 13, "label", "end")
    said = f"{row.name}{f', {row.note}' if row.note else ''}"
    drawn = [linked(tag("g", hover(said), label, data_tip=said), row.href, said)]
    merged: dict[str, list[tuple[int, int]]] = {}
    for column in range(len(sheet.columns.days)):
        value = row.values[column] if column < len(row.values) else None
        href = sheet.link(row, sheet.columns.days[column], sheet.columns.until[column]) if sheet.link and finite(value) else None
        if href:
            drawn.append(_cell(sheet, row, (column, top, value), href))
            continue
        runs = merged.setdefault(sheet.kind(value), [])
        if runs and runs[-1][1] == column:
            runs[-1] = (runs[-1][0], column + 1)
        else:
            runs.append((column, column + 1))
    drawn += [_path(sheet, kind, runs, top) for kind, runs in merged.items()]
    return tag("g", *drawn)


def _inset(sheet: _Sheet) -> float:
    return 1.0 if sheet.step >= 5 else 0.0


def _path(sheet: _Sheet, kind: str, runs: Sequence[tuple[int, int]], top: float) -> Markup:
    inset = _inset(sheet)
    pieces = [(at, at + 1) for begin, end in runs for at in range(begin, end)] if inset else runs
    d = "".join(
        f"M{place(sheet.x(begin))},{place(top)}h{place(sheet.x(end) - sheet.x(begin) - inset)}v{_TALL}H{place(sheet.x(begin))}z"
        for begin, end in pieces
    )
    return tag("path", d=d, class_=kind)


def _cell(sheet: _Sheet, row: Row, spot: tuple[int, float, float | None], href: str) -> Markup:
    column, top, value = spot
    first, last = sheet.columns.days[column], sheet.columns.until[column]
    when = _day(first) if first == last else f"{first.day} {first:%b} – {_day(last)}"
    said = f"{row.name}, {when}: {'at most ' if first != last else ''}{told(value, sheet.unit)}"
    drawn = tag(
        "rect",
        x=sheet.x(column),
        y=top,
        width=max(sheet.step - _inset(sheet), 0.5),
        height=_TALL,
        class_=sheet.kind(value),
    )
    # Named by its label alone: a title as well would say the same a third time, in each of thousands of cells.
    return tag("a", drawn, href=href, class_="cell", tabindex=-1, aria_label=said, data_tip=said)


def _day(day: date) -> str:
    return f"{day.day} {day:%b} {day.year}"


def _months(days: Sequence[date], sheet: _Sheet, width: int) -> Markup:
    """A month is named at its first column, where there is room; a stub of one gives way to the next."""
    starts = [
        column
        for column, day in enumerate(days)
        if not column or (day.year, day.month) != (days[column - 1].year, days[column - 1].month)
    ]
    drawn, taken, year = [], -1e9, 0
    for column, following in zip(starts, [*starts[1:], len(days)], strict=True):
        day, x = days[column], sheet.x(column)
        label = f"{day:%b} {day.year}" if day.year != year else f"{day:%b}"
        stub = column == 0 and following * 2 < len(days) / len(starts) and x + breadth(label, 11) + 6 > sheet.x(following)
        if stub or x < taken + 8 or x + breadth(label, 11) > width:
            continue
        drawn.append(words(label, x, 14, "tick"))
        taken, year = x + breadth(label, 11), day.year
    return Markup("").join(drawn)


def _scale(sheet: _Sheet, top: float, width: int, by_week: bool) -> Markup:
    """The seven classes with their outer bounds, at the right; which days a column holds, at the left."""
    high = f"≥ {told(sheet.steps[-1], sheet.unit)}"
    x = width - breadth(high, 11) - 6 - 7 * 14
    drawn = [
        tag("rect", x=x + 14 * index, y=top, width=13, height=10, class_=f"h{index}") for index in range(len(sheet.steps) + 1)
    ]
    low = f"< {told(sheet.steps[0], sheet.unit)}"
    drawn += [words(low, x - 6, top + 9, "tick", "end"), words(high, width, top + 9, "tick", "end")]
    said = "a cell is a week: its highest day" if by_week else "a cell is a day"
    room = x - 12 - breadth(low, 11) - sheet.left
    return Markup("").join(
        [*drawn, words(clipped(said, room, 11), sheet.left, top + 9, "tick") if breadth(said, 11) <= room else Markup("")]
    )


def _gist(rows: Sequence[Row], days: Sequence[date], unit: str, by_week: bool) -> str:
    value, name, day = max(
        (value, row.name, day) for row in rows for value, day in zip(row.values, days, strict=False) if finite(value)
    )
    told_as = "Each cell is a week and shows its highest day" if by_week else "Each cell is a day"
    return f"{len(rows)} rows from {_day(days[0])} to {_day(days[-1])}. {told_as}. Highest: {name}, {told(value, unit)} on {_day(day)}."
