"""Days and months in numbers, computed by hand."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.monitoring.day import Day
from baton.monitoring.performance import judge_month, matured, money
from baton.project.definition import OutcomeValue

WORTH = OutcomeValue(threshold=0.5, true_positive=120, false_positive=-35.5, true_negative=0.25, false_negative=-200)
LABELS, SCORES = np.array([1.0, 1.0, 0.0, 0.0, 1.0]), np.array([0.9, 0.5, 0.5, 0.1, 0.49])
DAY = Day("2023-01-05", "served", datetime(2023, 1, 5, tzinfo=UTC), 10, 10, (3,), {"x": 0.1})
NONE = (np.array([]), np.array([]))


def test_money_is_the_outcome_matrix_at_the_threshold() -> None:
    assert money(WORTH, LABELS, SCORES) == 2 * 120 - 35.5 + 0.25 - 200
    assert money(WORTH, *NONE) == 0.0
    assert money(OutcomeValue(threshold=0, true_positive=1), LABELS, SCORES) == 3.0
    assert money(OutcomeValue(threshold=1, false_negative=-1), LABELS, SCORES) == -3.0


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.floats(0, 1)), max_size=30))
def test_money_is_the_sum_over_the_decisions(rows: list[tuple[float, float]]) -> None:
    total = 0.0
    for label, score in rows:
        acted = score >= WORTH.threshold
        total += (
            (WORTH.true_positive if label else WORTH.false_positive)
            if acted
            else (WORTH.false_negative if label else WORTH.true_negative)
        )
    labels, scores = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    assert money(WORTH, labels, scores) == pytest.approx(total, abs=0.005)


def test_a_month_by_hand() -> None:
    made = judge_month("2023-02", 10, (LABELS, SCORES), (LABELS[:2], SCORES[2:4]), WORTH, closed=True)
    assert (made.id, made.month, made.status, made.predictions, made.labelled, made.matured) == (
        "2023-02",
        "2023-02",
        "closed",
        10,
        5,
        0.5,
    )
    assert made.auc == pytest.approx((1 + 1 + 0.5 + 1 + 0 + 1) / 6)
    assert made.brier == pytest.approx((0.01 + 0.25 + 0.25 + 0.01 + 0.51**2) / 5)
    assert (made.late_rate, made.value) == (0.6, 4.75)
    assert made.frozen_auc is None
    assert made.frozen_brier == pytest.approx((0.25 + 0.81) / 2)
    assert made.frozen_value == 120 - 200


def test_a_month_without_labels_knows_nothing_yet() -> None:
    made = judge_month("2023-02", 10, NONE, NONE, WORTH, closed=False)
    assert (made.status, made.labelled, made.matured) == ("open", 0, 0.0)
    assert (made.auc, made.brier, made.late_rate, made.value, made.frozen_auc, made.frozen_brier, made.frozen_value) == (
        None,
    ) * 7
    assert judge_month("2023-02", 0, NONE, NONE, WORTH, closed=False).matured == 0.0


def test_the_truth_that_arrived() -> None:
    made = matured(DAY, np.array([0.9, 0.2, 0.4]), np.array([1.0, 0.0, 1.0]), "judged")
    assert (made.status, made.labelled, made.error, made.brier) == (
        "judged",
        3,
        round(-0.5 / 3, 10),
        round((0.01 + 0.04 + 0.36) / 3, 10),
    )
    none = matured(DAY, np.array([]), np.array([]), "judged")
    assert (none.status, none.labelled, none.error, none.brier) == ("judged", 0, None, None)
    assert (made.id, made.requests, made.versions, made.outside) == (DAY.id, 10, (3,), {"x": 0.1})
