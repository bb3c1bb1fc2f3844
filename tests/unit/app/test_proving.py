"""The proof of a model that somebody brought: which rows it is held against, and what counts as different."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baton.app import proving
from baton.app.importing import Declared, Wanted, read_schema, signature_of
from baton.app.proving import Asked, compare, proof_rows, prove
from baton.kernel.errors import InvalidInput, Refused
from baton.registry.signature import InputFeature

Array = np.ndarray[Any, Any]
SAMPLE = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
CODES = (0, 0, 4)


class Plain:
    """A model whose score is known, and a graph that may lie."""

    width, kind, whole = 3, "probability", False
    names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def __init__(self, lie: Exception | None = None) -> None:
        self._lie = lie
        self.categories: dict[str, tuple[str, ...]] = {}

    def score(self, matrix: Array) -> Array:
        with np.errstate(over="ignore"):
            return np.asarray(1 / (1 + np.exp(-np.nan_to_num(matrix).astype(np.float64)[:, 0])))

    def edges(self) -> Sequence[tuple[int, float]]:
        return [(0, 0.25)]

    def onnx(self) -> bytes:
        if self._lie is not None:
            raise self._lie
        return b"graph"

    def native(self) -> bytes:
        return b"native"


def test_there_are_5000_rows_and_all_edges() -> None:
    rows = proof_rows(SAMPLE, CODES, [(1, 0.5)])
    assert len(rows) >= 5000 and rows.dtype == np.float32
    assert np.array_equal(rows[:100], SAMPLE)
    for column in range(3):
        assert np.isnan(rows[:, column]).any()
    assert {0.0, 1.0, 2.0, 3.0} <= set(rows[:, 2][~np.isnan(rows[:, 2])].tolist())
    half = np.float32(0.5)
    near = {half, np.nextafter(half, np.float32(1)), np.nextafter(half, np.float32(0))}
    assert near <= set(rows[:, 1].tolist())
    assert np.nanmax(rows[:, 0]) >= 1e29 and np.isnan(rows[-1]).all()


def test_without_a_sample_rows_are_drawn() -> None:
    rows = proof_rows(np.empty((0, 3), dtype=np.float32), CODES, [])
    assert len(rows) >= 5000 and np.isfinite(rows[:, 0]).mean() > 0.9
    assert np.array_equal(rows, proof_rows(np.empty((0, 3), dtype=np.float32), CODES, []), equal_nan=True)


def test_equal_is_equal_and_a_lie_is_a_lie() -> None:
    ours = np.array([0.1, 0.5, np.nan, 0.9])
    assert compare(ours, ours, 0.5, "probability").equal
    assert compare(ours, ours + 1e-6, 0.5, "probability").equal
    assert not compare(ours, ours + 2e-5, 0.5, "probability").equal
    assert compare(ours, np.array([0.1, 0.5, 0.3, 0.9]), 0.5, "probability").largest == np.inf
    flipped = compare(np.array([0.1]), np.array([0.9]), 0.5, "probability")
    assert (flipped.flips, flipped.equal) == (1, False)


def test_scores_without_bounds_are_compared_by_their_size() -> None:
    assert compare(np.array([1e6]), np.array([1e6 + 1]), 0.0, "score").equal
    assert not compare(np.array([1e6]), np.array([1e6 + 1]), 0.0, "probability").equal
    assert compare(np.array([np.inf]), np.array([np.inf]), 0.0, "score").equal


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the graph gives, by a function of the rows."""

    def gives(scores: Any, native: Any = None) -> None:
        monkeypatch.setattr(proving, "onnx_scores", lambda _, rows: scores(rows))
        monkeypatch.setattr(proving, "load_native", lambda *_: native or Plain())

    return gives


def test_what_is_equal_ships_as_onnx(graph: Any) -> None:
    graph(Plain().score)
    told, model = prove(Plain(), Asked("lightgbm", codes=CODES), SAMPLE, None)
    assert (told["form"], told["note"], model) == ("onnx", "", b"graph")
    assert told["parity"]["rows"] >= 5000


def test_a_conversion_that_lies_on_few_rows_keeps_the_native_form(graph: Any) -> None:
    """Only rows without the first input differ."""
    graph(lambda rows: np.where(np.isnan(rows[:, 0]), 0.1, Plain().score(rows)))
    told, model = prove(Plain(), Asked("lightgbm", codes=CODES), SAMPLE, None)
    assert (told["form"], model) == ("lightgbm", b"native")
    assert "differs by up to 0.4" in told["note"] and "flips" in told["note"]


@pytest.mark.parametrize("error", [Refused("no converter", why="unknown operator"), RuntimeError("the graph cannot be run")])
def test_no_conversion_keeps_the_native_form(graph: Any, error: Exception) -> None:
    graph(Plain().score)
    told, model = prove(Plain(error), Asked("skops", codes=CODES), SAMPLE, None)
    assert (told["form"], model) == ("skops", b"native") and str(error).split("\n")[0][:10] in told["note"]


