"""A regularised logistic regression: the baseline that a more complex model has to beat."""

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from baton.kernel.digest import canonical
from baton.training.ports import Array, Fitted, Params

if TYPE_CHECKING:
    from optuna.trial import BaseTrial


class Linear:
    """Missing values take the mean, inputs are standardised, weights shrink by an L2 penalty."""

    name = "linear"

    def portfolio(self) -> tuple[Params, ...]:
        """One mild penalty."""
        return ({"c": 1.0},)

    def suggest(self, trial: "BaseTrial") -> Params:
        """Draw the inverse penalty."""
        return {"c": trial.suggest_float("c", 1e-3, 1e2, log=True)}

    def fit(self, matrix: Array, labels: Array, params: Params, seed: int, stop_on: tuple[Array, Array] | None = None) -> Fitted:
        """Fit by L-BFGS from zero: no randomness. Long tables are thinned evenly to 100,000 rows, ample for so few weights."""
        from sklearn.linear_model import LogisticRegression

        step = max(1, len(labels) // 100_000)
        rows, truth = matrix[::step].astype(np.float64), labels[::step]
        with np.errstate(all="ignore"):
            seen = np.isfinite(rows)
            mean = np.where(seen, rows, 0.0).sum(axis=0) / np.maximum(1, seen.sum(axis=0))
            filled = np.where(seen, rows, mean)
            scale = np.maximum(filled.std(axis=0), 1e-9)
        model = LogisticRegression(C=float(params["c"]), max_iter=200).fit((filled - mean) / scale, truth)
        weights, centre = model.coef_[0] / scale, mean.astype(np.float32)
        intercept = float(model.intercept_[0]) + float((centre - mean) @ weights)
        return _Weights(centre, weights.astype(np.float32), np.float32(intercept))


class _Weights:
    rounds = 1

    def __init__(self, mean: Array, weights: Array, intercept: np.float32) -> None:
        self._mean, self._weights, self._intercept = mean, weights, intercept

    def score(self, matrix: Array) -> Array:
        """Probabilities, computed in float32 as the shipped graph computes them."""
        away = np.where(np.isnan(matrix), self._mean, matrix).astype(np.float32) - self._mean
        raw = away @ self._weights + self._intercept
        with np.errstate(over="ignore"):
            return np.asarray(1.0 / (1.0 + np.exp(-raw.astype(np.float64))))

    def native(self) -> bytes:
        """JSON with mean, weights, and the intercept at the mean."""
        return canonical(
            msgspec.to_builtins(
                {"mean": self._mean.tolist(), "weights": self._weights.tolist(), "intercept": float(self._intercept)}
            )
        )

    def onnx(self, features: int) -> bytes:
        """(Where(IsNaN(x), mean, x) − mean) · w + b, then the sigmoid: far from zero a float32 holds distances, not products."""
        from onnx import TensorProto, helper, numpy_helper

        nodes = [
            helper.make_node("IsNaN", ["input"], ["missing"]),
            helper.make_node("Where", ["missing", "mean", "input"], ["filled"]),
            helper.make_node("Sub", ["filled", "mean"], ["away"]),
            helper.make_node("Gemm", ["away", "weights", "intercept"], ["raw"]),
            helper.make_node("Sigmoid", ["raw"], ["probability"]),
        ]
        constants = [
            numpy_helper.from_array(self._mean.reshape(1, -1), "mean"),
            numpy_helper.from_array(self._weights.reshape(-1, 1), "weights"),
            numpy_helper.from_array(np.array([self._intercept], dtype=np.float32), "intercept"),
        ]
        graph = helper.make_graph(
            nodes,
            "model",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, features])],
            [helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 1])],
            constants,
        )
        data: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8).SerializeToString(
            deterministic=True
        )
        return data

    def importance(self) -> list[float]:
        """Share of absolute weight."""
        size = np.abs(self._weights.astype(np.float64))
        return [float(value) for value in size / max(float(size.sum()), 1e-12)]
