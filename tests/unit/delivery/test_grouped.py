"""Evidence on rows that hang together: storms do not fool it, and honest rows soon prove what is so."""

import numpy as np
import pytest

from baton.delivery.betting import Bets
from baton.delivery.grouped import Groups

HOURS, ROWS, MARGIN = 60, 50, 0.01


def hours(chance: np.random.Generator, mean: float, storm: float, count: int = HOURS) -> tuple[np.ndarray, np.ndarray]:
    """Hours of rows whose differences of loss share what the weather of their hour adds; storms are rare and only ever bad."""
    weather = chance.exponential(storm, count) - storm if storm else np.zeros(count)
    rows = mean + np.repeat(weather, ROWS) + chance.normal(0, 0.06, count * ROWS)
    return np.repeat(np.arange(count), ROWS), np.clip(rows, -1, 1)


def proofs(mean: float, storm: float, runs: int) -> tuple[float, float]:
    """The shares of runs in which it is ever called no worse, and ever worse by more than the margin, at 1/20."""
    chance, fine, worse = np.random.default_rng(5), 0, 0
    for _ in range(runs):
        when, rows = hours(chance, mean, storm)
        looks = [Groups.of(when[: at * ROWS], rows[: at * ROWS]) for at in range(5, HOURS + 1, 5)]
        fine += any(each.below(MARGIN) >= 20 for each in looks)
        worse += any(each.above(MARGIN) >= 20 for each in looks)
    return fine / runs, worse / runs


@pytest.mark.parametrize("storm", [0.0, 0.01, 0.03])
def test_at_the_margin_it_errs_in_at_most_a_twentieth(storm: float) -> None:
    fine, worse = proofs(MARGIN, storm, 300)
    assert fine <= 0.05 + 0.03 and worse <= 0.05 + 0.03


def test_what_is_as_good_is_proved_within_three_days() -> None:
    assert proofs(0.0, 0.01, 100)[0] >= 0.8


def test_what_is_far_worse_is_found_within_three_days() -> None:
    assert proofs(0.1, 0.01, 50)[1] == 1.0


def test_rows_taken_for_facts_would_be_fooled_by_storms() -> None:
    chance = np.random.default_rng(5)
    fooled = 0
    for _ in range(100):
        when, rows = hours(chance, MARGIN, 0.03)
        fooled += Bets.on(rows).below(MARGIN) >= 20 and Groups.of(when, rows).below(MARGIN) < 20
    assert fooled >= 20, "which is why groups are betted on"


def test_bounds_hold_the_mean_and_close_in() -> None:
    chance = np.random.default_rng(1)
    widths = []
    for count in (20, 80, 320):
        groups = Groups.of(*hours(chance, 0.004, 0.01, count))
        low, high = groups.interval(0.05)
        assert low <= 0.004 <= high
        widths.append(high - low)
    assert widths[0] > widths[1] > widths[2]


def test_nothing_is_no_evidence() -> None:
    empty = Groups.of([], [])
    assert (empty.above(0.0), empty.below(0.0), empty.size) == (1.0, 1.0, 0)
    assert empty.interval(0.05) == (float("-inf"), float("inf"))
    assert Groups.of([1] * 500, [0.0] * 500).below(0.5) < 20, "one hour proves nothing, however many rows it has"
