"""Misfortune: how a page says that something went wrong, with what was typed; `failure.py` says the same to machines."""

import logging
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from baton.kernel.errors import BatonError, NotFound
from baton.web.asgi import Form, is_api
from baton.web.failure import STATUS, why_of
from baton.web.rendering import rendered
from baton.web.unsent import NEVER, own_path

_logger = logging.getLogger("baton.web")
UNTYPED = ("back", "next", "shown")
"""Fields that a form holds by itself: nobody typed them."""


def is_page(request: Request) -> bool:
    """Whether a person reads the answer."""
    return not is_api(request.url.path)


def told(request: Request, status: int, error: BatonError, form: Form | None = None) -> Response:
    """A page that says what happened, where, why and what to do; what was typed is shown again."""
    if request.headers.get("x-fragment"):
        text = rendered("trouble/fragment.html", what=error.what, why=why_of(error), fix=error.fix)
        return HTMLResponse(text, status)
    kept = {name: values[-1] for name, values in (form or {}).items() if name not in (*NEVER, *UNTYPED) and values[-1].strip()}
    text = rendered(
        "trouble.html",
        heading=HTTPStatus(status).phrase if status != 500 else "Something went wrong",
        what=error.what,
        where=error.where if status < 500 else "",  # where the files of this installation are is its log's business
        why=why_of(error),
        fix=error.fix,
        kept=kept,
        back=_back(request),
    )
    return HTMLResponse(text, status)


def _back(request: Request) -> str:
    """Where a form came from, as an address of our own."""
    try:
        path = urlsplit(request.headers.get("referer", "")).path
    except ValueError:
        return "/"
    return own_path(path) if request.method == "POST" else "/"


async def on_error(request: Request, error: BatonError) -> Response:
    """A page for an error of Baton's. A fault of this installation tells only that there is one; the log has the rest."""
    status = STATUS.get(error.code, 500)
    if status == 500:
        _logger.error("%s", error)
    return told(request, status, error, getattr(request.state, "form", {}))


def missing(request: Request, status: int) -> Response:
    """A page for an address that leads nowhere, or is not asked like that."""
    where = request.url.path[:200]
    what = f"there is no page at {where}" if status == 404 else f"{where} does not answer {request.method}"
    return told(request, status, NotFound(what, fix="begin at the loop"))
