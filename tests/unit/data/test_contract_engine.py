"""The contract engine against a slow row loop, and what it says of columns that are not as promised."""

import math
import re
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.backends.engines.duckdb_contract import DuckContracts
from baton.data.check import Rule
from baton.data.contract import Column, Contract
from baton.kernel.errors import BrokenSource

ENGINE = DuckContracts()
COLUMNS = (Column("i", "int"), Column("f", "float"), Column("s", "string"), Column("t", "timestamp"))
TYPES = {"i": pa.int64(), "f": pa.float64(), "s": pa.string(), "t": pa.timestamp("us", "UTC")}


def instant(day: int) -> datetime:
    return datetime(2023, 1, day, tzinfo=UTC)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "i": st.none() | st.integers(-4, 4),
    "f": st.none() | st.sampled_from([-1.5, -0.0, 0.0, 0.3, 1.0, 2.5, math.nan, math.inf]),
    "s": st.none() | st.text("ab'é%🦜", max_size=4),
    "t": st.none() | st.integers(1, 6).map(instant),
}
ROWS = st.lists(st.fixed_dictionaries(VALUES), max_size=12)


def named(kind: Any, column: str, limit: Any = None) -> Rule:
    return Rule(f"{column}:{kind}", kind, (column,), limit)


RULES = st.lists(
    st.one_of(
        st.builds(lambda c: named("required", c), st.sampled_from("ifst")),
        st.builds(
            lambda k, v: named(k, "i", v),
            st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]),
            st.integers(-2, 2),
        ),
        st.builds(
            lambda k, v: named(k, "f", v),
            st.sampled_from(["minimum", "maximum", "exclusiveMinimum"]),
            st.sampled_from([-1.5, 0.3, 1.0]),
        ),
        st.builds(
            lambda k, v: named(k, "t", v), st.sampled_from(["minimum", "exclusiveMaximum"]), st.integers(2, 5).map(instant)
        ),
        st.builds(lambda v: named("multipleOf", "i", v), st.integers(1, 3)),
        st.builds(lambda v: named("multipleOf", "f", v), st.sampled_from([0.1, 0.5, 2])),
        st.builds(lambda k, v: named(k, "s", v), st.sampled_from(["minLength", "maxLength"]), st.integers(0, 3)),
        st.builds(lambda v: named("pattern", "s", v), st.sampled_from(["^a", "b$", "'", "^[ab]*$", "é"])),
        st.builds(
            lambda v: named("oneOf", "s", tuple(v)), st.lists(st.sampled_from(["a", "b", "'", "ab"]), min_size=1, max_size=3)
        ),
        st.builds(lambda v: named("oneOf", "i", tuple(v)), st.lists(st.integers(-1, 1), min_size=1, max_size=3)),
    ),
    max_size=5,
)
UNIQUE = st.lists(
    st.sampled_from([("i",), ("f",), ("s",), ("i", "s"), ("t", "f")]).map(lambda c: Rule("unique:" + "+".join(c), "unique", c)),
    max_size=3,
    unique=True,
)


def breaks(rule: Rule, row: dict[str, Any]) -> bool:
    """What the rule means for one row, said as plainly as possible."""
    value = row[rule.column]
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    if rule.kind == "required" or missing:
        return rule.kind == "required" and missing
    limit: Any = rule.limit
    match rule.kind:
        case "minimum":
            return bool(value < limit)
        case "maximum":
            return bool(value > limit)
        case "exclusiveMinimum":
            return bool(value <= limit)
        case "exclusiveMaximum":
            return bool(value >= limit)
        case "multipleOf":
            return math.isinf(value) or abs(value / limit - round(value / limit)) > 1e-9 * max(1, abs(value / limit))
        case "minLength":
            return bool(len(value) < limit)
        case "maxLength":
            return bool(len(value) > limit)
        case "pattern":
            return re.search(limit, value) is None
        case "oneOf":
            return value not in limit
    raise AssertionError(rule.kind)


def row_loop(rows: list[dict[str, Any]], rules: tuple[Rule, ...], earlier: list[dict[str, Any]]) -> list[str | None]:
    """The first broken rule of each row, row by row."""
    known: dict[str, list[tuple[Any, ...]]] = {rule.name: [] for rule in rules}

    def remember(row: dict[str, Any]) -> None:
        for rule in rules:
            if rule.kind == "unique" and (values := present(rule, row)) is not None:
                known[rule.name].append(values)

    def present(rule: Rule, row: dict[str, Any]) -> tuple[Any, ...] | None:
        values = tuple(row[name] for name in rule.columns)
        return None if any(v is None or v != v for v in values) else values

    for row in earlier:
        remember(row)
    told: list[str | None] = []
    for row in rows:
        broken = next((rule.name for rule in rules if rule.kind != "unique" and breaks(rule, row)), None)
        broken = broken or next((r.name for r in rules if r.kind == "unique" and present(r, row) in known[r.name]), None)
        if broken is None:
            remember(row)
        told.append(broken)
    return told


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in rows], type_) for name, type_ in TYPES.items()})


