"""Rollout decisions hold their error rates: ten thousand simulated rollouts each, with a look after every single event.

Run with -s to see the figures. The simulation is a second, vectorised writing of the tests; that it says the same as
`baton.delivery` is checked on streams of its own first.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import beta

from baton.delivery.betting import STAKES, Bets
from baton.delivery.mismatch import CONCENTRATIONS, MismatchTest
from baton.delivery.sequential import FINE, HARM, Prior, RateTest, ratio_interval

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

Array = np.ndarray[Any, Any]
STREAMS, EXPOSURES = 10_000, 20_000
NEEDED = math.log(20)
RAMP = (0.01, 0.05, 0.25, 0.5)
SPLITS: dict[str, Array] = {
    "50/50": np.full(EXPOSURES, 0.5),
    "95/5": np.full(EXPOSURES, 0.05),
    "99/1": np.full(EXPOSURES, 0.01),
    "ramp": np.repeat(RAMP, EXPOSURES // 4),
}


def base_rates() -> dict[str, Array]:
    """Rates of bad events per exposure, at rest and in motion."""
    at = np.arange(EXPOSURES) / EXPOSURES
    return {
        "0.2 %": np.full(EXPOSURES, 0.002),
        "1 %": np.full(EXPOSURES, 0.01),
        "20 %": np.full(EXPOSURES, 0.2),
        "0.2 → 20 %": 0.002 * 100**at,
        "daily wave with a storm": 0.02 * (1 + 0.9 * np.sin(40 * at)) + 0.2 * ((at > 0.4) & (at < 0.42)),
    }


@dataclass(frozen=True)
class Outcome:
    """Per stream: whether it was rejected, and how many events the canary and everybody had until then."""

    rejected: Array
    canary: Array
    events: Array
    exposures: Array


def streams(
    theta: Array, rate: Array, ratio: float, count: int, rng: np.random.Generator, delay: float = 0
) -> Iterator[tuple[Array, Array]]:
    """The bad events of each stream in the order in which they became known: exposure number, whether the canary's."""
    for _ in range(count):
        mine = rng.random(len(theta)) < theta
        place = np.flatnonzero(rng.random(len(theta)) < rate * np.where(mine, ratio, 1.0))
        if delay:
            place = place[np.argsort(place + rng.exponential(delay, len(place)), kind="stable")]
        yield place, mine[place]


def path(share: Array, mine: Array, null: float, side: str, prior: Prior) -> Array:
    """Log evidence after each event."""
    gaps = np.asarray(prior.gaps)
    ratio = null * gaps if side == "above" else null / gaps
    costs = np.log1p(np.outer(share, ratio - 1)) - np.log1p(share * (null - 1))[:, None]
    logs = np.outer(np.cumsum(mine), np.log(ratio / null)) - np.cumsum(costs, axis=0)
    top = logs.max(axis=1, initial=-np.inf)
    return np.asarray(top + np.log(np.exp(logs - top[:, None]) @ np.asarray(prior.weights)))


def run(
    theta: Array,
    rate: Array,
    ratio: float,
    rng: np.random.Generator,
    count: int = STREAMS,
    *,
    null: float = 1.0,
    side: str = "above",
    prior: Prior = HARM,
    delay: float = 0,
) -> Outcome:
    """Many rollouts, each looked at after every event."""
    found = np.full((count, 4), -1)
    for at, (place, mine) in enumerate(streams(theta, rate, ratio, count, rng, delay)):
        over = path(theta[place], mine, null, side, prior) >= NEEDED if len(place) else np.zeros(0, bool)
        end = int(np.argmax(over)) if over.any() else len(place) - 1
        found[at] = (over.any(), mine[: end + 1].sum(), end + 1, place[: end + 1].max(initial=0) + 1)
    return Outcome(found[:, 0] == 1, *found[:, 1:].T)


def figure(words: str) -> None:
    """A figure for whoever runs this with -s."""
    print(words)  # noqa: T201  # what the proofs are read for


def upper(hits: int, count: int) -> float:
    """Clopper-Pearson's one-sided 99 % bound."""
    return float(beta.ppf(0.99, hits + 1, count - hits))


def holds(rejected: Array, words: str, limit: float = 0.05) -> None:
    """The share that was ever rejected keeps to α, and its 99 % bound to α and a little."""
    share, bound = rejected.mean(), upper(int(rejected.sum()), len(rejected))
    figure(f"{words}: {share:.2%} rejected of {len(rejected):,}, 99 % bound {bound:.2%}")
    assert share <= limit and bound <= limit * 1.12


