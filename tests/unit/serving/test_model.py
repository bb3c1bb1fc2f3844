"""Models in service: what is refused at the door, and that scores are what the graph says."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from baton.backends.keys import Sealer
from baton.kernel.digest import digest_bytes
from baton.kernel.errors import Corrupt, InvalidInput, InvalidProject
from baton.registry.bundle import Calibration
from baton.registry.signature import InputFeature
from baton.serving.model import load_model
from baton.testing.bundles import INPUTS, logistic_onnx, tiny_bundle

KEYS = Sealer(Ed25519PrivateKey.generate())
PLAIN = (InputFeature("kind", "category", ("a", "b")), InputFeature("size", "number"))


def loaded(**changes: Any) -> Any:
    data = tiny_bundle(**changes)
    return load_model(data, KEYS.seal(digest_bytes(data).encode()), KEYS.verify)


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_scores_are_what_the_graph_says() -> None:
    model = loaded(inputs=PLAIN, features="", bias=0.5)
    scores = model.score({"kind": ["a", "b", None, "new"], "size": [1.0, 2.0, 3.0, None]})
    wanted = [sigmoid(0.5 - 0.2), sigmoid(0.5 + 0.1 - 0.4), sigmoid(0.5 - 0.6), sigmoid(0.5)]
    assert scores == pytest.approx(wanted, abs=1e-6)
    assert all(isinstance(score, float) for score in scores)


def test_arrays_and_lists_score_alike() -> None:
    model = loaded(inputs=PLAIN, features="")
    listed = model.score({"kind": ["a", "b"], "size": [1.0, None]})
    assert model.score({"kind": np.array(["a", "b"], dtype=object), "size": np.array([1.0, np.nan])}) == listed


def test_calibration_comes_after_the_graph() -> None:
    model = loaded(inputs=PLAIN, features="", calibration=Calibration((0.0, 0.5, 1.0), (0.1, 0.2, 0.3)))
    assert model.score({"kind": [None], "size": [None]}) == [pytest.approx(0.2)]


def test_the_plan_and_the_time_columns_come_from_the_bundle() -> None:
    model = loaded(lineage={"time_columns": "scheduled, landed"})
    assert model.plan.entity_needs() == ("carrier", "distance", "origin", "scheduled")
    assert model.time_columns == {"scheduled", "landed"}


def test_a_score_that_is_none_is_refused_by_row() -> None:
    model = loaded(inputs=PLAIN, features="", model=logistic_onnx([1.0, 1.0], missing=False))
    with pytest.raises(InvalidInput, match="no score for row 1") as caught:
        model.score({"kind": ["a", "b"], "size": [1.0, None]})
    assert "size" in caught.value.why


def test_features_of_a_stranger_never_run() -> None:
    stranger = Sealer(Ed25519PrivateKey.generate())
    with pytest.raises(Corrupt, match="signature"):
        data = tiny_bundle(features="raise SystemExit")
        load_model(data, stranger.seal(digest_bytes(data).encode()), KEYS.verify)


def test_any_flipped_bit_is_noticed() -> None:
    data = tiny_bundle()
    seal = KEYS.seal(digest_bytes(data).encode())
    for place in range(0, len(data), 97):
        broken = bytearray(data)
        broken[place] ^= 1
        with pytest.raises(Corrupt, match="signature"):
            load_model(bytes(broken), seal, KEYS.verify)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": b"not a graph"},
        {"model": logistic_onnx([1.0])},
        {"features": 'from baton.features import entity\nentity(columns=["other"])'},
        {"calibration": Calibration((0.0, 1.0), (0.5,))},
        {"calibration": Calibration((0.0, 1.0), (0.5, 0.1))},
        {"inputs": (), "features": "", "model": logistic_onnx([1.0])},
    ],
)
def test_a_bundle_that_contradicts_itself_stays_out(changes: dict[str, Any]) -> None:
    with pytest.raises(Corrupt) as caught:
        loaded(**changes)
    assert caught.value.fix


def test_a_feature_file_that_fails_stays_out() -> None:
    with pytest.raises(InvalidProject):
        loaded(features="1/0")


def test_a_graph_that_gives_no_probability_stays_out() -> None:
    from onnx import TensorProto, helper

    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, len(INPUTS)])
    for given in ([None, len(INPUTS)], [None]):
        node = (
            helper.make_node("Identity", ["x"], ["y"])
            if len(given) == 2
            else helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)
        )
        graph = helper.make_graph([node], "g", [taken], [helper.make_tensor_value_info("y", TensorProto.FLOAT, given)])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        with pytest.raises(Corrupt, match="probability"):
            loaded(model=model.SerializeToString())


@pytest.mark.parametrize("columns", [1, 2])
def test_both_shapes_of_output(columns: int) -> None:
    from onnx import TensorProto, helper

    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    given = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, columns])
    nodes = [helper.make_node("Sigmoid", ["x"], ["s"])]
    starts, ends = ([1], [2]) if columns == 1 else ([0], [2])
    nodes.append(helper.make_node("Slice", ["s", "starts", "ends", "axes"], ["y"]))
    constants = [
        helper.make_tensor(name, TensorProto.INT64, [1], value)
        for name, value in (("starts", starts), ("ends", ends), ("axes", [1]))
    ]
    graph = helper.make_graph(nodes, "g", [taken], [given], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    scores = loaded(model=model.SerializeToString(), inputs=PLAIN, features="").score({"kind": ["a", "b"], "size": [3.0, -1.0]})
    assert scores == pytest.approx([sigmoid(3.0), sigmoid(-1.0)], abs=1e-6)


def test_models_with_equal_plans_share_their_feed() -> None:
    one, other = loaded(version=1), loaded(version=2, bias=1.0)
    assert one.feed_key == other.feed_key
    assert replace(one, time_columns=frozenset()).feed_key != one.feed_key
