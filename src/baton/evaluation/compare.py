"""Champion against challenger on the same rows: a paired bootstrap over whole days, and a three-way answer.

Rows of one day share their weather, so days are the unit that is resampled (a cluster bootstrap); resampling rows would
understate the spread. Without a second day (a table without time) rows are the unit. The comparison is of two fixed models, not of two training procedures.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from baton.evaluation.metric import auc, brier
from baton.kernel.digest import finite

Array = np.ndarray[Any, Any]
DAY = 86_400_000_000
NORMAL_90 = 1.2815515655446004
Answer = Literal["superior", "not-inferior", "inferior", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Challenger minus champion on the Brier score (lower is better), with its two-sided 80 % interval (each bound one-sided 90 %).

    `answer` is superior when the whole interval is below 0, not-inferior when it is below the margin, inferior when it is
    above the margin, else inconclusive.
    """

    rows: int
    days: int
    champion_brier: float | None
    challenger_brier: float | None
    champion_auc: float | None
    challenger_auc: float | None
    difference: float
    low: float
    high: float
    margin: float
    answer: Answer


def compare(
    labels: Array, champion: Array, challenger: Array, decided_at: Array, margin: float, seed: int, draws: int = 4000
) -> Comparison:
    """Compare two score vectors on the same labelled rows. `decided_at` (µs UTC) tells the day of each row."""
    loss = (challenger - labels) ** 2 - (champion - labels) ** 2
    _, day = np.unique(decided_at // DAY, return_inverse=True)
    low, high = _interval(np.bincount(day, loss), np.bincount(day), seed, draws) if day.any() else _of_rows(loss)
    return Comparison(
        rows=len(labels),
        days=int(day.max(initial=-1)) + 1,
        champion_brier=finite(brier(labels, champion)),
        challenger_brier=finite(brier(labels, challenger)),
        champion_auc=finite(auc(labels, champion)),
        challenger_auc=finite(auc(labels, challenger)),
        difference=round(float(loss.mean()), 10),
        low=round(low, 10),
        high=round(high, 10),
        margin=margin,
        answer=_answer(low, high, margin),
    )


def _interval(sums: Array, counts: Array, seed: int, draws: int) -> tuple[float, float]:
    """The 10 % and 90 % quantiles of the resampled mean."""
    chosen = np.random.default_rng(seed).integers(0, len(sums), (draws, len(sums)))
    means = sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1)
    low, high = np.quantile(means, (0.10, 0.90))
    return float(low), float(high)


def _of_rows(loss: Array) -> tuple[float, float]:
    """The normal interval over rows: a table without time is one day only, and there is no other to draw."""
    width = NORMAL_90 * float(loss.std(ddof=1)) / len(loss) ** 0.5 if len(loss) > 1 else np.inf
    return float(loss.mean()) - width, float(loss.mean()) + width


def _answer(low: float, high: float, margin: float) -> Answer:
    if high < 0:
        return "superior"
    if high <= margin:
        return "not-inferior"
    return "inferior" if low > margin else "inconclusive"
