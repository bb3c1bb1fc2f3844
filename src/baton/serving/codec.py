"""From the bytes of a prediction request to a checked call, and the shape of the answer.

A codec is built for the live model: the JSON is decoded straight into a type made from its signature, so every limit and
type is checked while reading. A null is a missing value; a category the model never saw scores as missing and is counted.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any, Literal, NoReturn

import msgspec
from msgspec import UNSET, Meta, UnsetType

from baton.kernel.clock import micros, parse_instant
from baton.kernel.errors import InvalidInput, Refused
from baton.kernel.suggest import did_you_mean
from baton.registry.signature import InputFeature, Signature

BODY_LIMIT = 8 * 1024 * 1024
ROW_LIMIT = 10_000
TEXT_LIMIT = 1_000
LARGEST = 3.4028234663852886e38
_AT = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?", re.DOTALL)
_NAMED = re.compile(r"Object (contains unknown|missing required) field `(.*)`", re.DOTALL)

Text = Annotated[str, Meta(max_length=TEXT_LIMIT)]
Texts = Annotated[list[Text], Meta(min_length=1, max_length=ROW_LIMIT)]
_KINDS: dict[str, Any] = {"number": Annotated[float, Meta(ge=-LARGEST, le=LARGEST)] | None, "category": Text | None}


class Malformed(InvalidInput):
    """The body is not JSON at all."""

    code = "malformed"


@dataclass(frozen=True, slots=True)
class Call:
    """A checked request: the rows' ids, and their values by feature, or None when they are to be looked up by id."""

    ids: Sequence[str]
    columns: Mapping[str, Sequence[Any]] | None
    decided_at: int | None
    watermark: int | None
    skip_missing: bool


