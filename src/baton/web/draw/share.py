"""How a whole is split: one stacked bar, such as the traffic of live, canary and shadow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from baton.web.draw.canvas import WIDE, hover, linked, nothing, picture, place, tag, words
from baton.web.draw.lettering import breadth, clipped
from baton.web.draw.numeral import told
from baton.web.draw.scale import finite

_TALL = 30


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the whole, in any amount: shares are computed; `sub` is a second, quieter word."""

    name: str
    value: float | None
    tone: str = ""
    href: str | None = None
    sub: str = ""


def share(parts: Sequence[Part], *, title: str, unit: str = "", width: int = WIDE) -> Markup:
    """One bar of the parts in order, each named below it under its own key; `unit` is that of the amounts, "%" when they are shares."""
    known = [(_toned(part, index), part.value) for index, part in enumerate(parts) if finite(part.value) and part.value > 0]
    total = sum(value for _, value in known)
    if not known:
        return nothing(title, width, 64)
    drawn, at = [], 0.0
    for part, value in known:
        wide = max(width * value / total, 2.0)
        wide = min(wide, width - at)
        drawn.append(_piece(part, value / total, unit, (at, max(wide, 0.0), float(width))))
        at += wide
    labels, foot = _labels(known, total, unit, width)
    gist = ", ".join(f"{part.name} {told(value / total, '%')}" for part, value in known)
    return picture("share", (width, foot), title, f"{gist}.", [*drawn, labels])


def _toned(part: Part, index: int) -> Part:
    return part if part.tone else Part(part.name, part.value, f"s{index % 6 + 1}", part.href, part.sub)


def _said(part: Part, portion: float, unit: str) -> str:
    amount = "" if unit == "%" or part.value is None else f" ({told(part.value, unit)})"
    return f"{part.name}: {told(portion, '%')}{amount}{f', {part.sub}' if part.sub else ''}"


def _piece(part: Part, portion: float, unit: str, spot: tuple[float, float, float]) -> Markup:
    x, wide, whole = spot
    said, number = _said(part, portion, unit), told(portion, "%")
    inside = words(number, x + wide / 2, _TALL / 2 + 4, "inside", "middle") if breadth(number) + 14 < wide else ""
    drawn = tag("path", hover(said), d=_rounded(x, x + wide, whole), class_=f"fill seam {part.tone}", data_tip=said)
    return linked(tag("g", drawn, inside), part.href, said)


def _rounded(left: float, right: float, whole: float) -> str:
    """A piece of the bar; the outer ones are round at the outer end, as far as they are wide."""
    begin = min(6.0, right - left) if left < 0.5 else 0.0
    end = min(6.0, right - left - begin) if right > whole - 0.5 else 0.0
    return (
        f"M{place(left + begin)},0H{place(right - end)}a{place(end)},6 0 0 1 {place(end)},6V{_TALL - 6}a{place(end)},6 0 0 1 -{place(end)},6"
        f"H{place(left + begin)}a{place(begin)},6 0 0 1 -{place(begin)},-6V6a{place(begin)},6 0 0 1 {place(begin)},-6z"
    )


def _labels(known: Sequence[tuple[Part, float]], total: float, unit: str, width: int) -> tuple[Markup, float]:
    """The names below the bar, from left to right in as many rows as they need."""
    drawn, x, y = [], 0.0, _TALL + 20.0
    for part, value in known:
        number = told(value / total, "%")
        name = clipped(part.name, width - breadth(number) - 30, 12.6)
        sub = clipped(part.sub, width - breadth(name) - breadth(number) - 36, 11) if part.sub else ""
        room = 15 + breadth(name, 12.6) + 5 + breadth(number) + (6 + breadth(sub, 11) if sub else 0)
        if x and x + room > width:
            x, y = 0.0, y + 19
        spans = [tag("tspan", name, class_="strong"), tag("tspan", number, dx=5)]
        spans += [tag("tspan", sub, dx=6, class_="hush small")] if sub else []
        label = tag(
            "g",
            tag("rect", x=x, y=y - 9, width=9, height=9, rx=2, class_=f"fill {part.tone}"),
            tag("text", *spans, x=x + 15, y=y, class_="label"),
        )
        drawn.append(linked(label, part.href, _said(part, value / total, unit)))
        x += room + 14
    return Markup("").join(drawn), y + 6
