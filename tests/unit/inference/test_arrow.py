"""Arrow streams: what is in them comes out, and what they would take is known before anything is made of it."""

import json
import math
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.inference import arrow
from baton.inference.reply import TooLarge
from baton.kernel.errors import InvalidInput
from baton.registry.signature import InputFeature, Signature
from baton.serving.codec import Answer, Answered, Explanation, Malformed

SIGNATURE = Signature((InputFeature("carrier", "category", ("AA", "B6")), InputFeature("hour", "number")), "id", "flights", 0.5)


def stream(table: Any, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def table(carriers: list[Any], hours: Any, **more: Any) -> Any:
    return pa.table(
        {
            "carrier": carriers if isinstance(carriers, pa.Array | pa.ChunkedArray) else pa.array(carriers, pa.string()),
            "hour": hours,
            **more,
        }
    )


ROWS = st.lists(
    st.tuples(st.none() | st.text(max_size=5), st.none() | st.floats(width=32, allow_infinity=False)), min_size=1, max_size=20
)


@given(
    ROWS,
    st.sampled_from([pa.float32(), pa.float64()]),
    st.sampled_from([pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())]),
)
def test_what_is_sent_is_read(rows: list[tuple[Any, Any]], number: Any, text: Any) -> None:
    carriers, hours = [row[0] for row in rows], [row[1] for row in rows]
    found = arrow.read(stream(table(pa.array(carriers, pa.string()).cast(text), pa.array(hours, number))), SIGNATURE)
    assert found.columns["carrier"] == carriers
    assert [None if value != value else value for value in found.columns["hour"].tolist()] == [
        None if hour is None or math.isnan(hour) else hour for hour in hours
    ]
    assert len(set(found.ids)) == len(rows)
    pieces = found.parts(3)
    assert [key for piece in pieces for key in piece.ids] == found.ids


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64(), pa.float16(), pa.bool_(), pa.null()])
def test_every_number_is_taken(kind: Any) -> None:
    values = pa.nulls(2) if kind == pa.null() else pa.array([1, 0]).cast(kind)
    found = arrow.read(stream(table(["AA", None], values)), SIGNATURE).columns["hour"].tolist()
    assert found[0] != found[0] if kind == pa.null() else found == [1.0, 0.0]


def test_the_key_names_the_rows() -> None:
    assert arrow.read(stream(table(["AA", "B6"], [1, 2], id=["x", "y"])), SIGNATURE).ids == ["x", "y"]
    assert arrow.read(stream(table(["AA", "B6"], [1, 2], id=[7, 8])), SIGNATURE).ids == ["7", "8"]


GOOD = table(["AA", "B6"], [1.0, 2.0])


@pytest.mark.parametrize(
    ("sent", "where"),
    [
        (table(["AA"], pa.array([1e300])), "hour"),
        (table(["AA"], pa.array([math.inf])), "hour"),
        (table(["AA"], pa.array(["1"])), "hour"),
        (table(["A" * 1001], [1.0]), "carrier"),
        (GOOD.select(["hour"]), "carrier"),
        (GOOD.append_column("other", [[1, 2]]), "other"),
        (GOOD.append_column("id", [["x", "x"]]), "id"),
        (GOOD.append_column("id", [["x", None]]), "id"),
        (GOOD.append_column("hour", [[1, 2]]), "carrier"),
        (GOOD.slice(0, 0), "body"),
    ],
)
def test_what_does_not_fit_is_named(sent: Any, where: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        arrow.read(stream(sent), SIGNATURE)
    assert caught.value.where == where and caught.value.fix


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_a_compressed_stream_is_refused_before_it_is_unpacked(codec: str) -> None:
    bomb = stream(table(["AA"] * 5000, pa.array([0.0] * 5000)), compression=codec)
    with pytest.raises(InvalidInput, match="compressed"):
        arrow.read(bomb, SIGNATURE)


def test_rows_are_counted_before_they_are_made() -> None:
    many = table(pa.nulls(arrow.ROWS + 1), pa.nulls(arrow.ROWS + 1))
    assert len(stream(many)) < 2000
    for sent in (
        many,
        pa.concat_tables([GOOD] * (arrow.ROWS // 2 + 1)),
    ):
        with pytest.raises(TooLarge, match=str(arrow.ROWS)):
            arrow.read(stream(sent), SIGNATURE)


WHOLE = stream(table(pa.array(["AA", "B6", None] * 9).dictionary_encode(), pa.array(range(27))))


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=4))
def test_a_changed_stream_is_read_or_refused(at: int, noise: bytes) -> None:
    for body in (WHOLE[:at] + noise + WHOLE[at + len(noise) :], WHOLE[:at]):
        with suppress(InvalidInput):
            assert len(arrow.read(body, SIGNATURE).ids) <= arrow.ROWS


@given(st.binary(max_size=100))
def test_any_bytes_are_refused(body: bytes) -> None:
    with pytest.raises((Malformed, InvalidInput)):
        arrow.read(body, SIGNATURE)


def test_an_answer_is_a_table() -> None:
    why = Explanation(0.5, {"carrier": -0.25, "hour": 0.0})
    rows = [
        Answered("e1", 0.25, False, "pr-1", 3, "rel-3", "live", why),
        Answered("e2", 0.75, True, "pr-2", 4, "rel-4", "canary"),
    ]
    answer = Answer(rows, "2026-01-01T00:00:00Z", 7, missing=["e3", "e4"])
    found = pa.ipc.open_stream(arrow.write(answer)).read_all()
    assert found.column("score").to_pylist() == [0.25, 0.75] and found.column("baseline").to_pylist() == [0.5, None]
    assert found.column("contributions").to_pylist() == [[("carrier", -0.25), ("hour", 0.0)], None]
    assert json.loads(found.schema.metadata[b"serial"]) == 7 and found.schema.metadata[b"missing"] == b"e3\ne4"
