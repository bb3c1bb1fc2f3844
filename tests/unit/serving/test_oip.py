"""Tensors and the Open Inference Protocol: what goes in comes out, whatever its form, and what does not fit is named."""

import json
import math
import struct
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.delivery.routing import Routing
from baton.kernel.errors import BatonError, InvalidInput
from baton.registry.signature import InputFeature, Signature
from baton.serving import oip
from baton.serving.codec import LARGEST, Answer, Answered, Codec, Explanation
from baton.serving.lineup import Lineup, Runner
from baton.serving.tensor import NUMBERS, Tensor, from_json, from_raw, to_raw

SIGNATURE = Signature(
    (InputFeature("carrier", "category", ("AA", "B6")), InputFeature("dep hour", "number")), "id", "flights", 0.5
)
NUMERIC = replace(SIGNATURE, features=(InputFeature("a", "number"), InputFeature("b", "number")))


def lineup(signature: Signature) -> Lineup:
    """A line-up as far as requests are read for it."""
    model: Any = type("Model", (), {"signature": signature, "names": signature.names})()
    runner: Any = Runner(None, model)  # type: ignore[arg-type]
    return Lineup(Routing("flights", 1, "", ()), runner, codec=Codec(signature, replay=False))


def body(*inputs: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"inputs": inputs, **more}).encode()


def tensor(name: str, datatype: str, data: list[Any], *shape: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape or (len(data),)), "data": data}


CARRIER, HOUR = tensor("carrier", "BYTES", ["AA", None]), tensor("dep hour", "FP64", [7, None])


def call(data: bytes, signature: Signature = SIGNATURE, head: int | None = None) -> Any:
    return oip.call_of(oip.read(data, head), lineup(signature))


numbers = st.one_of(st.none(), st.floats(-LARGEST, LARGEST, width=32))
texts = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
tables = st.lists(st.tuples(texts, numbers), min_size=1, max_size=8)


