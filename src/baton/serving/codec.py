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
EXPLAINED = 16
TEXT_LIMIT = 1_000
LARGEST = 3.4028234663852886e38
_encode = msgspec.json.Encoder().encode
astuple = msgspec.structs.astuple
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
    """A checked request: the rows' ids, and their values in the signature's order, or None when they are looked up by id.

    Rows that came as columns are in `columns`, as the model's matrix is made of them. `explain` asks why each score is what it is.
    """

    ids: Sequence[str]
    rows: Sequence[Sequence[Any]] | None
    decided_at: int | None = None
    watermark: int | None = None
    skip_missing: bool = False
    explain: bool = False
    columns: Mapping[str, Any] | None = None


class Explanation(msgspec.Struct, frozen=True):
    """What each feature adds to a score above the baseline, the score of a row of which everything is missing."""

    baseline: float
    contributions: Mapping[str, float]


class Answered(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row's answer; `label` is whether the score reaches the model's threshold."""

    entity: str
    score: float
    label: bool
    prediction_id: str
    model_version: int
    release: str
    variant: str
    explanation: Explanation | None = None


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
                ("explain", bool, False),
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
                "the body is not JSON", where="body", why=str(error), fix='send e.g. {"entities": ["KEY"]}, or {"inputs": {…}}'
            ) from error
        self._refuse_replay_fields(body)
        if (body.inputs is UNSET) == (body.entities is UNSET):
            raise InvalidInput(
                "give either inputs or entities",
                where="inputs",
                why="exactly one of the two is needed",
                fix='send e.g. {"entities": ["KEY"]}, or {"inputs": {…}}; GET /openapi.json shows both',
            )
        ids, rows = (body.entities, None) if body.entities is not UNSET else self._rows(body)
        if rows is None or body.ids is not UNSET:
            refuse_doubles(ids, "entities" if rows is None else "ids")
        if rows is None and body.ids is not UNSET:
            raise InvalidInput("ids go with inputs only", where="ids", why="entities are ids already", fix="leave ids out")
        if body.explain:
            refuse_many_explained(len(ids))
        return Call(
            ids,
            rows,
            _instant(body.decided_at),
            None if body.watermark is UNSET else body.watermark,
            body.missing is not UNSET,
            body.explain,
        )

    def given(self, rows: Sequence[Sequence[Any]], ids: Sequence[str] | None, *, explain: bool = False) -> Call:
        """A call of rows that another protocol read, values in the signature's order; rows without ids are named like those
        of JSON. Raises InvalidInput when an id is there twice."""
        if ids is None:
            names = list(self._features)
            ids = _derived([dict(zip(names, row, strict=True)) for row in rows])
        else:
            refuse_doubles(ids, "ids")
        if explain:
            refuse_many_explained(len(ids))
        return Call(ids, rows, explain=explain)

    @staticmethod
    def looked_up(ids: Sequence[str], *, skip_missing: bool = False, explain: bool = False) -> Call:
        """A call about entities. Raises InvalidInput when one is named twice."""
        refuse_doubles(ids, "entities")
        if explain:
            refuse_many_explained(len(ids))
        return Call(ids, None, skip_missing=skip_missing, explain=explain)

    def columns(self, rows: Sequence[Sequence[Any]]) -> Mapping[str, Sequence[Any]]:
        """Given rows as columns by feature."""
        return dict(zip(self._features, zip(*rows, strict=True), strict=True))

    def _rows(self, body: Any) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        given = body.inputs if isinstance(body.inputs, list) else [body.inputs]
        rows = [astuple(row) for row in given]
        if body.ids is UNSET:
            return _derived(given), rows
        if len(body.ids) != len(rows):
            raise InvalidInput(
                f"{len(body.ids)} ids for {len(rows)} rows", where="ids", fix="give one id per row of inputs, or none at all"
            )
        return body.ids, rows

    def _refuse_replay_fields(self, body: Any) -> None:
        if self._replay or (body.decided_at is UNSET and body.watermark is UNSET):
            return
        given = [name for name in ("decided_at", "watermark") if getattr(body, name) is not UNSET]
        if given:
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
        known = self._features if path.startswith("inputs") else ("inputs", "entities", "ids", "missing", "explain")
        raise InvalidInput(f"'{named[2]}' is not known here", where=field, fix=did_you_mean(named[2], known)) from None

    def _advice(self, path: str) -> str:
        feature = self._features.get(path.partition(".")[2])
        if path.startswith("inputs") and feature is not None:
            return advice(feature)
        if path.startswith(("entities", "ids")):
            return f"write a list of 1 to {ROW_LIMIT} texts of at most {TEXT_LIMIT} characters"
        if path.startswith("inputs"):
            return f"write one object, or a list of 1 to {ROW_LIMIT}, with the features {', '.join(list(self._features)[:10])}"
        return 'send e.g. {"entities": ["KEY"]}, or {"inputs": {…}}; GET /openapi.json shows all fields'


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


def _derived(rows: Sequence[Any]) -> list[str]:
    """Ids of rows that came without: by the content of the request, and their place in it."""
    if len(rows) == 1:
        return [f"in-{sha256(_encode(rows[0])).hexdigest()[:12]}"]
    digest = sha256(_encode(rows)).hexdigest()[:12]
    return [f"in-{digest}-{place}" for place in range(1, len(rows) + 1)]


def refuse_many_explained(rows: int) -> None:
    """Explaining takes about a thousand times what scoring takes."""
    if rows > EXPLAINED:
        raise InvalidInput(
            f"{rows} rows are too many to explain",
            where="explain",
            fix=f"ask for at most {EXPLAINED} rows at a time, or leave explain out",
        )


def refuse_doubles(ids: Sequence[str], field: str) -> None:
    """An entity decided on twice in one request would be one prediction with two answers."""
    if len(ids) > 1 and len(set(ids)) < len(ids):
        twice = next(name for name, times in Counter(ids).items() if times > 1)
        raise InvalidInput(f"'{twice[:80]}' is asked for twice", where=field, fix="name each entity once in a request")
