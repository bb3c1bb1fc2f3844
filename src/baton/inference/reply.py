"""Responses, and the one table from error codes to HTTP status."""

from dataclasses import dataclass
from typing import Any

import msgspec

from baton.kernel.errors import BatonError

STATUS = {
    "malformed": 400,
    "refused": 403,
    "not-found": 404,
    "conflict": 409,
    "invalid-input": 422,
    "broken-source": 503,
    "unavailable": 503,
}
_encode = msgspec.json.Encoder().encode


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


def refused(error: BatonError) -> Reply:
    """An error of ours. What the caller did wrong names its field; where the server keeps its files stays inside."""
    status = STATUS.get(error.code, 500)
    message = f"{error.what}: {error.why}" if error.why else error.what
    return refusal(status, error.code, message, field=error.where if status < 500 else "", fix=error.fix)
