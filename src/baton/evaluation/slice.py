"""Quality by slice: the same metrics for every value of a feature that has enough rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from baton.evaluation.metric import quality
from baton.kernel.digest import finite

Array = np.ndarray[Any, Any]
MOST = 50


@dataclass(frozen=True, slots=True)
class SliceQuality:
    """Metrics of the rows where `feature` equals `value`."""

    feature: str
    value: str
    rows: int
    auc: float | None
    brier: float | None


def by_slice(
    labels: Array, scores: Array, columns: Mapping[str, Array], features: Sequence[str], floor: int
) -> tuple[SliceQuality, ...]:
    """Metrics per value of each feature with at least `floor` rows, worst Brier first, at most 50 a feature."""
    found = []
    for feature in features:
        values, inverse, counts = np.unique(columns[feature].astype(str), return_inverse=True, return_counts=True)
        for code in np.argsort(-counts, kind="stable")[:MOST]:
            if counts[code] >= floor:
                rows = inverse == code
                made = quality(labels[rows], scores[rows])
                found.append(
                    SliceQuality(feature, str(values[code]), int(counts[code]), finite(made["auc"]), finite(made["brier"]))
                )
    return tuple(sorted(found, key=lambda each: -(each.brier or 0)))
