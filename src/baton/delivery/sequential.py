"""Sequential tests of rates: may be looked at after every event, and still hold their error rate.

Of all bad events, those of the canary are as many as its share of the traffic foretells when it is no worse. Let θ be the
probability, in force when an event's unit was assigned, that the unit went to the canary, and r how many times as often the
canary's units go wrong. Then the event is the canary's with probability p(r) = θr / (1 + θ(r-1)), and

    E(r) = Π p(r)/p(null) over the canary's events · Π (1-p(r))/(1-p(null)) over the control's

is a non-negative martingale when the ratio is `null`, a supermartingale when it is on the null's side of it. So is its average
over a grid of r (a mixture, Robbins 1970), and by Ville's inequality that average reaches 1/α with probability at most α. The
base rate cancels: it may drift, jump or follow the hour. The share may change in mid-test and labels may be late, because each
event carries its own θ and their order does not matter. With one share throughout, this is the test of Lindon & Malek (NeurIPS
2022) with another prior.

What it asks for: a unit counts once, by its first event; and how late a label is does not depend on the variant.

The model server asks this at every failed answer: the standard library alone, some microseconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

Counts = Mapping[float, tuple[int, int]]
"""Assignment probability → (the canary's, the control's): events or exposures."""
Side = Literal["above", "below"]


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """How far alternatives may lie from the null, as ratios above 1, and the weight of each. Any choice is valid; one decides."""

    gaps: tuple[float, ...]
    weights: tuple[float, ...]


def _harm() -> Prior:
    gaps = tuple(1.1 * (20 / 1.1) ** (at / 7) for at in range(8))
    bell = [math.exp(-0.5 * (math.log(gap / 2.5) / 0.75) ** 2) for gap in gaps]
    return Prior(gaps, tuple(each / sum(bell) for each in bell))


def _fine() -> Prior:
    return Prior(tuple(math.exp(0.01 * 300 ** (at / 15)) for at in range(16)), (1 / 16,) * 16)


HARM = _harm()
"""From ×1.1 to ×20, mostly about ×2.5: trifles may wait, disasters show by themselves."""
FINE = _fine()
"""From ×1.01 to ×20 on all scales alike: for proofs and bounds, which shall close in on the truth."""
_WIDEST = 16.0
_LARGEST = 700.0


@dataclass(frozen=True, slots=True)
class RateTest:
    """Evidence that the canary's rate is `side` of `null` times the control's, out of counts per assignment probability.

    Harm by bad events is RateTest.of(counts); proof that a ratio is below 1 + δ is RateTest.of(counts, null=1 + δ, side="below").
    For good events (conversions) both are mirrored.
    """

    counts: tuple[tuple[float, int, int], ...] = ()
    null: float = 1.0
    side: Side = "above"
    prior: Prior = HARM

    @classmethod
    def of(cls, counts: Counts, *, null: float = 1.0, side: Side = "above", prior: Prior = HARM) -> RateTest:
        """The test after these events. Shares of 0 and 1 leave nothing to chance, and their events say nothing."""
        rows = [(share, *pair) for share, pair in counts.items() if 0 < share < 1 and pair != (0, 0)]
        return cls(tuple(sorted(rows)), null, side, prior)

    def seen(self, share: float, *, canary: bool) -> RateTest:
        """The test after one more event, whose unit was assigned when the canary's share was `share`."""
        counts = {each: (mine, theirs) for each, mine, theirs in self.counts}
        mine, theirs = counts.get(share, (0, 0))
        counts[share] = (mine + canary, theirs + (not canary))
        return RateTest.of(counts, null=self.null, side=self.side, prior=self.prior)

    @property
    def log_evidence(self) -> float:
        """The natural logarithm of the evidence; 0 without events."""
        if not self.counts:
            return 0.0
        mine = sum([canary for _, canary, _ in self.counts])
        logs = [mine * gain for gain in _gains(self.side, self.prior)]
        for share, canary, control in self.counts:
            both = canary + control
            logs = [log - both * cost for log, cost in zip(logs, _costs(share, self.null, self.side, self.prior), strict=True)]
        return _log_mixture(logs, self.prior.weights)

    @property
    def evidence(self) -> float:
        """The e-value: how many times a unit staked against the null would have grown."""
        return evidence_of(self.log_evidence)

    def rejects(self, alpha: float) -> bool:
        """Whether the null is rejected at this look."""
        return self.log_evidence >= -math.log(alpha)

    def bound(self, alpha: float) -> float:
        """The ratio up to which (from which, for `below`) every null is rejected: a bound that holds at all looks at once.

        0 or infinity when there is none yet.
        """
        needed = -math.log(alpha)

        def rejected(log_null: float) -> bool:
            return replace(self, null=math.exp(log_null)).log_evidence >= needed

        return math.exp(edge(rejected, _WIDEST)) if self.side == "above" else math.exp(-edge(lambda at: rejected(-at), _WIDEST))


