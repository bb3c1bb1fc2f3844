"""scikit-learn estimators as skops keeps them: a zip of a schema and arrays, of allow-listed types only, never a pickle."""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from baton.backends.frameworks.formats.label import place_of
from baton.kernel.errors import InvalidInput, MissingExtra, Refused
from baton.registry.bundle import LIMIT

Array = np.ndarray[Any, Any]
MORE_TYPES = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor", "sklearn.tree._tree.Tree")
"""Trusted beside what skops trusts by itself: trees, which hold numbers and run nothing when they are made. Their libraries
follow the numbers without looking, so every tree is checked before it is used."""

_MEMBER = re.compile(r"schema\.json|[A-Za-z0-9_]+\.(npy|npz)")


class SkopsFile:
    """An estimator or a pipeline over numbers. Some take no row with a missing value: those are `whole`."""

    def __init__(self, data: bytes, label: str) -> None:
        try:
            import skops.io
        except ImportError as error:
            raise MissingExtra("skops files need a part that is not installed", fix="pip install 'baton-ml[skops]'") from error
        self._data = data
        _refuse_odd_members(data)
        try:
            strange = sorted(set(skops.io.get_untrusted_types(data=data)) - set(MORE_TYPES))
            if strange:
                raise _untrusted(strange)
            self._model = skops.io.loads(data, trusted=list(MORE_TYPES))
        except Refused:
            raise
        except Exception as error:
            why = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            raise InvalidInput(
                "skops cannot read the model", why=why, fix="save it again, with the skops of this environment"
            ) from error
        self.width = int(getattr(self._model, "n_features_in_", 0))
        _refuse_torn_trees(self._model)
        self.names = tuple(map(str, getattr(self._model, "feature_names_in_", ())))
        probable = hasattr(self._model, "predict_proba")
        self.kind = "probability" if probable else "score"
        self.classes = tuple(map(str, getattr(self._model, "classes_", ()))) if probable else ()
        if not probable and hasattr(self._model, "classes_"):
            raise InvalidInput(
                f"{type(self._model).__name__} gives no probabilities",
                why="a classifier without predict_proba answers with labels only",
                fix="wrap it: CalibratedClassifierCV(model).fit(…)",
            )
        self._place = place_of(label, self.classes)
        self.categories: dict[str, tuple[str, ...]] = {}
        self.whole = self._refuses_missing()

    def score(self, matrix: Array) -> Array:
        """What scikit-learn predicts; a row that it does not take has no score."""
        found = np.full(len(matrix), np.nan)
        taken = ~np.isnan(matrix).any(axis=1) if self.whole else np.ones(len(matrix), dtype=bool)
        if taken.any():
            found[taken] = self._predicted(matrix[taken])
        return found

    def edges(self) -> Sequence[tuple[int, float]]:
        """None that are known."""
        return ()

    def onnx(self) -> bytes:
        """Through skl2onnx."""
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import FloatTensorType

        from baton.backends.frameworks.formats.graph import converted

        types = [("input", FloatTensorType([None, self.width]))]
        options = {"zipmap": False} if self.kind == "probability" else None
        return converted(
            lambda: to_onnx(self._model, name="model", initial_types=types, options=options, target_opset=15),
            self.width,
            self._place,
            whole=self.whole,
        )

    def native(self) -> bytes:
        """The file as it came."""
        return self._data

    def _predicted(self, matrix: Array) -> Array:
        """Rows that scikit-learn refuses (a number grown too large on the way) have no score; the others keep theirs."""
        try:
            return self._predict(matrix)
        except ValueError:
            if len(matrix) == 1:
                return np.array([np.nan])
            half = len(matrix) // 2
            return np.concatenate([self._predicted(matrix[:half]), self._predicted(matrix[half:])])

    def _predict(self, matrix: Array) -> Array:
        if self.kind == "probability":
            return np.asarray(self._model.predict_proba(matrix)[:, self._place], dtype=np.float64)
        return np.asarray(self._model.predict(matrix), dtype=np.float64).reshape(len(matrix))

    def _refuses_missing(self) -> bool:
        """Tried out: there is no list of who takes missing values."""
        row = np.zeros((1, self.width), dtype=np.float32)
        try:
            self._predict(row)
        except Exception as error:
            why = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            raise InvalidInput(
                "the model does not take a row of numbers",
                why=why,
                fix="a served row is one line of float32 numbers: encode texts before the model, and name their values in --schema",
            ) from error
        try:
            for place in range(self.width):
                holed = row.copy()
                holed[0, place] = np.nan
                if np.isnan(self._predict(holed)).any():
                    return True
        except ValueError:
            return True
        return False


