"""The Open Inference Protocol, version 2, without a transport: requests to calls, answers to tensors, models to metadata.

Each feature is a tensor of its name, of shape [n] or [n, 1]: numbers in any numeric type, categories as BYTES. null and NaN
are missing values, and so is an empty text where the model knows no empty category. A model of numbers alone also takes
one tensor `input` of shape [n, features], in the order of its metadata; with categories there is none, for what they are
encoded as is the model's own affair, and the log keeps what was given. Entities are named by the parameter `entities` or
by a tensor of the entity's key; beside features that tensor names the rows.

Parameters: `explain` (true), `entities` (a text, or in JSON a list), `missing` ("skip"); others are for other servers and
change nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from baton.kernel.errors import InvalidInput
from baton.registry.signature import InputFeature, Signature
from baton.serving.codec import LARGEST, ROW_LIMIT, TEXT_LIMIT, Answer, Answered, Call, Malformed, Text, advice
from baton.serving.lineup import Lineup
from baton.serving.tensor import BOOL, BYTES, FP64, INT64, NUMBERS, Tensor, from_json, from_raw, to_raw

EXTENSIONS = ("binary_tensor_data",)
MATRIX = "input"
OUTPUTS: Mapping[str, str] = {"score": FP64, "label": BOOL, "prediction_id": BYTES}
"""What is answered when no outputs are named."""
BESIDES: Mapping[str, str] = {"entity": BYTES, "model_version": INT64, "release": BYTES, "variant": BYTES}
"""What is answered besides when it is named, or needed: `entity` when some are skipped, the others when rows differ in them."""
EXPLAINED: Mapping[str, str] = {"baseline": FP64, "contributions": FP64}
"""What an explanation is: [n] and [n, features], in the order of the metadata."""
_BINARY, _SIZE, _ALL_BINARY = "binary_data", "binary_data_size", "binary_data_output"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Inference:
    """A request: its tensors, and the outputs it wants (none: the usual ones), each with whether in raw bytes."""

    inputs: Sequence[Tensor]
    id: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Inferred:
    """An answer: its tensors, and of which model they are."""

    model: str
    version: str
    id: str
    parameters: Mapping[str, Any]
    outputs: Sequence[Tensor]


class _Input(msgspec.Struct):
    name: Text
    datatype: Text
    shape: Annotated[list[int], Meta(max_length=8)]
    parameters: dict[str, Any] = {}
    data: msgspec.Raw | UnsetType = UNSET


class _Output(msgspec.Struct):
    name: Text
    parameters: dict[str, Any] = {}


class _Body(msgspec.Struct):
    inputs: Annotated[list[_Input], Meta(max_length=TEXT_LIMIT)] = []
    id: Text = ""
    parameters: dict[str, Any] = {}
    outputs: Annotated[list[_Output], Meta(max_length=TEXT_LIMIT)] = []


_decoder = msgspec.json.Decoder(_Body)


# --- bytes to requests ------------------------------------------------------------------------------------------------


def read(data: bytes, head: int | None = None) -> Inference:
    """A request of JSON; its first `head` bytes are, when raw tensors follow. Raises Malformed, or InvalidInput naming the tensor."""
    if head is not None and head > len(data):
        raise Malformed(
            "the body is shorter than its JSON is said to be",
            where="inference-header-content-length",
            fix="give the length of the JSON in bytes",
        )
    try:
        body: _Body = _decoder.decode(data if head is None else data[:head])
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error), where="body", fix="see GET /openapi.json") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(
            "the body is not JSON", where="body", why=str(error), fix='send e.g. {"inputs": [{"name": …}]}'
        ) from error
    default = body.parameters.get(_ALL_BINARY) is True
    wanted = {output.name: output.parameters.get(_BINARY, default) is True for output in body.outputs}
    tensors = _tensors(body.inputs, memoryview(data)[len(data) if head is None else head :])
    return Inference(tensors, body.id, body.parameters, wanted)


def _tensors(inputs: Sequence[_Input], rest: memoryview) -> list[Tensor]:
    tensors, at = [], 0
    for item in inputs:
        size = item.parameters.get(_SIZE)
        if (size is None) == (item.data is UNSET):
            raise InvalidInput(f"'{item.name}' wants either data or {_SIZE}", where=item.name, fix="give exactly one of the two")
        if isinstance(item.data, msgspec.Raw):
            tensors.append(from_json(item.name, item.datatype, item.shape, item.data))
            continue
        if not isinstance(size, int) or not 0 <= size <= len(rest) - at:
            raise InvalidInput(
                f"the bytes of '{item.name}' are not there",
                where=item.name,
                why=f"{len(rest) - at} are left",
                fix=f"send as many as {_SIZE} says",
            )
        tensors.append(from_raw(item.name, item.datatype, item.shape, rest[at : at + size]))
        at += size
    if at != len(rest):
        raise InvalidInput(f"{len(rest) - at} bytes belong to no tensor", where="body", fix=f"let every {_SIZE} tell its bytes")
    return tensors


# --- requests to calls ------------------------------------------------------------------------------------------------


def call_of(asked: Inference, lineup: Lineup) -> Call:
    """The call that a request is to a line-up. Raises InvalidInput naming the tensor or the parameter."""
    assert lineup.live is not None
    assert lineup.codec is not None
    signature = lineup.live.model.signature
    refuse_outputs(asked)
    tensors = {tensor.name: tensor for tensor in asked.inputs}
    if len(tensors) < len(asked.inputs):
        raise InvalidInput("a tensor is there twice", where="inputs", fix="name each feature once")
    key = None if signature.entity in signature.names else tensors.pop(signature.entity, None)
    ids = None if key is None else _texts(key)
    named = _entities(asked.parameters)
    explain = _flag(asked.parameters, "explain")
    if tensors and named is None:
        return lineup.codec.given(_rows(tensors, signature, ids), ids, explain=explain)
    if tensors or (named is None) == (ids is None):
        raise InvalidInput(
            "give either the features or the entities",
            where="inputs",
            why=f"the features are {', '.join(signature.names[:10])}; entities are named by '{signature.entity}'",
            fix=f"send a tensor per feature, or one BYTES tensor '{signature.entity}'",
        )
    return lineup.codec.looked_up(named or ids or (), skip_missing=asked.parameters.get("missing") == "skip", explain=explain)


def _rows(tensors: Mapping[str, Tensor], signature: Signature, ids: Sequence[str] | None) -> list[tuple[Any, ...]]:
    names = signature.names
    if MATRIX in tensors and MATRIX not in names and len(tensors) == 1:
        columns = _columns(tensors[MATRIX], signature)
    else:
        _refuse_unlike(tensors, names)
        columns = [_column(tensors[item.name], item) for item in signature.features]
    sizes = {name: len(column) for name, column in zip(names, columns, strict=True)} | (
        {signature.entity: len(ids)} if ids is not None else {}
    )
    if len(set(sizes.values())) > 1:
        raise InvalidInput(
            "the tensors have different numbers of rows",
            where="inputs",
            why=", ".join(f"{name}: {size}" for name, size in [*sizes.items()][:10]),
            fix="give each the same",
        )
    if not columns[0]:
        raise InvalidInput("there are no rows", where="inputs", fix="send at least one")
    return list(zip(*columns, strict=True))


def _refuse_unlike(tensors: Mapping[str, Tensor], names: Sequence[str]) -> None:
    unknown, absent = [name for name in tensors if name not in names], [name for name in names if name not in tensors]
    if unknown or absent:
        what = f"'{unknown[0]}' is no input of this model" if unknown else f"the input '{absent[0]}' is missing"
        raise InvalidInput(what, where=(unknown or absent)[0], fix=f"send exactly {', '.join(names[:20])}")


def _columns(tensor: Tensor, signature: Signature) -> list[list[Any]]:
    """The columns of one matrix."""
    width, texts = len(signature.names), [item.name for item in signature.features if item.kind == "category"]
    if texts:
        raise InvalidInput(
            f"this model takes no one tensor '{MATRIX}'",
            where=MATRIX,
            why=f"{', '.join(texts[:10])} are texts",
            fix="send each feature as a tensor of its own",
        )
    if len(tensor.shape) != 2 or tensor.shape[1] != width:
        raise InvalidInput(
            f"'{MATRIX}' is not [n, {width}]",
            where=MATRIX,
            why=f"it is {list(tensor.shape)}",
            fix=f"its columns are {', '.join(signature.names[:20])}",
        )
    _refuse_many(tensor.shape[0])
    return [
        _numbers(tensor.name, tensor.datatype, tensor.values[place::width], item) for place, item in enumerate(signature.features)
    ]


def _column(tensor: Tensor, item: InputFeature) -> list[Any]:
    _refuse_wide(tensor)
    if item.kind == "number":
        return _numbers(tensor.name, tensor.datatype, tensor.values, item)
    if tensor.datatype != BYTES:
        raise InvalidInput(f"'{item.name}' is {tensor.datatype}, not BYTES", where=item.name, fix=advice(item))
    if any(value is not None and len(value) > TEXT_LIMIT for value in tensor.values):
        raise InvalidInput(f"a text of '{item.name}' is too long", where=item.name, fix=advice(item))
    return [*tensor.values] if "" in item.categories else [value or None for value in tensor.values]


def _numbers(name: str, datatype: str, values: Sequence[Any], item: InputFeature) -> list[float | None]:
    if datatype not in NUMBERS:
        raise InvalidInput(f"'{name}' is {datatype}, not a number", where=name, fix=advice(item))
    numbers = [None if value is None or value != value else float(value) for value in values]
    if any(number is not None and (not isfinite(number) or abs(number) > LARGEST) for number in numbers):
        raise InvalidInput(f"a value of '{item.name}' does not fit float32", where=name, fix=advice(item))
    return numbers


def _texts(tensor: Tensor) -> list[str]:
    _refuse_wide(tensor)
    if tensor.datatype != BYTES or not tensor.values or any(not value or len(value) > TEXT_LIMIT for value in tensor.values):
        raise InvalidInput(
            f"'{tensor.name}' does not name entities", where=tensor.name, fix=f"send BYTES of 1 to {TEXT_LIMIT} characters each"
        )
    return [*tensor.values]


def _refuse_wide(tensor: Tensor) -> None:
    if len(tensor.shape) > 2 or (len(tensor.shape) == 2 and tensor.shape[1] != 1):
        raise InvalidInput(
            f"'{tensor.name}' is neither [n] nor [n, 1]",
            where=tensor.name,
            why=f"it is {list(tensor.shape)}",
            fix="give it one value per row",
        )
    _refuse_many(tensor.shape[0])


def _refuse_many(rows: int) -> None:
    if rows > ROW_LIMIT:
        raise InvalidInput(
            f"{rows} rows are more than {ROW_LIMIT}", where="inputs", fix=f"send at most {ROW_LIMIT} rows at a time"
        )


def _entities(parameters: Mapping[str, Any]) -> list[str] | None:
    given = parameters.get("entities")
    if given is None:
        return None
    keys = given if isinstance(given, list) else [given]
    if not 0 < len(keys) <= ROW_LIMIT or any(not isinstance(key, str) or not 0 < len(key) <= TEXT_LIMIT for key in keys):
        raise InvalidInput(
            "the parameter entities does not name entities", where="entities", fix="write a text, or a list of them"
        )
    return keys


def _flag(parameters: Mapping[str, Any], name: str) -> bool:
    given = parameters.get(name, False)
    if not isinstance(given, bool):
        raise InvalidInput(f"the parameter {name} is neither true nor false", where=name, fix=f"write true, or leave {name} out")
    return given


# --- answers to tensors -----------------------------------------------------------------------------------------------


def inferred(answer: Answer, asked: Inference, model: str, features: Sequence[str]) -> Inferred:
    """The answer to a request in tensors. Raises InvalidInput for an output that there is not."""
    rows = answer.predictions
    first = rows[0] if rows else None
    mixed = [name for name in ("model_version", "release", "variant") if len({getattr(row, name) for row in rows}) > 1]
    explained = first is not None and first.explanation is not None
    names = [*asked.outputs] or [*OUTPUTS, *(["entity"] if answer.missing else []), *mixed, *(EXPLAINED if explained else [])]
    parameters: dict[str, Any] = {"decided_at": answer.decided_at, "serial": answer.serial}
    if first is not None:
        parameters |= {name: getattr(first, name) for name in ("model_version", "release", "variant") if name not in mixed}
    if answer.watermark is not None:
        parameters["watermark"] = answer.watermark
    version = str(first.model_version) if first is not None and "model_version" not in mixed else ""
    return Inferred(model, version, asked.id, parameters, [_output(name, rows, features) for name in names])


def refuse_outputs(asked: Inference) -> None:
    """Raises InvalidInput for an output that there is not, before anything is scored."""
    known = {**OUTPUTS, **BESIDES, **(EXPLAINED if asked.parameters.get("explain") else {})}
    for name in asked.outputs:
        if name not in known:
            why = "it belongs to an explanation" if name in EXPLAINED else ""
            raise InvalidInput(f"'{name}' is no output of this model", where="outputs", why=why, fix=f"known: {', '.join(known)}")


def written(answer: Inferred, asked: Inference) -> tuple[bytes, int | None]:
    """The body of an answer, and the length of its JSON when raw tensors follow it."""
    default = asked.parameters.get(_ALL_BINARY) is True
    outputs, raws = [], []
    for tensor in answer.outputs:
        told: dict[str, Any] = {"name": tensor.name, "shape": tensor.shape, "datatype": tensor.datatype}
        if asked.outputs.get(tensor.name, default):
            raws.append(to_raw(tensor))
            outputs.append(told | {"parameters": {_SIZE: len(raws[-1])}})
        else:
            outputs.append(told | {"data": tensor.values})
    head = {"model_name": answer.model, "model_version": answer.version, "id": answer.id}
    body = _encode({key: text for key, text in head.items() if text} | {"parameters": answer.parameters, "outputs": outputs})
    return b"".join([body, *raws]), len(body) if raws else None


def _output(name: str, rows: Sequence[Answered], features: Sequence[str]) -> Tensor:
    if name == "contributions":
        whole = [row.explanation.contributions[feature] if row.explanation else 0.0 for row in rows for feature in features]
        return Tensor(name, FP64, (len(rows), len(features)), whole)
    if name == "baseline":
        return Tensor(name, FP64, (len(rows),), [row.explanation.baseline if row.explanation else 0.0 for row in rows])
    return Tensor(name, OUTPUTS.get(name) or BESIDES[name], (len(rows),), [getattr(row, name) for row in rows])


# --- metadata ---------------------------------------------------------------------------------------------------------


def metadata(lineup: Lineup, versions: Sequence[int]) -> dict[str, Any]:
    """What a model takes and gives. For a line-up with a live model."""
    assert lineup.live is not None
    signature = lineup.live.model.signature
    return {
        "name": lineup.routing.project,
        "versions": [str(version) for version in versions],
        "platform": "onnxruntime_onnx",
        "inputs": [_told(item.name, FP64 if item.kind == "number" else BYTES) for item in signature.features],
        "outputs": [_told(name, datatype) for name, datatype in OUTPUTS.items()],
    }


def features_of(lineup: Lineup) -> tuple[str, ...]:
    """The inputs of a line-up's model, in the order of its metadata."""
    return lineup.live.model.names if lineup.live is not None else ()


def _told(name: str, datatype: str) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1]}
