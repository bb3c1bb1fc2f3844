"""A contract promises what its source has, or the check says where it does not."""

import pytest

from baton.data.consistency import check_contract
from baton.data.contract import parse_contract

TEXT = """\
apiVersion: v3.1.0
schema:
  - name: flights
    properties:
      - {name: flight_id, logicalType: string}
      - {name: delay, logicalType: number}
      - name: landed_at
        logicalType: timestamp
      - {name: day, logicalType: date}
      - {name: late, logicalType: boolean}
"""
FOUND = {"flight_id": "string", "delay": "int", "landed_at": "timestamp", "day": "other", "late": "bool", "tail": "string"}


def told(found: dict[str, str], empty: tuple[str, ...] = ()) -> list[str]:
    contract = parse_contract(TEXT, "c.yaml")
    return [str(mistake) for mistake in check_contract("flights", contract, found, "c.yaml", lambda name: name in empty)]


def test_a_contract_that_is_kept() -> None:
    assert told(FOUND) == []


@pytest.mark.parametrize(
    ("column", "kind", "mistake"),
    [
        (
            "flight_id",
            "int",
            (
                "c.yaml:5: 'flight_id' is promised as string, and source 'flights' has integer\n"
                "    fix: write 'logicalType: integer', or mend the column at the source"
            ),
        ),
        (
            "landed_at",
            "other",
            (
                "c.yaml:8: 'landed_at' is promised as timestamp, and source 'flights' has a type that no contract names "
                "(a date, a timestamp without a zone, a list …)\n    fix: mend the column at the source, or take it out of the contract"
            ),
        ),
        (
            "late",
            "int",
            (
                "c.yaml:10: 'late' is promised as boolean, and source 'flights' has integer\n"
                "    fix: write 'logicalType: integer', or mend the column at the source"
            ),
        ),
    ],
)
def test_a_column_of_another_type(column: str, kind: str, mistake: str) -> None:
    assert told({**FOUND, column: kind}) == [mistake]


def test_a_number_may_not_lose_its_fraction() -> None:
    assert told({**FOUND, "delay": "float"}) == []
    assert [line.split(",")[0] for line in told({**FOUND, "flight_id": "float"})] == [
        "c.yaml:5: 'flight_id' is promised as string"
    ]


def test_a_column_that_is_not_there() -> None:
    found = {name: kind for name, kind in FOUND.items() if name != "delay"}
    assert told({**found, "delays": "int"}) == [
        "c.yaml:6: 'delay' is promised, and source 'flights' has no such column\n    fix: did you mean 'delays'?"
    ]


def test_an_empty_column_keeps_any_promise() -> None:
    found = {**FOUND, "delay": "string"}
    assert told(found, empty=("delay",)) == []
    assert len(told(found)) == 1


def test_where_a_column_is_promised_is_no_part_of_the_promise() -> None:
    moved = parse_contract(f"# a comment\n{TEXT}", "c.yaml")
    assert moved.digest() == parse_contract(TEXT, "c.yaml").digest()
    assert moved == parse_contract(TEXT, "c.yaml")
