"""Sample-ratio mismatch: whether units came to the variants with the probabilities that were assigned.

Lindon & Malek, "Anytime-valid inference for multinomial count data" (NeurIPS 2022): with shares θ and counts S, a Dirichlet prior
around θ gives the martingale E = B(a + S)/B(a) · Π θᵢ^-Sᵢ with a = c·θ. Several concentrations c are averaged, so that a split that is
off by a tenth is found soon and one off by a hundredth is found at all. When the shares change, the stretches' martingales
multiply. Broken splits (lost requests, redirects, crashing clients, bots) bias every comparison made over them: those are void.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from baton.delivery.reading import Arm, Question, Reading
from baton.delivery.sequential import Counts, evidence_of

Exposures = Mapping[tuple[float, ...], tuple[int, ...]]
"""Assigned shares of all arms → units that came to each, first exposures only."""

CONCENTRATIONS = (30.0, 300.0, 3_000.0, 30_000.0)
"""Prior units: how close to the assigned shares the true ones are looked for, coarse to fine."""
ALPHA = 0.01
"""The chance of calling a sound split broken, over all looks."""


@dataclass(frozen=True, slots=True)
class MismatchTest:
    """Evidence that units did not come with the assigned probabilities."""

    exposures: tuple[tuple[tuple[float, ...], tuple[int, ...]], ...]

    @classmethod
    def of(cls, exposures: Exposures) -> MismatchTest:
        """The test after these exposures. An arm with share 0 must have no units: one is proof by itself."""
        return cls(tuple(sorted(exposures.items())))

    @property
    def log_evidence(self) -> float:
        """The natural logarithm of the evidence; infinite when a unit came where none could."""
        logs = [sum(_log_ratio(shares, units, each) for shares, units in self.exposures) for each in CONCENTRATIONS]
        top = max(logs)
        return top if math.isinf(top) else top + math.log(sum(math.exp(log - top) for log in logs) / len(logs))

    @property
    def evidence(self) -> float:
        """The e-value against the assigned shares."""
        return evidence_of(self.log_evidence)


def _log_ratio(shares: tuple[float, ...], units: tuple[int, ...], concentration: float) -> float:
    """The logarithm of marginal likelihood under the Dirichlet prior over likelihood under the shares."""
    if any(count and not share for share, count in zip(shares, units, strict=True)):
        return math.inf
    whole = math.fsum(shares)
    open_arms = [(share / whole, count) for share, count in zip(shares, units, strict=True) if share]
    total = sum(count for _, count in open_arms)
    return (
        math.lgamma(concentration)
        - math.lgamma(concentration + total)
        + math.fsum(
            math.lgamma(concentration * share + count) - math.lgamma(concentration * share) - count * math.log(share)
            for share, count in open_arms
        )
    )


def of_canary(exposures: Counts) -> Exposures:
    """Exposures per canary share as those of two arms."""
    return {(share, 1 - share): units for share, units in exposures.items()}


def read_split(exposures: Exposures, names: tuple[str, ...], alpha: float = ALPHA, before: Reading | None = None) -> Reading:
    """Whether the split is as assigned; `void` when it is shown not to be, and then all that was compared over it is void too."""
    arms = tuple(Arm(name, sum(units[at] for units in exposures.values()), 0) for at, name in enumerate(names))
    total = sum(arm.exposures for arm in arms)
    harm = Question("Did units come to the versions other than assigned?", MismatchTest.of(exposures).evidence, 1 / alpha)
    harm = harm.after(before.harm if before else None, total)
    foretold = [
        sum(shares[at] * sum(units) / math.fsum(shares) for shares, units in exposures.items()) for at in range(len(names))
    ]
    seen = ", ".join(f"{arm.name} {arm.exposures:,} (assigned {units:,.0f})" for arm, units in zip(arms, foretold, strict=True))
    if harm.answered:
        words = f"The split is broken: {seen}. A sound one comes this far in at most {alpha:.3g} of rollouts."
    else:
        words = f"The split is as assigned so far: {seen}."
    return Reading("split", harm, None, arms, None, "void" if harm.answered else "open", words)
