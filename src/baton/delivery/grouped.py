"""Evidence on a mean from rows that hang together within groups (decision hours): a storm hits all that is decided in it.

Only whole groups are betted on. Let g be a group's sum of deviations from the hypothesised mean. When the mean is what the null
says and g is as likely -x as +x, whatever x is and whatever came before, then exp(λg - λ²g²/2) has a mean of at most 1 (de la
Peña 1999), so its product over groups is a supermartingale for every λ, and so is an average over λ. Neither bounds nor a
variance are assumed, and rows of one group may depend on each other in any way. What is assumed: groups come one after the
other with nothing carried over beyond the mean, and their deviations are symmetric, which sums of many rows nearly are.

Bets on the rows themselves (`betting`) would take a storm of fifty rows for fifty facts; bets on means of hours, in [-1, 1],
would need a month for a margin of 0.01.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from baton.delivery.sequential import edge, evidence_of

Array = np.ndarray[Any, Any]
STAKES: Array = np.geomspace(0.002, 20.0, 13)
"""Per unit of a group's sum; wide enough for groups of one row and of ten thousand."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Per group the sum of its values and how many they are."""

    sums: Array
    counts: Array

    @classmethod
    def of(cls, groups: Sequence[int] | Array, values: Sequence[float] | Array) -> Groups:
        """Values by the number of their group."""
        _, place = np.unique(np.asarray(groups), return_inverse=True)
        return cls(np.bincount(place, np.asarray(values, dtype=float)), np.bincount(place).astype(float))

    @property
    def size(self) -> int:
        """How many values there are."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """The mean of all values; NaN without any."""
        return float(self.sums.sum() / self.counts.sum()) if self.size else math.nan

    def above(self, mean: float) -> float:
        """The e-value against a mean at or below `mean`."""
        return evidence_of(self._log_wealth(self.sums - mean * self.counts))

    def below(self, mean: float) -> float:
        """The e-value against a mean at or above `mean`."""
        return evidence_of(self._log_wealth(mean * self.counts - self.sums))

    def interval(self, alpha: float) -> tuple[float, float]:
        """Bounds of the mean that hold at every look at once, with probability 1 - α; infinite where there is none yet."""
        needed = math.log(2 / alpha)
        if not self.size:
            return -math.inf, math.inf
        far, middle = 2.0, self.mean
        gaps = [far * 0.5**power for power in range(24)]
        low = next((gap for gap in reversed(gaps) if self._log_wealth(self.sums - (middle - gap) * self.counts) >= needed), None)
        high = next((gap for gap in reversed(gaps) if self._log_wealth((middle + gap) * self.counts - self.sums) >= needed), None)
        return (
            -math.inf if low is None else middle - self._refined(low, needed, -1.0),
            math.inf if high is None else middle + self._refined(high, needed, 1.0),
        )

    def _refined(self, gap: float, needed: float, side: float) -> float:
        """The smallest gap from the mean between half of `gap` and `gap` at which a null is rejected."""

        def open_still(part: float) -> bool:
            null = self.mean + side * gap * part
            return self._log_wealth(side * (null * self.counts - self.sums)) < needed

        part = edge(open_still, 1.0, 30)
        return gap * (part if 0.5 <= part <= 1.0 else 1.0)

    @staticmethod
    def _log_wealth(deviations: Array) -> float:
        if not deviations.size:
            return 0.0
        logs = STAKES * float(deviations.sum()) - STAKES**2 / 2 * float(np.square(deviations).sum())
        top = float(logs.max())
        return top + math.log(float(np.exp(logs - top).mean()))
