"""Arrow streams: many rows as columns on their way to the matrix, and answers as a table. Loads pyarrow when it is first used.

What a stream would take in memory is read off its frames before anything of it is made: no compressed buffers (packing is
the transport's affair: Content-Encoding), and no more rows than the limit.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from baton.inference.reply import TooLarge
from baton.kernel.errors import InvalidInput, MissingExtra
from baton.registry.signature import InputFeature, Signature
from baton.serving.codec import LARGEST, TEXT_LIMIT, Answer, Malformed, advice, refuse_doubles

TYPE = b"application/vnd.apache.arrow.stream"
ROWS = 100_000
_HEAD, _MARK = struct.Struct("<Ii"), 0xFFFFFFFF
_DICTIONARY, _BATCH = 2, 3


@dataclass(frozen=True, slots=True)
class Rows:
    """What a stream tells: the rows' ids, and their values by feature, numbers as float64 and texts as lists."""

    ids: Sequence[str]
    columns: dict[str, Any]

    def parts(self, size: int) -> list["Rows"]:
        """The same in pieces of so many rows."""
        spans = [slice(start, start + size) for start in range(0, len(self.ids), size)]
        return [Rows(self.ids[span], {name: column[span] for name, column in self.columns.items()}) for span in spans]


def read(body: bytes, signature: Signature) -> Rows:
    """The rows of a stream, a column per feature; a column of the entity's key names them. Raises Malformed, TooLarge,
    InvalidInput naming the column, or MissingExtra."""
    pa = _arrow()
    _refuse_large(body)
    try:
        with pa.ipc.open_stream(body) as reader:
            _refuse_unlike(pa, reader.schema, signature)
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, UnicodeDecodeError, OSError, EOFError) as error:
        raise _torn(str(error)) from error
    if not table.num_rows:
        raise InvalidInput("there are no rows", where="body", fix="send at least one")
    columns = {item.name: _column(pa, table[item.name].combine_chunks(), item) for item in signature.features}
    return Rows(_ids(pa, table, signature, body), columns)


def write(answer: Answer) -> bytes:
    """An answer as a stream of one table, its moment and serial in the schema's metadata."""
    pa = _arrow()
    rows = answer.predictions
    columns = {
        "entity": pa.array([row.entity for row in rows], pa.string()),
        "score": pa.array([row.score for row in rows], pa.float64()),
        "label": pa.array([row.label for row in rows], pa.bool_()),
        "prediction_id": pa.array([row.prediction_id for row in rows], pa.string()),
        "model_version": pa.array([row.model_version for row in rows], pa.int32()),
        "release": pa.array([row.release for row in rows], pa.string()),
        "variant": pa.array([row.variant for row in rows], pa.string()),
    }
    if any(row.explanation for row in rows):
        each = [[*row.explanation.contributions.items()] if row.explanation else None for row in rows]
        columns["contributions"] = pa.array(each, pa.map_(pa.string(), pa.float64()))
        columns["baseline"] = pa.array([row.explanation.baseline if row.explanation else None for row in rows], pa.float64())
    told = {"decided_at": answer.decided_at, "serial": str(answer.serial)}
    if answer.missing:
        told["missing"] = "\n".join(answer.missing)
    table = pa.table(columns).replace_schema_metadata(told)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def _arrow() -> Any:
    try:
        import pyarrow as pa
        import pyarrow.ipc
    except ImportError as error:
        raise MissingExtra("Arrow is not installed where this server runs", fix="pip install pyarrow; or send JSON") from error
    return pa


# --- limits, before anything is made ----------------------------------------------------------------------------------


def _refuse_large(body: bytes) -> None:
    rows = 0
    try:
        for count, packed in _frames(body):
            rows += count
            if packed:
                raise InvalidInput(
                    "the stream's buffers are compressed",
                    where="body",
                    fix="write it without compression; the whole body may be sent with Content-Encoding: gzip",
                )
            if rows > ROWS or count < 0:
                raise TooLarge(f"the stream has more than {ROWS} rows", where="body", fix=f"send at most {ROWS} rows per request")
    except struct.error as error:
        raise _torn(str(error)) from error


