"""Tiny real bundles: a logistic model over a few features, packed and sealed like any other."""

from collections.abc import Callable, Mapping, Sequence

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


def tiny_bundle(
    seal: Callable[[bytes], bytes],
    *,
    version: int = 1,
    project: str = "flights",
    bias: float = 0.0,
    inputs: tuple[InputFeature, ...] = INPUTS,
    features: str = FEATURES,
    model: bytes | None = None,
    calibration: Calibration = IDENTITY,
    lineage: Mapping[str, str] | None = None,
) -> bytes:
    """A bundle's bytes; different versions of it differ in `bias`."""
    weights = [0.1 * (position + 1) * (-1) ** position for position in range(len(inputs))]
    manifest = Manifest(
        format=1,
        project=project,
        version=version,
        signature=Signature(inputs, "id", "flights", 0.5),
        calibration=calibration,
        parity=Parity(5000, 0.0, 0),
        lineage={"time_columns": "scheduled"} if lineage is None else lineage,
        members={},
    )
    return pack(manifest, logistic_onnx(weights, bias) if model is None else model, features, seal)
