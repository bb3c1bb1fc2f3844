"""What is personal is logged hashed or not at all, by every way of asking, and costs nothing where nothing is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.serving.house import House

from baton.data.contract import parse_contract
from baton.delivery.routing import Route
from baton.features.personal import log_rules
from baton.features.view import plan_from_source
from baton.kernel.digest import digest_bytes
from baton.kernel.errors import InvalidProject
from baton.serving.personal import Personal, alias, personal
from baton.testing.bundles import FEATURES, INPUTS, tiny_bundle
from baton.testing.server import ROW

KEY = b"a key"


def bundle(version: int = 1, **lineage: str) -> bytes:
    return tiny_bundle(version=version, lineage={"time_columns": "scheduled", **lineage})


def house(*bundles: bytes, variants: tuple[str, ...] = ("live", "shadow")) -> House:
    made = House(log_key=lambda: KEY)
    routes = []
    for version, (variant, data) in enumerate(zip(variants, bundles, strict=False), 1):
        routes.append(Route(variant, version, f"rel-{version}", made.shelf.put(data)))
    made.route(*routes)
    made.outcome = made.plane.reload()
    return made


def ask(made: House, way: str) -> Any:
    if way == "given":
        return made.ask(inputs=ROW)
    if way == "several":
        return made.ask(inputs=[ROW, ROW])
    return made.ask(entities=["f1", "f2"])


@pytest.mark.parametrize("way", ["given", "several", "looked up"])
def test_hashed_and_dropped_features_by_every_way_of_asking(way: str) -> None:
    made = house(bundle(log_hash="carrier,distance", log_drop="weather_wind"), bundle(2))
    ask(made, way)
    for batch in made.tape.batches:
        assert {"hashed_carrier", "hashed_distance", "lead_hours"} <= batch.features.keys()
        assert not {"carrier", "distance", "weather_wind", "hashed_weather_wind"} & batch.features.keys()
        known = [value for value in batch.features["hashed_carrier"] if value is not None]
        assert all(len(value) == 32 for value in known)
    assert {batch.variant for batch in made.tape.batches} == {"live", "shadow"}, "the older version obeys as well"
    if way == "given":
        assert made.tape.batches[0].features["hashed_carrier"] == [alias(KEY, "AA")]


def test_personal_entities_are_logged_by_their_alias_and_answered_by_their_name() -> None:
    made = house(bundle(log_entity="hash"))
    answer = ask(made, "looked up")
    (batch,) = made.tape.batches
    assert list(batch.entities) == [alias(KEY, "f1"), alias(KEY, "f2")]
    assert [row.entity for row in answer.predictions] == ["f1", "f2"]
    assert [row.prediction_id for row in answer.predictions] == list(batch.prediction_ids)
    plain = house(bundle())
    assert [row.prediction_id for row in ask(plain, "looked up").predictions] != list(batch.prediction_ids), (
        "ids tell nothing either"
    )


def test_where_nothing_is_personal_nothing_is_asked_for() -> None:
    made = house(bundle())
    assert made.plane.lineup.personal is None
    ask(made, "given")
    assert made.tape.batches[0].features["carrier"] == ("AA",)


def test_without_a_key_nothing_personal_is_served() -> None:
    made = House()
    made.route(Route("live", 1, "rel-1", made.shelf.put(bundle(log_hash="carrier"))), serial=2)
    outcome = made.plane.reload()
    assert outcome.error is not None
    assert "key" in outcome.error.what


@given(st.lists(st.none() | st.text(max_size=5) | st.floats(allow_nan=False) | st.integers(-9, 9)))
def test_equal_stays_equal_and_missing_stays_missing(values: list[Any]) -> None:
    rules = Personal(frozenset({"x"}), frozenset(), False, KEY)
    hashed = rules.features({"x": values})["hashed_x"]
    for value, one in zip(values, hashed, strict=True):
        assert (value is None) == (one is None)
        for other, two in zip(values, hashed, strict=True):
            if value is not None and other is not None and isinstance(value, str) == isinstance(other, str):
                assert (value == other) == (one == two)
    assert alias(KEY, "AA") != alias(b"another key", "AA")


def test_bundles_in_service_are_obeyed_together() -> None:
    assert personal([{}, {"time_columns": "a"}]) is None
    assert personal([{"log_hash": "a,b"}, {"log_drop": "b"}, {}]) == (frozenset({"a"}), frozenset({"b"}), False)


def test_features_made_of_personal_columns_are_personal() -> None:
    plan = plan_from_source(FEATURES)
    rules = {
        "flights": {"delay": "hash", "scheduled": "hash", "carrier": "drop", "distance": "hash"},
        "weather": {"wind": "drop"},
    }
    assert log_rules(plan, "flights", rules) == {
        "carrier": "drop",
        "distance": "hash",
        "weather_wind": "drop",
        "origin_delay_mean_1h": "hash",
        "lead_hours": "hash",
    }, "counts and ages tell nothing of the values"
    assert log_rules(plan, "flights", {}) == {}
    assert {item.name for item in INPUTS} == set(plan.names)


CONTRACT = """
apiVersion: v3.1.0
schema:
  - name: people
    properties:
      - {name: id, logicalType: string, classification: personal}
      - {name: born, logicalType: date, classification: Restricted}
      - {name: city, logicalType: string, classification: personal, customProperties: [{property: log, value: keep}]}
      - {name: note, logicalType: string, customProperties: [{property: log, value: drop}]}
      - {name: size, logicalType: number, classification: public}
"""


def test_contracts_say_what_is_personal() -> None:
    contract = parse_contract(CONTRACT, "people.yaml")
    assert contract.log_rules == {"id": "hash", "born": "hash", "note": "drop"}
    plain = parse_contract(CONTRACT.replace("classification: personal", "description: x"), "people.yaml")
    assert contract.digest() == plain.digest(), "it is no demand on the rows"
    with pytest.raises(InvalidProject, match="one of keep, hash, drop"):
        parse_contract(CONTRACT.replace("value: drop", "value: burn"), "people.yaml")
    assert digest_bytes(bundle()) == digest_bytes(tiny_bundle()), "and changes no bundle that has none"
