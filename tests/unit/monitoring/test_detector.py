"""Alarms: seldom when nothing is wrong, soon when something is, and with the day since when."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.monitoring.detector import BETS, CLIP, MOST, calibration_evidence, e_detector, novelty_evidence

TOLERANCE, NOVELTY, LEVEL = 0.01, 0.10, 7300


def slow(values: list[list[float]], null: float, floor: float) -> list[float]:
    """By definition: every day a bet of each size starts on each stream, and all running bets are added up and averaged."""
    course = []
    for end in range(1, len(values) + 1):
        total = 0.0
        for stream in range(len(values[0])):
            for bet in BETS / (null - floor):
                for begin in range(end):
                    product = 1.0
                    for day in range(begin, end):
                        if np.isfinite(values[day][stream]):
                            product *= 1 + bet * (values[day][stream] - null)
                    total += product
        course.append(total / (len(values[0]) * len(BETS)))
    return course


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.floats(-0.1, 0.1) | st.just(np.nan), min_size=2, max_size=2), min_size=1, max_size=8))
def test_the_recursion_is_the_sum_of_all_bets(values: list[list[float]]) -> None:
    course = slow(values, TOLERANCE, -CLIP)
    assert e_detector(np.array(values), TOLERANCE, -CLIP).value == pytest.approx(course[-1])


def test_no_day_is_no_evidence() -> None:
    assert calibration_evidence(np.array([]), TOLERANCE).value == 0.0
    assert novelty_evidence(np.empty((0, 3)), NOVELTY).value == 0.0
    assert e_detector(np.array([]), TOLERANCE, -CLIP).change_point == 0


def test_days_without_evidence_only_count() -> None:
    made = calibration_evidence(np.full(20, np.nan), TOLERANCE)
    assert made.value == pytest.approx(20.0)
    assert e_detector(np.full(20, TOLERANCE), TOLERANCE, -CLIP).value == pytest.approx(20.0)


def test_evidence_is_bounded_and_finite() -> None:
    made = novelty_evidence(np.ones((1000, 2)), NOVELTY)
    assert made.value == MOST and all(np.isfinite(made.streams))
    assert calibration_evidence(np.full(50, 5.0), TOLERANCE).value == calibration_evidence(np.full(50, CLIP), TOLERANCE).value


def test_both_sides_of_a_miscalibration_count_alike() -> None:
    error = np.concatenate([np.zeros(30), np.full(40, 0.05)])
    high, low = calibration_evidence(error, TOLERANCE), calibration_evidence(-error, TOLERANCE)
    assert high.value == pytest.approx(low.value) and high.streams == pytest.approx(low.streams[::-1])
    assert high.streams[0] > 1000 * high.streams[1]


@pytest.mark.parametrize(("shift", "within"), [(0.03, 85), (0.05, 45), (0.10, 25)])
def test_a_shift_is_found_within_days_and_dated(shift: float, within: int) -> None:
    draw = np.random.default_rng(5)
    delays, dates = [], []
    for _ in range(40):
        error = draw.normal(0, 0.02, 200)
        error[100:] += shift
        days = first_alarm(error, LEVEL) or 200
        assert days >= 100
        delays.append(days - 99)
        dates.append(abs(calibration_evidence(error[: days + 1], TOLERANCE).change_point - 100))
    assert np.mean([delay <= within for delay in delays]) >= 0.9, sorted(delays)
    assert np.median(dates) <= 5


def test_a_novelty_is_found_in_the_one_feature_that_has_it() -> None:
    draw = np.random.default_rng(6)
    outside = draw.uniform(0, 0.05, (60, 10))
    outside[40:, 3] = 0.4
    made = novelty_evidence(outside, NOVELTY)
    assert made.value >= LEVEL and int(np.argmax(made.streams)) == 3 and abs(made.change_point - 40) <= 2
    assert novelty_evidence(outside[:40], NOVELTY).value < LEVEL


def noise_of_changing_size(draw: Any, days: int) -> Any:
    """Days whose size of error follows that of the days before; the mean stays at the tolerance, given the past."""
    values, size = np.empty(days), 0.02
    for day in range(days):
        values[day] = np.clip(draw.choice([-1, 1]) * size, -0.08, 0.08) + TOLERANCE
        size = float(np.clip(0.005 + 0.9 * size + 0.01 * draw.standard_normal(), 0.001, 0.08))
    return values


def wandering(draw: Any, days: int) -> Any:
    """Days that resemble the day before (correlation 0.6), with a mean of 0 and a spread of twice the tolerance."""
    values, now = np.empty(days), 0.0
    for day in range(days):
        now = 0.6 * now + 0.8 * draw.normal(0, 0.02)
        values[day] = now
    return values


def false_alarms(make: Callable[[Any, int], Any], streams: int, days: int, level: float, seed: int) -> float:
    """The share of streams that ever reach the level."""
    draw = np.random.default_rng(seed)
    alarms = 0
    for _ in range(streams):
        values = make(draw, days)
        alarms += first_alarm(values, level) is not None
    return alarms / streams


def first_alarm(values: Any, level: float) -> int | None:
    """The first day on which the level is reached, all days in one pass."""
    clipped = np.clip(values, -CLIP, CLIP)
    bets = BETS / (TOLERANCE + CLIP)
    running = np.zeros((2, len(bets)))
    for day, value in enumerate(clipped):
        running = (1 + running) * (1 + bets * (np.array([[value], [-value]]) - TOLERANCE))
        if running.mean() >= level:
            return day
    return None


def test_reaching_a_level_is_told_alike_in_one_pass() -> None:
    draw = np.random.default_rng(1)
    for _ in range(10):
        values = draw.normal(0.02, 0.03, 40)
        found = (day for day in range(40) if calibration_evidence(values[: day + 1], TOLERANCE).value >= 50.0)
        assert first_alarm(values, 50.0) == next(found, None)


@pytest.mark.parametrize("make", [noise_of_changing_size, wandering])
def test_false_alarms_are_as_rare_as_promised(make: Callable[[Any, int], Any]) -> None:
    assert false_alarms(make, 150, 100, 400.0, 3) <= 100 / 400


@pytest.mark.slow
@pytest.mark.parametrize("make", [noise_of_changing_size, wandering])
def test_false_alarms_are_as_rare_as_promised_over_many_streams(make: Callable[[Any, int], Any]) -> None:
    assert false_alarms(make, 2000, 300, LEVEL, 4) <= 300 / LEVEL
