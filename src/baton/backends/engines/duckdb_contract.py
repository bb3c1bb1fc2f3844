"""Contracts judged by DuckDB: all row rules are compiled into one scan that tells each row's first broken rule.

Duplicates are looked for afterwards, among the rows that break no other rule. Rejected rows get their reason in Python: they
are few, and the words stay in one place (`data.check.reason`).
"""

from __future__ import annotations

from datetime import date, datetime
from math import isnan
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa

from baton.data.check import Limit, Rule, reason
from baton.data.contract import Column, Contract
from baton.data.ports import Judged
from baton.data.source import kind_of
from baton.kernel.clock import iso
from baton.kernel.errors import BrokenSource, InvalidInput, Unavailable

if TYPE_CHECKING:
    Places = np.ndarray[Any, np.dtype[np.int64]]

_ORDER = "__baton_place"
_TYPES = {
    "int": pa.int64(), "float": pa.float64(), "string": pa.string(), "bool": pa.bool_(), "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}  # fmt: skip


class DuckContracts:
    """The `ContractEngine` port. `memory_limit` bounds DuckDB's working memory; nothing is written to disk."""

    def __init__(self, memory_limit: str = "512MB", threads: int = 2) -> None:
        settings: dict[str, Any] = {"memory_limit": memory_limit, "threads": threads, "temp_directory": ""}
        self._connection = duckdb.connect(config=settings)
        self._connection.execute("SET TimeZone = 'UTC'")

    def judge(self, rows: pa.Table, contract: Contract, seen: pa.Table | None) -> Judged:
        """See `ContractEngine.judge`. Raises Unavailable when the rows do not fit into the memory limit."""
        rows = typed(rows, contract)
        try:
            with self._connection.cursor() as cursor:
                broken = _row_rules(cursor, rows, contract)
                broken |= _duplicates(cursor, rows, contract, seen, broken)
        except duckdb.OutOfMemoryException as error:
            raise Unavailable(
                "the rows are too many to judge at once", where=contract.name, why=str(error), fix="shorten the prefetch"
            ) from None
        except duckdb.Error as error:
            why = str(error).strip().splitlines()[0]
            raise InvalidInput(
                "a rule cannot be applied", where=f"contract {contract.name}", why=why, fix="correct the rule"
            ) from None
        return _split(rows, contract, broken)


def typed(rows: pa.Table, contract: Contract) -> pa.Table:
    """The rows with every promised column in its promised kind.

    Whole numbers may stand where a number is promised, and a column without a single value may stand for any kind. Raises
    BrokenSource naming the column, the promised and the found type.
    """
    for column in contract.columns:
        place = rows.schema.get_field_index(column.name)
        if place < 0:
            raise BrokenSource(
                f"column '{column.name}' is promised and missing",
                where=f"contract {contract.name}",
                why=f"promised as {column.kind}; found are {', '.join(rows.column_names)}",
                fix="restore the column at the source, or take it out of the contract and of what uses it",
            )
        if not _is_kind(rows.schema.field(place).type, column.kind):
            rows = rows.set_column(place, column.name, _as_promised(rows[column.name], column, contract))
    return rows


def _is_kind(found: pa.DataType, kind: str) -> bool:
    return kind == "other" or (bool(pa.types.is_date(found)) if kind == "date" else kind_of(found) == kind)


def _as_promised(values: pa.ChunkedArray, column: Column, contract: Contract) -> pa.Array:
    if values.null_count == len(values):
        return pa.nulls(len(values), _TYPES[column.kind])
    if column.kind == "float" and kind_of(values.type) == "int":
        return values.cast(pa.float64(), safe=False)
    raise BrokenSource(
        f"column '{column.name}' is promised as {column.kind} and found as {values.type}",
        where=f"contract {contract.name}",
        why="timestamps need a zone" if column.kind == "timestamp" else "its type has changed, or was never as promised",
        fix=f"send {column.kind} again, or change the contract and review what uses '{column.name}'",
    )


def _row_rules(cursor: duckdb.DuckDBPyConnection, rows: pa.Table, contract: Contract) -> dict[int, int]:
    """Place of a row → place of the first rule it breaks, rows that break none left out."""
    cases = [
        f"WHEN {_broken(rule, rows.schema.field(rule.column).type)} THEN {place}"
        for place, rule in enumerate(contract.rules)
        if rule.kind != "unique"
    ]
    if not cases or not rows.num_rows:
        return {}
    used = dict.fromkeys(rule.column for rule in contract.rules if rule.kind != "unique")
    cursor.register("batch", _placed(rows.select(list(used)), np.arange(rows.num_rows)))
    found = cursor.sql(
        f"SELECT {_ORDER}, CASE {' '.join(cases)} END AS broken FROM batch WHERE broken IS NOT NULL"
    ).to_arrow_table()
    return dict(zip(found[_ORDER].to_pylist(), found["broken"].to_pylist(), strict=True))


def _broken(rule: Rule, type_: pa.DataType) -> str:
    """SQL that is true where a row breaks the rule; missing values pass everything but `required`."""
    name, is_float = _quoted(rule.column), kind_of(type_) == "float"
    if rule.kind == "required":
        return f"({name} IS NULL OR isnan({name}))" if is_float else f"{name} IS NULL"
    limit = rule.limit
    test = {
        "minimum": lambda: f"{name} < {_literal(limit)}",
        "maximum": lambda: f"{name} > {_literal(limit)}",
        "exclusiveMinimum": lambda: f"{name} <= {_literal(limit)}",
        "exclusiveMaximum": lambda: f"{name} >= {_literal(limit)}",
        "multipleOf": lambda: _multiple(name, limit, is_float),
        "minLength": lambda: f"length({name}) < {_literal(limit)}",
        "maxLength": lambda: f"length({name}) > {_literal(limit)}",
        "pattern": lambda: f"NOT regexp_matches({name}, {_literal(limit)})",
        "oneOf": lambda: f"{name} NOT IN {_literal(limit)}",
    }[rule.kind]()
    return f"({test} AND NOT isnan({name}))" if is_float else f"({test})"


def _multiple(name: str, limit: Limit, is_float: bool) -> str:
    if not is_float and isinstance(limit, int):
        return f"{name} % {limit} <> 0"
    ratio = f"({name}::DOUBLE / {_literal(limit)}::DOUBLE)"
    # decimal steps such as 0.1 have no exact binary value
    return f"NOT abs({ratio} - round({ratio})) <= 1e-9 * greatest(1, abs({ratio})) OR isinf({ratio})"


def _duplicates(
    cursor: duckdb.DuckDBPyConnection, rows: pa.Table, contract: Contract, seen: pa.Table | None, broken: dict[int, int]
) -> dict[int, int]:
    rules = [(place, rule) for place, rule in enumerate(contract.rules) if rule.kind == "unique"]
    if not rules or len(broken) == rows.num_rows:
        return {}
    passing = np.setdiff1d(np.arange(rows.num_rows), np.fromiter(broken, dtype=np.int64, count=len(broken)))
    columns = list(contract.unique_columns)
    batch = _placed(rows.select(columns).take(passing), passing)
    cursor.register("fresh", batch)
    cursor.register("seen", seen if seen is not None else batch.select(columns).slice(0, 0))
    found = {place: _repeated(cursor, rule, batch.schema) for place, rule in rules}
    if len(rules) == 1 or not any(found.values()):
        return {row: place for place, repeated in found.items() for row in repeated}
    return _one_by_one(batch, seen, rules)


def _repeated(cursor: duckdb.DuckDBPyConnection, rule: Rule, schema: pa.Schema) -> list[int]:
    """Places of rows whose values stood in an earlier row; rows with a missing value among them are never equal."""
    names = [_quoted(name) for name in rule.columns]
    there = " AND ".join(_present(name, schema.field(name).type) for name in rule.columns)
    same = " AND ".join(f"fresh.{name} = seen.{name}" for name in names)
    query = f"""
        SELECT {_ORDER} FROM fresh WHERE {there}
        QUALIFY row_number() OVER (PARTITION BY {", ".join(names)} ORDER BY {_ORDER}) > 1
        UNION SELECT {_ORDER} FROM fresh SEMI JOIN seen ON {same} WHERE {there}"""
    return list(cursor.sql(query).to_arrow_table()[_ORDER].to_pylist())


def _one_by_one(batch: pa.Table, seen: pa.Table | None, rules: list[tuple[int, Rule]]) -> dict[int, int]:
    """Duplicates under several unique rules: a row rejected by one must not count as earlier for another, so order decides."""
    known = {place: set(_values(seen, rule)) if seen is not None else set() for place, rule in rules}
    found: dict[int, int] = {}
    values = {place: _values(batch, rule) for place, rule in rules}
    for row, at in enumerate(batch[_ORDER].to_pylist()):
        mine = {place: values[place][row] for place, _ in rules if None not in values[place][row]}
        hit = next((place for place, value in mine.items() if value in known[place]), None)
        if hit is not None:
            found[at] = hit
            continue
        for place, value in mine.items():
            known[place].add(value)
    return found


def _values(rows: pa.Table, rule: Rule) -> list[tuple[Any, ...]]:
    columns = [
        [None if isinstance(value, float) and isnan(value) else value for value in rows[name].to_pylist()]
        for name in rule.columns
    ]
    return list(zip(*columns, strict=True))


def _split(rows: pa.Table, contract: Contract, broken: dict[int, int]) -> Judged:
    if not broken:
        texts = pa.array([], pa.string())
        return Judged(rows, rows.slice(0, 0).append_column("rule", texts).append_column("reason", texts), {})
    places = np.array(sorted(broken), dtype=np.int64)
    keep = np.ones(rows.num_rows, dtype=bool)
    keep[places] = False
    out = rows.take(places)
    rules = [contract.rules[broken[place]] for place in places.tolist()]
    names = [rule.name for rule in rules]
    rejected = out.append_column("rule", pa.array(names, pa.string())).append_column("reason", _reasons(out, rules))
    counts = {name: names.count(name) for name in dict.fromkeys(names)}
    return Judged(rows.filter(pa.array(keep)), rejected, counts)


def _reasons(out: pa.Table, rules: list[Rule]) -> pa.Array:
    columns = {name: out[name].to_pylist() for rule in set(rules) for name in rule.columns}
    words = []
    for place, rule in enumerate(rules):
        values = tuple(columns[name][place] for name in rule.columns)
        words.append(reason(rule, values if rule.kind == "unique" else values[0]))
    return pa.array(words, pa.string())


def _placed(rows: pa.Table, places: Places) -> pa.Table:
    return rows.append_column(_ORDER, pa.array(places, pa.int64()))


def _present(name: str, type_: pa.DataType) -> str:
    quoted = f"fresh.{_quoted(name)}"
    return f"{quoted} IS NOT NULL" + (f" AND NOT isnan({quoted})" if kind_of(type_) == "float" else "")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(limit: Limit) -> str:
    if isinstance(limit, tuple):
        return f"({', '.join(_literal(value) for value in limit)})"
    if isinstance(limit, datetime):
        return f"TIMESTAMPTZ '{iso(limit)}'"
    if isinstance(limit, date):
        return f"DATE '{limit.isoformat()}'"
    if isinstance(limit, str):
        return "'" + limit.replace("'", "''") + "'"
    return f"{limit!r}::DOUBLE" if isinstance(limit, float) else str(limit)
