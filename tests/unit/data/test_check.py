"""Verdicts from counts, measures, freshness, and the words they come with."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from baton.data.check import (
    Bounds,
    Limit,
    Measure,
    Rule,
    RuleKind,
    decide,
    lateness,
    measure,
    reason,
)

NOON = datetime(2023, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rejected", "state"), [({}, "kept"), ({"x:minimum": 10}, "kept"), ({"x:minimum": 6, "y:required": 5}, "broken")]
)
def test_a_batch_is_kept_up_to_the_tolerated_share(rejected: dict[str, int], state: str) -> None:
    assert decide(1000, rejected).state == state


def test_the_reason_names_the_rules_that_reject_most() -> None:
    verdict = decide(100, {"a": 1, "b": 20, "c": 3, "d": 2})
    assert verdict.reasons == ("26 of 100 rows rejected (26.0%, tolerated 1.0%): b 20, c 3, d 2",)
    first = verdict.results[0]
    assert (first.rule, first.value, first.passed) == ("a", 1, False)


def test_no_rows_are_no_reason() -> None:
    assert decide(0, {}).kept


def test_a_late_source_breaks_its_contract_whatever_its_rows_are() -> None:
    assert decide(10, {}, late="not fresh").reasons == ("not fresh",)


def test_freshness_is_kept_up_to_the_promised_span() -> None:
    day = timedelta(days=1)
    assert lateness(NOON - day, NOON, day) is None
    assert lateness(None, NOON, None) is None
    assert "known since 2023-04-30T11:59:59Z" in str(lateness(NOON - day - timedelta(seconds=1), NOON, day))
    assert "no row is known" in str(lateness(None, NOON, day))


@pytest.mark.parametrize(
    ("bounds", "inside", "outside"),
    [
        (Bounds(above=3), [4], [3]),
        (Bounds(at_least=3), [3], [2]),
        (Bounds(below=3), [2], [3]),
        (Bounds(at_most=3), [3], [4]),
        (Bounds(equal=3), [3], [2, 4]),
        (Bounds(unequal=3), [2, 4], [3]),
        (Bounds(outside=(2, 4)), [1, 5], [2, 3, 4]),
        (Bounds(at_least=2, at_most=4), [2, 3, 4], [1, 5]),
    ],
)
def test_bounds(bounds: Bounds, inside: list[float], outside: list[float]) -> None:
    assert [bounds.broken(value) for value in inside] == [None] * len(inside)
    assert all(bounds.broken(value) for value in outside)


ROWS = pa.table({"x": ["a", "b", "a", None, "n/a"], "y": [1, 2, 1, 4, None]})


@pytest.mark.parametrize(
    ("what", "value"),
    [
        (Measure("m", "rowCount", Bounds()), 5),
        (Measure("m", "nullValues", Bounds(), ("x",)), 1),
        (Measure("m", "nullValues", Bounds(), ("x",), percent=True), 20),
        (Measure("m", "missingValues", Bounds(), ("x",), values=("n/a",)), 2),
        (Measure("m", "invalidValues", Bounds(), ("x",), values=("a",)), 2),
        (Measure("m", "invalidValues", Bounds(), ("x",), pattern="^[ab]$"), 1),
        (Measure("m", "duplicateValues", Bounds(), ("x", "y")), 1),
    ],
)
def test_measures(what: Measure, value: float) -> None:
    assert measure(ROWS, what).value == value


def test_a_measure_out_of_bounds_says_what_it_is_and_must_be() -> None:
    result = measure(ROWS, Measure("x:nullValues", "nullValues", Bounds(below=5), ("x",), percent=True))
    assert result.reason == "x:nullValues is 20 % of 5 rows and must be less than 5"


@pytest.mark.parametrize(
    ("kind", "limit", "value", "words"),
    [
        ("required", None, None, "x is missing and required"),
        ("minimum", 0, -5, "x is -5, below the minimum 0"),
        ("maximum", datetime(2023, 1, 1, tzinfo=UTC), NOON, "x is 2023-05-01T12:00:00Z, above the maximum 2023-01-01T00:00:00Z"),
        ("maxLength", 2, "abc", "x is 'abc' (3 characters), longer than 2"),
        ("oneOf", ("a", "b"), "c", "x is 'c', none of 'a', 'b'"),
        ("unique", None, 7, "an earlier row has the same x = 7"),
    ],
)
def test_the_reason_of_a_rejected_row_shows_the_value(kind: RuleKind, limit: Limit, value: object, words: str) -> None:
    assert reason(Rule("r", kind, ("x",), limit), value) == words


def test_long_values_are_cut_in_reasons() -> None:
    assert len(reason(Rule("r", "pattern", ("x",), "^a"), "b" * 10_000)) < 200
