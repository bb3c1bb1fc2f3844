"""The join and the running windows, each against the slow and obvious one, and against each other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from baton.features.aggregate import FIXED_POINT, WindowState, deviation, fixed_point
from baton.features.join import column_array, join
from baton.features.online import key_text, look_up
from baton.features.ports import Values
from baton.features.view import FeaturePlan, LatestView, WindowView, plan_from_source
from baton.kernel.clock import micros
from baton.kernel.errors import InvalidInput

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
MINUTE = 60_000_000
START = micros(datetime(2023, 3, 12, tzinfo=UTC))
INSTANT = pa.timestamp("us", tz="UTC")
ALL = '["count", "sum", "mean", "min", "max", "std", "last", "age"]'
PLAN = plan_from_source(f"""
from baton.features import *
entity(columns=["carrier", "distance"])
latest("weather", key="origin", ttl="1h", columns=["temp", "kind", "wet", "seen"])
latest("planes", key=["tail"], columns=["seats"])
window("landings", key=["origin", "carrier"], over=["1h", "30m"], of={{"delay": {ALL}, "taxi": {ALL}}})
window("landings", key="tail", over=["2h"], of={{"delay": ["mean", "last"]}}, clip=(-5, 20))
window("landings", key="carrier", over=["20m"], of={{"taxi": ["max", "count"]}}, clip=(0, 2))
""")
KNOWN_AT: dict[str, str | None] = {"weather": "known_at", "planes": None, "landings": "landed_at"}

ORIGIN = st.none() | st.sampled_from(["JFK", "Å", "", "日本", "J"])
CARRIER = st.none() | st.sampled_from(["AA", "FK", ""])
TAIL = st.none() | st.integers(-2, 2)
TIME = st.integers(0, 18).map(lambda tens: START + tens * 10 * MINUTE)
INTEGER = st.none() | st.integers(-30, 60) | st.integers(-(10**12), 10**12)
FLOAT = st.none() | st.floats(-1e6, 1e6) | st.sampled_from([0.1, 0.5e-6, 1.5e-6, -0.25e-6, 1e6, math.nan, math.inf, -math.inf])
WEATHER = st.tuples(
    TIME,
    ORIGIN,
    st.none() | st.floats(-40, 40),
    st.none() | st.sampled_from(["rain", "snow"]),
    st.none() | st.booleans(),
    st.none() | TIME,
)
LANDING = st.tuples(TIME, ORIGIN, CARRIER, TAIL, INTEGER, FLOAT)
PLANE = st.tuples(TAIL, st.none() | st.integers(1, 400))
REQUEST = st.tuples(TIME, ORIGIN, CARRIER, TAIL, st.floats(0, 3000))


@dataclass(frozen=True)
class World:
    """Sources and requests as rows; sources in order of known time."""

    weather: list[Any]
    planes: list[Any]
    landings: list[Any]
    requests: list[Any]

    def tables(self) -> dict[str, pa.Table]:
        return {
            "weather": table(
                self.weather,
                known_at=INSTANT,
                origin=pa.string(),
                temp=pa.float64(),
                kind=pa.string(),
                wet=pa.bool_(),
                seen=INSTANT,
            ),
            "planes": table(self.planes, tail=pa.int64(), seats=pa.int32()),
            "landings": table(
                self.landings,
                landed_at=INSTANT,
                origin=pa.string(),
                carrier=pa.string(),
                tail=pa.int32(),
                delay=pa.int64(),
                taxi=pa.float64(),
            ),
        }

    def asked(self) -> pa.Table:
        return table(
            self.requests, decided_at=INSTANT, origin=pa.string(), carrier=pa.string(), tail=pa.int64(), distance=pa.float64()
        )


def table(rows: Sequence[Any], **types: pa.DataType) -> pa.Table:
    return pa.table({name: pa.array([row[place] for row in rows], kind) for place, (name, kind) in enumerate(types.items())})


def by_time(rows: list[Any]) -> list[Any]:
    return sorted(rows, key=lambda row: row[0])


WORLD = st.builds(
    World,
    st.lists(WEATHER, max_size=12).map(by_time),
    st.lists(PLANE, max_size=4),
    st.lists(LANDING, max_size=30).map(by_time),
    st.lists(REQUEST, max_size=8),
)


def plain(value: Any) -> Any:
    """Null for whatever stands for nothing, numbers as floats."""
    if value is None or value != value:
        return None
    return value if isinstance(value, str) else float(value)


def slow_latest(rows: list[tuple[int, Any, Any]], key: Any, decided: int, ttl: int) -> Any:
    """The value of the last row of the key known by then, unless it is as old as its time to live."""
    known = [row for row in rows if key is not None and row[1] == key and row[0] <= decided]
    return plain(known[-1][2]) if known and decided - known[-1][0] < ttl else None


def slow_window(
    rows: list[tuple[int, Any, int | None]], key: Any, decided: int, span: int, aggregate: str, scale: int
) -> float | None:
    """An aggregate over the rows of the key known in (decided − span, decided], in exact fractions."""
    inside = [
        (at, value)
        for at, of, value in rows
        if key is not None and of == key and value is not None and decided - span < at <= decided
    ]
    values = [value for _, value in inside]
    if aggregate == "count":
        return float(len(values))
    if not values or (aggregate == "std" and len(values) < 2):
        return None
    mean = Fraction(sum(values), len(values))
    exact: dict[str, Fraction] = {
        "sum": Fraction(sum(values), scale),
        "mean": mean / scale,
        "min": Fraction(min(values), scale),
        "max": Fraction(max(values), scale),
        "last": Fraction(values[-1], scale),
        "age": Fraction(decided - inside[-1][0], 10**6),
    }
    if aggregate == "std":
        return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1)) / scale
    return float(exact[aggregate])


def whole(value: float | None, scale: int, clip: tuple[int, int] | None) -> int | None:
    if value is None or not math.isfinite(value):
        return None
    fixed = round(value * scale)
    return fixed if clip is None else min(max(fixed, clip[0] * scale), clip[1] * scale)


def oracle(plan: FeaturePlan, world: World) -> dict[str, list[Any]]:
    made: dict[str, list[Any]] = {name: [] for name in plan.names}
    for decided, origin, carrier, tail, distance in world.requests:
        own = {"origin": origin, "carrier": carrier, "tail": tail}
        made["carrier"].append(carrier)
        made["distance"].append(distance)
        for view in plan.views:
            parts = [own[column] for column in view.key]
            key = None if any(part is None for part in parts) else tuple(parts)
            if isinstance(view, LatestView):
                for feature, column in zip(view.features, view.columns, strict=True):
                    if view.source == "planes":
                        rows = [(0, (row[0],), row[1]) for row in world.planes]
                    else:
                        place = {"temp": 2, "kind": 3, "wet": 4, "seen": 5}[column]
                        rows = [(row[0], (row[1],), row[place]) for row in world.weather]
                    made[feature].append(slow_latest(rows, key, decided, int(view.ttl.total_seconds() * 1e6)))
            else:
                place, scale = {"delay": (4, 1), "taxi": (5, FIXED_POINT)}[view.column]
                at = {"origin": 1, "carrier": 2, "tail": 3}
                of = [
                    (row[0], tuple(row[at[column]] for column in view.key), whole(row[place], scale, view.clip))
                    for row in world.landings
                ]
                names = iter(view.features)
                for span in view.spans:
                    for aggregate in view.aggregates:
                        made[next(names)].append(slow_window(of, key, decided, int(span.total_seconds() * 1e6), aggregate, scale))
    return made


def near(one: Any, other: Any) -> bool:
    if one is None or other is None or isinstance(one, str):
        return bool(one == other)
    return math.isclose(one, other, rel_tol=1e-14, abs_tol=1e-300)


@settings(CALM, max_examples=60)
@given(WORLD)
def test_every_feature_is_what_a_row_by_row_reading_gives(world: World) -> None:
    made = join(PLAN, world.asked(), world.tables(), KNOWN_AT)
    expected = oracle(PLAN, world)
    for name in PLAN.names:
        found = [plain(value) for value in made[name].tolist()] if made[name].dtype.kind != "O" else list(made[name])
        assert len(found) == len(world.requests)
        pairs = zip(found, expected[name], strict=True)
        assert all(near(one, plain(other)) for one, other in pairs), (name, found, expected[name])


class Memory:
    """An online store in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], tuple[int, Values]] = {}

    def begin(self) -> int | None:
        return None

    def read(self, view: str, keys: Sequence[str]) -> list[tuple[int, Values] | None]:
        return [self.rows.get((view, key)) for key in keys]


