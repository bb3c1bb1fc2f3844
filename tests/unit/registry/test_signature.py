"""The signature: values become the float32 matrix that the model scores, one way for training and serving."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.registry.signature import InputFeature, Signature
from baton.registry.version import MOVES

SIGNATURE = Signature(
    (InputFeature("wind", "number"), InputFeature("carrier", "category", ("AA", "", "Å")), InputFeature("rain", "number")),
    "id",
    "flights",
    0.5,
)


def cell(item: InputFeature, value: Any) -> float:
    if item.kind == "category":
        return float(item.categories.index(value)) if value in item.categories else math.nan
    return math.nan if value is None else float(np.float32(value))


NUMBER = st.none() | st.floats(width=32) | st.integers(-(2**20), 2**20)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(NUMBER, st.none() | st.sampled_from(["AA", "", "Å", "ZZ", "aa"]), NUMBER), max_size=8))
def test_each_value_goes_to_its_place(rows: list[Any]) -> None:
    columns = {
        "carrier": [row[1] for row in rows],
        "rain": [row[2] for row in rows],
        "wind": [row[0] for row in rows],
        "other": ["x"] * len(rows),
    }
    matrix = SIGNATURE.encode(columns)
    assert matrix.dtype == np.float32 and matrix.shape == (len(rows), 3)
    for row, made in zip(rows, matrix, strict=True):
        for item, value, found in zip(SIGNATURE.features, row, made.tolist(), strict=True):
            assert found == cell(item, value) or (math.isnan(found) and math.isnan(cell(item, value)))


def test_arrays_and_lists_give_the_same() -> None:
    lists: dict[str, Any] = {"wind": [1.5, None, 3], "carrier": ["Å", None, "ZZ"], "rain": [True, False, None]}
    arrays = {
        "wind": np.array([1.5, np.nan, 3]),
        "carrier": np.array(lists["carrier"], dtype=object),
        "rain": np.array([1.0, 0.0, np.nan]),
    }
    assert np.array_equal(SIGNATURE.encode(lists), SIGNATURE.encode(arrays), equal_nan=True)
    assert SIGNATURE.names == ("wind", "carrier", "rain") and SIGNATURE.codes == {"carrier": {"AA": 0, "": 1, "Å": 2}}


def test_a_column_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError):
        SIGNATURE.encode({"wind": [1.0], "carrier": ["AA"]})


def test_the_moves_of_a_version_lead_somewhere_and_end() -> None:
    assert {move for moves in MOVES.values() for move in moves} <= set(MOVES)
    allowed = {(one, other) for one, other in product(MOVES, MOVES) if other in MOVES[one]}
    assert allowed == {
        ("registered", "packaged"), ("registered", "rejected"), ("packaged", "released"), ("packaged", "live"), ("packaged", "rejected"),
        ("released", "live"), ("released", "rejected"), ("live", "retired"), ("live", "rejected"), ("retired", "live"),
        ("retired", "deleted"), ("rejected", "deleted"),
    }  # fmt: skip
