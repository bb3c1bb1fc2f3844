"""ONNX as somebody exported it: any numeric inputs, probabilities as a matrix or as ZipMap's dictionaries."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from baton.backends.frameworks.formats.graph import classes_of, fitted, inputs_of, parsed, width_of, written
from baton.backends.frameworks.formats.label import place_of
from baton.kernel.errors import InvalidInput

Array = np.ndarray[Any, Any]
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(float16)": np.float16,
    "tensor(bool)": np.bool_,
}


class OnnxGraph:
    """A graph; `score` runs it as it came, `onnx` makes it fit."""

    whole = False
    kind = ""

    def __init__(self, data: bytes, label: str) -> None:
        import onnxruntime

        self._data, self._model = data, parsed(data)
        onnxruntime.set_default_logger_severity(4)
        try:
            self._session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise InvalidInput("the graph cannot be run", why=str(error).splitlines()[0][:300], fix="export it again") from error
        given = inputs_of(self._model)
        self.width = width_of(self._model)
        self.names = tuple(each.name for each in given) if len(given) > 1 else ()
        self.classes = classes_of(self._model)
        if label and not self.classes:
            raise InvalidInput("the model names no classes", where="--label", fix="leave --label out")
        self._place = place_of(label, self.classes)
        self.categories: dict[str, tuple[str, ...]] = {}

    def score(self, matrix: Array) -> Array:
        """What the graph gives when it is fed as it wants."""
        feed: dict[str, Array] = {}
        given = self._session.get_inputs()
        for position, each in enumerate(given):
            values = matrix if len(given) == 1 else matrix[:, position : position + 1]
            with np.errstate(invalid="ignore", over="ignore"):
                feed[each.name] = values.astype(_TYPES.get(each.type, np.float32))
        outputs = self._session.run(None, feed)
        kinds = [each.type for each in self._session.get_outputs()]
        last = [
            out
            for out, kind in zip(outputs, kinds, strict=True)
            if kind.startswith("seq(") or "float" in kind or "double" in kind
        ]
        return self._column(last[-1] if last else outputs[-1], len(matrix))

    def _column(self, out: Any, rows: int) -> Array:
        if isinstance(out, list):
            keys = list(out[0])
            return np.array([row[keys[self._place]] for row in out], dtype=np.float64)
        found = np.asarray(out, dtype=np.float64)
        if found.size % max(rows, 1) or found.ndim > 2:
            raise InvalidInput("the model gives no number a row", why=f"{rows} rows gave {found.shape}", fix="export it again")
        columns = found.reshape(rows, -1)
        if columns.shape[1] > 2 and not self.classes:
            raise InvalidInput(
                f"the model gives {columns.shape[1]} numbers a row and names none of them",
                why="a score is one number",
                fix="export it with its class labels, or with one output",
            )
        return columns[:, self._place]

    def edges(self) -> Sequence[tuple[int, float]]:
        """Thresholds of tree ensembles."""
        found = []
        for node in self._model.graph.node:
            told = {each.name: each for each in node.attribute}
            if "nodes_featureids" in told and "nodes_values" in told:
                found += list(zip(told["nodes_featureids"].ints, told["nodes_values"].floats, strict=False))
        return found if len(self._session.get_inputs()) == 1 else []

    def onnx(self) -> bytes:
        """The same bytes when they fit, else the graph with as little changed as needed."""
        model, changed = fitted(self._model, self.width, self._place)
        return written(model) if changed else self._data

    def native(self) -> bytes:
        """The file as it came."""
        return self._data
