"""Calibration: whether scores mean what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from baton.web.draw import axes
from baton.web.draw.canvas import NARROW, hover, nothing, picture, place, tag, words
from baton.web.draw.numeral import told
from baton.web.draw.scale import Linear, finite

_COUNTS = 34


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of scores: their mean, the share that came true, how many, and the share's interval when known."""

    score: float | None
    observed: float | None
    count: int
    low: float | None = None
    high: float | None = None


def reliability(bins: Sequence[Bin], *, title: str, width: int = NARROW) -> Markup:
    """Mean score against observed share, both from 0 to 1, with the diagonal of perfect calibration; counts as bars below."""
    known = sorted(
        ((one.score, one.observed, one) for one in bins if finite(one.score) and finite(one.observed)), key=lambda found: found[0]
    )
    if not known:
        return nothing(title, width, 120)
    height = min(width, 420) + _COUNTS
    x, y = Linear(0, 1, 48.0, width - 14.0), Linear(0, 1, height - 48.0 - _COUNTS, 22.0)
    ticks, labels = axes.measured(y, "%", 5)
    line = "L".join(f"{place(x.at(score))},{place(y.at(observed))}" for score, observed, _ in known)
    body = [
        axes.rulings(y, ticks, labels, x.start, x.end),
        words("came true", 4, 12, "tick"),
        tag("line", x1=x.start, y1=y.start, x2=x.end, y2=y.end, class_="ray dashed"),
        *_counts([one for _, _, one in known], x, height - 40.0),
        axes.numbers(x, height - 40.0, "%", 6 if width > 400 else 5),
        words("mean score", x.end, height - 4, "tick", "end"),
        tag(
            "g",
            tag("path", d=f"M{line}", class_="line"),
            *(_dot(x, y, one, (score, seen)) for score, seen, one in known),
            class_="s1",
        ),
    ]
    return picture("reliability", (width, height), title, _gist(known), body)


def _dot(x: Linear, y: Linear, one: Bin, spot: tuple[float, float]) -> Markup:
    across, down = x.at(spot[0]), y.at(spot[1])
    said = f"mean score {told(spot[0], '%')}\ncame true {told(spot[1], '%')}\n{one.count:,} scored"
    whisker = ""
    if finite(one.low) and finite(one.high):
        whisker = tag("line", x1=across, x2=across, y1=y.at(one.low), y2=y.at(one.high), class_="line thin")
    drawn = [tag("circle", cx=across, cy=down, r=9, class_="hit"), whisker, tag("circle", cx=across, cy=down, r=4, class_="dot")]
    return tag("g", hover(said), *drawn, class_="bin", data_tip=said)


def _counts(known: Sequence[Bin], x: Linear, foot: float) -> list[Markup]:
    most = max(*(one.count for one in known), 1)
    drawn = []
    for one in known:
        tall = (_COUNTS - 6) * min(max(one.count, 0) / most, 1.0)
        across = x.at(one.score or 0.0)
        left = min(max(across - 4, x.start), x.end - 8)
        said = f"{one.count:,} scored around {told(one.score, '%')}"
        drawn.append(tag("rect", hover(said), x=left, y=foot - tall, width=8, height=tall, rx=1, class_="mass s1", data_tip=said))
    return [*drawn, tag("line", x1=x.start, x2=x.end, y1=foot, y2=foot, class_="rule")]


def _gist(known: Sequence[tuple[float, float, Bin]]) -> str:
    total = sum(max(one.count, 0) for _, _, one in known)
    error = sum(max(one.count, 0) * abs(score - seen) for score, seen, one in known) / total if total else 0.0
    score, seen, _ = max(known, key=lambda found: abs(found[0] - found[1]))
    return (
        f"{len(known)} bins of {total:,} scores; on average {told(error, '%')} from the diagonal. Furthest: where the mean score is "
        f"{told(score, '%')}, {told(seen, '%')} came true."
    )
