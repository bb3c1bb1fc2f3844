"""Contradictions between a contract and the source it speaks of. Called by the check of a whole project.

A landing would find the same, and stop there; told here, it costs nobody a day.
"""

from collections.abc import Callable, Iterator, Mapping

from baton.data.contract import KINDS, Column, Contract
from baton.kernel.errors import Mistake
from baton.kernel.suggest import did_you_mean

_LOGICAL = {kind: logical for logical, kind in KINDS.items()}
_FITTING = {("float", "int"), ("date", "other")}
"""Promised and found kinds that agree: whole numbers are numbers, and dates have no kind of their own."""


def check_contract(
    source: str, contract: Contract, found: Mapping[str, str], file: str, is_empty: Callable[[str], bool]
) -> tuple[Mistake, ...]:
    """Columns that are promised and not there, or promised in another type than they have.

    `found` is column → kind of the source. `is_empty` tells whether a column holds no value at all, which keeps any promise;
    it is asked of texts only, since a CSV's empty column reads as one.
    """
    return tuple(
        Mistake(file, column.line or 1, *told) for column in contract.columns for told in _broken(source, column, found, is_empty)
    )


def _broken(source: str, column: Column, found: Mapping[str, str], is_empty: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    kind = found.get(column.name)
    if kind is None:
        yield f"'{column.name}' is promised, and source '{source}' has no such column", did_you_mean(column.name, found)
    elif column.kind not in (kind, "other") and (column.kind, kind) not in _FITTING:
        if kind == "string" and is_empty(column.name):
            return
        yield f"'{column.name}' is promised as {_LOGICAL[column.kind]}, and source '{source}' has {_found(kind)}", _fix(kind)


def _found(kind: str) -> str:
    return "a type that no contract names (a date, a timestamp without a zone, a list …)" if kind == "other" else _LOGICAL[kind]


def _fix(kind: str) -> str:
    mend = "mend the column at the source"
    return f"{mend}, or take it out of the contract" if kind == "other" else f"write 'logicalType: {_LOGICAL[kind]}', or {mend}"
