"""A tiny line for a number's card."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from baton.web.draw.canvas import picture, place, tag
from baton.web.draw.numeral import told
from baton.web.draw.scale import Linear, finite, shown


def spark(
    values: Sequence[float | None], *, title: str, unit: str = "", tone: str = "s1", width: int = 120, height: int = 28
) -> Markup:
    """The course of a number, equally spaced, with a dot at its last value."""
    known = shown(values)
    if not known:
        rule = tag("line", x1=2, x2=width - 2, y1=height / 2, y2=height / 2, class_="rule dotted")
        return picture("spark", (width, height), title, "Nothing yet.", (rule,))
    flat = max(known) - min(known) <= 1e-9 * max(abs(max(known)), abs(min(known)), 1e-3)
    low, high = (min(known) - 1, max(known) + max(1.0, abs(max(known)))) if flat else (min(known), max(known))
    x, y = Linear(0, max(len(values) - 1, 1), 3.0, width - 5.0), Linear(low, high, height - 4.0, 4.0)
    steps, pen = [], "M"
    spots = [(x.at(index), y.at(value)) if finite(value) else None for index, value in enumerate(values)]
    for spot in spots:
        if spot:
            steps.append(f"{pen}{place(spot[0])},{place(spot[1])}")
        pen = "L" if spot else "M"
    drawn = [(across, down) for across, down in (spot for spot in spots if spot)]
    under = f"M{'L'.join(f'{place(a)},{place(d)}' for a, d in drawn)}L{place(drawn[-1][0])},{height - 1}L{place(drawn[0][0])},{height - 1}Z"
    body = tag(
        "g",
        tag("path", d=under, class_="band") if len(drawn) == len(values) > 1 else "",
        tag("path", d="".join(steps), class_="line"),
        tag("circle", cx=drawn[-1][0], cy=drawn[-1][1], r=2.5, class_="fill"),
        class_=tone,
    )
    gist = f"From {told(known[0], unit)} to {told(known[-1], unit)}, lowest {told(min(known), unit)}, highest {told(max(known), unit)}."
    return picture("spark", (width, height), title, gist, (body,))
