"""Tiny real bundles: a logistic model over a few features, packed like any other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from baton.features.online import entity_view
from baton.features.ports import Values
from baton.features.view import plan_from_source
from baton.registry.bundle import Calibration, Manifest, Parity, pack
from baton.registry.signature import InputFeature, Signature

FEATURES = """
from baton.features import entity, latest, on_request, window

entity(columns=["carrier", "distance"])
latest("weather", key="origin", columns=["wind"], ttl="3h")
window("flights", key="origin", over=["1h"], of={"delay": ["count", "mean", "age"]})


@on_request(inputs=["scheduled", "decided_at"])
def lead_hours(scheduled, decided_at):
    return (scheduled - decided_at).astype("float64") / 3.6e9
"""
IDENTITY = Calibration()
INPUTS = (
    InputFeature("carrier", "category", ("AA", "B6", "UA")),
    InputFeature("distance", "number"),
    InputFeature("weather_wind", "number"),
    InputFeature("origin_delay_count_1h", "number"),
    InputFeature("origin_delay_mean_1h", "number"),
    InputFeature("origin_delay_age_1h", "number"),
    InputFeature("lead_hours", "number"),
)


def online_rows(at: int, count: int) -> list[tuple[str, str, int, Values | None]]:
    """What the online store holds for the tiny bundles at an instant: entities `f0` …, and values for their one airport."""
    latest, window = plan_from_source(FEATURES).views
    hour = 3_600_000_000
    carriers = ("AA", "B6", "ZZ", None)
    rows = [(f"f{n}", at - hour, (carriers[n % 4], 100.0 + n, "JFK", at + n * hour)) for n in range(count)]
    return [
        *((entity_view("flights"), key, known, values) for key, known, values in rows),
        (latest.name, "JFK", at - hour, (7.5,)),
        (window.name, "JFK", at - hour, (3, 2.5, at - 5_000_000)),
    ]


def logistic_onnx(weights: Sequence[float], bias: float = 0.0, *, missing: bool = True) -> bytes:
    """A graph with one output (n, 1): sigmoid(x · weights + bias); with `missing`, NaN counts as 0."""
    import numpy as np
    from onnx import TensorProto, checker, helper, numpy_helper

    weight = numpy_helper.from_array(np.array(weights, dtype=np.float32).reshape(-1, 1), "weight")
    offset = numpy_helper.from_array(np.array([bias], dtype=np.float32), "bias")
    zero = numpy_helper.from_array(np.array(0, dtype=np.float32), "zero")
    nodes = [
        *(
            [helper.make_node("IsNaN", ["x"], ["nan"]), helper.make_node("Where", ["nan", "zero", "x"], ["full"])]
            if missing
            else []
        ),
        helper.make_node("MatMul", ["full" if missing else "x", "weight"], ["dot"]),
        helper.make_node("Add", ["dot", "bias"], ["sum"]),
        helper.make_node("Sigmoid", ["sum"], ["probability"]),
    ]
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, len(weights)])
    given = helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph(nodes, "tiny", [taken], [given], [weight, offset, zero])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


@dataclass(frozen=True, slots=True)
class TinyBundle:
    """What a tiny bundle is made of; versions differ in `bias`. No `model` means a logistic one over the inputs."""

    version: int = 1
    project: str = "flights"
    bias: float = 0.0
    inputs: tuple[InputFeature, ...] = INPUTS
    features: str = FEATURES
    model: bytes | None = None
    calibration: Calibration = IDENTITY
    lineage: Mapping[str, str] = field(default_factory=lambda: {"time_columns": "scheduled"})

    def pack(self) -> bytes:
        """The bundle's bytes."""
        weights = [0.1 * (position + 1) * (-1) ** position for position in range(len(self.inputs))]
        manifest = Manifest(
            format=1,
            project=self.project,
            version=self.version,
            signature=Signature(self.inputs, "id", "flights", 0.5),
            calibration=self.calibration,
            parity=Parity(5000, 0.0, 0),
            lineage=self.lineage,
            members={},
        )
        return pack(manifest, logistic_onnx(weights, self.bias) if self.model is None else self.model, self.features)


def tiny_bundle(**changes: Any) -> bytes:
    """The bytes of a TinyBundle with some fields of its own."""
    return TinyBundle(**changes).pack()
