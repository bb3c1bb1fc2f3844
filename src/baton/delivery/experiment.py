"""Experiments with a fixed horizon, for analysts: one look, at the end, at variants that units were drawn into.

The split is checked first (chi-square): a broken one voids what follows. Shares are compared by Newcombe's interval out of Wilson's
(1998, method 10) and the pooled z-test, means by Welch's t. A covariate from before the experiment takes away the variance that it
explains (CUPED, Deng et al. 2013). Several variants share α (Bonferroni). Whoever wants to look earlier
asks `guardrail.follow`, which looks after every event.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
Kind = Literal["proportion", "mean"]
BROKEN = 0.001
"""Below this p-value a split is called broken: strict, since a false alarm voids an experiment."""
POWER = 0.8


@dataclass(frozen=True, slots=True)
class Sample:
    """A variant's units: how many, their mean, and their variance (unbiased)."""

    name: str
    units: int
    mean: float
    variance: float

    @classmethod
    def of(cls, name: str, values: Array) -> Sample:
        """The sample of these values."""
        return cls(name, len(values), float(values.mean()), float(values.var(ddof=1)) if len(values) > 1 else math.nan)


@dataclass(frozen=True, slots=True)
class Split:
    """Whether as many units came to each variant as were assigned."""

    p: float
    broken: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Effect:
    """A variant against the control: difference of means with its interval, p-value, and what so many units can tell.

    `detectable` is the difference that would have been found with 80 % probability.
    """

    variant: str
    method: str
    difference: float
    low: float
    high: float
    level: float
    p: float
    detectable: float
    sentence: str

    @property
    def significant(self) -> bool:
        """Whether a difference of 0 is ruled out at the level."""
        return self.p < 1 - self.level


@dataclass(frozen=True, slots=True)
class Analysis:
    """An experiment's outcome: the split first, then each variant against the control, and what to beware of."""

    kind: Kind
    control: str
    samples: tuple[Sample, ...]
    split: Split
    effects: tuple[Effect, ...]
    variance_kept: float
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Observations:
    """One row a unit: its variant, its metric, and, where there are, a covariate from before and the unit's name."""

    variant: Array
    metric: Array
    covariate: Array | None = None
    unit: Array | None = None

    def kept(self, rows: Array) -> Observations:
        """Only these rows."""
        others = (None if each is None else each[rows] for each in (self.covariate, self.unit))
        return Observations(self.variant[rows], self.metric[rows], *others)


def analyse(
    seen: Observations, control: str, kind: Kind | None = None, alpha: float = 0.05, shares: Mapping[str, float] | None = None
) -> Analysis:
    """Every variant against the control. `shares` are those assigned (equal ones when not given).

    Raises ValueError when a variant has fewer than two units with a metric, or there is nothing to compare.
    """
    names = [control, *(name for name in sorted(set(seen.variant.tolist())) if name != control)]
    if len(names) < 2 or control not in seen.variant:
        raise ValueError(f"there is no variant beside the control '{control}'" if len(names) < 2 else f"no row is of '{control}'")
    split = check_split({name: int((seen.variant == name).sum()) for name in names}, shares)
    warnings = (*_repeats(seen), *_missing(seen, names))
    known = seen.kept(_known(seen))
    asked = kind or kind_of(known.metric)
    if small := [name for name in names if int((known.variant == name).sum()) < 2]:
        raise ValueError(f"fewer than two units with a metric in {', '.join(small)}")
    values, kept, drifted = (known.metric, 1.0, ()) if known.covariate is None else adjusted(known, names)
    samples = tuple(Sample.of(name, values[known.variant == name]) for name in names)
    compare = share_effect if asked == "proportion" and known.covariate is None else mean_effect
    effects = tuple(compare(samples[0], each, alpha / (len(samples) - 1)) for each in samples[1:])
    if split.broken:
        effects = tuple(replace(each, sentence=f"Void, the split is broken. {each.sentence}") for each in effects)
    return Analysis(asked, control, samples, split, effects, kept, (*warnings, *drifted))


