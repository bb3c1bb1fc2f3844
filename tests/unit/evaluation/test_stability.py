"""Spreads compared: noise of sampling alone is not taken for a change, a change is."""

import numpy as np
import pytest

from baton.evaluation.stability import edges_of, excess, shares_of

DRAW = np.random.default_rng(5)


@pytest.mark.parametrize(("here", "there"), [(100, 100), (100, 5000), (1000, 200), (20_000, 20_000)])
def test_samples_of_one_spread_are_rarely_told_apart(here: int, there: int) -> None:
    alarms = 0
    for _ in range(300):
        first, second = DRAW.beta(2, 5, there), DRAW.beta(2, 5, here)
        edges = edges_of(first)
        alarms += excess(shares_of(second, edges), shares_of(first, edges), here, there) > 0.25
    assert alarms <= 9, "at most three in a hundred"


def test_another_spread_is_told_apart() -> None:
    first, second = DRAW.beta(2, 5, 1000), DRAW.beta(5, 2, 1000)
    edges = edges_of(first)
    assert excess(shares_of(second, edges), shares_of(first, edges), 1000, 1000) > 1


def test_one_value_only_makes_one_edge_and_moves_are_seen() -> None:
    edges = edges_of(np.full(100, 0.5))
    assert edges.tolist() == [0.5]
    same, other = shares_of(np.full(100, 0.5), edges), shares_of(np.full(100, 0.6), edges)
    assert excess(same, same, 100, 100) == 0
    assert excess(other, same, 100, 100) > 1


def test_shares_add_up_and_edges_belong_to_the_bin_below() -> None:
    assert shares_of(np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, 2.0])).tolist() == [0.5, 0.25, 0.25]
