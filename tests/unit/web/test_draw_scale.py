"""Scales, words for numbers, lettering and layers: what every picture stands on."""

import itertools
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.web.draw import layering
from baton.web.draw.calendar import Time
from baton.web.draw.lettering import abridged, breadth, clipped, spread, wrapped
from baton.web.draw.numeral import ticks_told, told
from baton.web.draw.scale import Linear, Log, around

MEASURED = st.floats(-1e15, 1e15) | st.floats(-1.0, 1.0) | st.floats(0.7, 0.76)
INSTANTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(st.lists(MEASURED, min_size=1, max_size=9), st.integers(2, 8))
def test_ticks_rise_and_cover_what_was_measured(values: list[float], count: int) -> None:
    low, high = around(values, count)
    assert low <= min(values) + 1e-8 * (high - low)
    assert high >= max(values) - 1e-8 * (high - low)
    scale = Linear(low, high, 200.0, 10.0)
    ticks = scale.ticks(count)
    assert 2 <= len(ticks) <= 2 * count + 2
    assert all(one < other for one, other in itertools.pairwise(ticks))
    assert all(10.0 <= scale.at(value) <= 200.0 for value in values)
    assert len({*ticks_told(ticks)}) == len(ticks)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 10))
def test_a_pinned_side_stays_where_it_is(values: list[float], high: float) -> None:
    assert around(values, within=(0.0, None))[0] == 0.0


@given(st.integers(-6, 2), st.integers(1, 9), st.floats(1e-9, 1e9), st.integers(1, 9))
def test_powers_of_ten_rise_within_the_axis(low: int, more: int, value: float, count: int) -> None:
    scale = Log(10.0**low, 10.0 ** (low + more), 0.0, 100.0)
    ticks = scale.ticks(count)
    assert all(one < other for one, other in itertools.pairwise(ticks))
    assert all(0 <= scale.at(tick) <= 100 for tick in (*ticks, value, 0.0, -1.0))


@given(INSTANTS, INSTANTS, st.integers(2, 12))
def test_ticks_of_time_rise_and_lie_inside(one: datetime, other: datetime, count: int) -> None:
    scale = Time.over(min(one, other), max(one, other), 0.0, 500.0)
    ticks = scale.ticks(count)
    assert len(ticks) <= count
    assert all(earlier < later for (earlier, _), (later, _) in itertools.pairwise(ticks))
    assert all(scale.first <= at <= scale.last for at, _ in ticks)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (365, ["Jan 2023", "Mar", "May", "Jul", "Sep", "Nov", "Jan 2024"]),
        (4 * 365, ["2023", "2024", "2025", "2026"]),
        (20, ["2 Jan", "9 Jan", "16 Jan"]),
        (0.5, ["1 Jan", "03:00", "06:00", "09:00", "12:00"]),
    ],
)
def test_time_is_told_in_its_own_words(days: float, expected: list[str]) -> None:
    first = datetime(2023, 1, 1, tzinfo=UTC)
    assert [label for _, label in Time.over(first, first + timedelta(days=days), 0, 500).ticks(7)] == expected


@pytest.mark.parametrize(("days", "expected"), [([1, 2], ["1 Jan", "2 Jan"]), ([3], ["2 Jan", "3 Jan", "4 Jan"])])
def test_days_are_never_told_by_the_hour(days: list[int], expected: list[str]) -> None:
    scale = Time.of([datetime(2023, 1, day, tzinfo=UTC) for day in days], 0, 500)
    assert [label for _, label in scale.ticks(7)] == expected


@given(st.lists(st.integers(-3000, 3000), min_size=1, max_size=9), st.integers(2, 8))
def test_ticks_of_whole_things_are_whole(values: list[int], count: int) -> None:
    low, high = around(values, count, whole=True)
    ticks = Linear(low, high, 200.0, 10.0, whole=True).ticks(count)
    assert len(ticks) >= 2 and all(tick.is_integer() for tick in ticks)
    assert low <= min(values) and high >= max(values)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.7512, "%", "75.1 %"),
        (0.0042, "%", "0.42 %"),
        (1240.4, "$", "$1,240"),
        (-3.0, "€", "−€3"),
        (12.345, "ms", "12.3 ms"),
        (0.03124, "", "0.0312"),
        (1_234_567, "", "1.23M"),
        (None, "", "–"),
        (math.nan, "", "–"),
    ],
)
def test_a_number_reads_well(value: float | None, unit: str, expected: str) -> None:
    assert told(value, unit) == expected


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ([0.70, 0.72, 0.74], "", ["0.70", "0.72", "0.74"]),
        ([0.7, 0.725, 0.75], "%", ["70.0 %", "72.5 %", "75.0 %"]),
        ([0, 10000, 20000], "", ["0", "10k", "20k"]),
        ([0, 500, 1000], "$", ["$0", "$500", "$1,000"]),
    ],
)
def test_ticks_read_alike(values: list[float], unit: str, expected: list[str]) -> None:
    assert ticks_told(values, unit) == expected


@given(st.text(max_size=60), st.floats(0, 300))
def test_a_clipped_text_fits(text: str, room: float) -> None:
    kept = clipped(text, room)
    assert kept == "" or breadth(kept) <= room
    assert len(wrapped(text, room, most=2)) <= 2
    short = abridged(text, room)
    assert short == "" or breadth(short) <= room


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_places_are_spread_apart_in_their_order(places: list[float]) -> None:
    moved = spread(places, 15, 0, 100)
    held = [moved[at] for at in sorted(range(len(places)), key=lambda at: places[at])]
    assert all(later - earlier >= 15 - 1e-6 for earlier, later in itertools.pairwise(held))
    assert all(-1e-6 <= place <= 100 + 1e-6 for place in moved)


@given(st.lists(st.tuples(st.sampled_from("abcdefghij"), st.sampled_from("abcdefghij")), max_size=25))
def test_edges_lead_forward_but_for_those_that_close_a_circle(arcs: list[tuple[str, str]]) -> None:
    forward, backward = layering.acyclic("abcdefghij", list(dict.fromkeys(arcs)))
    number = layering.longest("abcdefghij", forward, {})
    assert sorted(number) == sorted("abcdefghij")
    assert {*forward, *backward} == {*arcs}
    assert all(number[source] < number[target] for source, target in forward)


def test_a_graph_without_circles_has_no_edge_back() -> None:
    assert layering.acyclic("abc", [("a", "b"), ("b", "c"), ("a", "c")])[1] == []


def test_sweeps_undo_crossings() -> None:
    layers = [["a", "b", "c"], ["x", "y", "z"]]
    arcs = [("a", "z"), ("b", "y"), ("c", "x")]
    assert layering.crossings(layers, arcs) == 3
    assert layering.crossings(layering.ordered(layers, arcs), arcs) == 0


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.data())
def test_nodes_of_a_layer_never_overlap(sizes: list[int], data: st.DataObject) -> None:
    layers = [[f"{layer}.{at}" for at in range(size)] for layer, size in enumerate(sizes)]
    pairs = [(one, other) for left, right in itertools.pairwise(layers) for one in left for other in right]
    arcs = data.draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    y = layering.heights(layers, arcs, {node: 50.0 for layer in layers for node in layer})
    assert all(y[later] - y[earlier] >= 50 - 1e-6 for layer in layers for earlier, later in itertools.pairwise(layer))