def kind_of(metric: Array) -> Kind:
    """A metric of zeros and ones is a share; any other a mean."""
    return "proportion" if bool(np.isin(metric, (0.0, 1.0)).all()) else "mean"


def check_split(units: Mapping[str, int], shares: Mapping[str, float] | None = None) -> Split:
    """Pearson's chi-square of the units against the assigned shares; for one look only, `mismatch` is for many."""
    from scipy.special import chdtrc

    whole, total = sum((shares or dict.fromkeys(units, 1.0)).get(name, 0.0) for name in units), sum(units.values())
    wanted = {name: total * (1.0 if shares is None else shares.get(name, 0.0)) / whole for name in units}
    if impossible := [name for name, count in units.items() if count and not wanted[name]]:
        return Split(0.0, True, f"The split is broken: {', '.join(impossible)} had a share of 0 and has units.")
    chi2 = sum((count - wanted[name]) ** 2 / wanted[name] for name, count in units.items() if wanted[name])
    p = float(chdtrc(max(1, len(units) - 1), chi2))
    seen = ", ".join(f"{name} {count:,} (assigned {wanted[name]:,.0f})" for name, count in units.items())
    verdict = "The split is broken, mend it and start over" if p < BROKEN else "The split is as assigned"
    return Split(p, p < BROKEN, f"{verdict}: {seen}; p = {p:.2g}.")


def wilson(share: float, units: int, alpha: float) -> tuple[float, float]:
    """Wilson's interval of a share."""
    z2 = _normal(1 - alpha / 2) ** 2
    middle = (share + z2 / (2 * units)) / (1 + z2 / units)
    half = math.sqrt(z2 * (share * (1 - share) / units + z2 / (4 * units**2))) / (1 + z2 / units)
    return max(0.0, middle - half), min(1.0, middle + half)


def share_effect(control: Sample, variant: Sample, alpha: float) -> Effect:
    """The difference of two shares."""
    one, other = control.mean, variant.mean
    (low_one, high_one), (low_other, high_other) = (wilson(each.mean, each.units, alpha) for each in (control, variant))
    difference = other - one
    low = difference - math.hypot(other - low_other, high_one - one)
    high = difference + math.hypot(high_other - other, one - low_one)
    pooled = (one * control.units + other * variant.units) / (control.units + variant.units)
    error = math.sqrt(pooled * (1 - pooled) * (1 / control.units + 1 / variant.units))
    p = math.erfc(abs(difference) / error / math.sqrt(2)) if error else 1.0
    return _effect(control, variant, ("Newcombe interval, pooled z", low, high, p), alpha)


def mean_effect(control: Sample, variant: Sample, alpha: float) -> Effect:
    """The difference of two means, their variances not taken to be equal."""
    from scipy.special import stdtr, stdtrit

    one, other = control.variance / control.units, variant.variance / variant.units
    difference, error = variant.mean - control.mean, math.sqrt(one + other)
    if not error:
        return _effect(control, variant, ("Welch's t", difference, difference, 0.0 if difference else 1.0), alpha)
    freedom = (one + other) ** 2 / (one**2 / (control.units - 1) + other**2 / (variant.units - 1))
    half = float(stdtrit(freedom, 1 - alpha / 2)) * error
    p = 2 * float(stdtr(freedom, -abs(difference) / error))
    return _effect(control, variant, ("Welch's t", difference - half, difference + half, p), alpha)