def median(outcome: Outcome, counted: Array) -> float:
    """The median over all rollouts; those without a decision count as endless."""
    return float(np.median(np.where(outcome.rejected, counted, np.inf)))


@pytest.mark.parametrize("split", SPLITS)
def test_the_simulation_is_the_product(split: str) -> None:
    rng, theta = np.random.default_rng(1), SPLITS[split]
    for place, mine in streams(theta, base_rates()["1 %"], 1.5, 20, rng):
        for null, side, prior in ((1.0, "above", HARM), (1.1, "below", FINE)):
            looks = path(theta[place], mine, null, side, prior)
            for look in rng.integers(0, len(place), 3):
                counts: dict[float, tuple[int, int]] = {}
                for share, one in zip(theta[place[: look + 1]].tolist(), mine[: look + 1].tolist(), strict=True):
                    before = counts.get(share, (0, 0))
                    counts[share] = (before[0] + one, before[1] + (not one))
                made = RateTest.of(counts, null=null, side=side, prior=prior)  # type: ignore[arg-type]
                assert made.log_evidence == pytest.approx(looks[look], abs=1e-8)


@pytest.mark.parametrize("rate", base_rates())
@pytest.mark.parametrize("split", SPLITS)
def test_a_canary_that_is_no_worse_is_not_rolled_back(split: str, rate: str) -> None:
    rng = np.random.default_rng([7, list(SPLITS).index(split), list(base_rates()).index(rate)])
    holds(run(SPLITS[split], base_rates()[rate], 1.0, rng).rejected, f"no difference, {split}, {rate}")


def test_late_labels_change_nothing() -> None:
    rng = np.random.default_rng(8)
    for split in ("ramp", "95/5"):
        holds(run(SPLITS[split], base_rates()["1 %"], 1.0, rng, delay=4000).rejected, f"no difference, labels late, {split}")