def arrived(view: WindowView, rows: list[Any], scale: int) -> list[tuple[int, str, int]]:
    """Rows as a running window takes them in."""
    at = {"origin": 1, "carrier": 2, "tail": 3}
    keys = [key_text([row[at[column]] for column in view.key]) for row in rows]
    values = fixed_point([row[{"delay": 4, "taxi": 5}[view.column]] for row in rows], scale)
    return [
        (row[0], key, value) for row, key, value in zip(rows, keys, values, strict=True) if key is not None and value is not None
    ]


@settings(CALM, max_examples=50)
@given(WORLD, st.sampled_from([20, 30, 50]))
def test_what_is_served_is_what_is_trained_on_at_every_step(world: World, minutes: int) -> None:
    states = {
        view: WindowState(view, FIXED_POINT if view.column == "taxi" else 1)
        for view in PLAN.views
        if isinstance(view, WindowView)
    }
    memory, before = Memory(), -1
    latest, planes = (view for view in PLAN.views if isinstance(view, LatestView))
    memory.rows |= {(planes.name, key): (0, (row[1],)) for row in world.planes if (key := key_text([row[0]])) is not None}
    for now in range(START, START + 200 * MINUTE, minutes * MINUTE):
        for row in world.weather:
            if before < row[0] <= now and (key := key_text([row[1]])) is not None:
                memory.rows[latest.name, key] = (row[0], row[2:])
        for view, state in states.items():
            touched = state.advance(arrived(view, [row for row in world.landings if before < row[0] <= now], state.scale), now)
            for key in touched:
                values = state.values(key, now)
                if values is None:
                    memory.rows.pop((view.name, key), None)
                else:
                    memory.rows[view.name, key] = (now, values)
        requests = [(now, *row[1:]) for row in world.requests]
        trained = join(PLAN, World([], [], [], requests).asked(), world.tables(), KNOWN_AT)
        own = [dict(zip(("origin", "carrier", "tail", "distance"), row[1:], strict=True)) for row in requests]
        served = look_up(PLAN, own, memory, now)
        for name in PLAN.names:
            assert [plain(value) for value in served[name]] == [plain(value) for value in trained[name].tolist()], (name, now)
        before = now


