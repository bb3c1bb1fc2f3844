"""Paired tests and bets: only discordant rows speak for harm, bounds hold the mean, order and ties change nothing."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.delivery.betting import STAKES, Bets
from baton.delivery.paired import PairedTest, Pairing, read_losses, read_pairs

COUNT = st.integers(0, 5000)
ACCURACY = Pairing("accuracy", margin=0.02)


def by_definition(values: list[float], mean: float) -> float:
    """Mixture wealth, value by value."""
    wealth = np.ones(len(STAKES))
    for value in values:
        wealth *= 1 - STAKES + STAKES * ((value + 1) / 2) / ((mean + 1) / 2)
    return float(wealth.mean())


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.floats(-0.9, 0.9))
def test_bets_are_products_whatever_the_order(values: list[float], mean: float) -> None:
    assert Bets.on(values).above(mean) == pytest.approx(by_definition(values, mean), rel=1e-8)
    assert Bets.on(values[::-1]) == Bets.on(values)
    assert Bets.on(values).below(mean) == pytest.approx(by_definition([-value for value in values], -mean), rel=1e-8)


@settings(deadline=None, max_examples=40)
@given(COUNT, COUNT, COUNT)
def test_pairs(wins: int, losses: int, ties: int) -> None:
    pairs = PairedTest(wins, losses, ties)
    assert pairs.harm == pytest.approx(PairedTest(wins, losses, 0).harm, rel=1e-9), "ties say nothing about harm"
    assert 0 <= pairs.harm < math.inf and 0 <= pairs.no_worse(0.01) < math.inf
    assert PairedTest(wins, losses + 1, ties).harm >= pairs.harm * (1 - 1e-9)
    assert PairedTest(wins + 1, losses, ties).no_worse(0.01) >= pairs.no_worse(0.01) * (1 - 1e-9)


def test_a_discordant_row_is_a_fair_bet() -> None:
    pairs = PairedTest(10, 14, 200)
    assert (PairedTest(11, 14, 200).harm + PairedTest(10, 15, 200).harm) / 2 == pytest.approx(pairs.harm)
    margin = 0.02  # a loss, a win and a tie with probabilities that make the challenger worse by exactly this
    mean = 0.05 * PairedTest(10, 15, 200).no_worse(margin) + 0.03 * PairedTest(11, 14, 200).no_worse(margin)
    assert mean + 0.92 * PairedTest(10, 14, 201).no_worse(margin) == pytest.approx(pairs.no_worse(margin))


def test_answers_in_words() -> None:
    worse = read_pairs(ACCURACY, PairedTest(30, 90, 2000))
    assert worse.decided == "harm" and worse.sentence.startswith(
        "Roll back: the challenger is less accurate: 90 rows only the live"
    )
    alike = read_pairs(ACCURACY, PairedTest(100, 100, 4000))
    assert alike.decided == "no worse" and "worse by less than 0.02" in alike.sentence
    assert read_pairs(ACCURACY, PairedTest(3, 4, 90)).decided == "open"
    nothing = read_pairs(ACCURACY, PairedTest(0, 0, 0))
    assert nothing.decided == "open" and "no row is labelled yet" in nothing.sentence
    assert nothing.interval is not None and (nothing.interval.low, nothing.interval.high) == (-1, 1)


def test_losses_beyond_right_and_wrong() -> None:
    rng = np.random.default_rng(3)
    brier = Pairing("brier", margin=0.005)
    alike, worse = (np.clip(rng.normal(centre, 0.05, 8_000), -1, 1) for centre in (0.0, 0.01))
    assert read_losses(brier, alike).decided == "no worse"
    assert read_losses(brier, worse).decided == "harm"
    assert read_losses(brier, []).decided == "open"
    with pytest.raises(ValueError, match="lie in"):
        read_losses(brier, [1.5])
    with pytest.raises(ValueError, match="lie in"):
        read_losses(brier, [math.nan])


def test_bounds_hold_the_mean_and_close_in() -> None:
    rng, widths = np.random.default_rng(4), []
    for count in (100, 1000, 10_000):
        bets = Bets.on(rng.uniform(-0.5, 0.7, count))
        low, high = bets.interval(0.05)
        assert -1 <= low < bets.mean < high <= 1 and low < 0.1 < high
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True) and widths[-1] < 0.06


def test_rounding_many_values_only_widens_the_bounds() -> None:
    values = np.random.default_rng(5).uniform(-0.5, 0.7, 40_000)
    low, high = Bets.on(values).interval(0.05)
    few = Bets.on(np.round(values, 3)).interval(0.05)
    assert (low, high) == pytest.approx(few, abs=2e-3) and low < 0.1 < high
