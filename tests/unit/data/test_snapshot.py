"""The content digest: blind to order, batches and widths, and to nothing else."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from baton.data.snapshot import Tally, content_digest, tally

ROW = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(),
    st.none() | st.text(max_size=40) | st.text(min_size=250, max_size=270),
    st.none() | st.booleans(),
    st.none() | st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1)).map(lambda d: d.replace(tzinfo=UTC)),
)
SCHEMA = pa.schema(
    [("i", pa.int64()), ("f", pa.float64()), ("s", pa.string()), ("b", pa.bool_()), ("t", pa.timestamp("us", "UTC"))]
)


def table(rows: list[Any]) -> pa.Table:
    return pa.table([pa.array([row[place] for row in rows], field.type) for place, field in enumerate(SCHEMA)], schema=SCHEMA)


@given(st.lists(ROW, max_size=12), st.randoms())
def test_the_order_of_rows_and_columns_does_not_count(rows: list[Any], random: Any) -> None:
    mixed = list(rows)
    random.shuffle(mixed)
    assert content_digest(table(rows)) == content_digest(table(mixed).select(["t", "b", "s", "f", "i"]))


@given(st.lists(ROW, max_size=12), st.integers(0, 12))
def test_the_tallies_of_parts_add_up(rows: list[Any], cut: int) -> None:
    whole = table(rows)
    assert tally(whole.slice(0, cut)) + tally(whole.slice(cut)) == tally(whole)
    assert tally(pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])) == tally(whole)


@given(st.lists(ROW, min_size=1, max_size=8), st.data())
def test_any_other_value_gives_another_digest(rows: list[Any], data: Any) -> None:
    row = data.draw(st.integers(0, len(rows) - 1))
    place = data.draw(st.integers(0, 4))
    value = data.draw(ROW)[place]
    if repr(value) == repr(rows[row][place]) or (value == rows[row][place]):
        return
    other = list(rows)
    other[row] = (*rows[row][:place], value, *rows[row][place + 1 :])
    assert content_digest(table(rows)) != content_digest(table(other))


def test_widths_do_not_count_but_kinds_do() -> None:
    narrow = pa.table({"x": pa.array([1, None, -7], pa.int8())})
    assert content_digest(narrow) == content_digest(narrow.cast(pa.schema([("x", pa.int64())])))
    assert content_digest(narrow) != content_digest(narrow.cast(pa.schema([("x", pa.float64())])))
    single = pa.table({"x": pa.array([0.1, None], pa.float32())})
    assert content_digest(single) == content_digest(single.cast(pa.schema([("x", pa.float64())])))
    texts = pa.table({"x": pa.array(["a", "b", "a", None])})
    assert content_digest(texts) == content_digest(pa.table({"x": texts["x"].dictionary_encode()}))
    assert content_digest(texts) == content_digest(texts.cast(pa.schema([("x", pa.large_string())])))


def test_zero_and_nan_have_one_face_and_null_is_no_value() -> None:
    assert content_digest(pa.table({"x": [0.0, float("nan")]})) == content_digest(pa.table({"x": [-0.0, -float("nan")]}))
    for one, other in (([0], [None]), ([""], [None]), ([False], [None]), ([0.0], [None])):
        kind = pa.array(one).type
        assert content_digest(pa.table({"x": pa.array(one, kind)})) != content_digest(pa.table({"x": pa.array(other, kind)}))


def test_an_added_column_of_nulls_leaves_the_tally_alone() -> None:
    rows = pa.table({"x": [1, 2]})
    assert tally(rows) == tally(rows.append_column("y", pa.nulls(2, pa.string())))


def test_values_do_not_move_between_columns_or_rows_unseen() -> None:
    assert content_digest(pa.table({"x": [1], "y": [2]})) != content_digest(pa.table({"x": [2], "y": [1]}))
    assert content_digest(pa.table({"x": [1, 2], "y": [3, 4]})) != content_digest(pa.table({"x": [1, 2], "y": [4, 3]}))
    assert content_digest(pa.table({"x": ["ab"], "y": ["c"]})) != content_digest(pa.table({"x": ["a"], "y": ["bc"]}))
    assert content_digest(pa.table({"x": ["a\0"]})) != content_digest(pa.table({"x": ["a"]}))


def test_rows_that_occur_twice_count_twice() -> None:
    assert tally(pa.table({"x": [1, 1]})) != tally(pa.table({"x": [1]}))
    assert tally(pa.table({"x": pa.array([], pa.int64())})) == Tally()


def test_dates_decimals_lists_and_binaries_are_told_apart_too() -> None:
    for one, other in (([datetime(2023, 1, 1).date()], [datetime(2023, 1, 2).date()]), ([[1]], [[2]]), ([b"a"], [b"b"])):
        assert content_digest(pa.table({"x": one})) != content_digest(pa.table({"x": other}))