@settings(deadline=None)
@given(ROWS, RULES, UNIQUE, ROWS)
def test_the_engine_agrees_with_a_row_loop(rows: Any, plain: list[Rule], unique: list[Rule], earlier: Any) -> None:
    rules = tuple(dict.fromkeys([*plain, *unique]))
    contract = Contract("c", COLUMNS, rules)
    seen = table(earlier).select(list(contract.unique_columns)) if unique and earlier else None
    judged = ENGINE.judge(table(rows), contract, seen)
    expected = row_loop(rows, rules, earlier)
    assert judged.rejected["rule"].to_pylist() == [name for name in expected if name]
    assert repr(judged.kept.to_pylist()) == repr(
        table([row for row, name in zip(rows, expected, strict=True) if not name]).to_pylist()
    )
    out = judged.rejected.select(list(TYPES)).to_pylist()
    assert repr(out) == repr(table([row for row, name in zip(rows, expected, strict=True) if name]).to_pylist())
    assert sum(judged.counts.values()) == judged.rejected.num_rows


@settings(deadline=None)
@given(ROWS, UNIQUE, st.integers(0, 12))
def test_where_a_batch_is_cut_does_not_count(rows: Any, unique: list[Rule], cut: int) -> None:
    contract = Contract("c", COLUMNS, (named("minimum", "i", -2), *unique))
    whole = ENGINE.judge(table(rows), contract, None)
    first = ENGINE.judge(table(rows[:cut]), contract, None)
    seen = first.kept.select(list(contract.unique_columns)) if unique else None
    second = ENGINE.judge(table(rows[cut:]), contract, seen)
    assert repr(first.kept.to_pylist() + second.kept.to_pylist()) == repr(whole.kept.to_pylist())


def test_reasons_show_the_value_that_broke_the_rule() -> None:
    rows = table(
        [
            {"i": -3, "f": 1.0, "s": "a", "t": None},
            {"i": 1, "f": 1.0, "s": "a", "t": None},
            {"i": 2, "f": None, "s": "a", "t": None},
        ]
    )
    contract = Contract("c", COLUMNS, (named("minimum", "i", 0), Rule("s:unique", "unique", ("s",))))
    judged = ENGINE.judge(rows, contract, None)
    assert judged.rejected["reason"].to_pylist() == ["i is -3, below the minimum 0", "an earlier row has the same s = 'a'"]
    assert judged.counts == {"i:minimum": 1, "s:unique": 1}


def test_columns_with_odd_names_are_judged() -> None:
    rows = pa.table({'a "b"; --': [1, -1], "rule": ["x", "y"]})
    contract = Contract("c", (Column('a "b"; --', "int"),), (Rule("r", "minimum", ('a "b"; --',), 0),))
    judged = ENGINE.judge(rows, contract, None)
    assert judged.kept.num_rows == 1
    assert judged.rejected.column(judged.rejected.num_columns - 2).to_pylist() == ["r"]


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        (pa.table({"y": [1]}), "column 'x' is promised and missing"),
        (pa.table({"x": ["1"]}), "column 'x' is promised as int and found as string"),
        (pa.table({"x": [1.5]}), "column 'x' is promised as int and found as double"),
    ],
)
def test_a_column_that_is_not_as_promised_breaks_the_source(rows: pa.Table, what: str) -> None:
    with pytest.raises(BrokenSource) as caught:
        ENGINE.judge(rows, Contract("flights", (Column("x", "int"),)), None)
    assert caught.value.what == what
    assert caught.value.fix
    assert "flights" in caught.value.where


def test_a_timestamp_without_zone_is_no_timestamp() -> None:
    rows = pa.table({"x": pa.array([datetime(2023, 1, 1)])})
    with pytest.raises(BrokenSource, match="promised as timestamp"):
        ENGINE.judge(rows, Contract("c", (Column("x", "timestamp"),)), None)


def test_whole_numbers_and_empty_columns_take_the_promised_type() -> None:
    rows = pa.table({"n": pa.array([1, 2], pa.int8()), "e": pa.nulls(2), "d": pa.array([None, None], pa.int32())})
    contract = Contract("c", (Column("n", "float"), Column("e", "timestamp"), Column("d", "string")))
    kept = ENGINE.judge(rows, contract, None).kept
    assert kept.schema.types == [pa.float64(), pa.timestamp("us", "UTC"), pa.string()]
