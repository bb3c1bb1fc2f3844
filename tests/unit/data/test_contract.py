"""Reading contracts: what is executed, and every mistake with its line."""

from datetime import UTC, datetime, timedelta

import pytest

from baton.data.check import Bounds, Measure, Rule
from baton.data.contract import Column, default_contract, parse_contract
from baton.kernel.errors import InvalidProject

HEAD = """apiVersion: v3.1.0
kind: DataContract
id: flights
version: 1.0.0
status: active
"""
WHOLE = (
    HEAD
    + """schema:
  - name: flights
    logicalType: object
    properties:
      - name: flight_id
        logicalType: string
        primaryKey: true
        primaryKeyPosition: 2
        unique: true
        logicalTypeOptions: {pattern: '^[0-9]+', maxLength: 40}
      - name: origin
        logicalType: string
        primaryKey: true
        primaryKeyPosition: 1
        quality:
          - metric: invalidValues
            arguments: {validValues: [EWR, JFK]}
            mustBe: 0
          - {metric: nullValues, mustBeLessThan: 5, unit: percent}
          - {type: text, description: airports of New York}
      - name: at
        logicalType: timestamp
        logicalTypeOptions: {minimum: 2020-01-01T00:00:00Z}
      - {name: distance, logicalType: integer, required: true, logicalTypeOptions: {exclusiveMinimum: 0}}
    quality:
      - {metric: rowCount, mustBeBetween: [10, 100000]}
slaProperties:
  - {property: freshness, value: 24, unit: hours}
  - {property: latency, value: 2, unit: d}
  - {property: retention, value: 3, unit: y}
customProperties:
  - {property: rejectedTolerance, value: 0.05}
"""
)


def test_a_contract_becomes_columns_rules_and_measures() -> None:
    contract = parse_contract(WHOLE, "c.yaml")
    assert contract.columns == (
        Column("flight_id", "string"),
        Column("origin", "string"),
        Column("at", "timestamp"),
        Column("distance", "int"),
    )
    assert contract.rules == (
        Rule("flight_id:required", "required", ("flight_id",)),
        Rule("flight_id:pattern", "pattern", ("flight_id",), "^[0-9]+"),
        Rule("flight_id:maxLength", "maxLength", ("flight_id",), 40),
        Rule("origin:required", "required", ("origin",)),
        Rule("origin:invalidValues", "oneOf", ("origin",), ("EWR", "JFK")),
        Rule("at:minimum", "minimum", ("at",), datetime(2020, 1, 1, tzinfo=UTC)),
        Rule("distance:required", "required", ("distance",)),
        Rule("distance:exclusiveMinimum", "exclusiveMinimum", ("distance",), 0),
        Rule("flight_id:unique", "unique", ("flight_id",)),
        Rule("primaryKey", "unique", ("origin", "flight_id")),
    )
    assert contract.measures == (
        Measure("origin:nullValues", "nullValues", Bounds(below=5), ("origin",), percent=True),
        Measure("rowCount", "rowCount", Bounds(at_least=10, at_most=100_000)),
    )
    assert (contract.freshness, contract.tolerance) == (timedelta(hours=24), 0.05)
    assert contract.unique_columns == ("flight_id", "origin")


def test_equal_demands_have_equal_digests() -> None:
    one, other = parse_contract(WHOLE, "a.yaml"), parse_contract(WHOLE.replace("airports of New York", "ports"), "b.yaml")
    assert one.digest() == other.digest() != parse_contract(WHOLE.replace("JFK", "LGA"), "a.yaml").digest()


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "fix"),
    [
        (
            "primaryKeyPosition: 2",
            "primarykeyPosition: 2",
            13,
            "'primarykeyPosition' is not known",
            "did you mean 'primaryKeyPosition'?",
        ),
        ("status: active", "stauts: active", 5, "'stauts' is not known in a contract", "did you mean 'status'?"),
        ("v3.1.0", "v2.2.2", 1, "apiVersion is 'v2.2.2'", "v3.1.0"),
        ("maxLength: 40", "maxLength: long", 15, "maxLength of 'flight_id' is 'long'", "fit a string"),
        ("maxLength: 40", "maximum: 40", 15, "'maximum' is not known in logicalTypeOptions of a string", "known:"),
        ("^[0-9]+", "(?=x)", 15, "look-around", ""),
        ("^[0-9]+", "[0-9", 15, "pattern of 'flight_id'", ""),
        ("validValues: [EWR, JFK]", "validValues: [1, 2]", 22, "validValues of a string", "own type"),
        ("mustBe: 0\n", "mustEqual: 0\n", 23, "'mustEqual' is not known", "mustBe"),
        ("unit: hours", "unit: moons", 33, "freshness of 24 moons", "s, m, h, d or w"),
        ("value: 0.05", "value: 5", 37, "rejectedTolerance is 5", "from 0 to 1"),
        ("logicalType: integer", "logicalType: int", 29, "logicalType 'int'", "did you mean 'integer'?"),
        (
            "{type: text, description: airports of New York}",
            "{type: sql, query: SELECT 1, mustBe: 0}",
            25,
            "type 'sql' cannot be executed",
            "library",
        ),
        ("metric: rowCount", "metric: rowcount", 31, "metric 'rowcount' cannot be executed", "rowCount"),
        ("2020-01-01T00:00:00Z", "yesterday", 28, "minimum of 'at'", "fit a timestamp"),
        ("name: origin", "name: flight_id", 16, "listed twice", ""),
        ("required: true", "required: 'yes'", 29, "required is 'yes'", "true or false"),
    ],
)
def test_mistakes_are_told_with_line_and_fix(old: str, new: str, line: int, what: str, fix: str) -> None:
    assert old in WHOLE
    with pytest.raises(InvalidProject) as caught:
        parse_contract(WHOLE.replace(old, new, 1), "c.yaml")
    told = [mistake for mistake in caught.value.mistakes if what in mistake.what]
    assert [(mistake.file, mistake.line) for mistake in told] == [("c.yaml", line)], caught.value
    assert fix in told[0].fix


@pytest.mark.parametrize(
    "text", ["a: [", "- 1", "", HEAD, HEAD + "schema:\n  - name: x\n", HEAD + "schema: 5\n", HEAD + "schema: [5]\n"]
)
def test_what_is_no_contract_is_refused_with_a_mistake(text: str) -> None:
    with pytest.raises(InvalidProject) as caught:
        parse_contract(text, "c.yaml")
    assert all(mistake.line >= 1 and mistake.what for mistake in caught.value.mistakes)


def test_without_a_contract_kinds_and_the_key_are_promised() -> None:
    contract = default_contract("w", {"origin": "string", "temp": "float"}, ("origin",))
    assert contract.columns == (Column("origin", "string"), Column("temp", "float"))
    assert contract.rules == (Rule("origin:required", "required", ("origin",)),)