def ratio_interval(counts: Counts, alpha: float) -> tuple[float, float]:
    """Bounds of the ratio of the canary's rate to the control's that hold at every look at once, with probability 1 - α."""
    return tuple(RateTest.of(counts, side=side, prior=FINE).bound(alpha / 2) for side in ("above", "below"))  # type: ignore[return-value]


def ratio_estimate(counts: Counts) -> float:
    """The likeliest ratio of the canary's rate to the control's; NaN without events, infinity when all are the canary's."""
    rows = [(share, canary + control) for share, (canary, control) in counts.items() if 0 < share < 1]
    canary = sum(mine for share, (mine, _) in counts.items() if 0 < share < 1)
    total = sum(count for _, count in rows)
    if not total:
        return math.nan
    if canary in (0, total):
        return math.inf if canary else 0.0

    def too_low(log_ratio: float) -> bool:
        ratio = math.exp(log_ratio)
        return sum(count * share * ratio / (1 + share * (ratio - 1)) for share, count in rows) < canary

    return math.exp(edge(too_low, _WIDEST))


@dataclass(frozen=True, slots=True)
class CeilingTest:
    """Evidence that the canary's own rate is below a `ceiling`, out of its events among its exposures.

    A ratio cannot be proved where nothing goes wrong on either side; here no event in 4/ceiling exposures is proof.
    """

    events: int
    exposures: int
    ceiling: float

    @property
    def log_evidence(self) -> float:
        """The natural logarithm of the mixture over lower rates; 0 without exposures."""
        good = self.exposures - self.events
        rates = ((gap, self.ceiling / gap) for gap in HARM.gaps)
        logs = [good * (math.log1p(-rate) - math.log1p(-self.ceiling)) - self.events * math.log(gap) for gap, rate in rates]
        return _log_mixture(logs, HARM.weights)

    @property
    def evidence(self) -> float:
        """The e-value against a rate at or above the ceiling."""
        return evidence_of(self.log_evidence)


def evidence_of(log_evidence: float) -> float:
    """An e-value from its logarithm; where floats end, the largest that is kept (about 1e304)."""
    return math.exp(min(log_evidence, _LARGEST))


def average(evidence: Mapping[str, float]) -> float:
    """The mean of e-values about one null, which is an e-value again whatever their dependence; 1 without any."""
    return sum(evidence.values()) / len(evidence) if evidence else 1.0


@lru_cache(maxsize=64)
def _gains(side: Side, prior: Prior) -> tuple[float, ...]:
    """Per alternative, what an event of the canary adds to the log evidence: the log ratio of alternative to null."""
    return tuple(math.log(gap) if side == "above" else -math.log(gap) for gap in prior.gaps)


@lru_cache(maxsize=1024)
def _costs(share: float, null: float, side: Side, prior: Prior) -> tuple[float, ...]:
    """Per alternative, what any event at this share takes from the log evidence."""
    ratios = (null * gap if side == "above" else null / gap for gap in prior.gaps)
    return tuple(math.log1p(share * (ratio - 1)) - math.log1p(share * (null - 1)) for ratio in ratios)


def _log_mixture(logs: list[float], weights: tuple[float, ...]) -> float:
    top = max(logs)
    return top + math.log(sum([weight * math.exp(log - top) for log, weight in zip(logs, weights, strict=True)]))


def edge(holds: Callable[[float], bool], widest: float, steps: int = 40) -> float:
    """Up to where something holds that holds on the left and not on the right; ∓infinity when it holds nowhere or everywhere."""
    low, high = -widest, widest
    if not holds(low):
        return -math.inf
    if holds(high):
        return math.inf
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