def asked(*rows: Any) -> pa.Table:
    return World([], [], [], list(rows)).asked()


@pytest.mark.parametrize(
    ("age", "found"), [(0, True), (60 * MINUTE - 1, True), (60 * MINUTE, False), (60 * MINUTE + 1, False), (-1, False)]
)
def test_a_row_lives_up_to_its_time_to_live_and_not_before_it_is_known(age: int, found: bool) -> None:
    world = World([(START, "JFK", 1.5, "rain", True, START)], [], [], [])
    made = join(PLAN, asked((START + age, "JFK", "AA", 1, 1.0)), world.tables(), KNOWN_AT)
    values = [plain(made[f"weather_{name}"][0]) for name in ("temp", "kind", "wet", "seen")]
    assert values == ([1.5, "rain", 1.0, float(START)] if found else [None] * 4)


@pytest.mark.parametrize(("age", "count"), [(0, 1.0), (30 * MINUTE - 1, 1.0), (30 * MINUTE, 0.0), (-1, 0.0)])
def test_a_window_is_half_open(age: int, count: float) -> None:
    world = World([], [], [(START, "JFK", "AA", 1, 3, 0.5)], [])
    made = join(PLAN, asked((START + age, "JFK", "AA", 1, 1.0)), world.tables(), KNOWN_AT)
    assert made["origin_carrier_delay_count_30m"][0] == count
    assert plain(made["origin_carrier_delay_age_30m"][0]) == (age / 1e6 if count else None)


