"""What the training room needs: learners behind one interface."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

Array = np.ndarray[Any, Any]
Params = Mapping[str, float | int | str | bool]


class Fitted(Protocol):
    """A trained model."""

    @property
    def rounds(self) -> int:
        """Boosting rounds used (1 for models without rounds)."""
        ...

    def score(self, matrix: Array) -> Array:
        """Probability of the positive class per row, float64."""
        ...

    def native(self) -> bytes:
        """The model in its own safe text form."""
        ...

    def onnx(self, features: int) -> bytes:
        """The model as ONNX: one float32 input (rows, features), the last output the positive probability. Same model, same bytes."""
        ...

    def importance(self) -> list[float]:
        """Share of the model's gain by feature, in order; sums to 1 unless the model is constant."""
        ...


class Learner(Protocol):
    """Fits models of one family. Deterministic: the same data, parameters and seed give the same bytes."""

    name: str

    def portfolio(self) -> tuple[Params, ...]:
        """Parameter sets worth trying first, best guess first."""
        ...

    def suggest(self, trial: "BaseTrial") -> Params:
        """Parameters drawn by a search."""
        ...

    def fit(self, matrix: Array, labels: Array, params: Params, seed: int, stop_on: tuple[Array, Array] | None = None) -> Fitted:
        """Fit; with `stop_on` rounds stop when the log loss on those rows no longer falls."""
        ...
