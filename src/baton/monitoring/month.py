"""A month of service in the numbers that people ask for: quality, value, and the same for the frozen first model."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from baton.evaluation.metric import auc, brier
from baton.kernel.digest import finite
from baton.project.definition import OutcomeValue

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Month:
    """One month by decision time (UTC). Quality is over predictions whose label has arrived; `value` in the problem's currency."""

    KIND: ClassVar[str] = "month"
    id: str
    status: str
    month: str
    predictions: int
    labelled: int
    auc: float | None
    brier: float | None
    late_rate: float | None
    value: float | None
    frozen_auc: float | None
    frozen_brier: float | None
    frozen_value: float | None = None

    @property
    def matured(self) -> float:
        """Share of predictions whose label has arrived."""
        return self.labelled / self.predictions if self.predictions else 0.0


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
