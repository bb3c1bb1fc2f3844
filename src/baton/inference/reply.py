"""Responses, and the one table from error codes to HTTP status."""

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from baton.kernel.errors import BatonError, InvalidInput

STATUS = {
    "malformed": 400,
    "refused": 403,
    "not-found": 404,
    "conflict": 409,
    "invalid-input": 422,
    "too-large": 413,
    "wrong-content-type": 415,
    "broken-source": 503,
    "unavailable": 503,
    "overloaded": 503,
    "expired": 504,
    "missing-extra": 501,
}
_RETRY = {"overloaded": ((b"retry-after", b"1"),)}
_encode = msgspec.json.Encoder().encode


class WrongType(InvalidInput):
    """A body, or its encoding, of a kind that is not taken."""

    code = "wrong-content-type"


class TooLarge(InvalidInput):
    """A body above the limit."""

    code = "too-large"


@dataclass(frozen=True, slots=True)
class Reply:
    """One response."""

    status: int
    body: bytes
    kind: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


def answer(value: Any, status: int = 200) -> Reply:
    """A value as JSON."""
    return Reply(status, _encode(value))


def refusal(
    status: int, code: str, message: str, *, field: str = "", fix: str = "", headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Reply:
    """An error in the one shape that all errors have."""
    return Reply(status, _encode({"error": {"code": code, "message": message, "field": field, "fix": fix}}), headers=headers)


def bare(reply: Reply) -> Reply:
    """An error as the Open Inference Protocol tells it: one text. What does not fit is 400 there."""
    told = msgspec.json.decode(reply.body)["error"]
    text = told["message"] + (f" ({told['field']})" if told["field"] else "") + (f"; {told['fix']}" if told["fix"] else "")
    return replace(reply, status=400 if reply.status == 422 else reply.status, body=_encode({"error": text}))


def refused(error: BatonError) -> Reply:
    """An error of ours. What the caller did wrong names its field; where the server keeps its files stays inside."""
    status = STATUS.get(error.code, 500)
    message = f"{error.what}: {error.why}" if error.why else error.what
    return refusal(
        status, error.code, message, field=error.where if status < 500 else "", fix=error.fix, headers=_RETRY.get(error.code, ())
    )
