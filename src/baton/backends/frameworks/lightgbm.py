"""Gradient boosted trees by LightGBM, fixed to one seed, one thread order and column-wise histograms so that runs repeat."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np

from baton.training.ports import Array, Fitted, Params

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

MOST_ROUNDS = 600
_FIXED = {
    "objective": "binary",
    "verbosity": -1,
    "deterministic": True,
    "force_col_wise": True,
    "num_threads": 2,
    "feature_pre_filter": False,
    "max_bin": 63,
}


class LightGbm:
    """The LightGBM learner."""

    name = "lightgbm"

    def portfolio(self) -> tuple[Params, ...]:
        """Meta-tuned defaults (after pytabkit's LGBM-TD, Holzmüller et al. 2024), and a more cautious set."""
        return (
            {
                "learning_rate": 0.05,
                "num_leaves": 31,
                "min_data_in_leaf": 200,
                "feature_fraction": 0.6,
                "bagging_fraction": 0.7,
                "bagging_freq": 1,
                "lambda_l2": 10.0,
            },
            {
                "learning_rate": 0.04,
                "num_leaves": 50,
                "min_data_in_leaf": 40,
                "feature_fraction": 1.0,
                "bagging_fraction": 0.75,
                "bagging_freq": 1,
                "lambda_l2": 1.0,
            },
        )

    def suggest(self, trial: "BaseTrial") -> Params:
        """Draw leaves, leaf size, sampling and regularisation."""
        return {
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.15, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 8, 96, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 20, 600, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.4, 1.0),
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
            "bagging_freq": 1,
            "lambda_l2": trial.suggest_float("lambda_l2", 1e-2, 50.0, log=True),
        }

    def fit(self, matrix: Array, labels: Array, params: Params, seed: int, stop_on: tuple[Array, Array] | None = None) -> Fitted:
        """Fit a booster. `rounds` in params fixes the rounds; else they stop on the validation rows."""
        stop_on = None if "rounds" in params else stop_on
        settings = {**_FIXED, "seed": seed, **{name: value for name, value in params.items() if name != "rounds"}}
        settings["min_data_in_leaf"] = min(int(params.get("min_data_in_leaf", 20)), max(1, len(labels) // 20))
        data = lightgbm.Dataset(matrix, labels, free_raw_data=True)
        rounds = int(params.get("rounds", MOST_ROUNDS))
        watch = None if stop_on is None else [lightgbm.Dataset(stop_on[0], stop_on[1], reference=data)]
        stops: list[Callable[..., Any]] = [] if stop_on is None else [lightgbm.early_stopping(30, verbose=False)]
        booster = lightgbm.train(settings, data, rounds, valid_sets=watch, callbacks=stops)
        used = (booster.best_iteration or booster.current_iteration()) if stop_on is not None else rounds
        return _Booster(single_precision(booster.model_to_string(num_iteration=max(1, used))), max(1, used))


def single_precision(text: str) -> str:
    """The model with every threshold lowered to a float32: `x <= t` answers the same for all float32 x, in any runtime.

    Without it a runtime that stores thresholds as float32 rounds some upwards, and rows on the edge take the other branch.
    """
    lines = [line for line in text.split("\n") if not line.startswith("tree_sizes=")]
    return "\n".join(
        f"threshold={_lowered(line.removeprefix('threshold='))}" if line.startswith("threshold=") else line for line in lines
    )


def _lowered(values: str) -> str:
    exact = np.array(values.split(), dtype=np.float64)
    # A split of missing against all the rest stands at the end of float64; the single below the lowest one is -inf.
    with np.errstate(over="ignore", under="ignore"):
        single = exact.astype(np.float32)
        below = np.nextafter(single, np.float32(-np.inf))
    lowered = np.where(single.astype(np.float64) > exact, below, single)
    return " ".join(repr(float(value)) for value in lowered)


class _Booster:
    def __init__(self, text: str, rounds: int) -> None:
        self._text, self.rounds = text, rounds
        self._booster = lightgbm.Booster(model_str=text)

    def score(self, matrix: Array) -> Array:
        """Probabilities."""
        return np.asarray(self._booster.predict(matrix, num_threads=2))

    def native(self) -> bytes:
        """LightGBM's text form."""
        return self._text.encode()

    def onnx(self, features: int) -> bytes:
        """Convert the trees; graph names are fixed, for the converter draws them at random."""
        import onnx.helper
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        made = convert_lightgbm(
            self._booster,
            name="model",
            initial_types=[("input", FloatTensorType([None, features]))],
            zipmap=False,
            target_opset=15,
        )
        # The converter collects operator sets in a set, whose order differs from process to process.
        used = sorted((each.domain, each.version) for each in made.opset_import)
        del made.opset_import[:]
        made.opset_import.extend(onnx.helper.make_opsetid(domain, version) for domain, version in used)
        data: bytes = made.SerializeToString(deterministic=True)
        return data

    def importance(self) -> list[float]:
        """Share of total gain."""
        gain = np.asarray(self._booster.feature_importance("gain"), dtype=np.float64)
        return [float(value) for value in gain / max(float(gain.sum()), 1e-12)]
