"""Features at request time: what is stored, what has expired, what lies ahead and what is not there."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.features.online import entity_view, key_text, look_up
from baton.features.ports import Values
from baton.features.view import plan_from_source

HOUR = 3_600_000_000
NOW = 1_000 * HOUR
PLAN = plan_from_source("""
from baton.features import *
entity(columns=["carrier"])
latest("weather", key="origin", ttl="3h", columns=["temp", "kind"])
window("landings", key=["origin", "carrier"], over=["1h", "2h"], of={"delay": ["count", "mean", "age"]})
""")
LATEST, WINDOW = PLAN.views
NOTHING = {
    "weather_temp": None,
    "weather_kind": None,
    "origin_carrier_delay_count_1h": 0,
    "origin_carrier_delay_mean_1h": None,
    "origin_carrier_delay_age_1h": None,
    "origin_carrier_delay_count_2h": 0,
    "origin_carrier_delay_mean_2h": None,
    "origin_carrier_delay_age_2h": None,
}


class Store:
    """What is stored, and what was asked for."""

    def __init__(self, rows: dict[tuple[str, str], tuple[int, Values]] | None = None) -> None:
        self.rows, self.asked = rows or {}, list[tuple[str, list[str]]]()

    def begin(self) -> int | None:
        return NOW

    def read(self, view: str, keys: Sequence[str]) -> list[tuple[int, Values] | None]:
        self.asked.append((view, list(keys)))
        return [self.rows.get((view, key)) for key in keys]


def one(store: Store, row: dict[str, Any], now: int = NOW) -> dict[str, Any]:
    return {name: values[0] for name, values in look_up(PLAN, [row], store, now).items()}


@pytest.mark.parametrize("age", [0, 1, 3 * HOUR - 1])
def test_a_row_that_lives_is_given(age: int) -> None:
    store = Store({(LATEST.name, "JFK"): (NOW - age, (1.5, "rain"))})
    assert one(store, {"carrier": "AA", "origin": "JFK"}) == {
        **NOTHING,
        "carrier": "AA",
        "origin": "JFK",
        "weather_temp": 1.5,
        "weather_kind": "rain",
    }


@pytest.mark.parametrize("age", [3 * HOUR, 3 * HOUR + 1, 10**15, -1, -HOUR])
def test_a_row_that_is_expired_or_lies_ahead_is_as_absent(age: int) -> None:
    store = Store({(LATEST.name, "JFK"): (NOW - age, (1.5, "rain"))})
    assert one(store, {"carrier": "AA", "origin": "JFK"}) == {**NOTHING, "carrier": "AA", "origin": "JFK"}


@pytest.mark.parametrize(
    "row", [{}, {"carrier": None, "origin": None}, {"carrier": "AA", "origin": None}, {"carrier": None, "origin": "JFK"}]
)
def test_what_is_not_there_or_has_no_key_gives_nulls_and_counts_of_zero(row: dict[str, Any]) -> None:
    store = Store()
    assert one(store, row) == {**NOTHING, "carrier": row.get("carrier"), "origin": row.get("origin")}
    assert all(None not in keys for _, keys in store.asked)


def test_the_age_of_a_window_is_told_at_the_request() -> None:
    values: Values = (2, 0.5, NOW - HOUR // 2, 3, 0.25, NOW - HOUR // 2)
    store = Store({(WINDOW.name, "JFK\x1fAA"): (NOW - HOUR // 4, values)})
    told = one(store, {"carrier": "AA", "origin": "JFK"}, NOW)
    assert [told[name] for name in WINDOW.features] == [2, 0.5, 1800.0, 3, 0.25, 1800.0]
    later = one(store, {"carrier": "AA", "origin": "JFK"}, NOW + 1_000_000)
    assert [later[name] for name in WINDOW.features] == [2, 0.5, 1801.0, 3, 0.25, 1801.0]


def test_an_empty_window_beside_a_full_one() -> None:
    store = Store({(WINDOW.name, "JFK\x1fAA"): (NOW, (0, None, None, 1, 4.0, NOW - 90 * 60_000_000))})
    told = one(store, {"carrier": "AA", "origin": "JFK"})
    assert [told[name] for name in WINDOW.features] == [0, None, None, 1, 4.0, 5400.0]


def test_many_rows_keep_their_order_and_each_key_is_read_once() -> None:
    store = Store({(LATEST.name, "JFK"): (NOW, (1.0, None)), (LATEST.name, "LGA"): (NOW, (2.0, "snow"))})
    rows = [{"origin": origin, "carrier": "AA"} for origin in ("LGA", "JFK", None, "EWR", "LGA")]
    told = look_up(PLAN, rows, store, NOW)
    assert told["weather_temp"] == [2.0, 1.0, None, None, 2.0]
    assert told["weather_kind"] == ["snow", None, None, None, "snow"]
    assert told["origin"] == ["LGA", "JFK", None, "EWR", "LGA"]
    assert store.asked == [(LATEST.name, ["LGA", "JFK", "EWR"]), (WINDOW.name, ["LGA\x1fAA", "JFK\x1fAA", "EWR\x1fAA"])]
    assert all(column == [] for column in look_up(PLAN, [], store, NOW).values())


def test_keys_are_texts() -> None:
    assert key_text(["JFK", 7]) == "JFK\x1f7" and key_text([]) == "" and key_text(["", ""]) == "\x1f"
    assert key_text(["JFK", None]) is None and key_text([None]) is None
    assert entity_view("flights") == "entity.flights"


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x1f"), max_size=4)


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXT, min_size=2, max_size=3), st.lists(TEXT, min_size=2, max_size=3))
def test_two_keys_share_no_text(one: list[str], other: list[str]) -> None:
    assert (key_text(one) == key_text(other)) is (one == other)
