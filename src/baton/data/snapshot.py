"""A version of a table, and the content digest that tells whether two sets of rows are the same.

The digest is a multiset hash: each row becomes one 64-bit number, the table the count and two 64-bit sums of them, so it
does not depend on the order of rows and two parts' digests add up. An accidental difference in one row goes unnoticed with
probability 2^-64. It is no defence against somebody who builds rows to collide; files and artefacts have SHA-256 for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from baton.data.source import kind_of
from baton.kernel.digest import digest, digest_bytes

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Words: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_WIDE = 256
_BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A committed version of a table: its number, how many rows it holds, and the digest of all of them."""

    table: str
    version: int
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Tally:
    """The content of a set of rows: count and two sums modulo 2^64. Tallies of disjoint sets add up with `+`."""

    rows: int = 0
    first: int = 0
    second: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.rows + other.rows, (self.first + other.first) & _MASK, (self.second + other.second) & _MASK)

    def digest(self, columns: dict[str, str]) -> str:
        """Hex SHA-256 over the tally and the columns with their kinds (sorted by name, widths do not count)."""
        return digest({"rows": self.rows, "sums": [f"{self.first:016x}", f"{self.second:016x}"], "columns": columns})


def content_digest(rows: pa.Table) -> str:
    """Order-independent digest of rows and schema, 64 hex digits.

    Equal values are equal whatever their width (int16 and int64, float32 and its exact float64), 0.0 equals -0.0 and every
    NaN equals every other; null equals only null.
    """
    return tally(rows).digest(kinds(rows.schema))


def kinds(schema: pa.Schema) -> dict[str, str]:
    """Column → kind of an Arrow schema."""
    return {field.name: kind_of(field.type) for field in schema}


def tally(rows: pa.Table) -> Tally:
    """Count and hash sums of the rows. Columns count by name, not by position; about 1 ms for 2,400 rows × 30 columns."""
    total = Tally()
    for start in range(0, rows.num_rows, _BLOCK):
        total += _block(rows.slice(start, _BLOCK))
    return total


def _block(rows: pa.Table) -> Tally:
    import numpy as np

    total = np.zeros(rows.num_rows, dtype=np.uint64)
    for name in rows.column_names:
        seed = np.uint64(int(digest_bytes(name.encode())[:16], 16))
        total += _column(rows[name], seed)
    hashed = _mix(total)
    return Tally(rows.num_rows, int(hashed.sum(dtype=np.uint64)), int(_mix(hashed ^ np.uint64(_GOLDEN)).sum(dtype=np.uint64)))


def _mix(words: Words) -> Words:
    """The SplitMix64 finaliser: a bijection that spreads every bit."""
    import numpy as np

    words = words + np.uint64(_GOLDEN)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _column(column: pa.ChunkedArray, seed: np.uint64) -> Words:
    """What a column adds to each row's hash. Null adds nothing, so a column that older rows lack leaves their hash alone."""
    import numpy as np
    import pyarrow.compute as pc

    kind = kind_of(column.type)
    words = _texts(_as_text(column)) if kind in ("string", "other") else _numbers(column, kind)
    words = _mix(words ^ seed)
    if column.null_count:
        valid = pc.is_valid(column).combine_chunks().to_numpy(zero_copy_only=False)
        words = np.where(valid, words, np.uint64(0))
    return words


def _numbers(column: pa.ChunkedArray, kind: str) -> Words:
    import numpy as np
    import pyarrow as pa

    if kind == "float":
        values = _filled(column, pa.float64(), 0.0) + 0.0
        values[np.isnan(values)] = np.nan
        return np.asarray(values).view(np.uint64)
    if kind == "timestamp":
        column = column.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64())
    wide = pa.uint64() if pa.types.is_uint64(column.type) else pa.int64()
    return np.ascontiguousarray(_filled(column, wide, 0)).view(np.uint64)


def _filled(column: pa.ChunkedArray, wide: pa.DataType, filler: float) -> Any:
    """The values in a wide type, nulls replaced: every step that changes nothing is left out, this runs per column and batch."""
    if not column.type.equals(wide):
        column = column.cast(wide)
    return (column.fill_null(filler) if column.null_count else column).to_numpy()


def _as_text(column: pa.ChunkedArray) -> pa.Array:
    """Any column as one large-binary array; null becomes empty, and the caller tells it apart."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_nested(column.type) or pa.types.is_null(column.type):
        column = pa.chunked_array([pa.array([None if v is None else repr(v) for v in column.to_pylist()], pa.large_string())])
    elif not pa.types.is_binary(column.type) and not pa.types.is_large_binary(column.type):
        column = column.cast(pa.large_string())
    whole = pc.fill_null(column.cast(pa.large_binary()), b"")
    return whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole


def _texts(texts: pa.Array) -> Words:
    """Hash of each text: length and 8-byte words mixed in order; long texts through SHA-256."""
    import numpy as np

    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.diff(offsets)
    width = int(lengths.max(initial=0))
    if width > _WIDE:
        return np.array(
            [int(digest_bytes(v.as_py())[:16], 16) if len(v.as_py()) > _WIDE else _short(v.as_py()) for v in texts], np.uint64
        )
    data = texts.buffers()[2]
    raw = np.frombuffer(data, dtype=np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    columns = np.arange(-(-width // 8) * 8)
    places = offsets[:-1, None] + columns[None, :]
    padded = np.where(columns[None, :] < lengths[:, None], raw[np.minimum(places, len(raw) - 1)], np.uint8(0))
    return _fold(np.ascontiguousarray(padded).view(np.uint64), lengths.astype(np.uint64))


def _short(text: bytes) -> int:
    import numpy as np

    padded = np.frombuffer(text.ljust(-(-len(text) // 8) * 8, b"\0"), dtype=np.uint64)
    return int(_fold(padded[None, :], np.array([len(text)], np.uint64))[0])


def _fold(words: Words, lengths: Words) -> Words:
    """Mix each row's words; padding beyond a row's own length is skipped, so the widest text does not matter."""
    import numpy as np

    state = _mix(lengths)
    for place in range(words.shape[1]):
        state = np.where(lengths > np.uint64(place * 8), _mix(state ^ words[:, place]), state)
    return state
