"""Bets on the mean of bounded values: evidence and bounds that hold at every stopping time, whatever the values' shape.

Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting" (JRSS B, 2024). With y in [0, 1] and a stake c in
(0, 1), wealth Π (1 - c + c·y/m) is a martingale when each value's mean, given those before, is m, and a supermartingale below
it: growing wealth is evidence that the mean is above m. A mixture over fixed stakes needs no tuning and does not depend on the
order of the values; wealth falls as m rises, so the means it rules out form a half line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from baton.delivery.sequential import edge, evidence_of

Array = np.ndarray[Any, Any]
STAKES: Array = np.geomspace(0.01, 0.95, 12)
"""Parts of the greatest possible stake, small for noisy values, great for nearly certain ones; equally weighted."""
_FINEST = 1 << 15


@dataclass(frozen=True, slots=True)
class Bets:
    """Values in [-1, 1] and how often each came."""

    values: tuple[float, ...]
    counts: tuple[int, ...]

    @classmethod
    def on(cls, values: Sequence[float] | Array) -> Bets:
        """Bets on every value. Raises ValueError outside [-1, 1]: a bound that does not hold voids the guarantee."""
        found = np.asarray(values, dtype=float)
        if found.size and not (np.abs(found) <= 1).all():
            raise ValueError("values must lie in [-1, 1]")
        distinct, counts = np.unique(found, return_counts=True)
        return cls(tuple(distinct.tolist()), tuple(counts.tolist()))

    @property
    def size(self) -> int:
        """How many values there are."""
        return sum(self.counts)

    @property
    def mean(self) -> float:
        """The mean of the values; NaN without any."""
        return float(np.dot(self.values, self.counts) / self.size) if self.size else math.nan

    def log_above(self, mean: float) -> float:
        """The natural logarithm of the evidence that the mean is above `mean`."""
        return self._log_wealth(1.0, mean)

    def log_below(self, mean: float) -> float:
        """The natural logarithm of the evidence that the mean is below `mean`."""
        return self._log_wealth(-1.0, -mean)

    def above(self, mean: float) -> float:
        """The e-value against a mean at or below `mean`."""
        return evidence_of(self.log_above(mean))

    def below(self, mean: float) -> float:
        """The e-value against a mean at or above `mean`."""
        return evidence_of(self.log_below(mean))

    def interval(self, alpha: float) -> tuple[float, float]:
        """Bounds of the mean that hold at every look at once, with probability 1 - α."""
        needed = math.log(2 / alpha)
        down, up = self._coarse()
        low = edge(lambda mean: down.log_above(mean) >= needed, 1.0, 24)
        high = -edge(lambda mean: up.log_below(-mean) >= needed, 1.0, 24)
        return max(low, -1.0), min(high, 1.0)

    def _log_wealth(self, sign: float, mean: float) -> float:
        """Mixture wealth of betting that sign·value has a mean above `mean`."""
        if not self.size or mean <= -1:
            return 0.0 if not self.size else math.inf
        place = (sign * np.asarray(self.values) + 1) / (mean + 1) - 1
        logs = np.log1p(np.outer(STAKES, place)) @ np.asarray(self.counts, dtype=float)
        top = float(logs.max())
        return top + math.log(float(np.exp(logs - top).mean()))

    def _coarse(self) -> tuple[Bets, Bets]:
        """Many distinct values rounded down, for a lower bound, and up, for an upper one: both bounds stay valid."""
        if len(self.values) <= _FINEST:
            return self, self
        low, high = (self._rounded(way) for way in (np.floor, np.ceil))
        return low, high

    def _rounded(self, way: Any) -> Bets:
        places, inverse = np.unique(way(np.asarray(self.values) * _FINEST / 2), return_inverse=True)
        counts = np.bincount(inverse, self.counts).astype(int)
        return Bets(tuple((places * 2 / _FINEST).tolist()), tuple(counts.tolist()))
