"""Errors as HTTP: one table from a code to a status, and one shape of body."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel

from baton.kernel.errors import BatonError

_logger = logging.getLogger("baton.web")
STATUS: Mapping[str, int] = {
    "invalid-input": 422, "not-found": 404, "conflict": 409, "refused": 403, "broken-source": 502, "unavailable": 503,
    "invalid-project": 409, "corrupt": 500, "incompatible": 500, "missing-extra": 501, "overloaded": 503,
    "expired": 504,
}  # fmt: skip
"""HTTP status per error code; what nobody foresaw is a 500."""


class Failure(BaseModel):
    """What went wrong: a stable code, what, where, why, and what to do next."""

    code: str
    what: str
    where: str = ""
    why: str = ""
    fix: str = ""


ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"model": Failure, "description": words}
    for status, words in {
        400: "not HTTP as it should be",
        401: "no token, or one that does not hold",
        403: "not theirs to do",
        404: "not there",
        405: "not that way",
        408: "the body did not come",
        409: "somebody was first, or it has changed",
        413: "too large",
        422: "does not fit",
        500: "a fault of this installation",
        501: "a part is not installed",
        502: "a source is broken",
        503: "try again",
    }.items()
}


def failure(status: int, told: Failure) -> JSONResponse:
    """The answer for something that went wrong."""
    headers = {"www-authenticate": "Bearer"} if status == 401 else {"retry-after": "5"} if status == 503 else None
    return JSONResponse(told.model_dump(), status, headers)


def failure_of(error: BatonError, status: int | None = None) -> JSONResponse:
    """The answer for an error of Baton's; `status` where the door means another one than the table.

    A fault of this installation tells only that there is one: where its files are is for whoever reads its log.
    """
    status = status or STATUS.get(error.code, 500)
    if status >= 500 and error.code not in ("broken-source", "missing-extra"):
        _logger.error("%s", error)
        return failure(status, Failure(code=error.code, what=error.what, fix="see the log of the console"))
    return failure(status, Failure(code=error.code, what=error.what, where=error.where, why=why_of(error), fix=error.fix))


def why_of(error: BatonError) -> str:
    """Why it came to an error; of a project's files every mistake."""
    return error.why or "; ".join(str(mistake) for mistake in getattr(error, "mistakes", ()))