@given(tables, st.booleans(), st.sampled_from(["FP32", "FP64"]))
def test_json_tensors_are_the_same_request_as_rows(rows: list[tuple[Any, Any]], nested: bool, datatype: str) -> None:
    """Whatever the protocol, the same rows have the same values and the same names."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    data = [[[value] for value in column] for column in columns] if nested else columns
    shape = (len(rows), 1) if nested else (len(rows),)
    sent = body(tensor("carrier", "BYTES", data[0], *shape), tensor("dep hour", datatype, data[1], *shape))
    plain = json.dumps({"inputs": [{"carrier": carrier, "dep hour": hour} for carrier, hour in rows]}).encode()
    wanted = Codec(SIGNATURE, replay=False).decode(plain)
    found = call(sent)
    assert found.rows == [tuple(row) for row in wanted.rows or ()]
    assert list(found.ids) == list(wanted.ids)


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.floats(width=32)), min_size=1, max_size=8
    )
)
def test_raw_tensors_are_the_same_request_as_json(rows: list[tuple[str, float]]) -> None:
    carriers, hours = [row[0] for row in rows], [row[1] for row in rows]
    raws = [to_raw(Tensor("", "BYTES", (len(rows),), carriers)), np.array(hours, dtype="<f4").tobytes()]
    head = json.dumps(
        {
            "inputs": [
                {"name": name, "datatype": datatype, "shape": [len(rows)], "parameters": {"binary_data_size": len(raw)}}
                for name, datatype, raw in zip(("carrier", "dep hour"), ("BYTES", "FP32"), raws, strict=True)
            ]
        }
    ).encode()
    if any(math.isinf(hour) for hour in hours):
        with pytest.raises(InvalidInput, match="float32"):
            call(b"".join([head, *raws]), head=len(head))
        return
    found = call(b"".join([head, *raws]), head=len(head))
    assert found.rows == [(carrier or None, None if hour != hour else hour) for carrier, hour in rows]


@pytest.mark.parametrize("datatype", [*NUMBERS, "BYTES"])
def test_raw_bytes_come_back(datatype: str) -> None:
    values: list[Any] = (
        ["", "é", "a" * 300] if datatype == "BYTES" else [True, False, True] if datatype == "BOOL" else [0, 1, 100]
    )
    there = Tensor("x", datatype, (3,), values)
    assert from_raw("x", datatype, [3], to_raw(there)) == there


def test_a_matrix_is_taken_where_there_are_numbers_alone() -> None:
    sent = tensor("input", "FP32", [1.5, None, 3, 4], 2, 2)
    assert call(body(sent), NUMERIC).rows == [(1.5, None), (3.0, 4.0)]
    assert call(body({**sent, "data": [[1.5, None], [3, 4]]}), NUMERIC).rows == [(1.5, None), (3.0, 4.0)]
    with pytest.raises(InvalidInput, match="no one tensor 'input'"):
        call(body(sent))


def test_entities_by_tensor_and_by_parameter() -> None:
    assert call(body(tensor("id", "BYTES", ["k1", "k2"]))).ids == ["k1", "k2"]
    for given_as, ids in (("k1", ["k1"]), (["k1", "k2"], ["k1", "k2"])):
        found = call(body(parameters={"entities": given_as, "missing": "skip"}))
        assert (found.ids, found.rows, found.skip_missing) == (ids, None, True)
    named = call(body(CARRIER, HOUR, tensor("id", "BYTES", ["k1", "k2"])))
    assert (named.ids, named.rows) == (["k1", "k2"], [("AA", 7.0), (None, None)])


def test_parameters_of_other_servers_change_nothing_and_explain_is_heard() -> None:
    assert call(body(CARRIER, HOUR, parameters={"priority": 3, "explain": True})).explain
    assert not call(body(CARRIER, HOUR, parameters={"sequence_id": {"deep": [1]}})).explain


DEEP = b'{"inputs":' + b"[" * 200_000


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"", "body"),
        (DEEP, "body"),
        (b'{"inputs": [{"name": "carrier"}]}', "body"),
        (b'{"inputs": [], "parameters": {"x": NaN}}', "body"),
        (body(), "inputs"),
        (body(CARRIER), "dep hour"),
        (body(CARRIER, HOUR, tensor("x", "FP32", [1, 2])), "x"),
        (body(CARRIER, CARRIER, HOUR), "inputs"),
        (body(CARRIER, tensor("dep hour", "FP64", [7])), "inputs"),
        (body(CARRIER, tensor("dep hour", "FP64", [7, 8, 9], 2)), "dep hour"),
        (body(CARRIER, tensor("dep hour", "FP64", [7, 8], 1, 2)), "dep hour"),
        (body(CARRIER, tensor("dep hour", "FP64", [7, 8], 2, 1, 1)), "dep hour"),
        (body(CARRIER, tensor("dep hour", "FP64", [[7, 8], [9]], 2)), "dep hour"),
        (body(CARRIER, tensor("dep hour", "FP64", [[[[7]]], 8])), "dep hour"),
        (body(CARRIER, tensor("dep hour", "FP64", ["7", "8"])), "dep hour"),
        (body(CARRIER, tensor("dep hour", "FP64", [1e39, 1])), "dep hour"),
        (body(CARRIER, tensor("dep hour", "INT8", [300, 1])), "dep hour"),
        (body(CARRIER, tensor("dep hour", "BF16", [1, 1])), "dep hour"),
        (body(CARRIER, tensor("dep hour", "FP64", [], -1)), "dep hour"),
        (body(CARRIER, tensor("dep hour", "FP64", [1], 2**70)), "dep hour"),
        (body(CARRIER, tensor("dep hour", "BYTES", ["1", "1"])), "dep hour"),
        (body(tensor("carrier", "FP64", [1, 2]), HOUR), "carrier"),
        (body(tensor("carrier", "BYTES", ["x" * 1001, "a"]), HOUR), "carrier"),
        (body(tensor("carrier", "BYTES", []), tensor("dep hour", "FP64", [])), "inputs"),
        (body(CARRIER, HOUR, parameters={"explain": "yes"}), "explain"),
        (body(CARRIER, HOUR, parameters={"entities": "k"}), "inputs"),
        (body(parameters={"entities": []}), "entities"),
        (body(parameters={"entities": ["k", 7]}), "entities"),
        (body(parameters={"entities": ["k", "k"]}), "entities"),
        (body(tensor("id", "BYTES", ["k", None])), "id"),
        (body(tensor("id", "INT64", [1, 2])), "id"),
        (body(CARRIER, HOUR, outputs=[{"name": "baseline"}]), "outputs"),
        (body(CARRIER, {**HOUR, "parameters": {"binary_data_size": 8}}), "dep hour"),
        (
            body(CARRIER, {"name": "dep hour", "datatype": "FP64", "shape": [2], "parameters": {"binary_data_size": 16}}),
            "dep hour",
        ),
    ],
)
def test_what_does_not_fit_is_named(data: bytes, where: str) -> None:
    with pytest.raises(BatonError) as caught:
        call(data)
    assert caught.value.where == where and caught.value.fix and caught.value.code in ("malformed", "invalid-input")


@pytest.mark.parametrize(
    "raw", [b"", b"\x01", struct.pack("<I", 5) + b"ab", struct.pack("<I", 1) + b"\xff", struct.pack("<I", 1) * 9, b"\xff" * 40]
)
def test_raw_texts_that_are_none(raw: bytes) -> None:
    with pytest.raises(InvalidInput, match="'x'"):
        from_raw("x", "BYTES", [2], raw)


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(InvalidInput, match="10000"):
        call(body(tensor("input", "INT8", [1] * 20_002, 10_001, 2)), NUMERIC)


@given(st.binary(max_size=200), st.integers(0, 210))
def test_any_bytes_are_answered_or_refused(data: bytes, head: int) -> None:
    for at in (None, head):
        with pytest.raises(BatonError):
            call(data, head=at)


@given(
    st.sampled_from(sorted(NUMBERS)),
    st.lists(st.integers(0, 4), max_size=3),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=8,
    ),
)
def test_any_data_is_a_tensor_of_its_shape_or_refused(datatype: str, shape: list[int], data: Any) -> None:
    with suppress(InvalidInput):
        assert len(from_json("x", datatype, shape, json.dumps(data).encode()).values) == math.prod(shape)


ROWS = [Answered("e1", 0.25, False, "pr-1", 3, "rel-3", "live"), Answered("e2", 0.75, True, "pr-2", 4, "rel-4", "canary")]


def told(rows: list[Answered], *outputs: str, **more: Any) -> Any:
    asked = oip.Inference((), "q", outputs=dict.fromkeys(outputs, False))
    return oip.inferred(Answer(rows, "2026-01-01T00:00:00Z", 1, **more), asked, "flights", ("carrier", "dep hour"))


def test_rows_of_one_version_say_so_once_and_others_each_for_itself() -> None:
    alone = told(ROWS[:1])
    assert [output.name for output in alone.outputs] == ["score", "label", "prediction_id"]
    assert alone.version == "3" and alone.parameters["variant"] == "live"
    mixed = told(ROWS)
    assert [output.name for output in mixed.outputs][3:] == ["model_version", "release", "variant"]
    assert mixed.version == "" and "variant" not in mixed.parameters
    assert told(ROWS[:1], missing=["e9"]).outputs[-1] == Tensor("entity", "BYTES", (1,), ["e1"])
    assert [output.values for output in told([]).outputs] == [[], [], []]


def test_an_explanation_is_two_tensors() -> None:
    why = Explanation(0.5, {"carrier": -0.5, "dep hour": 0.25})
    found = told([Answered("e1", 0.25, False, "pr-1", 3, "rel-3", "live", why)])
    assert found.outputs[-2:] == [Tensor("baseline", "FP64", (1,), [0.5]), Tensor("contributions", "FP64", (1, 2), [-0.5, 0.25])]


def test_an_answer_is_written_with_raw_bytes_where_asked() -> None:
    asked = oip.Inference((), "q", outputs={"score": True, "label": False})
    answer = oip.inferred(Answer(ROWS[:1], "2026-01-01T00:00:00Z", 1), asked, "flights", ())
    data, length = oip.written(answer, asked)
    head = json.loads(data[:length])
    assert (head["id"], head["model_version"], head["outputs"][1]["data"]) == ("q", "3", [False])
    assert np.frombuffer(data[length:], "<f8").tolist() == [0.25]
