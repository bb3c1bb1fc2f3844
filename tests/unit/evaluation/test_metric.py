"""Metrics against scikit-learn and against counting pairs, with ties and at the edges."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sk_log_loss

from baton.evaluation.metric import METRICS, auc, brier, quality
from baton.evaluation.slice import MOST, by_slice
from baton.training.loss import log_loss

SCORED = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.1, 0.5, 0.5000001, 0.9, 1.0]) | st.floats(0, 1)), max_size=40
)


def arrays(rows: list[tuple[float, float]]) -> Any:
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=np.float64)


def pairs(labels: Any, scores: Any) -> float:
    """The share of (positive, negative) pairs in the right order, ties counted half."""
    wins = [(p > n) + (p == n) / 2 for p in scores[labels > 0] for n in scores[labels == 0]]
    return float(np.mean(wins))


@settings(deadline=None, max_examples=100)
@given(SCORED)
def test_metrics_equal_those_of_scikit_learn(rows: list[tuple[float, float]]) -> None:
    labels, scores = arrays(rows)
    if len(set(labels)) < 2:
        assert auc(labels, scores) is None
    else:
        made = auc(labels, scores)
        assert made == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
        assert made == pytest.approx(pairs(labels, scores), abs=1e-12)
    if rows:
        assert brier(labels, scores) == pytest.approx(brier_score_loss(labels, scores, pos_label=1.0), abs=1e-12)
        clipped = np.clip(scores, 1e-7, 1 - 1e-7)
        expected = sk_log_loss(labels, np.column_stack([1 - clipped, clipped]), labels=[0.0, 1.0])
        assert log_loss(labels, scores) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([0, 1], [0.1, 0.9], 1.0),
        ([0, 1], [0.9, 0.1], 0.0),
        ([0, 1], [0.5, 0.5], 0.5),
        ([0, 0, 1, 1], [0.1, 0.5, 0.5, 0.9], 0.875),
        ([1, 1], [0.1, 0.9], None),
        ([0], [0.1], None),
        ([], [], None),
    ],
)
def test_auc_by_hand(labels: list[int], scores: list[float], expected: float | None) -> None:
    assert auc(np.array(labels), np.array(scores)) == expected


def test_quality_by_hand() -> None:
    made = quality(np.array([1.0, 0.0]), np.array([0.8, 0.4]))
    assert set(made) == set(METRICS)
    assert made["auc"] == 1.0
    assert made["brier"] == pytest.approx((0.04 + 0.16) / 2)
    assert made["logloss"] == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)
    assert quality(np.array([]), np.array([])) == {"auc": None, "brier": None, "logloss": None}


def test_a_sure_and_wrong_score_costs_much_but_not_all() -> None:
    assert log_loss(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(-np.log(1e-7), rel=1e-6)


def test_slices_are_the_metrics_of_their_rows_worst_first() -> None:
    draw = np.random.default_rng(3)
    names: list[str | None] = ["AA", "UA", "B6", None]
    carrier = np.array([names[place] for place in draw.choice(4, 400, p=[0.5, 0.3, 0.18, 0.02])], dtype=object)
    origin = draw.integers(0, 2, 400).astype(float)
    labels, scores = draw.integers(0, 2, 400).astype(float), draw.random(400)
    found = by_slice(labels, scores, {"carrier": carrier, "origin": origin, "other": origin}, ("carrier", "origin"), 40)
    assert {(each.feature, each.value) for each in found} == {
        ("carrier", "AA"),
        ("carrier", "UA"),
        ("carrier", "B6"),
        ("origin", "0.0"),
        ("origin", "1.0"),
    }
    assert [each.brier for each in found] == sorted((each.brier or 0 for each in found), reverse=True)
    for each in found:
        rows = {"carrier": carrier, "origin": origin}[each.feature].astype(str) == each.value
        assert each.rows == rows.sum() >= 40
        assert each.auc == pytest.approx(auc(labels[rows], scores[rows]))
        assert each.brier == pytest.approx(brier(labels[rows], scores[rows]))


def test_a_slice_at_its_floor_counts_and_one_class_has_no_auc() -> None:
    feature = np.array(["a"] * 20 + ["b"] * 19, dtype=object)
    (only,) = by_slice(np.ones(39), np.full(39, 0.5), {"x": feature}, ("x",), 20)
    assert (only.value, only.rows, only.auc, only.brier) == ("a", 20, None, 0.25)
    assert by_slice(np.ones(39), np.full(39, 0.5), {"x": feature}, (), 20) == ()


def test_of_many_values_the_most_frequent_are_told() -> None:
    values = np.array([f"v{number:03}" for number in range(MOST + 5) for _ in range(2 + (number >= 5))], dtype=object)
    found = by_slice(np.zeros(len(values)), np.zeros(len(values)), {"x": values}, ("x",), 1)
    assert len(found) == MOST and {each.rows for each in found} == {3}