def test_a_graph_has_no_other_form_to_go_back_to(graph: Any) -> None:
    graph(lambda rows: Plain().score(rows) / 2)
    with pytest.raises(Refused, match="cannot be made"):
        prove(Plain(), Asked("onnx", codes=CODES), SAMPLE, None)


def test_a_model_that_is_not_itself_again_is_refused(graph: Any) -> None:
    class Other(Plain):
        def score(self, matrix: Array) -> Array:
            return super().score(matrix) / 2

    graph(lambda rows: Plain().score(rows) / 2, Other())
    with pytest.raises(Refused, match="alike twice"):
        prove(Plain(), Asked("skops", codes=CODES), SAMPLE, None)


def test_scores_from_home_must_come_out(graph: Any) -> None:
    graph(Plain().score)
    home = Plain().score(SAMPLE)
    assert prove(Plain(), Asked("lightgbm", codes=CODES), SAMPLE, home)[0]["form"] == "onnx"
    home[7] += 0.2
    with pytest.raises(Refused, match="scores that the sample says") as caught:
        prove(Plain(), Asked("lightgbm", codes=CODES), SAMPLE, home)
    assert "row 8 " in caught.value.where


def wanted(**changes: Any) -> Wanted:
    return replace(Wanted(Path("churn.txt")), **changes)


KNOWN: dict[str, Any] = {"width": 2, "names": (), "categories": {}}
COLUMNS = {"amount": np.array([1.0, np.nan]), "country": np.array(["de", None], dtype=object), "home": np.array([0.5, 0.5])}


def test_the_models_names_rule_the_order() -> None:
    known = {**KNOWN, "names": ("b", "a_x")}
    signature = signature_of(known, Declared((), {"a x": np.array([1.0]), "b": np.array([1.0]), "c": np.array([1.0])}), wanted())
    assert signature.names == ("b", "a x")


def test_other_names_than_the_models_own_are_refused() -> None:
    known, sample = {**KNOWN, "names": ("b", "a_x")}, Declared((), {"a x": np.array([1.0]), "b": np.array([1.0])})
    assert signature_of(known, sample, wanted(features=("b", "a x"))).names == ("b", "a x")
    for features in (("a x", "b"), ("b",), ("c", "d")):
        with pytest.raises(InvalidInput, match="names its inputs itself"):
            signature_of(known, sample, wanted(features=features))


def test_texts_without_codes_are_refused_with_what_to_write() -> None:
    with pytest.raises(InvalidInput, match="holds texts") as caught:
        signature_of(KNOWN, Declared((), COLUMNS), wanted(expected="home"))
    assert "country: [de]" in caught.value.fix


def test_codes_come_from_the_model_or_the_schema() -> None:
    known = {**KNOWN, "names": ("amount", "country"), "categories": {"country": ("de", "fr")}}
    both = (InputFeature("amount", "number"), InputFeature("country", "category", ("de", "fr")))
    assert signature_of(known, Declared((), COLUMNS), wanted()).features == both
    assert signature_of(KNOWN, Declared(both), wanted()).features == both


def test_the_wrong_number_of_inputs_is_named() -> None:
    with pytest.raises(InvalidInput, match="takes 2 inputs, and 3 are named") as caught:
        signature_of(KNOWN, Declared((), COLUMNS), wanted())
    assert "--features" in caught.value.fix


def test_a_missing_column_is_suggested() -> None:
    with pytest.raises(InvalidInput, match="neither in the sample") as caught:
        signature_of({**KNOWN, "names": ("amont", "country")}, Declared((), COLUMNS), wanted())
    assert "did you mean 'amount'?" in caught.value.fix


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("schema.yaml", "features: {amount: number, country: [de, fr]}"),
        (
            "schema.json",
            json.dumps({"features": [{"name": "amount"}, {"name": "country", "kind": "category", "categories": ["de", "fr"]}]}),
        ),
    ],
)
def test_a_schema_is_a_map_or_a_list(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_schema(tmp_path / name) == (InputFeature("amount", "number"), InputFeature("country", "category", ("de", "fr")))


@pytest.mark.parametrize(
    "text",
    [
        "features: {country: [de, de]}",
        "",
        "features: 3",
        "features: {a: date}",
        "features: {a: category}",
        "a: [",
        "!!python/object:os.system {}",
    ],
)
def test_a_schema_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "schema.yaml").write_text(text)
    with pytest.raises(InvalidInput, match="schema cannot be read") as caught:
        read_schema(tmp_path / "schema.yaml")
    assert "features: {amount: number" in caught.value.fix
