"""Quality and value on the truth that has arrived: of a day, and of a month."""

from dataclasses import replace
from typing import Any

import numpy as np

from baton.evaluation.metric import auc, brier
from baton.kernel.digest import finite
from baton.monitoring.day import Day
from baton.monitoring.month import Month
from baton.project.definition import OutcomeValue

Array = np.ndarray[Any, Any]


def matured(day: Day, scores: Array, labels: Array, status: str) -> Day:
    """The day with the truth that has arrived for its answered predictions."""
    if not len(labels):
        return replace(day, status=status)
    return replace(
        day,
        status=status,
        labelled=len(labels),
        error=finite(float(np.mean(scores - labels))),
        brier=finite(float(np.mean((scores - labels) ** 2))),
    )


def money(worth: OutcomeValue, labels: Array, scores: Array) -> float:
    """What the decisions were worth: the outcome matrix applied at the threshold."""
    acted, true = scores >= worth.threshold, labels > 0
    counts = {
        "true_positive": np.count_nonzero(acted & true),
        "false_positive": np.count_nonzero(acted & ~true),
        "false_negative": np.count_nonzero(~acted & true),
        "true_negative": np.count_nonzero(~acted & ~true),
    }
    return round(float(sum(int(count) * getattr(worth, outcome) for outcome, count in counts.items())), 2)


def judge_month(
    month: str, predictions: int, answered: tuple[Array, Array], frozen: tuple[Array, Array], worth: OutcomeValue, *, closed: bool
) -> Month:
    """The month from (labels, scores) of answered predictions and of the frozen model, both with arrived labels only."""
    labels, scores = answered
    return Month(
        id=month,
        status="closed" if closed else "open",
        month=month,
        predictions=predictions,
        labelled=len(labels),
        auc=finite(auc(labels, scores), 12),
        brier=finite(brier(labels, scores), 12),
        late_rate=finite(float(labels.mean()), 12) if len(labels) else None,
        value=money(worth, labels, scores) if len(labels) else None,
        frozen_auc=finite(auc(*frozen), 12),
        frozen_brier=finite(brier(*frozen), 12),
        frozen_value=money(worth, *frozen) if len(frozen[0]) else None,
    )
