"""Capacity: the fit finds the law that made the points, says how sure it is, and what follows is arithmetic."""

from math import inf, isclose

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.kernel.errors import InvalidInput
from baton.serving.capacity import Law, Point, fit, headroom, replicas

STEPS = (1, 2, 4, 8, 16, 32, 64)
LAWS = st.builds(
    Law,
    alone=st.floats(1.0, 1e5),
    queueing=st.one_of(st.just(0.0), st.floats(1e-3, 0.9)),
    agreeing=st.one_of(st.just(0.0), st.floats(1e-5, 0.05)),
)


def measured(law: Law, noise: float = 0.0, seed: int = 0) -> list[Point]:
    """Points of a law, with relative errors."""
    errors = np.random.default_rng(seed).normal(0, noise, len(STEPS))
    return [Point(n, law.at(n) * (1 + error)) for n, error in zip(STEPS, errors.tolist(), strict=True)]


@given(LAWS)
def test_exact_points_give_their_law_back(law: Law) -> None:
    found = fit(measured(law), draws=20)
    assert isclose(found.law.alone, law.alone, rel_tol=1e-6)
    assert isclose(found.law.queueing, law.queueing, rel_tol=1e-5, abs_tol=1e-7)
    assert isclose(found.law.agreeing, law.agreeing, rel_tol=1e-5, abs_tol=1e-8)
    assert found.error < 1e-6


@given(LAWS, st.integers(0, 1000))
def test_no_noise_makes_a_parameter_negative(law: Law, seed: int) -> None:
    found = fit(measured(law, 0.2, seed), draws=20)
    assert found.law.alone > 0 and found.law.queueing >= 0 and found.law.agreeing >= 0
    assert min(found.queueing.low, found.agreeing.low) >= 0
    assert all(found.law.at(n) <= found.law.ceiling * (1 + 1e-9) for n in STEPS)


@given(LAWS)
def test_the_best_load_is_where_most_is_answered(law: Law) -> None:
    if law.best == inf:
        assert law.at(1e6) > law.at(1e3)
    else:
        assert all(law.at(law.best) >= law.at(law.best * step) * (1 - 1e-12) for step in (0.9, 1.1) if law.best * step >= 1)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    law, held = Law(900.0, 0.05, 0.0008), 0
    for seed in range(40):
        found = fit(measured(law, 0.03, seed), draws=100)
        held += found.ceiling.low <= law.ceiling <= found.ceiling.high
    assert held >= 30


def test_the_same_points_give_the_same_intervals() -> None:
    points = measured(Law(900.0, 0.05, 0.0008), 0.05)
    assert fit(points) == fit(points)


def test_a_known_law() -> None:
    """N* = √(0.95/0.0008) = 34.5."""
    law = Law(900.0, 0.05, 0.0008)
    assert law.best == pytest.approx(34.46, abs=0.01)
    assert law.ceiling == pytest.approx(law.at(34.46), rel=1e-6)
    assert Law(900.0, 0.05, 0.0).ceiling == 18_000
    assert Law(900.0, 0.0, 0.0).ceiling == inf


@pytest.mark.parametrize("points", [measured(Law(9.0, 0.1, 0.0))[:5], [Point(4, 100.0)] * 9])
def test_too_few_loads_are_refused(points: list[Point]) -> None:
    with pytest.raises(InvalidInput, match="too few") as caught:
        fit(points)
    assert "--steps" in caught.value.fix


def test_a_load_without_answers_is_refused() -> None:
    with pytest.raises(InvalidInput, match="nothing was answered"):
        fit([*measured(Law(9.0, 0.1, 0.0)), Point(128, 0.0)])


@pytest.mark.parametrize(("target", "count"), [(1.0, 1), (1000.0, 1), (1000.1, 2), (10_000.0, 10)])
def test_replicas_carry_the_target(target: float, count: int) -> None:
    assert replicas(1000.0, target) == count


def test_without_capacity_no_number_helps() -> None:
    with pytest.raises(InvalidInput, match="no number of replicas"):
        replicas(0.0, 10.0)
    assert headroom(0.0, 10.0) == -inf


def test_headroom_is_what_is_left() -> None:
    assert headroom(1000.0, 750.0) == 0.25
    assert headroom(1000.0, 1500.0) == -0.5