def _untrusted(types: Sequence[str]) -> Refused:
    why = f"it holds {', '.join(types[:5])}"
    fix = "save the plain scikit-learn estimator"
    if any(name.startswith("lightgbm.") for name in types):
        fix = "save LightGBM's own text: model.booster_.save_model('model.txt')"
    if any(name.startswith("xgboost.") for name in types):
        fix = "save XGBoost's own form: model.save_model('model.ubj')"
    return Refused("the model holds types that are not on the list of those that may be loaded", why=why, fix=fix)


def _refuse_torn_trees(model: Any) -> None:
    """Every child must be a node of its tree, after its parent so that no walk is endless, and every feature an input."""
    for tree in _trees(model, set()):
        if hasattr(tree, "children_left"):
            left, right, inner = tree.children_left, tree.children_right, tree.children_left != -1
            features, width = tree.feature[inner], tree.n_features
        else:
            left, right, inner = tree.nodes["left"], tree.nodes["right"], tree.nodes["is_leaf"] == 0
            features, width = tree.nodes["feature_idx"][inner], getattr(model, "n_features_in_", 0) or 1 << 20
        places = np.arange(len(left))[inner]
        whole = all(np.all((side[inner] > places) & (side[inner] < len(left))) for side in (left, right))
        if not whole or np.any(features < 0) or np.any(features >= width):
            raise Refused("a tree of the model is torn", why="it points outside itself", fix="save the model again")


def _trees(value: Any, seen: set[int]) -> Iterator[Any]:
    if id(value) in seen or isinstance(value, str | bytes | int | float | type(None)):
        return
    seen.add(id(value))
    if type(value).__name__ in ("Tree", "TreePredictor"):
        yield value
    elif isinstance(value, dict):
        yield from (tree for each in value.values() for tree in _trees(each, seen))
    elif isinstance(value, list | tuple):
        yield from (tree for each in value for tree in _trees(each, seen))
    elif isinstance(value, np.ndarray) and value.dtype == object:
        yield from _trees(value.ravel().tolist(), seen)
    elif hasattr(value, "__dict__"):
        yield from _trees(vars(value), seen)


def _refuse_odd_members(data: bytes) -> None:
    """Only a schema and arrays, each once, that together unpack to no more than a bundle may hold."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except zipfile.BadZipFile as error:
        raise InvalidInput(
            "the file is no skops file", why=str(error), fix="save it again: skops.io.dump(model, 'model.skops')"
        ) from error
    names = [entry.filename for entry in entries]
    odd = [name for name in names if not _MEMBER.fullmatch(name)]
    if odd or "schema.json" not in names or len(set(names)) < len(names):
        raise Refused(
            "the zip is no skops file",
            why=f"it holds {odd[0][:80]!r}" if odd else "it has no schema.json, or a member twice",
            fix="save it with skops.io.dump(model, 'model.skops'); torch and joblib archives are not taken",
        )
    if sum(entry.file_size for entry in entries) > LIMIT:
        raise Refused("the model is too large", why=f"unpacked it is above {LIMIT >> 20} MiB", fix="make the model smaller")
