"""Criteria of success: bounds in words, and the side of them on which a value lies."""

from baton.app.views.criterion import agreed, bound, margin, met, standing
from baton.project.definition import Criterion


def test_both_bounds_are_told_and_the_nearer_one_counts() -> None:
    both = Criterion(metric="auc", at_least=0.7, at_most=0.9)
    assert bound(both) == "at least 0.7 and at most 0.9"
    assert round(margin(both, 0.75), 6) == 0.05 and met(both, 0.7) and met(both, 0.9) and not met(both, 0.91)


def test_one_bound_leaves_the_other_side_open() -> None:
    low = Criterion(metric="brier", at_most=0.15)
    assert bound(low) == "at most 0.15" and met(low, 0.0) and not met(low, 0.2)


def test_without_a_project_nothing_is_agreed() -> None:
    assert agreed(None, "auc") is None


def test_a_criterion_that_an_earlier_month_broke_is_not_kept() -> None:
    high = Criterion(metric="brier", at_most=0.146)
    assert standing(high, []) == ""
    assert standing(high, [0.12, 0.146]) == "kept"
    assert standing(high, [0.18, 0.12]) == "slipped"
    assert standing(high, [0.12, 0.15]) == "missed"
