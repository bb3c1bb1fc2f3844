"""Why a score is what it is: what each feature adds to it above the baseline, as Shapley values.

Only the model's own function is asked, on rows that are partly the one in question and partly the baseline, a row of which
everything is missing. For few values given, all their subsets are asked and the values are exact; for more, orders of
adding them are drawn, each with its reverse (antithetic), after Štrumbelj & Kononenko, *Explaining prediction models and
individual predictions with feature contributions* (2014). Drawn from the prediction's id: asked again, it is the same.
A feature that is missing contributes exactly nothing, and all contributions sum to the score less the baseline.
"""

from collections.abc import Sequence
from math import factorial, fsum, isnan
from typing import Any

import numpy as np

from baton.kernel.clock import iso_micros
from baton.kernel.errors import InvalidInput
from baton.serving.codec import Explanation
from baton.serving.model import Array, ServedModel
from baton.serving.work import Part, Work

EXACT = 8  # so many values have 256 subsets, less than the rows of 64 orders
PAIRS, ROWS = 32, 2048
_AT_ONCE = 4096


def explain(work: Work) -> None:
    """Explain the rows that were scored, in any thread; what hinders it is kept with the work."""
    decided_at = iso_micros(work.moment)
    try:
        for part in work.parts:
            if part.runner.answers and part.scores is not None and part.matrix is not None:
                part.explanations = _explained(part, work.identify(part, decided_at))
    except Exception as error:  # noqa: BLE001  told when the work is finished
        work.unexplained = error


def evaluations(features: int) -> int:
    """At most so many rows are scored to explain one."""
    return 2**features if features <= EXACT else 2 * _pairs(features) * (features - 1)


def explaining_us(work: Work) -> float:
    """About how long explaining a request takes."""
    model = work.live.model
    return len(work.call.ids) * model.cost_us(evaluations(len(model.names)))


def contributions(model: ServedModel, row: Array, baseline: Array, score: float, seed: str) -> tuple[float, list[float]]:
    """The baseline's score, and what each feature of a row adds to it; their sum is the score."""
    base = _scored(model, baseline[None, :])[0]
    if isnan(base):
        raise InvalidInput(
            "this model cannot be explained",
            where="explain",
            why="it has no score for a row of which everything is missing",
            fix="leave explain out",
        )
    found = np.zeros(len(row))
    active = np.flatnonzero((row != baseline) & ~(np.isnan(row) & np.isnan(baseline)))
    if len(active):
        ways = _exact if len(active) <= EXACT else _sampled
        found[active] = ways(model, row, baseline, active, seed)
        largest = int(np.argmax(np.abs(found)))
        found[largest] += score - fsum([base, *found])
    return float(base), found.tolist()


def _explained(part: Part, names: Sequence[str]) -> list[Explanation]:
    model, matrix = part.runner.model, part.matrix
    assert matrix is not None
    assert part.scores is not None
    baseline = np.full(matrix.shape[1], np.nan, dtype=np.float32)
    explained = []
    for row, score, name in zip(matrix, part.scores, names, strict=True):
        base, found = contributions(model, row, baseline, score, name)
        explained.append(Explanation(base, dict(zip(model.names, found, strict=True))))
    return explained


def _exact(model: ServedModel, row: Array, baseline: Array, active: Array, _: str) -> Array:
    """Over all subsets of the features given."""
    count = len(active)
    subsets = np.arange(2**count)
    inside = (subsets[:, None] >> np.arange(count)) & 1 == 1
    scores, sizes = _scored(model, _mixed(row, baseline, active, inside)), inside.sum(axis=1)
    weights = np.array([factorial(size) * factorial(count - size - 1) / factorial(count) for size in range(count)])
    return np.array([_gain(scores, subsets[~inside[:, place]], 1 << place, sizes, weights) for place in range(count)])


def _gain(scores: Array, without: Array, bit: int, sizes: Array, weights: Array) -> float:
    return float(np.sum(weights[sizes[without]] * (scores[without | bit] - scores[without])))


def _sampled(model: ServedModel, row: Array, baseline: Array, active: Array, seed: str) -> Array:
    """Over orders drawn with their reverses: what each feature adds when it comes, on average."""
    count = len(active)
    draws = np.random.default_rng(list(seed.encode()))
    orders = np.array([draws.permutation(count) for _ in range(_pairs(count))])
    ranks = np.argsort(np.concatenate([orders, orders[:, ::-1]]), axis=1)
    inside = ranks[:, None, :] < np.arange(count + 1)[None, :, None]
    scores = np.empty(inside.shape[:2])
    scores[:, 0], scores[:, -1] = _scored(model, _mixed(row, baseline, active, inside[0, [0, -1]]))
    between = inside[:, 1:-1].reshape(-1, count)
    scores[:, 1:-1] = _scored(model, _mixed(row, baseline, active, between)).reshape(len(ranks), -1)
    return np.take_along_axis(np.diff(scores, axis=1), ranks, axis=1).mean(axis=0)  # type: ignore[no-any-return]


def _mixed(row: Array, baseline: Array, active: Array, inside: Array) -> Array:
    """The baseline's row, once for each subset, with the row's own values where they are inside it."""
    matrix = np.tile(baseline, (len(inside), 1))
    matrix[:, active] = np.where(inside, row[active], baseline[active])
    return matrix


def _scored(model: ServedModel, matrix: Array) -> Array:
    spans: list[Any] = [model.run(matrix[start : start + _AT_ONCE]) for start in range(0, len(matrix), _AT_ONCE)]
    return np.concatenate(spans).astype(np.float64)


def _pairs(features: int) -> int:
    return max(4, min(PAIRS, ROWS // features))
