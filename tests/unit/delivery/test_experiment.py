"""Fixed-horizon analyses against their oracles: scipy where it has the method, published figures where it has not."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from baton.delivery.experiment import (
    Observations,
    Sample,
    adjusted,
    analyse,
    check_split,
    mean_effect,
    share_effect,
    units_missing,
    units_needed,
    wilson,
)

Array = np.ndarray[Any, Any]


def drawn(count: int = 4000, lift: float = 0.0, seed: int = 1) -> Observations:
    """Two variants, a covariate from before, and a metric that it foretells."""
    rng = np.random.default_rng(seed)
    variant = np.where(rng.random(count) < 0.5, "control", "new")
    before = rng.normal(10, 3, count)
    metric = 2 * before + rng.normal(0, 2, count) + lift * (variant == "new")
    return Observations(variant, metric, before)


def shares(one: tuple[int, int], other: tuple[int, int]) -> tuple[Sample, Sample]:
    made = [
        Sample.of(name, np.repeat((1.0, 0.0), (hits, units - hits)))
        for name, (hits, units) in zip("ab", (one, other), strict=True)
    ]
    return made[0], made[1]


def test_the_interval_of_newcombe() -> None:
    # Newcombe (1998), table II, method 10: 56/70 less 48/80, and 9/10 less 3/10
    for one, other, low, high in (((48, 80), (56, 70), 0.0524, 0.3339), ((3, 10), (9, 10), 0.1705, 0.8090)):
        effect = share_effect(*shares(one, other), 0.05)
        assert (effect.low, effect.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("hits", "units"), [(0, 10), (3, 10), (48, 80), (80, 80)])
def test_the_interval_of_wilson(hits: int, units: int) -> None:
    wanted = stats.binomtest(hits, units).proportion_ci(0.9, method="wilson")
    assert wilson(hits / units, units, 0.1) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_the_p_value_of_two_shares_is_that_of_the_table() -> None:
    effect = share_effect(*shares((48, 800), (80, 900)), 0.05)
    wanted = stats.chi2_contingency([[48, 752], [80, 820]], correction=False).pvalue
    assert effect.p == pytest.approx(wanted) and effect.significant
    assert share_effect(*shares((0, 9), (0, 9)), 0.05).p == 1


def test_means_are_those_of_welch() -> None:
    rng = np.random.default_rng(2)
    one, other = rng.normal(0, 1, 50), rng.normal(0.4, 3, 35)
    effect, wanted = mean_effect(Sample.of("a", one), Sample.of("b", other), 0.1), stats.ttest_ind(other, one, equal_var=False)
    bounds = wanted.confidence_interval(0.9)
    assert (effect.p, effect.low, effect.high) == pytest.approx((wanted.pvalue, bounds.low, bounds.high))
    assert mean_effect(Sample.of("a", np.ones(5)), Sample.of("b", np.ones(5)), 0.05).p == 1


def test_the_split_comes_first() -> None:
    wanted = stats.chisquare([4900, 5100, 10_000], [5000, 5000, 10_000]).pvalue
    assert check_split({"a": 4900, "b": 5100, "c": 10_000}, {"a": 1, "b": 1, "c": 2}).p == pytest.approx(wanted)
    assert check_split({"a": 5000, "b": 5400}).broken and check_split({"a": 5000, "b": 1}, {"a": 1, "b": 0}).broken
    seen = drawn()
    found = analyse(
        seen.kept(np.flatnonzero((seen.variant == "new") | (seen.covariate is not None and seen.covariate > 8))), "control"
    )
    assert found.split.broken and found.effects[0].sentence.startswith("Void, the split is broken.")


def test_a_covariate_narrows_and_does_not_move() -> None:
    plain, helped = (
        analyse(Observations(seen.variant, seen.metric, each), "control")
        for seen in [drawn(lift=0.3)]
        for each in (None, seen.covariate)
    )
    assert helped.variance_kept == pytest.approx(1 / 10, abs=0.01)
    width = [found.effects[0].high - found.effects[0].low for found in (plain, helped)]
    assert width[1] / width[0] == pytest.approx(0.1**0.5, abs=0.02)
    assert helped.effects[0].p < plain.effects[0].p and helped.effects[0].significant
    assert helped.effects[0].low < 0.3 < helped.effects[0].high and helped.warnings == ()


def test_cuped_is_the_regression_with_a_slope_of_its_own() -> None:
    seen = drawn(500, lift=0.5)
    assert seen.covariate is not None
    design = np.column_stack([seen.variant == "control", seen.variant == "new", seen.covariate]).astype(float)
    slope = np.linalg.lstsq(design, seen.metric, rcond=None)[0][2]
    values, _, _ = adjusted(seen, ["control", "new"])
    assert values == pytest.approx(seen.metric - slope * (seen.covariate - seen.covariate.mean()))


def test_a_covariate_from_afterwards_is_told() -> None:
    seen = drawn(lift=5)
    assert "take one from before" in analyse(Observations(seen.variant, seen.metric, seen.metric + 0.0), "control").warnings[0]


def test_the_error_rate_and_the_power_are_as_said() -> None:
    rng, rejected, found = np.random.default_rng(5), 0, 0
    count = units_needed(0.1, 0.25)
    for _ in range(300):
        flat, lifted = (Sample.of("b", (rng.random(count) < share).astype(float)) for share in (0.5, 0.6))
        control = Sample.of("a", (rng.random(count) < 0.5).astype(float))
        rejected += share_effect(control, flat, 0.05).significant
        found += share_effect(control, lifted, 0.05).significant
    assert rejected / 300 <= 0.09 and 0.72 <= found / 300 <= 0.88


def test_units_needed() -> None:
    assert units_needed(0.5, 1.0) == 63  # the textbook's 64 by t, 63 by the normal
    found = analyse(drawn(), "control")
    missing = units_missing(found, 0.1)
    largest = max(each.variance for each in found.samples)
    assert {each.name: each.units + missing[each.name] for each in found.samples} == dict.fromkeys(
        ("control", "new"), units_needed(0.1, largest)
    )
    assert units_missing(found, 50) == {"control": 0, "new": 0}
    assert 0.1 < found.effects[0].detectable < 1


def test_what_to_beware_of() -> None:
    seen = drawn(400)
    metric = seen.metric.copy()
    metric[:7] = np.nan
    found = analyse(Observations(seen.variant, metric, None, np.array(["u1", "u1", *map(str, range(398))])), "control")
    assert found.warnings[0].startswith("1 rows repeat a unit") and found.warnings[1].startswith("7 rows lack a value")
    assert sum(each.units for each in found.samples) == 393


def test_several_variants_share_the_error_rate() -> None:
    rng = np.random.default_rng(6)
    seen = Observations(rng.choice(["a", "b", "c"], 3000), rng.integers(0, 2, 3000).astype(float))
    found = analyse(seen, "b")
    assert [(each.variant, each.level) for each in found.effects] == [("a", 0.975), ("c", 0.975)] and found.kind == "proportion"
    assert "no proof of none" in found.effects[0].sentence


@pytest.mark.parametrize(
    ("variant", "control", "message"),
    [(["a", "a"], "a", "no variant beside"), (["a", "b"], "c", "no row is of"), (["a", "b", "b"], "a", "fewer than two")],
)
def test_what_cannot_be_compared(variant: list[str], control: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        analyse(Observations(np.array(variant), np.arange(len(variant)).astype(float)), control)
