"""What happened, down a line (`timeline`), and what lasted, in lanes over time (`lanes`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from baton.web.draw import axes
from baton.web.draw.calendar import Time, dated, instant
from baton.web.draw.canvas import WIDE, hover, linked, nothing, picture, tag, words
from baton.web.draw.lettering import breadth, clipped, wrapped
from baton.web.draw.mark import Stretch

_TALL, _GAP = 18, 4


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened: when, who, what in words, its tone and its page."""

    at: datetime
    who: str
    words: str
    tone: str = "idle"
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane and what lasted in it; stretches that overlap share the lane in rows."""

    name: str
    stretches: Sequence[Stretch]
    href: str | None = None


def timeline(happenings: Sequence[Happening], *, title: str, width: int = WIDE) -> Markup:
    """Happenings from top to bottom in time order, with the time that passed between them; a new day is written out."""
    if not happenings:
        return nothing(title, width)
    ordered = sorted(happenings, key=lambda one: instant(one.at))
    rail = 128.0 if width > 500 else 12.0
    spots, drawn, y, before = [], [], 8.0, None
    for one in ordered:
        passed = instant(one.at) - instant(before.at) if before else timedelta()
        y += 22 if passed >= timedelta(hours=1) else 0
        if passed >= timedelta(hours=1):
            drawn.append(words(_lasted(passed), rail + 18, y - 4, "tick"))
        said = wrapped(one.words, width - rail - 24 - (breadth(one.who, 11) + 10 if rail > 100 else 0), 12, 4) or [""]
        drawn.append(_happening(one, (rail, y + 12), said, before))
        spots.append(y + 12)
        y += 17 * len(said) + (14 if width > 500 else 30)
        before = one
    rule = tag("line", x1=rail, x2=rail, y1=spots[0], y2=spots[-1], class_="rule") if len(spots) > 1 else Markup("")
    return picture("timeline", (width, y + 2), title, _story(ordered), [rule, *drawn])


def _happening(one: Happening, spot: tuple[float, float], said: Sequence[str], before: Happening | None) -> Markup:
    """Beside the rail when there is room for a column of instants, else with the instant above the words."""
    (rail, y), at = spot, instant(one.at)
    new_day = before is None or instant(before.at).date() != at.date()
    who = f"{one.who}" if one.who else ""
    tip = f"{dated(at)}: {f'{who}, ' if who else ''}{one.words}"
    if rail > 100:
        left = [words(f"{at:%H:%M}", rail - 18, y + 4, "tick", "end")]
        left += [words(f"{at.day} {at:%b} {at.year}", rail - 56, y + 4, "tick", "end")] if new_day else []
        lines = [words(line, rail + 18, y + 4 + 17 * index, "label") for index, line in enumerate(said[:-1])]
        lines.append(_signed(said[-1], who, (rail + 18, y + 4 + 17 * (len(said) - 1))))
    else:
        left = [words(f"{dated(at)}{f' · {who}' if who else ''}", rail + 18, y + 4, "tick")]
        lines = [words(line, rail + 18, y + 21 + 17 * index, "label") for index, line in enumerate(said)]
    drawn = tag("g", hover(tip), tag("circle", cx=rail, cy=y, r=5, class_="dot"), *left, *lines, class_=one.tone, data_tip=tip)
    return linked(drawn, one.href, tip)


def _signed(line: str, who: str, spot: tuple[float, float]) -> Markup:
    signature = tag("tspan", who, dx=10, class_="hush small") if who else ""
    return tag("text", tag("tspan", line, class_="label"), signature, x=spot[0], y=spot[1])


def _lasted(passed: timedelta) -> str:
    hours = passed.total_seconds() / 3600
    return f"{round(hours)} h later" if hours < 48 else f"{round(hours / 24)} days later"


def _story(ordered: Sequence[Happening]) -> str:
    first, last = ordered[0], ordered[-1]
    if len(ordered) == 1:
        return f"{dated(instant(first.at))}: {first.words}."
    return f"{len(ordered)} facts, from {dated(instant(first.at))} ({first.words}) to {dated(instant(last.at))} ({last.words})."


def lanes(
    rows: Sequence[Lane], *, title: str, first: datetime | None = None, last: datetime | None = None, width: int = WIDE
) -> Markup:
    """Lanes over a common time; `first` and `last` pin the axis, else the stretches do. One without an end reaches to the right edge."""
    starts = [instant(one.start) for row in rows for one in row.stretches]
    if not starts:
        return nothing(title, width)
    ends = [instant(one.end) for row in rows for one in row.stretches if one.end]
    left = min(max(breadth(row.name) for row in rows) + 14, width * 0.34)
    begin, end = instant(first) if first else min(starts), instant(last) if last else max([*starts, *ends])
    x = Time.over(begin, end, left, width - 6.0)
    y, drawn = 6.0, []
    for row in rows:
        packed = _packed(
            [one for one in row.stretches if instant(one.start) <= x.last and (one.end is None or instant(one.end) >= x.first)], x
        )
        tall = max(len(packed), 1) * (_TALL + _GAP) + 8
        label = words(clipped(row.name, left - 12), left - 10, y + 16, "label", "end")
        drawn.append(linked(label, row.href, row.name or title))
        drawn.append(tag("line", x1=0, x2=width, y1=y + tall - 2, y2=y + tall - 2, class_="rule"))
        drawn += [
            _stretch(x, one, y + 2 + (_TALL + _GAP) * at, free) for at, held in enumerate(packed) for one, free in _freed(held, x)
        ]
        y += tall
    count = max(2, int((x.end - x.start) // 72))
    grid = [tag("line", x1=x.at(at), x2=x.at(at), y1=0, y2=y, class_="rule") for at, _ in x.ticks(count)]
    return picture("lanes", (width, y + 24), title, _spans(rows), [*grid, *drawn, axes.dates(x, y, width)])


def _packed(stretches: Sequence[Stretch], x: Time) -> list[list[Stretch]]:
    """Stretches in as few rows as keep them apart, by their places in the picture."""
    held: list[list[Stretch]] = []
    ends: list[float] = []
    for one in sorted(stretches, key=lambda one: instant(one.start)):
        begin, until = x.at(one.start), _until(one, x)
        row = next((at for at, free in enumerate(ends) if free <= begin + 0.5), None)
        if row is None:
            held.append([one])
            ends.append(until)
        else:
            held[row].append(one)
            ends[row] = until
    return held


def _freed(held: Sequence[Stretch], x: Time) -> list[tuple[Stretch, float]]:
    """Each stretch of a row with the place where the next one begins."""
    begins = [x.at(one.start) for one in held[1:]]
    return list(zip(held, [*begins, x.end], strict=True))


def _until(one: Stretch, x: Time) -> float:
    return max(x.at(one.end) if one.end else x.end, x.at(one.start) + 3)


def _stretch(x: Time, one: Stretch, top: float, free: float) -> Markup:
    left, right = x.at(one.start), _until(one, x)
    left, right = min(left, right - 3), max(right - 1, left + 2)
    until = dated(instant(one.end)) if one.end else "now"
    said = f"{one.label}, {dated(instant(one.start))} – {until}"
    room, beside = breadth(one.label, 11) + 10, ""
    if room <= right - left:
        beside = words(one.label, left + 7, top + 13, "small label")
    elif right + room <= free:
        beside = words(one.label, right + 5, top + 13, "small label hush")
    drawn = tag(
        "g",
        hover(said),
        tag("rect", x=left, y=top, width=right - left, height=_TALL, rx=3, class_="soft"),
        tag("rect", x=left, y=top, width=3.0, height=_TALL, rx=1, class_="fill"),
        beside,
        class_=one.tone,
        data_tip=said,
    )
    return linked(drawn, one.href, said)


def _spans(rows: Sequence[Lane]) -> str:
    parts = [f"{row.name}: {len(row.stretches)}" for row in rows]
    lasting = [one.label for row in rows for one in row.stretches if one.end is None]
    still = (
        f" Still going on: {', '.join(lasting[:5])}{f' and {len(lasting) - 5} more' if len(lasting) > 5 else ''}."
        if lasting
        else ""
    )
    return f"{'; '.join(parts)}.{still}"