@pytest.mark.parametrize("rate", [0.005, 0.01, 0.03, 0.1])
def test_on_the_ramp_harm_is_found_soon(rate: float) -> None:
    rng = np.random.default_rng([9, int(rate * 1000)])
    theta = np.repeat(RAMP, 40_000 // 4)
    for ratio, most in ((5.0, 6), (3.0, 12), (2.0, 25)):
        outcome = run(theta, np.full(len(theta), rate), ratio, rng, 2000)
        served, asked = median(outcome, outcome.canary), median(outcome, outcome.exposures)
        figure(
            f"ramp, base {rate:.1%}, ×{ratio:g}: rolled back {outcome.rejected.mean():.1%}, median {served:.0f} bad answers, {asked:,.0f} exposures"
        )
        assert served <= most
    better = run(theta, np.full(len(theta), rate), 0.5, rng)
    figure(f"ramp, base {rate:.1%}, ×0.5: rolled back {better.rejected.mean():.2%}")
    assert better.rejected.mean() <= 0.005


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_at_a_fixed_share_harm_is_found(share: float) -> None:
    rng = np.random.default_rng([10, int(share * 100)])
    for ratio in (5.0, 2.0):
        outcome = run(np.full(60_000, share), np.full(60_000, 0.01), ratio, rng, 1000)
        figure(
            f"fixed {share:.0%}, ×{ratio:g}: {median(outcome, outcome.canary):.0f} bad answers, {median(outcome, outcome.events):.0f} events of both"
        )
        if share == 0.05:
            assert median(outcome, outcome.canary) <= (12 if ratio == 5 else 30)


@pytest.mark.parametrize("margin", [0.1, 0.5])
@pytest.mark.parametrize("split", ["50/50", "95/5", "ramp"])
def test_worse_by_the_margin_is_not_proved_no_worse(split: str, margin: float) -> None:
    rng = np.random.default_rng([11, int(margin * 10), list(SPLITS).index(split)])
    for name in ("1 %", "0.2 → 20 %"):
        rate = base_rates()[name] / (1 + margin)
        outcome = run(SPLITS[split], rate, 1 + margin, rng, null=1 + margin, side="below", prior=FINE)
        holds(outcome.rejected, f"exactly ×{1 + margin:g}, {split}, {name}: promoted")


def test_worse_by_the_margin_in_conversions_is_not_proved_no_worse() -> None:
    rng = np.random.default_rng(12)
    outcome = run(SPLITS["ramp"], base_rates()["20 %"], 0.9, rng, null=0.9, side="above", prior=FINE)
    holds(outcome.rejected, "conversions exactly ×0.9: promoted")
    holds(run(SPLITS["ramp"], base_rates()["20 %"], 1.0, rng, side="below").rejected, "conversions ×1: rolled back")


def test_no_worse_is_provable() -> None:
    rng = np.random.default_rng(13)
    for margin, ratio, events in ((0.5, 1.0, 600), (0.25, 1.0, 2200), (0.1, 0.8, 1500)):
        theta = np.full(200_000, 0.5)
        outcome = run(theta, np.full(200_000, 0.05), ratio, rng, 300, null=1 + margin, side="below", prior=FINE)
        figure(
            f"50/50, truth ×{ratio:g}, margin {margin:g}: proved after {median(outcome, outcome.events):.0f} bad events of both"
        )
        assert median(outcome, outcome.events) <= events


@pytest.mark.parametrize("split", ["50/50", "95/5", "ramp"])
def test_bounds_hold_when_a_rollout_stops(split: str) -> None:
    """Whoever stops at proof of harm, or at the end, reports bounds; the true ratio is in them."""
    rng, covered, count = np.random.default_rng([14, list(SPLITS).index(split)]), 0, 2000
    theta, rate, truth = SPLITS[split], base_rates()["1 %"], (0.5, 1.0, 1.3, 2.0, 5.0)
    for ratio in truth:
        for place, mine in streams(theta, rate, ratio, count // len(truth), rng):
            over = path(theta[place], mine, 1.0, "above", HARM) >= NEEDED
            end = int(np.argmax(over)) + 1 if over.any() else len(place)
            shares = theta[place[:end]]
            counts = {
                float(share): (int(mine[:end][shares == share].sum()), int((~mine[:end])[shares == share].sum()))
                for share in np.unique(shares)
            }
            low, high = ratio_interval(counts, 0.05)
            covered += low <= ratio <= high
    figure(f"{split}: the true ratio was within its bounds in {covered / count:.1%} of stopped rollouts")
    assert covered / count >= 0.95


def latencies(rng: np.random.Generator, count: int) -> Array:
    """Milliseconds with heavy tails, under a load that wanders and now and then stalls for a while."""
    load = np.cumsum(rng.normal(0, 0.02, count))
    stalls = np.repeat(rng.random(count // 100) < 0.02, 100) * 3.0
    return np.asarray(np.exp(3 + np.sin(load) + stalls[:count] + 0.5 * rng.standard_t(3, count)))


def slow_paths(waited: Array, mine: Array, share: Array, cuts: Array) -> Array:
    """Mean evidence over the cut points after each answer."""
    found = []
    for cut in cuts:
        place = np.flatnonzero(waited > cut)
        steps = np.diff(path(share[place], mine[place], 1.0, "above", HARM), prepend=0.0)
        whole = np.zeros(len(waited))
        whole[place] = steps
        found.append(np.cumsum(whole))
    return _mean(np.stack(found))


def test_a_canary_that_is_no_slower_is_not_called_slow() -> None:
    """The cut points come from an hour before, and the load of both versions wanders together."""
    rng, count = np.random.default_rng(19), 10_000
    cuts = np.quantile(latencies(rng, 200_000), (0.5, 0.9, 0.99, 0.999))
    for split in ("95/5", "ramp"):
        share = SPLITS[split][::4]  # 5,000 answers
        called = np.zeros(count, bool)
        for at in range(count):
            mine = rng.random(len(share)) < share
            called[at] = (slow_paths(latencies(rng, len(share)), mine, share, cuts) >= NEEDED).any()
        holds(called, f"no slower, {split}")
    share, found = SPLITS["95/5"], []
    for _ in range(200):
        mine = rng.random(len(share)) < share
        waited = latencies(rng, len(share)) * np.where(mine, 1.3, 1.0)
        over = slow_paths(waited, mine, share, cuts) >= NEEDED
        found.append(mine[: int(np.argmax(over)) + 1].sum() if over.any() else np.inf)
    figure(f"30 % slower throughout, 95/5: found after {np.median(found):.0f} answers of the canary, median")
    assert np.median(found) <= 1000


def test_a_sound_split_is_not_called_broken() -> None:
    rng, half = np.random.default_rng(15), EXPOSURES // 2
    stretches = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])
    tables = [[_table(shares, each, half) for each in CONCENTRATIONS] for shares in stretches]
    broken = np.zeros(STREAMS, bool)
    for at in range(STREAMS):
        whole = np.zeros((len(CONCENTRATIONS), 1))
        for shares, table in zip(stretches, tables, strict=True):
            arm = np.searchsorted(np.cumsum(shares)[:-1], rng.random(half), side="right")
            units = np.stack([np.cumsum(arm == each) for each in range(3)])
            logs = whole + np.stack([_split_path(units, each) for each in table])
            broken[at] |= bool((_mean(logs) >= NEEDED).any())
            whole = logs[:, -1:]
    holds(broken, "sound split of three arms whose shares change")
    counts = np.array([[5100], [3000], [1900]])
    made = MismatchTest.of({(0.5, 0.3, 0.2): (5100, 3000, 1900)}).log_evidence
    assert made == pytest.approx(_mean(np.stack([_split_path(counts, each) for each in tables[0]]))[0])


def _table(shares: Array, concentration: float, most: int) -> tuple[Array, Array]:
    """What each count of each arm adds to the log evidence of a split, and what each total takes."""
    counts, prior = np.arange(most + 1), concentration * shares[:, None]
    return gammaln(prior + counts) - gammaln(prior) - counts * np.log(shares)[:, None], gammaln(concentration + counts) - gammaln(
        concentration
    )


def _split_path(units: Array, table: tuple[Array, Array]) -> Array:
    adds, takes = table
    return np.asarray(sum(adds[arm][count] for arm, count in enumerate(units)) - takes[units.sum(axis=0)])


def _mean(logs: Array) -> Array:
    top = logs.max(axis=0)
    return np.asarray(top + np.log(np.exp(logs - top).mean(axis=0)))


def bet_path(values: Array, mean: float, sign: float) -> Array:
    """Log wealth after each value."""
    place = (sign * values + 1) / (sign * mean + 1) - 1
    logs = np.cumsum(np.log1p(np.outer(place, STAKES)), axis=0)
    return _mean(logs.T)


def outcomes(loss: float, win: float, count: int, rng: np.random.Generator) -> Array:
    """Rows: 1 when only the live version is right, -1 when only the challenger is, else 0."""
    drawn = rng.random(count)
    return np.where(drawn < loss, 1.0, np.where(drawn < loss + win, -1.0, 0.0))


def test_the_shadow_holds_its_error_rates() -> None:
    rng, rows = np.random.default_rng(16), 4000
    harm = np.array([(bet_path(outcomes(0.025, 0.025, rows, rng), 0.0, 1) >= NEEDED).any() for _ in range(STREAMS)])
    holds(harm, "shadow, as many wins as losses: rolled back")
    proof = np.array([(bet_path(outcomes(0.04, 0.02, rows, rng), 0.02, -1) >= NEEDED).any() for _ in range(STREAMS)])
    holds(proof, "shadow, worse by exactly the margin: proved no worse")
    values = outcomes(0.04, 0.02, rows, rng)
    assert Bets.on(values).log_above(0.0) == pytest.approx(bet_path(values, 0.0, 1)[-1])
    assert Bets.on(values).log_below(0.02) == pytest.approx(bet_path(values, 0.02, -1)[-1])


def test_the_shadow_needs_a_tenth_of_the_rows() -> None:
    """Two classifiers that agree on 95 % of rows, right on 80 % and on 78 % of them."""
    rng, count = np.random.default_rng(17), 500
    paths = (bet_path(outcomes(0.035, 0.015, 10_000, rng), 0.0, 1) >= NEEDED for _ in range(count))
    shadow = np.median([int(np.argmax(over)) + 1 if over.any() else np.inf for over in paths])
    split = run(np.full(100_000, 0.5), np.full(100_000, 0.2), 1.1, rng, count)
    needed = median(split, split.exposures)
    figure(f"rows until harm of two points is proved: shadow {shadow:,.0f}, split 50/50 {needed:,.0f}: 1/{needed / shadow:.0f}")
    assert shadow * 10 <= needed


def test_bounds_of_a_mean_loss_hold_when_it_stops() -> None:
    """Differences of Brier scores with heavy tails, stopped when their bounds leave 0 or at the end."""
    rng, covered, count, rows = np.random.default_rng(18), 0, 600, 3000
    for at in range(count):
        centre = (0.0, 0.01, -0.02)[at % 3]
        values = np.clip(centre + 0.02 * rng.standard_t(2, rows), centre - 0.5, centre + 0.5)
        over = (bet_path(values, 0.0, 1) >= math.log(40)) | (bet_path(values, 0.0, -1) >= math.log(40))
        end = int(np.argmax(over)) + 1 if over.any() else rows
        low, high = Bets.on(values[:end]).interval(0.05)
        covered += low <= centre <= high
    figure(f"the true mean was within its bounds in {covered / count:.1%} of stopped comparisons")
    assert covered / count >= 0.95
