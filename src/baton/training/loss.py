"""What a search lowers, and the same number as evaluation reports it. Numpy only."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def log_loss(labels: Array, scores: Array) -> float | None:
    """Mean negative log likelihood, scores clipped to [1e-7, 1 − 1e-7]; None without rows."""
    if not len(labels):
        return None
    safe = np.clip(scores, 1e-7, 1 - 1e-7)
    return float(-np.mean(np.where(labels > 0, np.log(safe), np.log1p(-safe))))
