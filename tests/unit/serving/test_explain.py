"""Explanations: held against Shapley values by their definition, over all orders, of a model of one's own."""

import json
from itertools import permutations
from math import fsum
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.serving.house import ENTITIES, ROW, House, route

from baton.kernel.errors import BatonError, InvalidInput
from baton.serving.codec import EXPLAINED
from baton.serving.explain import EXACT, contributions, evaluations
from baton.testing.bundles import INPUTS, logistic_onnx, tiny_bundle


class Bent:
    """A model whose features act on each other; NaN counts as 0. Counts the rows it is asked."""

    def __init__(self, count: int, seed: int = 1) -> None:
        draws = np.random.default_rng(seed)
        self.weights, self.pairs = draws.normal(size=count), draws.normal(size=(count, count)) / count
        self.asked = 0

    def run(self, matrix: Any) -> Any:
        self.asked += len(matrix)
        x = np.nan_to_num(matrix.astype(np.float64))
        return 1 / (1 + np.exp(-(x @ self.weights + ((x @ self.pairs) * x).sum(axis=1))))


def by_definition(model: Any, row: Any, baseline: Any) -> Any:
    """What each feature adds when it comes, on average over all orders."""
    found = np.zeros(len(row))
    orders = list(permutations(range(len(row))))
    for order in orders:
        mixed = baseline.copy()
        before = model.run(mixed[None, :])[0]
        for place in order:
            mixed[place] = row[place]
            after = model.run(mixed[None, :])[0]
            found[place] += (after - before) / len(orders)
            before = after
    return found


def explained(model: Any, row: Any, baseline: Any, seed: str = "pr-1") -> tuple[float, Any]:
    score = float(model.run(row[None, :])[0])
    base, found = contributions(model, row, baseline, score, seed)
    assert fsum([base, *found]) == pytest.approx(score, abs=2**-52)
    return base, np.array(found)


values = st.floats(-3, 3, width=32) | st.just(float("nan"))


@given(st.lists(values, min_size=1, max_size=5), st.integers(0, 5))
def test_few_values_have_the_values_of_the_definition(values: list[float], seed: int) -> None:
    row, model = np.array(values, dtype=np.float32), Bent(len(values), seed)
    for baseline in (np.full(len(row), np.nan, dtype=np.float32), np.zeros(len(row), dtype=np.float32)):
        _, found = explained(model, row, baseline)
        assert found == pytest.approx(by_definition(model, row, baseline), abs=1e-12)


@given(st.integers(EXACT + 1, 40), st.integers(0, 3))
def test_many_values_sum_up_and_what_is_missing_adds_nothing(count: int, seed: int) -> None:
    draws = np.random.default_rng(seed)
    row = draws.normal(size=count).astype(np.float32)
    row[0], model = np.nan, Bent(count, seed)
    model.asked = -2
    _, found = explained(model, row, np.full(count, np.nan, dtype=np.float32))
    assert found[0] == 0.0
    assert model.asked <= evaluations(count) + 2


def test_many_values_are_near_those_of_the_definition_and_repeat() -> None:
    count = EXACT + 2
    model, row, baseline = Bent(count), np.linspace(-1, 1, count).astype(np.float32), np.full(count, np.nan, dtype=np.float32)
    _, drawn = explained(model, row, baseline)
    exact = exact_by_subsets(model, row, baseline)
    assert np.abs(drawn - exact).max() < 0.03 < np.abs(exact).max()
    assert explained(model, row, baseline)[1].tolist() == drawn.tolist()
    assert explained(model, row, baseline, "pr-2")[1].tolist() != drawn.tolist()


def exact_by_subsets(model: Any, row: Any, baseline: Any) -> Any:
    """The definition once more, over subsets: 10 values have 3,628,800 orders."""
    from math import comb

    count = len(row)
    scores = {}
    for subset in range(2**count):
        inside = np.array([subset >> place & 1 == 1 for place in range(count)])
        scores[subset] = model.run(np.where(inside, row, baseline)[None, :])[0]
    found = np.zeros(count)
    for subset, score in scores.items():
        size = subset.bit_count()
        for place in range(count):
            if not subset >> place & 1:
                found[place] += (scores[subset | 1 << place] - score) / (count * comb(count - 1, size))
    return found


def test_an_answer_tells_why_and_is_the_same_answer() -> None:
    house = House(route("live", 1), route("canary", 2, share=0.4), route("shadow", 3))
    plain, why = (house.ask(inputs=[ROW] * 4, explain=explain) for explain in (False, True))
    of_live = {row.score for answer in (plain, why) for row in answer.predictions if row.variant == "live"}
    assert len(of_live) == 1
    for row in why.predictions:
        assert row.explanation is not None and list(row.explanation.contributions) == [item.name for item in INPUTS]
        assert fsum([row.explanation.baseline, *row.explanation.contributions.values()]) == pytest.approx(row.score, abs=1e-15)
    assert all(row.explanation is None for row in plain.predictions)
    assert "explanation" not in json.loads(msgspec.json.encode(plain))["predictions"][0]


def test_entities_are_explained_by_what_was_looked_up() -> None:
    row = House(route("live", 1)).ask(entities=["f2"], explain=True).predictions[0]
    assert row.explanation is not None and row.explanation.contributions["carrier"] == 0.0, "ZZ is unknown, so it is missing"
    assert row.explanation.contributions["weather_wind"] > 0


def test_too_many_rows_and_models_that_need_every_value_are_refused() -> None:
    house = House(route("live", 1))
    with pytest.raises(InvalidInput, match="too many to explain"):
        house.ask(entities=ENTITIES[: EXPLAINED + 1], explain=True)
    picky = tiny_bundle(version=9, model=logistic_onnx([0.1] * 7, missing=False))
    house.shelf.put(picky)
    house.route(route("live", 9, bundle=picky), serial=2)
    assert house.plane.reload().changed
    with pytest.raises(BatonError) as caught:
        house.ask(inputs=ROW, explain=True)
    assert caught.value.where == "explain"
    assert house.tape.batches == []
    assert len(house.ask(inputs=ROW).predictions) == 1