def test_the_last_of_rows_known_at_once_is_the_last_in_order() -> None:
    rows = [(START, "JFK", "AA", 1, value, float(value)) for value in (5, -7, 9)]
    weather = [(START, "JFK", float(value), kind, None, None) for value, kind in enumerate(("rain", None, "snow"))]
    made = join(PLAN, asked((START, "JFK", "AA", 1, 1.0)), World(weather, [], rows, []).tables(), KNOWN_AT)
    assert (made["origin_carrier_delay_last_1h"][0], made["weather_temp"][0], made["weather_kind"][0]) == (9.0, 2.0, "snow")


def test_keys_of_other_widths_and_encodings_are_the_same_keys() -> None:
    world = World(
        [(START, "JFK", 1.0, None, None, None)], [(7, 100)], [(START, "JFK", "AA", 7, 3, 0.5)], [(START, "JFK", "AA", 7, 1.0)]
    )
    requests, tables = world.asked(), world.tables()
    expected = join(PLAN, requests, tables, KNOWN_AT)
    for kind in (pa.large_string(), pa.dictionary(pa.int8(), pa.string())):
        other = requests.set_column(1, "origin", requests["origin"].cast(kind)).set_column(
            3, "tail", requests["tail"].cast(pa.int8())
        )
        made = join(PLAN, other, tables, KNOWN_AT)
        assert all(plain(made[name][0]) == plain(expected[name][0]) for name in PLAN.names)
    assert expected["planes_seats"][0] == 100 and expected["tail_delay_mean_2h"][0] == 3


def test_an_empty_source_gives_nulls_of_the_right_kind() -> None:
    made = join(
        PLAN, asked((START, "JFK", "AA", 1, 1.0), (START, None, None, None, 2.0)), World([], [], [], []).tables(), KNOWN_AT
    )
    assert made["weather_kind"].tolist() == [None, None] and np.isnan(made["weather_temp"]).all()
    counts = [name for name in PLAN.names if "_count_" in name]
    assert counts and all(made[name].tolist() == [0.0, 0.0] for name in counts)
    rest = set(PLAN.names) - set(counts) - {"carrier", "distance", "weather_kind"}
    assert all(np.isnan(made[name]).all() for name in rest)


def test_no_request_gives_no_rows() -> None:
    world = World([(START, "JFK", 1.0, "rain", True, None)], [(1, 2)], [(START, "JFK", "AA", 1, 3, 0.5)], [])
    made = join(PLAN, asked(), world.tables(), KNOWN_AT)
    assert all(len(made[name]) == 0 for name in PLAN.names)


WIDE = plan_from_source("""
from baton.features import *
window("t", key=["a", "b", "c", "d", "e"], over=["1h"], of={"x": ["last", "count"]})
latest("t", key="a", columns=["x"], ttl="1h")
""")


