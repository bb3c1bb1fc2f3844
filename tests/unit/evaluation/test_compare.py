"""The comparison: its interval covers as it says, and constructed cases get the answer they were made for."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from baton.evaluation.compare import DAY, Comparison, compare
from baton.evaluation.gate import failed, judge
from baton.project.definition import Criterion, Gates

MARGIN = 0.002


def rows(days: int, per_day: int, seed: int = 1) -> tuple[Any, Any, Any]:
    """Labels, fair scores and decision times."""
    draw = np.random.default_rng(seed)
    scores = draw.uniform(0.05, 0.95, days * per_day)
    return (draw.random(days * per_day) < scores).astype(float), scores, np.repeat(np.arange(days) * DAY, per_day) + 5


def test_the_same_scores_are_not_inferior_with_no_width() -> None:
    labels, scores, at = rows(10, 30)
    made = compare(labels, scores, scores, at, MARGIN, 7)
    assert (made.answer, made.difference, made.low, made.high) == ("not-inferior", 0.0, 0.0, 0.0)
    assert (made.rows, made.days, made.margin) == (300, 10, MARGIN)
    assert made.champion_brier == made.challenger_brier and made.champion_auc == made.challenger_auc


def test_each_answer_on_a_case_made_for_it() -> None:
    labels, fair, at = rows(20, 200)
    draw = np.random.default_rng(2)
    worse = np.clip(fair + draw.normal(0, 0.2, len(fair)), 0, 1)
    slightly = np.clip(fair + draw.normal(0, 0.03, len(fair)), 0, 1)
    assert compare(labels, worse, fair, at, MARGIN, 7).answer == "superior"
    assert compare(labels, fair, worse, at, MARGIN, 7).answer == "inferior"
    assert compare(labels, fair, slightly, at, 0.01, 7).answer == "not-inferior"
    few = at < 3 * DAY
    assert compare(labels[few], fair[few], slightly[few], at[few], 0.0, 7).answer in ("inconclusive", "inferior")


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        (-0.02, -0.01, "superior"),
        (-0.02, 0.0, "not-inferior"),
        (-0.02, MARGIN, "not-inferior"),
        (-0.02, 0.0021, "inconclusive"),
        (0.002, 0.01, "inconclusive"),
        (0.0021, 0.01, "inferior"),
    ],
)
def test_the_answer_is_where_the_interval_lies(low: float, high: float, answer: str) -> None:
    # two days of one row each: the resampled means are the two days' and their mean, with shares 1/4, 1/4, 1/2
    labels, champion = np.zeros(2), np.full(2, 0.5)
    challenger = np.sqrt(np.array([0.25 + low, 0.25 + high]))
    made = compare(labels, champion, challenger, np.array([0, DAY]), MARGIN, 7)
    assert (made.low, made.high) == pytest.approx((low, high))
    assert made.answer == answer


def test_the_seed_decides_and_nothing_else() -> None:
    labels, fair, at = rows(15, 40)
    other = np.clip(fair + 0.05, 0, 1)
    assert compare(labels, fair, other, at, MARGIN, 7) == compare(labels, fair, other, at, MARGIN, 7)
    assert compare(labels, fair, other, at, MARGIN, 7).low != compare(labels, fair, other, at, MARGIN, 8).low


def test_days_are_the_unit_that_is_resampled() -> None:
    labels, fair, at = rows(12, 1)
    other = np.clip(fair + np.where(np.arange(12) % 2, 0.1, -0.1), 0, 1)
    few = compare(labels, fair, other, at, MARGIN, 7)
    many = compare(np.repeat(labels, 50), np.repeat(fair, 50), np.repeat(other, 50), np.repeat(at, 50), MARGIN, 7)
    assert (few.low, few.high, few.difference) == pytest.approx((many.low, many.high, many.difference))
    assert (few.rows, many.rows, few.days, many.days) == (12, 600, 12, 12)


def test_without_days_the_rows_are_the_unit() -> None:
    labels, fair, _ = rows(1, 400)
    other = np.clip(fair + np.random.default_rng(5).normal(0, 0.1, 400), 0, 1)
    made = compare(labels, fair, other, np.zeros(400), MARGIN, 7)
    loss = (other - labels) ** 2 - (fair - labels) ** 2
    width = 1.2815515655446004 * loss.std(ddof=1) / 20
    assert (made.low, made.high) == pytest.approx((loss.mean() - width, loss.mean() + width))
    assert made.days == 1 and made.low < made.difference < made.high
    lone = compare(labels[:1], fair[:1], other[:1], np.zeros(1), MARGIN, 7)
    assert lone.answer == "inconclusive"


def test_the_interval_covers_as_often_as_it_says() -> None:
    draw, days, per_day, seen, rounds = np.random.default_rng(11), 40, 5, np.zeros(2), 400
    at = np.repeat(np.arange(days) * DAY, per_day)
    for number in range(rounds):
        # both scores err by a noise of their own that lasts a day, alike in size: the true difference is 0
        champion, challenger = (np.clip(0.5 + np.repeat(draw.normal(0, 0.1, days), per_day), 0, 1) for _ in range(2))
        labels = (draw.random(days * per_day) < 0.5).astype(float)
        made = compare(labels, champion, challenger, at, MARGIN, number, draws=400)
        seen += (made.low <= 0, made.high >= 0)
    assert (seen / rounds >= 0.85).all() and (seen / rounds <= 0.95).all(), seen / rounds


def against(answer: Any) -> Comparison:
    return Comparison(300, 10, 0.2, 0.21, 0.7, 0.69, 0.01, 0.005, 0.015, MARGIN, answer)


@pytest.mark.parametrize(
    ("answer", "passed"), [("superior", True), ("not-inferior", True), ("inferior", False), ("inconclusive", False)]
)
def test_against_a_champion_only_proof_passes(answer: str, passed: bool) -> None:
    verdict = judge(Gates(), {}, against(answer))
    assert verdict.passed is passed
    assert verdict.reasons == (
        f"challenger is {answer} to the champion: Brier +0.0100 [+0.0050, +0.0150] over 300 rows of 10 days, margin 0.002",
    )


@pytest.mark.parametrize(
    ("criterion", "value", "passed", "reason"),
    [
        (Criterion(metric="auc", at_least=0.7), 0.7, True, "auc 0.7000, wanted at least 0.7"),
        (Criterion(metric="auc", at_least=0.7), 0.69999, False, "auc 0.7000, wanted at least 0.7"),
        (Criterion(metric="brier", at_most=0.2), 0.2, True, "brier 0.2000, wanted at most 0.2"),
        (Criterion(metric="brier", at_most=0.2), 0.21, False, "brier 0.2100, wanted at most 0.2"),
        (Criterion(metric="auc", at_least=0.6, at_most=0.9), 0.95, False, "auc 0.9500, wanted at least 0.6 and at most 0.9"),
        (Criterion(metric="auc", at_least=0.7), None, False, "auc cannot be told from the hold-out"),
    ],
)
def test_every_minimum_gives_its_reason(criterion: Criterion, value: float | None, passed: bool, reason: str) -> None:
    verdict = judge(Gates(minimum=(criterion,)), {} if value is None else {criterion.metric: value}, None)
    assert (verdict.passed, verdict.reasons) == (passed, (reason,))


def test_one_failed_criterion_fails_the_gate_and_all_reasons_are_told() -> None:
    gates = Gates(minimum=(Criterion(metric="auc", at_least=0.7), Criterion(metric="brier", at_most=0.2)))
    verdict = judge(gates, {"auc": 0.8, "brier": 0.3}, against("superior"))
    assert not verdict.passed and len(verdict.reasons) == 3
    assert judge(gates, {"auc": 0.8, "brier": 0.1}, against("superior")).passed
    assert not judge(gates, {"auc": 0.8, "brier": 0.1}, replace(against("superior"), answer="inconclusive")).passed


def test_without_a_gate_all_passes_and_says_so() -> None:
    assert judge(Gates(), {}, None).reasons == ("no gate is declared",) and judge(Gates(), {}, None).passed
    assert failed(["a", "b"]).reasons == ("a", "b") and not failed([]).passed
