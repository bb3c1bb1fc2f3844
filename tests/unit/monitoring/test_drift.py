"""A day against its reference: its range, and drift beyond chance."""

from typing import Any

import numpy as np
import pytest

from baton.monitoring.drift import excess_psi, outside_share, reference_of


def drawn(kind: str, draw: Any, count: int) -> Any:
    if kind == "normal":
        return draw.normal(0, 1, count)
    if kind == "heavy":
        return draw.standard_cauchy(count)
    if kind == "whole":
        return draw.poisson(3, count).astype(float)
    values = draw.exponential(1, count)
    values[draw.random(count) < 0.3] = np.nan
    return values


def test_the_reference_by_hand() -> None:
    values = np.arange(101, dtype=float)
    made = reference_of(
        {"x": np.append(values, [np.nan, np.inf]), "text": np.array(["a"], dtype=object), "none": np.full(3, np.nan)}
    )
    assert (made.low, made.high) == ({"x": 1.0}, {"x": 99.0})
    assert list(made.edges) == ["x"] and made.edges["x"] == pytest.approx([10.0 * place for place in range(1, 10)])
    assert made.shares["x"] == pytest.approx([11 / 101, *[10 / 101] * 9])


def test_a_constant_feature_has_one_edge() -> None:
    made = reference_of({"x": np.full(100, 7.0)})
    assert (made.low["x"], made.high["x"], made.edges["x"], made.shares["x"]) == (7.0, 7.0, [7.0], [1.0, 0.0])
    assert excess_psi(made, {"x": np.full(100, 7.0)}) == {"x": 0.0}
    assert excess_psi(made, {"x": np.full(100, 8.0)})["x"] > 1
    assert outside_share(made, {"x": np.array([7.0, 7.1, 6.9, np.nan])}) == {"x": 0.5}


def test_rows_outside_the_range_are_counted_and_nulls_are_not() -> None:
    made = reference_of({"x": np.arange(101, dtype=float)})
    assert outside_share(made, {"x": np.array([0.9, 1.0, 99.0, 99.1, np.nan, np.inf, -np.inf, 50.0])}) == {"x": 0.5}
    assert outside_share(made, {"x": np.full(4, np.nan), "y": np.zeros(4)}) == {"x": 0.0}


@pytest.mark.parametrize("kind", ["normal", "heavy", "whole", "gaps"])
def test_without_drift_the_index_stays_at_nothing(kind: str) -> None:
    draw = np.random.default_rng(8)
    reference = reference_of({"x": drawn(kind, draw, 100_000)})
    still = [excess_psi(reference, {"x": drawn(kind, draw, count)})["x"] == 0.0 for count in (200, 800, 3000) for _ in range(200)]
    assert np.mean(still) >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["normal", "heavy", "whole", "gaps"])
def test_without_drift_the_index_stays_at_nothing_in_most_draws(kind: str) -> None:
    draw = np.random.default_rng(9)
    reference = reference_of({"x": drawn(kind, draw, 1_000_000)})
    still = [excess_psi(reference, {"x": drawn(kind, draw, 1000)})["x"] == 0.0 for _ in range(20_000)]
    assert np.mean(still) >= 0.95


def test_a_drift_shows() -> None:
    draw = np.random.default_rng(8)
    reference = reference_of({"x": draw.normal(0, 1, 50_000)})
    shifted = [excess_psi(reference, {"x": draw.normal(shift, 1, 1000)})["x"] for shift in (0.3, 0.6, 1.2)]
    assert 0.02 < shifted[0] < shifted[1] < shifted[2]
    assert excess_psi(reference, {"x": draw.normal(0, 3, 1000)})["x"] > 0.1


def test_too_few_rows_tell_nothing() -> None:
    reference = reference_of({"x": np.arange(1000, dtype=float)})
    few = np.append(np.zeros(49), np.full(500, np.nan))
    assert excess_psi(reference, {"x": few}) == {} and "x" in excess_psi(reference, {"x": np.zeros(50)})
