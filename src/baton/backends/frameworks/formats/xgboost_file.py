"""XGBoost's own JSON and UBJSON forms."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from baton.backends.frameworks.formats.label import place_of
from baton.kernel.errors import InvalidInput, MissingExtra

Array = np.ndarray[Any, Any]
_PROBABLE = ("binary:logistic", "reg:logistic", "multi:softprob", "multi:softmax")


class XgboostFile:
    """A booster; features are numbers, categories their codes."""

    whole = False

    def __init__(self, data: bytes, label: str) -> None:
        try:
            import xgboost
        except ImportError as error:
            raise MissingExtra(
                "XGBoost's files need a part that is not installed", fix="pip install 'baton-ml[xgboost]'"
            ) from error
        self._library, self._booster = xgboost, xgboost.Booster({"nthread": 1})
        try:
            self._booster.load_model(bytearray(data))
        except (xgboost.core.XGBoostError, ValueError) as error:
            raise InvalidInput(
                "XGBoost cannot read the model", why=str(error).splitlines()[0][:300], fix="save it again"
            ) from error
        self.width = self._booster.num_features()
        self.names = tuple(self._booster.feature_names or ())
        learner = json.loads(self._booster.save_config())["learner"]
        objective = learner["objective"]["name"]
        self.kind = "probability" if objective in _PROBABLE else "score"
        count = int(learner["learner_model_param"].get("num_class", 0))
        self.classes = tuple(str(number) for number in range(count)) if count > 1 else ()
        if objective == "multi:softmax":
            self._booster.set_param({"objective": "multi:softprob"})
        self._place = place_of(label, self.classes)
        self.categories: dict[str, tuple[str, ...]] = {}

    def score(self, matrix: Array) -> Array:
        """What XGBoost predicts; NaN is missing."""
        found = np.asarray(self._booster.inplace_predict(matrix, missing=np.nan, validate_features=False), dtype=np.float64)
        return found[:, self._place] if found.ndim == 2 else found

    def edges(self) -> Sequence[tuple[int, float]]:
        """Every threshold of every numerical split."""
        names = {name: position for position, name in enumerate(self.names)}
        found = []
        for tree in self._booster.get_dump(dump_format="json"):
            for node in _nodes(json.loads(tree)):
                split = str(node["split"])
                place = names.get(split, int(split[1:]) if split[1:].isdigit() else -1)
                if isinstance(node.get("split_condition"), int | float) and place >= 0:
                    found.append((place, float(node["split_condition"])))
        return found

    def onnx(self) -> bytes:
        """Through onnxmltools, which wants features without names."""
        from onnxmltools import convert_xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType

        from baton.backends.frameworks.formats.graph import converted

        nameless = self._library.Booster()
        nameless.load_model(self._booster.save_raw("ubj"))
        nameless.feature_names = None
        types = [("input", FloatTensorType([None, self.width]))]
        return converted(
            lambda: convert_xgboost(nameless, name="model", initial_types=types, target_opset=15), self.width, self._place
        )

    def native(self) -> bytes:
        """UBJSON, whatever it came as."""
        return bytes(self._booster.save_raw("ubj"))


def _nodes(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "split" in tree:
        yield tree
        for child in tree.get("children", ()):
            yield from _nodes(child)
