"""Quality of probabilistic scores: what is reported, gated and watched. Numpy only."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from baton.training.loss import log_loss

Array = np.ndarray[Any, Any]


def auc(labels: Array, scores: Array) -> float | None:
    """Area under the ROC curve by mid-ranks (Mann–Whitney), ties counted half; None with one class only."""
    positives = int(np.count_nonzero(labels))
    negatives = len(labels) - positives
    if positives == 0 or negatives == 0:
        return None
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    total = float(ranks[inverse][labels > 0].sum())
    return (total - positives * (positives + 1) / 2) / (positives * negatives)


def brier(labels: Array, scores: Array) -> float | None:
    """Mean squared difference of score and truth (Brier 1950); None without rows."""
    return float(np.mean((scores - labels) ** 2)) if len(labels) else None


METRICS: Mapping[str, Callable[[Array, Array], float | None]] = {"auc": auc, "brier": brier, "logloss": log_loss}


def quality(labels: Array, scores: Array) -> dict[str, float | None]:
    """All metrics by name."""
    return {name: metric(labels, scores) for name, metric in METRICS.items()}