def _frames(body: bytes) -> Iterator[tuple[int, bool]]:
    """Of each frame, its rows and whether its buffers are compressed, off the flatbuffer in front of it."""
    at = 0
    while at < len(body):
        mark, size = _HEAD.unpack_from(body, at)
        if mark != _MARK or size < 0:
            raise _torn("a frame does not begin with its mark")
        if size == 0:
            return
        start = at + _HEAD.size
        message = start + _number(body, start, "<I")
        length = _field(body, message, 3)
        kind, header = _field(body, message, 1), _field(body, message, 2)
        at = start + size + (_number(body, length, "<q") if length else 0)
        if at <= start:
            raise _torn("a frame has no length")
        form = _number(body, kind, "<B") if kind and header else 0
        if form not in (_DICTIONARY, _BATCH):
            continue
        batch = header + _number(body, header, "<I")
        if form == _DICTIONARY:
            inner = _field(body, batch, 1)
            batch = inner + _number(body, inner, "<I")
        count = _field(body, batch, 0)
        rows = _number(body, count, "<q") if count else 0
        yield rows, bool(_field(body, batch, 3))


def _field(body: bytes, table: int, place: int) -> int:
    """Where a field of a flatbuffer table is; 0 when it is not there."""
    layout = table - _number(body, table, "<i")
    at = 4 + 2 * place
    offset = _number(body, layout + at, "<H") if at < _number(body, layout, "<H") else 0
    return table + offset if offset else 0


def _number(body: bytes, at: int, form: str) -> int:
    if not 0 <= at < len(body):
        raise _torn("an offset leads outside")
    number: int = struct.unpack_from(form, body, at)[0]
    return number


def _torn(why: str) -> Malformed:
    return Malformed("the body is not an Arrow stream", where="body", why=why, fix="write it with pyarrow.ipc.new_stream")


# --- columns ----------------------------------------------------------------------------------------------------------


def _refuse_unlike(pa: Any, schema: Any, signature: Signature) -> None:
    known = {*signature.names, signature.entity}
    unknown, absent = (
        [name for name in schema.names if name not in known],
        [name for name in signature.names if name not in schema.names],
    )
    if unknown or absent or len(set(schema.names)) < len(schema.names):
        what = (
            f"'{unknown[0]}' is no input of this model"
            if unknown
            else f"the input '{absent[0]}' is missing"
            if absent
            else "a column is there twice"
        )
        raise InvalidInput(
            what,
            where=(unknown or absent or schema.names)[0],
            fix=f"send exactly {', '.join(signature.names[:20])}; '{signature.entity}' may name the rows",
        )
    for item in signature.features:
        kind = schema.field(item.name).type
        if not (_is_number(pa, kind) if item.kind == "number" else _is_text(pa, kind)):
            raise InvalidInput(f"'{item.name}' is {kind}", where=item.name, fix=advice(item))


def _is_number(pa: Any, kind: Any) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_null(kind))


def _is_text(pa: Any, kind: Any) -> bool:
    types = pa.types
    plain = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(plain) or types.is_large_string(plain) or types.is_null(plain))


def _column(pa: Any, array: Any, item: InputFeature) -> Any:
    if item.kind == "category":
        return _texts(pa, array, item)
    values = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    beyond = np.flatnonzero(np.abs(values) > LARGEST)
    if len(beyond):
        raise InvalidInput(
            f"'{item.name}' does not fit float32", where=item.name, why=f"in row {int(beyond[0])}", fix=advice(item)
        )
    return values


def _texts(pa: Any, array: Any, item: InputFeature) -> list[str | None]:
    if pa.types.is_dictionary(array.type):
        known = _texts(pa, array.dictionary, item)
        return [None if place is None else known[place] for place in array.indices.to_pylist()]
    texts: list[str | None] = array.to_pylist()
    if any(text is not None and len(text) > TEXT_LIMIT for text in texts):
        raise InvalidInput(f"a text of '{item.name}' is too long", where=item.name, fix=advice(item))
    return texts


def _ids(pa: Any, table: Any, signature: Signature, body: bytes) -> list[str]:
    """The rows' names: those given, else the digest of the whole and their places."""
    if signature.entity in signature.names or signature.entity not in table.column_names:
        digest = sha256(body).hexdigest()[:12]
        return [f"in-{digest}-{row}" for row in range(table.num_rows)]
    column = table[signature.entity].combine_chunks()
    ids = [str(value) for value in column.to_pylist()] if _is_text(pa, column.type) or pa.types.is_integer(column.type) else []
    if not ids or column.null_count or any(not 0 < len(key) <= TEXT_LIMIT for key in ids):
        raise InvalidInput(
            f"'{signature.entity}' does not name the rows",
            where=signature.entity,
            fix="write a text or a whole number in every row",
        )
    refuse_doubles(ids, signature.entity)
    return ids
