"""A piece of a query with the values that are bound in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from baton.kernel.errors import InvalidInput
from baton.kernel.suggest import did_you_mean

SIGNS = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
TESTS = (*SIGNS, "in", "contains", "starts", "empty", "given")
"""How a column may be compared: `in` takes a list, `empty` and `given` (null or not) take nothing."""
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Clause:
    """SQL that we wrote, and the values for its question marks in their order."""

    text: str
    values: tuple[Any, ...] = ()


def quoted(name: str) -> str:
    """A name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def all_of(parts: Sequence[Clause]) -> Clause:
    """What holds when every part does."""
    texts = [f"({part.text})" for part in parts if part.text != "TRUE"]
    return Clause(" AND ".join(texts) or "TRUE", tuple(value for part in parts for value in part.values))


def compared(column: str, kind: str, test: str, value: Any) -> Clause:
    """A quoted column of a type against a value from outside, which is read as that type; NaN counts as missing.

    Raises InvalidInput for an unknown test or a list that is none.
    """
    present = f"{column} IS NOT NULL" + (f" AND NOT isnan({column})" if kind in ("DOUBLE", "FLOAT") else "")
    if test in SIGNS:
        return Clause(f"{present} AND {column} {SIGNS[test]} CAST(? AS {kind})", (_text(value),))
    if test == "in":
        if not isinstance(value, list) or not 0 < len(value) <= _MOST:
            raise InvalidInput("'in' compares with a list", where=column, fix=f"give 1 to {_MOST} values")
        marks = ", ".join([f"CAST(? AS {kind})"] * len(value))
        return Clause(f"{column} IN ({marks})", tuple(map(_text, value)))
    if test in ("contains", "starts"):
        function = "contains" if test == "contains" else "starts_with"
        return Clause(f"{function}(lower(CAST({column} AS VARCHAR)), lower(?))", (str(value),))
    if test in ("empty", "given"):
        return Clause(f"NOT ({present})" if test == "empty" else present)
    raise InvalidInput(f"'{test}' is no comparison", where=column, fix=did_you_mean(test, TESTS))


def _text(value: Any) -> str:
    """A value as the engine reads it: instants, numbers and flags are all written."""
    if value is None or isinstance(value, list | dict):
        raise InvalidInput("a column is compared with one value", fix="to find missing values, ask for 'empty'")
    return str(value)
