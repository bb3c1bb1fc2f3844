"""Parity: proof that the shipped form of a model scores like the trained one. Called by the training job."""

from collections.abc import Callable
from typing import Any

import numpy as np

from baton.features.join import Array
from baton.kernel.errors import Refused

ROWS = 5000
"""How many real rows, the last ones, are compared."""

TOLERANCE = 1e-5
"""The largest difference of two scores that counts as equal."""


def onnx_scores(model: bytes, matrix: Array) -> Array:
    """Scores of the shipped form, float64, identity-calibrated."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    out = np.asarray(session.run(None, {session.get_inputs()[0].name: matrix})[-1])
    return (out.reshape(len(matrix), -1)[:, -1]).astype(np.float64)


def parity(model: bytes, score: Callable[[Array], Array], matrix: Array, threshold: float) -> dict[str, Any]:
    """Compare the shipped form with the trained one on real rows (the last ones) and on edge rows.

    Edge rows set each feature in turn to missing, zero, and far beyond either end. Raises Refused when the difference is
    above 1e-5 or an answer flips: a conversion that lies must not ship.
    """
    real = matrix[-ROWS:]
    edges = np.repeat(real[-1:], 4 * matrix.shape[1], axis=0)
    for column in range(matrix.shape[1]):
        edges[4 * column : 4 * column + 4, column] = (np.nan, 0.0, -1e9, 1e9)
    rows = np.concatenate([real, edges])
    ours, theirs = np.asarray(score(rows)), onnx_scores(model, rows)
    largest = float(np.max(np.abs(ours - theirs)))
    flips = int(np.count_nonzero(((ours >= threshold) != (theirs >= threshold)) & (np.abs(ours - threshold) > TOLERANCE)))
    if largest > TOLERANCE or flips:
        raise Refused(
            "the shipped form does not score like the trained model",
            why=f"largest difference {largest:.2e} over {len(rows)} rows, {flips} answers flipped",
            fix="use another learner in recipe.learners",
        )
    return {"rows": len(rows), "largest_difference": largest, "flips": flips}
