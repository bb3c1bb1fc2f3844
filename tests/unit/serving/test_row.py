"""One row's own path: bit for bit what the general one gives."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.serving.house import House, route

from baton.backends.frameworks.lightgbm import LightGbm
from baton.registry.bundle import Calibration
from baton.registry.signature import InputFeature
from baton.serving.row import interpolate
from baton.testing.bundles import tiny_bundle

INPUTS = (InputFeature("carrier", "category", ("AA", "B6")), *(InputFeature(f"n{n}", "number") for n in range(5)))
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.none()
FLOATS = st.floats(-1e6, 1e6)


def trees() -> bytes:
    """A bundle of real trees, calibrated."""
    draw = np.random.default_rng(3)
    matrix = draw.normal(size=(400, 6)).astype(np.float32)
    fitted = LightGbm().fit(matrix, (matrix[:, 1] + matrix[:, 2] > 0).astype(float), {"rounds": 30, "num_leaves": 7}, 1)
    knots = tuple(np.linspace(0, 1, 9).tolist())
    return tiny_bundle(
        inputs=INPUTS, features="", model=fitted.onnx(6), calibration=Calibration(knots, tuple(x**2 for x in knots)), lineage={}
    )


@pytest.fixture(scope="module")
def house() -> House:
    bundle = trees()
    made = House()
    made.shelf.put(bundle)
    made.reroute(route("live", 1, bundle=bundle), route("shadow", 1, bundle=bundle))
    return made


@settings(max_examples=200)
@given(carrier=st.sampled_from(["AA", "B6", "??", None]), numbers=st.lists(NUMBERS, min_size=5, max_size=5))
def test_the_quick_path_scores_like_the_general_one(house: House, carrier: str | None, numbers: list[float | None]) -> None:
    row: dict[str, Any] = {"carrier": carrier, **{f"n{n}": value for n, value in enumerate(numbers)}}
    house.tape.batches.clear()
    quick = house.ask(inputs=row)
    general = house.ask(inputs=[row, row])
    assert quick.predictions[0].score == general.predictions[0].score == general.predictions[1].score
    assert quick.predictions[0].label == general.predictions[0].label
    live, shadow, *_ = house.tape.batches
    assert (live.variant, shadow.variant) == ("live", "shadow")
    assert list(live.scores) == list(shadow.scores) == [quick.predictions[0].score]
    assert {name: list(values) for name, values in live.features.items()} == {
        name: [value] for name, value in json.loads(json.dumps(row)).items()
    }


def test_the_quick_path_is_the_one_taken(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.plane, "prepare", None)
    assert house.ask(inputs={"carrier": "AA", **{f"n{n}": 0.5 for n in range(5)}}).predictions[0].variant == "live"


@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=6), FLOATS)
def test_interpolation_is_numpys(points: list[tuple[float, float]], at: float) -> None:
    knots, values = sorted(point[0] for point in points), sorted(point[1] for point in points)
    assert interpolate(at, knots, values) == np.interp(at, knots, values)
    assert interpolate(knots[0], knots, values) == np.interp(knots[0], knots, values)
