"""A bandit: shares follow what was earned, keep their floor, and are the same for the same counts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.delivery.bandit import Earned, shares, weights


def test_the_best_gets_most_and_nobody_falls_below_the_floor() -> None:
    found = weights({"live": Earned(2000, 1000), "bold": Earned(2000, 1200), "calm": Earned(2000, 900)}, 0.05, seed=1)
    assert found["bold"] == pytest.approx(0.9, abs=0.001) and found["live"] == found["calm"] == pytest.approx(0.05, abs=0.001)


def test_what_nobody_knows_is_shared_evenly() -> None:
    found = weights({"live": Earned(), "bold": Earned(), "calm": Earned()}, 0.05, seed=1)
    assert all(share == pytest.approx(1 / 3, abs=0.02) for share in found.values())


@settings(deadline=None, max_examples=30)
@given(
    st.dictionaries(st.sampled_from("abcde"), st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1), st.integers(0, 9)
)
def test_shares_are_shares(counts: dict[str, tuple[int, int]], seed: int) -> None:
    earned = {"live": Earned(10, 5), **{name: Earned(good + bad, good) for name, (good, bad) in counts.items()}}
    found = weights(earned, 0.05, seed)
    assert sum(found.values()) == pytest.approx(1.0, abs=0.001) and min(found.values()) >= 0.05
    assert found == weights(earned, 0.05, seed)
    arms = shares(found, "live")
    assert sum(arms.values()) <= 1 and all(0 < share <= 1 / len(arms) for share in arms.values())
