"""Tensors of the Open Inference Protocol: their data types, and their values as JSON and as raw bytes.

Values are flat and in row-major order, plain Python ones; None is a missing one (null in JSON). The raw form has no null.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import msgspec
import numpy as np

from baton.kernel.errors import InvalidInput
from baton.kernel.suggest import did_you_mean

BYTES, BOOL, FP64, INT64 = "BYTES", "BOOL", "FP64", "INT64"
NUMBERS: Mapping[str, str] = {
    "BOOL": "?", "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "<i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
"""The data types of numbers, as numpy calls them."""
MOST = 10_000_000
_LENGTH = struct.Struct("<I")
_JSON: Mapping[str, msgspec.json.Decoder[Any]] = {
    "f": msgspec.json.Decoder(list[float | list[float | None] | None]),
    "i": msgspec.json.Decoder(list[int | list[int | None] | None]),
    "b": msgspec.json.Decoder(list[bool | list[bool | None] | None]),
    "s": msgspec.json.Decoder(list[str | list[str | None] | None]),
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array of one data type."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Sequence[Any]


def checked(tensor: Tensor) -> Tensor:
    """The tensor, once its type is known and its values fit its shape. Raises InvalidInput naming it."""
    kind_of(tensor.name, tensor.datatype)
    wanted = count_of(tensor.name, tensor.shape)
    if len(tensor.values) != wanted:
        raise _misfit(tensor.name, f"{len(tensor.values)} values", tensor.shape, wanted)
    return tensor


def from_json(name: str, datatype: str, shape: Sequence[int], data: bytes | msgspec.Raw) -> Tensor:
    """A tensor of JSON data, flat or nested once. Raises InvalidInput naming it."""
    kind = kind_of(name, datatype)
    try:
        read = _JSON[kind].decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"the data of '{name}' is not {datatype}", where=name, why=str(error), fix="write a flat list, or one list per row"
        ) from error
    values = _flat(name, shape, read) if any(isinstance(item, list) for item in read) else read
    if kind == "i":
        _refuse_beyond(name, datatype, values)
    return checked(Tensor(name, datatype, tuple(shape), values))


def from_raw(name: str, datatype: str, shape: Sequence[int], raw: bytes | memoryview) -> Tensor:
    """A tensor of raw bytes: little-endian numbers, texts after their lengths. Raises InvalidInput naming it."""
    kind, wanted = kind_of(name, datatype), count_of(name, shape)
    if kind == "s":
        return checked(Tensor(name, datatype, tuple(shape), _texts(name, bytes(raw), wanted)))
    dtype = np.dtype(NUMBERS[datatype])
    if len(raw) != wanted * dtype.itemsize:
        raise _misfit(name, f"{len(raw)} bytes", shape, wanted * dtype.itemsize)
    values = np.frombuffer(raw, np.uint8) != 0 if kind == "b" else np.frombuffer(raw, dtype)
    return Tensor(name, datatype, tuple(shape), values.tolist())


def to_raw(tensor: Tensor) -> bytes:
    """The raw bytes of a tensor without missing values."""
    if tensor.datatype != BYTES:
        return np.array(tensor.values, dtype=NUMBERS[tensor.datatype]).tobytes()
    encoded = [str(value).encode() for value in tensor.values]
    return b"".join(_LENGTH.pack(len(text)) + text for text in encoded)


def kind_of(name: str, datatype: str) -> str:
    """How values of a data type are read: f, i, b or s. Raises InvalidInput for a type that is not taken."""
    if datatype == BYTES:
        return "s"
    found = NUMBERS.get(datatype)
    if found is None:
        raise InvalidInput(
            f"'{datatype[:40]}' is no data type that is taken", where=name, fix=did_you_mean(datatype[:40], [*NUMBERS, BYTES])
        )
    return "b" if found == "?" else "f" if "f" in found else "i"


def count_of(name: str, shape: Sequence[int]) -> int:
    """How many values a shape holds. Raises InvalidInput for one that none can have."""
    if not shape or any(size < 0 for size in shape) or (count := prod(shape)) > MOST:
        raise InvalidInput(
            f"the shape of '{name}' is not one that is taken", where=name, why=f"it is {list(shape)[:10]}", fix="write e.g. [1]"
        )
    return count


def _flat(name: str, shape: Sequence[int], rows: Sequence[Any]) -> list[Any]:
    width = shape[1] if len(shape) == 2 else 1
    if any(not isinstance(row, list) or len(row) != width for row in rows):
        raise InvalidInput(
            f"the data of '{name}' is nested otherwise than its shape",
            where=name,
            why=f"the shape is {list(shape)[:10]}",
            fix="write a flat list, or one list per row",
        )
    return [value for row in rows for value in row]


def _texts(name: str, raw: bytes, wanted: int) -> list[str]:
    texts, at = list[str](), 0
    try:
        while at < len(raw) and len(texts) <= wanted:
            (length,) = _LENGTH.unpack_from(raw, at)
            at += _LENGTH.size + length
            texts.append(raw[at - length : at].decode())
    except (struct.error, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"the bytes of '{name}' are not texts", where=name, why=str(error), fix="write each UTF-8 text after its length"
        ) from error
    if at != len(raw):
        raise InvalidInput(
            f"the bytes of '{name}' are cut off or too many",
            where=name,
            fix="write each text after its length (4 bytes, little-endian)",
        )
    return texts


def _refuse_beyond(name: str, datatype: str, values: Sequence[int | None]) -> None:
    limits, given = np.iinfo(NUMBERS[datatype]), [value for value in values if value is not None]
    if given and not (limits.min <= min(given) and max(given) <= limits.max):
        raise InvalidInput(
            f"a value of '{name}' is no {datatype}", where=name, fix=f"write numbers from {limits.min} to {limits.max}"
        )


def _misfit(name: str, given: str, shape: Sequence[int], wanted: int) -> InvalidInput:
    return InvalidInput(f"'{name}' has {given}, its shape {list(shape)[:10]} wants {wanted}", where=name, fix="make them agree")
