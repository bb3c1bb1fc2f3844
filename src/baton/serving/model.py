"""A model in service: a verified bundle, its features plan, a warmed session and the calibration after it.

Called by the data plane when a routing is loaded. The feature file runs only after the bundle's signature was checked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, isnan, nan
from typing import Any

import numpy as np

from baton.features.view import FeaturePlan, plan_from_source
from baton.kernel.clock import stopwatch
from baton.kernel.errors import BatonError, Corrupt, InvalidInput
from baton.registry.bundle import Bundle, Calibration, unpack
from baton.registry.signature import Signature
from baton.serving.foreign import Foreign, limits_of
from baton.serving.row import RowScorer

Array = np.ndarray[Any, Any]
Columns = Mapping[str, Sequence[Any] | Array]
_FIX = "put a whole copy of it in its place; in a workspace, go back a version: baton rollback"
_SLACK = 1e-6
_MANY = 33


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that can score. `time_columns` are looked-up columns that request functions see as datetime64[us]; `names` are
    the signature's; `row` is the quick path of single rows, None for a model that it cannot be bound to. One that is `apart`
    lives in another process, which may keep whoever asks waiting: never ask it in the thread that all requests share."""

    bundle: Bundle
    plan: FeaturePlan
    time_columns: frozenset[str]
    run: Callable[[Array], Array] = field(repr=False)
    names: tuple[str, ...]
    row: RowScorer | None = field(default=None, repr=False)
    categories: tuple[tuple[int, str, Mapping[str, int]], ...] = field(default=(), repr=False)
    call_us: float = 0.0
    row_us: float = 0.0
    apart: bool = False

    @property
    def signature(self) -> Signature:
        """The model's inputs."""
        return self.bundle.manifest.signature

    @property
    def version(self) -> int:
        """The model's version."""
        return self.bundle.manifest.version

    @property
    def feed_key(self) -> tuple[str, str, frozenset[str]]:
        """Models with the same key are fed the same columns."""
        return self.plan.digest, self.signature.entity_source, self.time_columns

    def encode(self, columns: Columns) -> Array:
        """The (rows, features) float32 matrix of columns by name."""
        with np.errstate(over="ignore"):
            return self.signature.encode(columns)

    def scores(self, matrix: Array) -> list[float]:
        """The calibrated probability of each row. Raises InvalidInput naming the first row for which there is none."""
        scores: list[float] = self.run(matrix).tolist()
        if any(map(isnan, scores)):
            raise self._unscored(matrix, next(row for row, score in enumerate(scores) if isnan(score)))
        return scores

    def score(self, columns: Columns) -> list[float]:
        """`scores` of columns by name."""
        return self.scores(self.encode(columns))

    def score_rows(self, rows: Sequence[Sequence[Any]]) -> list[float]:
        """The probabilities of rows in the signature's order; NaN where there is none. For a model with a `row`."""
        assert self.row is not None
        return self.row.score(rows)

    def unseen(self, values: Sequence[Any]) -> list[str]:
        """The inputs of one row whose category the model never saw."""
        return [name for place, name, codes in self.categories if values[place] is not None and values[place] not in codes]

    def cost_us(self, rows: int) -> float:
        """About how long scoring so many rows takes, from what it took when the model was warmed."""
        return self.call_us + rows * self.row_us

    def _unscored(self, matrix: Array, row: int) -> InvalidInput:
        empty = [name for name, value in zip(self.signature.names, matrix[row], strict=True) if np.isnan(value)]
        return InvalidInput(
            f"the model has no score for row {row}",
            where=f"row {row}",
            why=f"missing there: {', '.join(empty[:10]) or 'nothing'}",
            fix="give every feature a value: this model cannot do without",
        )


def load_model(
    data: bytes, seal: bytes, verify: Callable[[bytes, bytes], bool], *, memory: int = 0, cores: int = 0
) -> ServedModel:
    """Check, load and warm a bundle. Raises Corrupt or Incompatible when it cannot be put in service.

    `memory` (bytes, of a model in a process of its own) and `cores` come before what the manifest declares. Raises
    Unavailable when that is too little, MissingExtra when the library of a model that is not ONNX is not installed.
    """
    bundle = unpack(data, seal, verify)
    signature, lineage = bundle.manifest.signature, bundle.manifest.lineage
    plan = plan_from_source(bundle.features) if bundle.features.strip() else FeaturePlan((), (), ())
    absent = [name for name in signature.names if plan.names and name not in plan.names]
    if absent or not signature.names:
        raise Corrupt(
            "the bundle contradicts itself", why=f"features.py does not make {', '.join(absent[:10]) or 'any feature'}", fix=_FIX
        )
    scored, row = _scorers(bundle, memory, cores)
    run = _calibrated(scored, bundle.manifest.calibration)
    _warm(run, len(signature.names), bounded=bundle.manifest.running.kind == "probability")
    times = frozenset(filter(None, (name.strip() for name in lineage.get("time_columns", "").split(","))))
    categories = tuple(
        (place, item.name, signature.codes[item.name]) for place, item in enumerate(signature.features) if item.kind == "category"
    )
    costs, apart = _costs(run, len(signature.names)), bundle.manifest.running.form != "onnx"
    return ServedModel(bundle, plan, times, run, signature.names, row, categories, *costs, apart=apart)


