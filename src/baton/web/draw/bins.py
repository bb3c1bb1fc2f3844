"""A tiny histogram for a table's cell: the shape of a column, without axes."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from baton.web.draw.canvas import picture, tag
from baton.web.draw.numeral import told
from baton.web.draw.scale import finite


def bins(
    counts: Sequence[float], low: float | str, high: float | str, *, title: str, width: int = 132, height: int = 34
) -> Markup:
    """Counts of equal bins from `low` to `high` as bars side by side; bins with few are still seen."""
    known = [count if finite(count) and count > 0 else 0.0 for count in counts]
    highest, total = max(known, default=0.0), sum(known)
    if not highest:
        rule = tag("line", x1=0, x2=width, y1=height - 1, y2=height - 1, class_="rule")
        return picture("bins", (width, height), title, "Nothing yet.", (rule,))
    step = width / len(known)
    drawn = [tag("line", x1=0, x2=width, y1=height - 0.5, y2=height - 0.5, class_="rule")]
    for place, count in enumerate(known):
        if count:
            tall = max((height - 3) * count / highest, 1.5)
            drawn.append(
                tag("rect", x=step * place + 0.5, y=height - 1 - tall, width=max(step - 1, 0.5), height=tall, class_="fill s1")
            )
    most = known.index(highest) / len(known)
    where = "low" if most < 1 / 3 else "high" if most > 2 / 3 else "in the middle"
    said = f"From {_said(low)} to {_said(high)}; the fullest of {len(known)} bins is {where} and holds {highest / total:.0%}."
    return picture("bins", (width, height), title, said, drawn)


def _said(value: float | str) -> str:
    return value[:10] if isinstance(value, str) else told(value)