def _effect(control: Sample, variant: Sample, told: tuple[str, float, float, float], alpha: float) -> Effect:
    method, low, high, p = told
    difference = variant.mean - control.mean
    reach = _normal(1 - alpha / 2) + _normal(POWER)
    detectable = reach * math.sqrt(control.variance / control.units + variant.variance / variant.units)
    relative = f" ({difference / control.mean:+.2%})" if control.mean else ""
    about = f"{difference:+.5g}{relative}, {100 * (1 - alpha):.4g} % interval {low:+.5g} to {high:+.5g}, p = {p:.2g}"
    if p < alpha:
        words = f"{variant.name} is {'above' if difference > 0 else 'below'} {control.name}: {about}."
    else:
        words = (
            f"No difference between {variant.name} and {control.name} is shown: {about}. That is no proof of none: with so many units "
            f"a difference of {detectable:.3g} is found in {POWER:.0%} of experiments."
        )
    return Effect(variant.name, method, difference, low, high, 1 - alpha, p, detectable, words)


def units_needed(effect: float, variance: float, alpha: float = 0.05, power: float = POWER) -> int:
    """Units per variant (of equal size) so that a true difference of `effect` is found with this probability."""
    return math.ceil(2 * variance * ((_normal(1 - alpha / 2) + _normal(power)) / effect) ** 2)


def units_missing(analysis: Analysis, effect: float, alpha: float = 0.05) -> dict[str, int]:
    """Units that each variant still needs so that a difference of `effect` from the control would be found; 0 when enough."""
    shared = alpha / max(1, len(analysis.effects))
    variance = max(sample.variance for sample in analysis.samples)
    return {each.name: max(0, units_needed(effect, variance, shared) - each.units) for each in analysis.samples}


def adjusted(seen: Observations, names: Sequence[str]) -> tuple[Array, float, tuple[str, ...]]:
    """The metric without what the covariate foretold (CUPED), the part of the variance that is left, and warnings.

    The slope is the one within variants, so that an effect of the variant itself is not taken for one of the covariate.
    """
    assert seen.covariate is not None
    within_x, within_y = seen.covariate.astype(float).copy(), seen.metric.astype(float).copy()
    for name in names:
        rows = seen.variant == name
        if rows.any():
            within_x[rows] -= within_x[rows].mean()
            within_y[rows] -= within_y[rows].mean()
    spread = float(within_x @ within_x)
    slope = float(within_x @ within_y) / spread if spread else 0.0
    values = seen.metric - slope * (seen.covariate - seen.covariate.mean())
    before = float(within_y @ within_y)
    left = float(((within_y - slope * within_x) ** 2).sum()) / before if before else 1.0
    return values, left, _moved(seen, names)


def _moved(seen: Observations, names: Sequence[str]) -> tuple[str, ...]:
    """A covariate that differs between variants is no covariate from before the experiment."""
    assert seen.covariate is not None
    samples = [Sample.of(name, seen.covariate[seen.variant == name].astype(float)) for name in names]
    apart = [
        each.name
        for each in samples[1:]
        if min(each.units, samples[0].units) > 1 and mean_effect(samples[0], each, 0.05).p < BROKEN
    ]
    return tuple(
        f"the covariate differs in {name}: take one from before the experiment, or this removes the effect itself"
        for name in apart
    )


def _known(seen: Observations) -> Array:
    known = np.isfinite(seen.metric.astype(float))
    return np.asarray(known if seen.covariate is None else known & np.isfinite(seen.covariate.astype(float)))


def _repeats(seen: Observations) -> tuple[str, ...]:
    if seen.unit is None:
        return ()
    repeated = len(seen.unit) - len(set(seen.unit.tolist()))
    if not repeated:
        return ()
    return (f"{repeated:,} rows repeat a unit: intervals are too narrow; make it one row a unit (a sum or a mean) and ask again",)


def _missing(seen: Observations, names: Sequence[str]) -> tuple[str, ...]:
    known = _known(seen)
    if known.all():
        return ()
    parts = ", ".join(f"{name} {1 - known[seen.variant == name].mean():.1%}" for name in names)
    return (
        f"{int((~known).sum()):,} rows lack a value and are left out ({parts}): when that depends on the variant, so does the answer",
    )


def _normal(probability: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(probability))