def _scorers(bundle: Bundle, memory: int, cores: int) -> tuple[Callable[[Array], Array], RowScorer | None]:
    """The raw scores of a matrix, and the quick path of single rows where there is one."""
    running = bundle.manifest.running
    if running.form != "onnx":
        return _finite(Foreign(bundle, limits_of(bundle, memory, cores)).score), None
    session = _session(bundle.model, len(bundle.manifest.signature.names), cores or running.cpu or 1)
    raw = _positives(session)
    if running.kind == "score":
        return _finite(raw), _row_scorer(session, bundle, FiniteRows)
    return raw, _row_scorer(session, bundle, RowScorer)


class FiniteRows(RowScorer):
    """Single rows of a model whose scores have no bounds: an infinite one is none."""

    def score(self, rows: Sequence[Sequence[Any]]) -> list[float]:
        """The scores of some rows; NaN where there is none."""
        return [score if isfinite(score) else nan for score in super().score(rows)]


def _finite(run: Callable[[Array], Array]) -> Callable[[Array], Array]:
    def scores(matrix: Array) -> Array:
        found = run(matrix)
        return np.where(np.isfinite(found), found, np.nan)

    return scores


def _costs(run: Callable[[Array], Array], width: int) -> tuple[float, float]:
    """Microseconds of a call and of a row more: the shortest of some runs, so that a busy machine is not taken for the model."""
    one, many = (_shortest(run, np.zeros((rows, width), dtype=np.float32)) for rows in (1, _MANY))
    each = max(many - one, 0.0) / (_MANY - 1)
    return max(one - each, 0.0), each


def _shortest(run: Callable[[Array], Array], matrix: Array) -> float:
    took = []
    for _ in range(3):
        elapsed = stopwatch()
        run(matrix)
        took.append(elapsed() * 1e6)
    return min(took)


def _row_scorer(session: Any, bundle: Bundle, kind: type[RowScorer]) -> RowScorer | None:
    try:
        return kind(session, bundle.manifest.signature, bundle.manifest.calibration)
    except (ValueError, TypeError):
        return None


def _session(model: bytes, width: int, cores: int) -> Any:
    """The graph, fit to take one float32 matrix of so many columns, run by so many threads. Memory is the whole process's."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = cores, 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise Corrupt("the bundle's model cannot be loaded", why=str(error).splitlines()[0], fix=_FIX) from error
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)":
        raise Corrupt(
            "the bundle's model does not take one matrix of float32",
            why=", ".join(f"{item.name}: {item.type}" for item in inputs),
            fix=_FIX,
        )
    if len(inputs[0].shape) != 2 or (isinstance(inputs[0].shape[1], int) and inputs[0].shape[1] != width):
        raise Corrupt(
            "the bundle's model and its signature do not fit",
            why=f"the graph takes {inputs[0].shape}, the signature has {width} features",
            fix=_FIX,
        )
    return session


def _positives(session: Any) -> Callable[[Array], Array]:
    """The graph as a function from the float32 matrix to the positive class's raw probability."""
    name, outputs = session.get_inputs()[0].name, [session.get_outputs()[-1].name]
    return lambda matrix: _positive(session.run(outputs, {name: matrix})[0])


def _positive(out: Any) -> Array:
    """(n,), (n, 1) or (n, 2): the positive class is the last column."""
    if not isinstance(out, np.ndarray) or out.ndim not in (1, 2) or (out.ndim == 2 and out.shape[1] not in (1, 2)):
        raise Corrupt(
            "the model's last output is not a probability per row",
            why=f"it is {getattr(out, 'shape', type(out).__name__)}",
            fix=_FIX,
        )
    return out[:, -1] if out.ndim == 2 else out


def _calibrated(run: Callable[[Array], Array], calibration: Calibration) -> Callable[[Array], Array]:
    if not calibration.raw:
        return lambda matrix: run(matrix).astype(np.float64)
    raw, probability = np.array(calibration.raw), np.array(calibration.probability)
    if raw.shape != probability.shape or np.any(np.diff(raw) < 0) or np.any(np.diff(probability) < 0):
        raise Corrupt("the bundle's calibration is not a monotone map", fix=_FIX)
    return lambda matrix: np.interp(run(matrix), raw, probability)


def _warm(run: Callable[[Array], Array], width: int, *, bounded: bool) -> None:
    """One row, then two: the first run is slow, and a model that cannot score must not go into service."""
    for rows in (1, 2):
        try:
            scores = run(np.zeros((rows, width), dtype=np.float32))
        except BatonError:
            raise
        except Exception as error:
            raise Corrupt("the bundle's model fails on a row of zeros", why=str(error).splitlines()[0], fix=_FIX) from error
        if scores.shape != (rows,) or (bounded and np.any((scores < -_SLACK) | (scores > 1 + _SLACK))):
            raise Corrupt(
                f"the model's last output is not a {'probability' if bounded else 'score'} per row",
                why=f"{rows} rows of zeros gave {scores.tolist()[:3]}",
                fix=_FIX,
            )
