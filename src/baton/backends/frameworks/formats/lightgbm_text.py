"""LightGBM's own text form."""

import re
from collections.abc import Sequence
from typing import Any

import lightgbm
import msgspec
import numpy as np

from baton.backends.frameworks.formats.label import place_of
from baton.kernel.errors import InvalidInput

Array = np.ndarray[Any, Any]
_PROBABLE = ("binary", "cross_entropy", "multiclass", "multiclassova")


class LightGbmText:
    """A booster; a feature that was a pandas category keeps its values, others are numbers."""

    whole = False

    def __init__(self, data: bytes, label: str) -> None:
        self._data, self._text = data, data.decode("utf-8", errors="replace")
        try:
            self._booster = lightgbm.Booster(model_str=self._text)
        except lightgbm.basic.LightGBMError as error:
            raise InvalidInput("LightGBM cannot read the model", why=str(error), fix="save it again") from error
        self.width = self._booster.num_feature()
        names = tuple(self._booster.feature_name())
        self.names = () if all(re.fullmatch(r"Column_\d+", name) for name in names) else names
        objective = (_line(self._text, "objective") or "custom").split()
        self.kind = "probability" if objective[0] in _PROBABLE else "score"
        models = self._booster.num_model_per_iteration()
        self.classes = tuple(str(number) for number in range(models)) if models > 1 else ()
        self._place = place_of(label, self.classes)
        self.categories = self._categories(names)

    def score(self, matrix: Array) -> Array:
        """What LightGBM predicts."""
        found = np.asarray(self._booster.predict(matrix, num_threads=1), dtype=np.float64)
        return found[:, self._place] if found.ndim == 2 else found

    def edges(self) -> Sequence[tuple[int, float]]:
        """Every threshold of every numerical split."""
        found = []
        for tree in self._text.split("\nTree=")[1:]:
            lines = dict(line.split("=", 1) for line in tree.split("\n") if "=" in line)
            splits = zip(*(lines.get(name, "").split() for name in ("split_feature", "threshold", "decision_type")), strict=False)
            found += [(int(feature), float(at)) for feature, at, kind in splits if not int(kind) & 1]
        return found

    def onnx(self) -> bytes:
        """The trees with thresholds that a float32 can hold, which is all that a served row is compared with."""
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        from baton.backends.frameworks.formats.graph import converted
        from baton.backends.frameworks.lightgbm import single_precision

        lowered = lightgbm.Booster(model_str=single_precision(self._text))
        types = [("input", FloatTensorType([None, self.width]))]
        return converted(
            lambda: convert_lightgbm(lowered, name="model", initial_types=types, zipmap=False, target_opset=15),
            self.width,
            self._place,
        )

    def native(self) -> bytes:
        """The text."""
        return self._data

    def _categories(self, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """Pandas' categories: one list for each categorical feature, in the order of the features that LightGBM split by set."""
        told = _last(self._text, "pandas_categorical")
        lists = msgspec.json.decode(told) if told and told != "null" else []
        infos = (_line(self._text, "feature_infos") or "").split()
        sets = [name for name, info in zip(names, infos, strict=False) if not info.startswith("[") and info != "none"]
        if len(lists) != len(sets):
            return {}
        return {name: tuple(map(str, values)) for name, values in zip(sets, lists, strict=True)}


def _line(text: str, name: str) -> str:
    found = re.search(rf"^{name}=(.*)$", text[:10_000_000], re.MULTILINE)
    return found[1] if found else ""


def _last(text: str, name: str) -> str:
    at = text.rfind(f"\n{name}:")
    return text[at + len(name) + 2 :].split("\n", maxsplit=1)[0] if at >= 0 else ""