def test_many_keys_over_many_years_do_not_overflow() -> None:
    rows, year = 9000, 365 * 24 * 60 * MINUTE
    numbers = np.arange(rows)
    names = pa.array([f"k{number}" for number in numbers])
    at = pa.array(START + numbers * (300 * year // rows) - 150 * year, pa.int64()).cast(INSTANT)
    source = pa.table({**dict.fromkeys("abcde", names), "at": at, "x": pa.array(numbers)})
    requests = pa.table({**dict.fromkeys("abcde", names), "decided_at": at})
    made = join(WIDE, requests, {"t": source}, {"t": "at"})
    assert made["a_b_c_d_e_x_last_1h"].tolist() == made["t_x"].tolist() == numbers.tolist()
    assert (made["a_b_c_d_e_x_count_1h"] == 1).all()


@settings(CALM, max_examples=60)
@given(
    st.lists(st.integers(-(2**55), 2**55) | st.sampled_from([2**53 + 1, -(2**53) - 1]), min_size=2, max_size=12), st.booleans()
)
def test_large_values_are_exact_in_both(values: list[int], floats: bool) -> None:
    view = next(
        view
        for view in PLAN.views
        if isinstance(view, WindowView) and view.column == ("taxi" if floats else "delay") and not view.clip
    )
    scale = FIXED_POINT if floats else 1
    rows = [(START, "J", "A", 1, value, value / FIXED_POINT) for value in values]
    made = join(PLAN, asked((START, "J", "A", 1, 1.0)), World([], [], rows, []).tables(), KNOWN_AT)
    state = WindowState(view, scale)
    state.advance(arrived(view, rows, scale), START)
    told = state.values("J\x1fA", START)
    assert told is not None
    for name, served in zip(view.features, told, strict=True):
        if "_age_" not in name:
            assert made[name][0] == served, name


def test_a_spread_beside_a_large_mean_keeps_its_digits() -> None:
    rows = [(START, "J", "A", 1, 10**9 + value, 1e6 + value / 10) for value in (0, 1, 2)] * 50
    made = join(PLAN, asked((START, "J", "A", 1, 1.0)), World([], [], rows, []).tables(), KNOWN_AT)
    exact = float(np.std([0, 1, 2] * 50, ddof=1))
    assert math.isclose(made["origin_carrier_delay_std_1h"][0], exact, rel_tol=1e-15)
    assert math.isclose(made["origin_carrier_taxi_std_1h"][0], exact / 10, rel_tol=1e-15)


@pytest.mark.parametrize(("delay", "taxi"), [(1, 1e13), (1, -9e15), (2**62, 1.0)])
def test_what_no_integer_holds_is_refused_not_wrapped(delay: int, taxi: float) -> None:
    world = World([], [], [(START, "J", "A", 1, delay, taxi)] * 3, [])
    with pytest.raises(InvalidInput, match="too large for a window") as caught:
        join(PLAN, asked((START, "J", "A", 1, 1.0)), world.tables(), KNOWN_AT)
    assert "clip" in caught.value.fix


def test_a_clip_tames_what_is_too_large() -> None:
    world = World([], [], [(START, "J", "A", 1, 2**60, 1e300), (START, "J", "A", 1, -(2**60), 0.5)], [])
    clipped = plan_from_source(
        'from baton.features import *\nwindow("landings", key="carrier", over=["1h"], of={"taxi": ["max", "sum"], "delay": ["sum"]}, clip=(-1, 2))'
    )
    made = join(clipped, asked((START, "J", "A", 1, 1.0)), world.tables(), KNOWN_AT)
    assert [made[name][0] for name in clipped.names] == [2.0, 2.5, 1.0]


@settings(CALM, max_examples=60)
@given(st.lists(st.integers(-(10**12), 10**12), min_size=2, max_size=10))
def test_the_deviation_is_exact(values: list[int]) -> None:
    mean = Fraction(sum(values), len(values))
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    assert deviation(len(values), sum(values), sum(value * value for value in values)) == math.sqrt(variance)


def test_fixed_point_leaves_out_what_is_no_number() -> None:
    assert fixed_point([1.5, None, math.nan, math.inf, -math.inf, -2, 0.5e-6], FIXED_POINT) == [
        1_500_000,
        None,
        None,
        None,
        None,
        -2_000_000,
        0,
    ]
    assert fixed_point([3, None], 1) == [3, None]


@settings(CALM, max_examples=60)
@given(st.lists(LANDING, max_size=30).map(by_time), st.lists(st.integers(0, 30), min_size=1, max_size=6))
def test_a_window_does_not_depend_on_how_often_it_is_advanced(rows: list[Any], stops: list[int]) -> None:
    view = next(view for view in PLAN.views if isinstance(view, WindowView))
    end = START + 190 * MINUTE
    one, many = WindowState(view, 1), WindowState(view, 1)
    fed = arrived(view, rows, 1)
    assume(fed)
    one.advance(fed, end)
    before = -1
    for stop in [*sorted(START + stop * 10 * MINUTE for stop in stops if stop < 19), end]:
        many.advance([row for row in fed if before < row[0] <= stop], stop)
        before = stop
    for key in {row[1] for row in fed}:
        assert one.values(key, end) == many.values(key, end)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_equal_texts_are_one_object_in_memory(kind: pa.DataType) -> None:
    made = column_array(pa.chunked_array([["JFK", None], ["LGA", "JFK"], []], pa.string()).cast(kind))
    assert made.tolist() == ["JFK", None, "LGA", "JFK"] and made[0] is made[3]
    assert column_array(pa.chunked_array([], pa.string())).tolist() == []
