"""What a rollout's evidence says: a question, the evidence so far, the threshold it must reach, and the answer in words.

Evidence is an e-value: under the null hypothesis its mean is at most 1 at every instant, so it reaches 1/α with probability at
most α however often one looks (Ville's inequality). Whoever stops at the threshold is wrong in at most a share α of all tests.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from baton.kernel.digest import finite

LONGEST = 200
"""The most points that a trajectory keeps."""

Decided = Literal["harm", "no worse", "open", "void"]
Trajectory = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a comparison: units that were exposed to it, and how many of them had the event that is counted."""

    name: str
    exposures: int
    events: int


@dataclass(frozen=True, slots=True)
class Question:
    """One null hypothesis under test, in words, with the evidence against it after each look (exposures, evidence)."""

    words: str
    evidence: float
    threshold: float
    trajectory: Trajectory = ()

    @property
    def peak(self) -> float:
        """The most evidence at any look. A threshold once reached stays reached, whatever came later."""
        return max((self.evidence, *(evidence for _, evidence in self.trajectory)))

    @property
    def answered(self) -> bool:
        """Whether the null hypothesis was rejected at some look."""
        return self.peak >= self.threshold

    def after(self, before: Question | None, exposures: int) -> Question:
        """The question with its earlier looks and this one, thinned to what a picture can show."""
        known = () if before is None else before.trajectory
        return replace(self, trajectory=thinned((*known, (exposures, self.evidence))))


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with bounds that hold at every look at once; `level` is the share of tests in which they always do.

    None where there is no estimate, or no bound, yet.
    """

    estimate: float | None
    low: float | None
    high: float | None
    level: float

    @classmethod
    def of(cls, estimate: float, bounds: tuple[float, float], level: float) -> Interval:
        """The interval, fit for the record: rounded, and None in place of NaN and infinities."""
        return cls(finite(estimate), finite(bounds[0]), finite(bounds[1]), level)


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric of a rollout as it stands: is the canary worse, is it shown to be no worse, and what is decided."""

    name: str
    harm: Question
    proof: Question | None
    arms: tuple[Arm, ...]
    interval: Interval | None
    decided: Decided
    sentence: str

    @property
    def exposures(self) -> int:
        """Units in all arms together."""
        return sum(arm.exposures for arm in self.arms)


def decided(harm: Question, proof: Question | None) -> Decided:
    """Proof of harm goes before proof of no harm; without either the question is open, however long it has been asked."""
    if harm.answered:
        return "harm"
    return "no worse" if proof is not None and proof.answered else "open"


def voided(reading: Reading, mismatch: Reading) -> Reading:
    """The reading as it counts beside the split's own: void once the split is shown to be broken, else unchanged."""
    if mismatch.decided != "void":
        return reading
    words = f"Void: who came to which version was not left to the draw, so {reading.name} cannot be compared. {mismatch.sentence}"
    return replace(reading, decided="void", sentence=words)


def thinned(points: Iterable[tuple[int, float]], longest: int = LONGEST) -> Trajectory:
    """At most `longest` points: the first, the last and the highest stay, then those that leave the smallest gaps."""
    kept = list(points)
    if len(kept) > 4 * longest:  # first a coarse pass, so that the fine one stays short
        step = len(kept) // (2 * longest)
        highest = max(range(len(kept)), key=lambda at: kept[at][1])
        kept = [point for at, point in enumerate(kept) if at % step == 0 or at in (highest, len(kept) - 1)]
    while len(kept) > longest:
        highest = max(range(len(kept)), key=lambda at: kept[at][1])
        middle = (at for at in range(1, len(kept) - 1) if at != highest)
        kept.pop(min(middle, key=lambda at: kept[at + 1][0] - kept[at - 1][0]))
    return tuple(kept)
