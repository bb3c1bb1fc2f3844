"""Sources as declared, met by what is found: kinds of columns, the selection, and the table a source lands in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from baton.kernel.errors import BrokenSource, InvalidInput
from baton.kernel.suggest import did_you_mean
from baton.project.definition import Source
from baton.project.tablename import RESERVED, RULE, free_name, is_free

if TYPE_CHECKING:
    import pyarrow as pa

KINDS = ("int", "float", "string", "bool", "timestamp", "other")
"""What a column can be; a timestamp has a zone, dates and naive timestamps are `other`."""


def kind_of(type_: pa.DataType) -> str:
    """The kind of an Arrow type, one of KINDS; a dictionary counts as what it encodes."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(type_):
        return kind_of(type_.value_type)
    if types.is_integer(type_):
        return "int"
    if types.is_floating(type_):
        return "float"
    if types.is_boolean(type_):
        return "bool"
    if types.is_timestamp(type_):
        return "timestamp" if type_.tz else "other"
    is_text = types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_)
    return "string" if is_text else "other"


def selection(source: Source, found: Iterable[str]) -> tuple[str, ...]:
    """The columns to read: `source.columns` (all when empty) plus key and known_at, in the order found.

    Raises BrokenSource naming the first declared column that is not there and the nearest one that is.
    """
    there = tuple(found)
    wanted = {*source.columns, *source.key, *((source.known_at,) if source.known_at else ())}
    for name in sorted(wanted - set(there)):
        raise BrokenSource(
            f"column '{name}' is declared and not there",
            where=str(source.path),
            why=f"the file has {len(there)} columns: {', '.join(there)}",
            fix=f"{did_you_mean(name, there)} Restore the column, or change the source in baton.yaml",
        )
    return tuple(name for name in there if not source.columns or name in wanted)


def require_zone(source: Source, kinds: Mapping[str, str]) -> None:
    """Raise BrokenSource when known_at is not a timestamp with a zone: its instant would be a guess."""
    if source.known_at and kinds[source.known_at] != "timestamp":
        raise BrokenSource(
            f"column '{source.known_at}' says when a row is known and is no timestamp with a zone",
            where=str(source.path),
            why=f"it is read as '{kinds[source.known_at]}'",
            fix="write instants in UTC, e.g. 2023-01-01T05:00:00Z (in Parquet: timestamp[us, tz=UTC])",
        )


def table_of(source_name: str) -> str:
    """The table a source lands in: its own name. Raises InvalidInput when the name cannot be a table's."""
    if not is_free(source_name):
        raise InvalidInput(
            f"source '{source_name}' cannot be stored under its name",
            where="baton.yaml, sources",
            why=f"a table's name has {RULE}, and is not {', '.join(RESERVED)}",
            fix=f"rename it, e.g. '{free_name(source_name)}'",
        )
    return source_name


def storable(rows: pa.Table) -> pa.Table:
    """The rows in types every table format keeps: signed integers, plain strings, timestamps in microseconds, no dictionaries.

    Values stay equal, except that timestamps below a microsecond are cut off. Raises BrokenSource for an unsigned 64-bit
    value above 2^63 - 1.
    """
    import pyarrow as pa

    schema = pa.schema([pa.field(field.name, _storable(field.type)) for field in rows.schema])
    if schema.equals(rows.schema):
        return rows
    columns = [_cast(rows[field.name], field) for field in schema]
    return pa.table(columns, schema=schema)


def _cast(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    import pyarrow as pa

    try:
        return column.cast(field.type, safe=not pa.types.is_timestamp(field.type))
    except pa.ArrowInvalid as error:
        raise BrokenSource(
            f"column '{field.name}' holds values that cannot be stored", why=str(error), fix="use 64-bit signed integers at most"
        ) from None


def _storable(type_: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(type_):
        return _storable(type_.value_type)
    if types.is_unsigned_integer(type_):
        return {8: pa.int16(), 16: pa.int32()}.get(type_.bit_width, pa.int64())
    if types.is_timestamp(type_):
        return pa.timestamp("us", "UTC" if type_.tz else None)
    if types.is_large_string(type_) or types.is_string_view(type_) or types.is_null(type_):
        return pa.string()
    return pa.float32() if types.is_float16(type_) else type_
