"""A model in service: a verified bundle, its features plan, a warmed session and the calibration after it.

Called by the data plane when a routing is loaded. The feature file runs only after the bundle's signature was checked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Any

import numpy as np

from baton.features.view import FeaturePlan, plan_from_source
from baton.kernel.errors import BatonError, Corrupt, InvalidInput
from baton.registry.bundle import Bundle, Calibration, unpack
from baton.registry.signature import Signature

Array = np.ndarray[Any, Any]
Columns = Mapping[str, Sequence[Any] | Array]
_FIX = "restore it from a copy of the workspace, or go back a version: baton rollback"
_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that can score. `time_columns` are looked-up columns that request functions see as datetime64[us]; `names` are
    the signature's."""

    bundle: Bundle
    plan: FeaturePlan
    time_columns: frozenset[str]
    run: Callable[[Array], Array] = field(repr=False)
    names: tuple[str, ...]

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

    def score(self, columns: Columns) -> list[float]:
        """The calibrated probability of each row. Raises InvalidInput naming the first row for which there is none."""
        with np.errstate(over="ignore"):
            matrix = self.signature.encode(columns)
        scores: list[float] = self.run(matrix).tolist()
        lost = next((row for row, score in enumerate(scores) if isnan(score)), None)
        if lost is not None:
            empty = [name for name, value in zip(self.signature.names, matrix[lost], strict=True) if np.isnan(value)]
            raise InvalidInput(
                f"the model has no score for row {lost}",
                where=f"row {lost}",
                why=f"missing there: {', '.join(empty[:10]) or 'nothing'}",
                fix="give every feature a value: this model cannot do without",
            )
        return scores


def load_model(data: bytes, seal: bytes, verify: Callable[[bytes, bytes], bool]) -> ServedModel:
    """Check, load and warm a bundle. Raises Corrupt or Incompatible when it cannot be put in service."""
    bundle = unpack(data, seal, verify)
    signature, lineage = bundle.manifest.signature, bundle.manifest.lineage
    plan = plan_from_source(bundle.features) if bundle.features.strip() else FeaturePlan((), (), ())
    absent = [name for name in signature.names if plan.names and name not in plan.names]
    if absent or not signature.names:
        raise Corrupt(
            "the bundle contradicts itself", why=f"features.py does not make {', '.join(absent[:10]) or 'any feature'}", fix=_FIX
        )
    run = _calibrated(_session(bundle.model, len(signature.names)), bundle.manifest.calibration)
    _warm(run, len(signature.names))
    times = frozenset(filter(None, (name.strip() for name in lineage.get("time_columns", "").split(","))))
    return ServedModel(bundle, plan, times, run, signature.names)


def _session(model: bytes, width: int) -> Callable[[Array], Array]:
    """The graph as a function from the float32 matrix to the positive class's raw probability."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise Corrupt("the bundle's model cannot be loaded", why=str(error).splitlines()[0], fix=_FIX) from error
    inputs, outputs = session.get_inputs(), [session.get_outputs()[-1].name]
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
    name = inputs[0].name
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


def _warm(run: Callable[[Array], Array], width: int) -> None:
    """One row, then two: the first run is slow, and a graph that cannot score must not go into service."""
    for rows in (1, 2):
        try:
            scores = run(np.zeros((rows, width), dtype=np.float32))
        except BatonError:
            raise
        except Exception as error:
            raise Corrupt("the bundle's model fails on a row of zeros", why=str(error).splitlines()[0], fix=_FIX) from error
        if scores.shape != (rows,) or np.any((scores < -_SLACK) | (scores > 1 + _SLACK)):
            raise Corrupt(
                "the model's last output is not a probability per row",
                why=f"{rows} rows of zeros gave {scores.tolist()[:3]}",
                fix=_FIX,
            )