class Answered(msgspec.Struct, frozen=True):
    """One row's answer; `label` is whether the score reaches the model's threshold."""

    entity: str
    score: float
    label: bool
    prediction_id: str
    model_version: int
    release: str
    variant: str


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to a request, rows in its order; `missing` are entities that were skipped because they are unknown."""

    predictions: Sequence[Answered]
    decided_at: str
    serial: int
    watermark: int | None = None
    missing: Sequence[str] = ()


class Codec:
    """Decodes requests to one model. Only a server started for a replay takes `decided_at` and `watermark`."""

    def __init__(self, signature: Signature, *, replay: bool) -> None:
        self._features = {item.name: item for item in signature.features}
        self._replay = replay

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[Any]:
        fields = [(f"f{position}", _KINDS[item.kind]) for position, item in enumerate(self._features.values())]
        rename = {f"f{position}": name for position, name in enumerate(self._features)}
        row = msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True)
        rows = Annotated[list[row], Meta(min_length=1, max_length=ROW_LIMIT)]  # type: ignore[valid-type]
        body = msgspec.defstruct(
            "Body",
            [
                ("inputs", row | rows | UnsetType, UNSET),
                ("entities", Texts | UnsetType, UNSET),
                ("ids", Texts | UnsetType, UNSET),
                ("missing", Literal["skip"] | UnsetType, UNSET),
                ("decided_at", Text | UnsetType, UNSET),
                ("watermark", int | UnsetType, UNSET),
            ],
            forbid_unknown_fields=True,
        )
        return msgspec.json.Decoder(body)

    def decode(self, data: bytes) -> Call:
        """Read a request's body. Raises Malformed, InvalidInput or Refused, `where` naming the field."""
        try:
            body = self._decoder.decode(data)
        except msgspec.ValidationError as error:
            self._reject(str(error))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(
                "the body is not JSON", where="body", why=str(error), fix='send e.g. {"entities": ["KEY"]}'
            ) from error
        self._refuse_replay_fields(body)
        if (body.inputs is UNSET) == (body.entities is UNSET):
            raise InvalidInput(
                "give either inputs or entities",
                where="inputs",
                why="exactly one of the two is needed",
                fix='send e.g. {"entities": ["KEY"]}; GET /openapi.json shows both',
            )
        ids, columns = (body.entities, None) if body.entities is not UNSET else self._rows(body)
        if columns is None or body.ids is not UNSET:
            _refuse_doubles(ids, "entities" if columns is None else "ids")
        if columns is None and body.ids is not UNSET:
            raise InvalidInput("ids go with inputs only", where="ids", why="entities are ids already", fix="leave ids out")
        return Call(
            ids,
            columns,
            _instant(body.decided_at),
            None if body.watermark is UNSET else body.watermark,
            body.missing is not UNSET,
        )

    def _rows(self, body: Any) -> tuple[Sequence[str], Mapping[str, Sequence[Any]]]:
        rows = body.inputs if isinstance(body.inputs, list) else [body.inputs]
        columns = dict(zip(self._features, zip(*map(msgspec.structs.astuple, rows), strict=True), strict=True))
        if body.ids is UNSET:
            return _derived([sha256(msgspec.json.encode(row)).hexdigest()[:12] for row in rows]), columns
        if len(body.ids) != len(rows):
            raise InvalidInput(
                f"{len(body.ids)} ids for {len(rows)} rows", where="ids", fix="give one id per row of inputs, or none at all"
            )
        return body.ids, columns

    def _refuse_replay_fields(self, body: Any) -> None:
        given = [name for name in ("decided_at", "watermark") if getattr(body, name) is not UNSET]
        if given and not self._replay:
            raise Refused(
                f"this server does not take {given[0]}",
                where=given[0],
                why="the moment of a decision is the server's own; only a replay sets it",
                fix=f"leave {given[0]} out",
            )

    def _reject(self, text: str) -> NoReturn:
        match = _AT.fullmatch(text)
        what, path = (match[1], match[2] or "") if match else (text, "")
        named = _NAMED.fullmatch(what)
        if named is None:
            raise InvalidInput(_lower(what), where=path or "body", fix=self._advice(path)) from None
        field = f"{path}.{named[2]}" if path else named[2]
        if named[1] == "missing required":
            raise InvalidInput(f"'{named[2]}' is missing", where=field, fix=self._advice(field)) from None
        known = self._features if path.startswith("inputs") else ("inputs", "entities", "ids", "missing")
        raise InvalidInput(f"'{named[2]}' is not known here", where=field, fix=did_you_mean(named[2], known)) from None

    def _advice(self, path: str) -> str:
        feature = self._features.get(path.partition(".")[2])
        if path.startswith("inputs") and feature is not None:
            return advice(feature)
        if path.startswith(("entities", "ids")):
            return f"write a list of 1 to {ROW_LIMIT} texts of at most {TEXT_LIMIT} characters"
        if path.startswith("inputs"):
            return f"write one object, or a list of 1 to {ROW_LIMIT}, with the features {', '.join(list(self._features)[:10])}"
        return 'send e.g. {"entities": ["KEY"]}; GET /openapi.json shows all fields'


def advice(feature: InputFeature) -> str:
    """What to write for a feature."""
    if feature.kind == "number":
        return "write a number that fits float32, or null when it is missing"
    shown = ", ".join(feature.categories[:10]) + (", …" if len(feature.categories) > 10 else "")
    return f"write a text of at most {TEXT_LIMIT} characters, or null when it is missing" + (f"; known: {shown}" if shown else "")


def _instant(text: str | UnsetType) -> int | None:
    if text is UNSET:
        return None
    try:
        return micros(parse_instant(text))
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            "decided_at is not an instant", where="decided_at", why=str(error), fix="write it like 2026-11-21T06:00:00Z"
        ) from error


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _derived(digests: Sequence[str]) -> list[str]:
    """Ids of rows that came without: by content, and equal rows by their order among themselves."""
    seen: Counter[str] = Counter()
    ids = []
    for digest in digests:
        seen[digest] += 1
        ids.append(f"in-{digest}" if seen[digest] == 1 else f"in-{digest}-{seen[digest]}")
    return ids


def _refuse_doubles(ids: Sequence[str], field: str) -> None:
    """An entity decided on twice in one request would be one prediction with two answers."""
    if len(set(ids)) < len(ids):
        twice = next(name for name, times in Counter(ids).items() if times > 1)
        raise InvalidInput(f"'{twice[:80]}' is asked for twice", where=field, fix="name each entity once in a request")
