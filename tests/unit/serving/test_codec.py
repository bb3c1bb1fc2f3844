"""Requests: every way to get one wrong has its answer, naming the field and what to write."""

import json
from typing import Any

import pytest

from baton.kernel.errors import BatonError, InvalidInput, Refused
from baton.registry.signature import InputFeature, Signature
from baton.serving.codec import ROW_LIMIT, Codec, Malformed

SIGNATURE = Signature(
    (InputFeature("carrier", "category", ("AA", "B6")), InputFeature("dep hour", "number")), "id", "flights", 0.5
)
ROW = {"carrier": "AA", "dep hour": 7}
CODEC = Codec(SIGNATURE, replay=False)
REPLAY = Codec(SIGNATURE, replay=True)


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def test_one_row_and_many() -> None:
    one, many = CODEC.decode(body(inputs=ROW)), CODEC.decode(body(inputs=[ROW, {"carrier": None, "dep hour": None}]))
    assert one.rows == [("AA", 7.0)]
    assert CODEC.columns(many.rows or ()) == {"carrier": ("AA", None), "dep hour": (7.0, None)}
    assert len({one.ids[0], *many.ids}) == 3


def test_ids_name_the_rows() -> None:
    assert CODEC.decode(body(inputs=[ROW, ROW], ids=["a", "b"])).ids == ["a", "b"]


def test_rows_without_ids_are_named_by_the_content_of_their_request_and_their_place() -> None:
    other = {"carrier": "B6", "dep hour": 7}
    ids = list(CODEC.decode(body(inputs=[ROW, other, ROW])).ids)
    assert [name.rpartition("-")[2] for name in ids] == ["1", "2", "3"]
    assert len({name.rpartition("-")[0] for name in ids}) == 1
    assert ids == CODEC.decode(b" " + body(inputs=[dict(reversed(ROW.items())), other, ROW])).ids
    assert not {*ids} & {*CODEC.decode(body(inputs=[other, ROW, ROW])).ids}


def test_a_double_is_named_wherever_it_stands() -> None:
    entities = [f"k{number}" for number in range(ROW_LIMIT - 1)]
    with pytest.raises(InvalidInput, match=f"'{entities[-1]}' is asked for twice"):
        CODEC.decode(body(entities=[*entities, entities[-1]]))


def test_the_same_values_have_the_same_name() -> None:
    again = {"dep hour": 7.0, "carrier": "AA"}
    assert CODEC.decode(body(inputs=ROW)).ids == CODEC.decode(body(inputs=again)).ids


def test_entities_are_looked_up() -> None:
    call = CODEC.decode(body(entities=["k1", "k2"], missing="skip"))
    assert (call.ids, call.rows, call.skip_missing) == (["k1", "k2"], None, True)


@pytest.mark.parametrize(
    ("data", "field", "fix"),
    [
        (body(inputs={"carrier": "AA"}), "inputs.dep hour", "number"),
        (body(inputs=[ROW, {"dep hour": 1}]), "inputs[1].carrier", "AA, B6"),
        (body(inputs={**ROW, "carier": "AA"}), "inputs.carier", "did you mean 'carrier'?"),
        (body(inputs={"carrier": 5, "dep hour": 1}), "inputs.carrier", "text"),
        (body(inputs={"carrier": "AA", "dep hour": "7"}), "inputs.dep hour", "number"),
        (body(inputs={"carrier": "AA", "dep hour": True}), "inputs.dep hour", "number"),
        (body(inputs={"carrier": "AA", "dep hour": [1]}), "inputs.dep hour", "number"),
        (body(inputs={"carrier": "AA", "dep hour": "NaN"}), "inputs.dep hour", "number"),
        (b'{"inputs":{"carrier":"AA","dep hour":1e999}}', "inputs.dep hour", "float32"),
        (body(inputs={"carrier": "AA", "dep hour": 10**39}), "inputs.dep hour", "float32"),
        (body(inputs={"carrier": "AA", "dep hour": -(10**400)}), "inputs.dep hour", "float32"),
        (body(inputs={"carrier": "x" * 1001, "dep hour": 1}), "inputs.carrier", "1000"),
        (body(inputs=[]), "inputs", "1 to 10000"),
        (body(inputs=[ROW] * (ROW_LIMIT + 1)), "inputs", "1 to 10000"),
        (body(inputs=[1]), "inputs[0]", "one object"),
        (body(inputs=None), "inputs", "one object"),
        (body(entities=["a", 1]), "entities[1]", "texts"),
        (body(entities="a"), "entities", "texts"),
        (body(entities=[]), "entities", "1 to 10000"),
        (body(entities=["x" * 1001]), "entities[0]", "1000"),
        (body(entities=["a"], missing="drop"), "missing", "entities"),
        (body(entitys=["a"]), "entitys", "did you mean 'entities'?"),
        (body(entities=["a"], inputs=ROW), "inputs", "entities"),
        (body(entities=["a"], ids=["b"]), "ids", "leave ids out"),
        (body(inputs=[ROW, ROW], ids=["b"]), "ids", "one id per row"),
        (body(), "inputs", "entities"),
        (b"[]", "body", "entities"),
        (b'"x"', "body", "entities"),
    ],
)
def test_what_does_not_fit_is_named(data: bytes, field: str, fix: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        CODEC.decode(data)
    assert not isinstance(caught.value, Malformed)
    assert (caught.value.where, fix in caught.value.fix) == (field, True), str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"not json",
        b'{"inputs":{"carrier":"AA","dep hour":NaN}}',
        b'{"inputs":{"carrier":"\xff"}}',
        b'{"entities":["a"]} x',
        b'{"entities":["\\ud800"]}',
    ],
)
def test_what_is_not_json_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        CODEC.decode(data)


@pytest.mark.parametrize(
    "data", [b"[" * 1_000_000, b'{"inputs":' * 100_000, b'{"x":' + b"[" * 1_000_000, b'{"entities":' + b"[" * 1_000_000]
)
def test_depth_does_not_hurt(data: bytes) -> None:
    with pytest.raises(BatonError):
        CODEC.decode(data)


@pytest.mark.parametrize("field", [{"decided_at": "2023-01-01T00:00:00Z"}, {"watermark": 5}])
def test_only_a_replay_names_its_moment(field: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        CODEC.decode(body(entities=["a"], **field))
    assert caught.value.where in field


def test_a_replay_names_its_moment() -> None:
    call = REPLAY.decode(body(entities=["a"], decided_at="2023-01-01T00:00:00.000001Z", watermark=5))
    assert (call.decided_at, call.watermark) == (1672531200000001, 5)


@pytest.mark.parametrize("text", ["yesterday", "2023-01-01T00:00:00", "9999-12-31T23:59:59-23:59"])
def test_an_instant_must_be_one(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        REPLAY.decode(body(entities=["a"], decided_at=text))
    assert caught.value.where == "decided_at"
