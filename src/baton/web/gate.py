"""The gate: before anything else is looked at, who it is, from where they ask, and how much they send.

Machines show a token at `/api` and nothing else counts there; people show a session everywhere else and no token counts there.
"""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlencode

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse

from baton.app.visit import Visit
from baton.kernel.errors import BatonError, InvalidInput, Refused
from baton.team.actor import Actor
from baton.web.asgi import FORM, App, Form, Message, Receive, Scope, Send, header, is_api, read_form
from baton.web.failure import STATUS, Failure, failure, failure_of
from baton.web.origin import host_asked, is_strange, require_own
from baton.web.pages import sign_in
from baton.web.rendering import rendered
from baton.web.session import FIELD, HEADER, Door
from baton.web.unsent import Unsent

OPEN: Final = "/api/health"
LARGEST: Final = 256 * 1024
DEEPEST: Final = 12
SECONDS: Final = 20.0
LONGEST_TOKEN: Final = 512
_logger = logging.getLogger("baton.web")

_READING: Final = ("GET", "HEAD", "OPTIONS")


class Gate:
    """ASGI in front of the routes. `actor_of` tells who shows a token, or raises Refused; it may block. Without a `door` there are
    no sessions, and everything needs a token.

    With `sealed`, nothing is answered that did not come by https to whoever ends TLS in front: what scope["scheme"] says is
    the server's own word, or that of a proxy it trusts.
    """

    def __init__(self, app: App, actor_of: Callable[[str], Actor], *, sealed: bool = False, door: Door | None = None) -> None:
        self._app, self._actor_of, self._sealed, self._door = app, actor_of, sealed, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through with its actor in `scope["state"]` and its whole body at hand, or answer it here.

        One for a page has its visit and its form there, too.
        """
        if scope["type"] != "http" or scope["path"] == OPEN:
            await self._app(scope, receive, send)
        elif self._sealed and scope["scheme"] != "https":
            await failure(403, _IN_THE_CLEAR)(scope, receive, send)
        elif self._door is None or is_api(scope["path"]):
            await self._by_token(scope, receive, send)
        else:
            await self._by_session(self._door, scope, receive, send)

    async def _by_token(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            actor = await run_in_threadpool(self._actor_of, _token(scope))
        except BatonError as error:
            await failure_of(error, 401 if isinstance(error, Refused) else None)(scope, receive, send)
            return
        body = await _body(scope, receive)
        if isinstance(body, int):
            told = Failure(code="invalid-input", what=_WORDS[body], where="body", fix="see /openapi.json")
            await failure(body, told)(scope, receive, send)
            return
        scope.setdefault("state", {})["actor"] = actor
        await self._app(scope, _again(body, receive), send)

    async def _by_session(self, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        state |= {"visit": None, "form": {}}
        strange = _stranger(door, scope)
        if strange is not None:
            await strange(scope, receive, send)
            return
        body = await _body(scope, receive)
        if isinstance(body, int):
            await _turned(body, InvalidInput(_WORDS[body], where="body", fix="send less"))(scope, receive, send)
            return
        try:
            visit = None if scope["path"].startswith("/static/") else await run_in_threadpool(door.visit, scope)
            state["form"] = form = _form(scope, body)
            state["visit"] = visit
            state["actor"] = visit.actor if visit is not None else Actor("", "nobody")
            answer = await run_in_threadpool(_answered, door, scope, visit, form)
        except BatonError as error:
            answer = _turned(STATUS.get(error.code, 500), error)
        await (self._app if answer is None else answer)(scope, _again(body, receive), send)


def _stranger(door: Door, scope: Scope) -> Response | None:
    """The answer to a page of somebody else's, or for a name that is not ours; None when it is neither."""
    if not door.place.knows(host_asked(scope["headers"])):
        return _turned(
            421,
            Refused(
                "this console does not go by that name",
                where="header Host",
                why="a stranger's name could lead here, and its pages would be taken for ours",
                fix=f"open {door.place.address}; or name it: baton console --name console.example.com",
            ),
        )
    if is_strange(scope["headers"], scope["method"]):
        return _turned(
            403, Refused("another site asks for this", why="pages of a console are shown in no others", fix="open it itself")
        )
    if scope["method"] not in _READING:
        try:
            require_own(scope["headers"], door.place.scheme)
        except Refused as error:
            return _turned(403, error)
    return None


def _answered(door: Door, scope: Scope, visit: Visit | None, form: Form) -> Response | None:
    """The answer that a request gets here; None for one that may go on."""
    path, reading = scope["path"], scope["method"] in _READING
    free = path in sign_in.OPEN or path.startswith("/static/")
    if visit is None and not free:
        return _to_sign_in(scope, form)
    if reading:
        return None
    try:
        door.require_proof(scope, form, None if path in sign_in.OPEN else visit)
    except Refused as error:
        if visit is not None and not free and (form.get(FIELD) or header(scope, HEADER)):
            # of an earlier session of the same browser: what was typed is not lost
            return sign_in.confirm(visit, Unsent.of(_asked(scope), form), 403)
        return _turned(403, error)
    return None


def _to_sign_in(scope: Scope, form: Form) -> Response:
    """Where whoever has no session is sent; what they typed goes along."""
    if header(scope, b"x-fragment") or scope["path"].startswith("/events"):
        return Response("sign in again", 401, media_type="text/plain")
    if scope["method"] in _READING:
        to = _asked(scope)
        return RedirectResponse("/sign-in" if to == "/" else f"/sign-in?{urlencode({'next': to})}", 303)
    told = Refused("your session is over", why="nothing was sent", fix="sign in; then you see what you typed again, and send it")
    carried = None if scope["path"].startswith("/sign-in/") else Unsent.of(_asked(scope), form)
    return sign_in.page(Request(scope), told, carried, 401)


def _asked(scope: Scope) -> str:
    """The address that was asked for, as one of ours."""
    return quote(scope["path"]) + (f"?{query}" if (query := scope["query_string"].decode("latin-1")) else "")


def _form(scope: Scope, body: bytes) -> Form:
    """The form that a page sent. Raises InvalidInput for a body that is something else."""
    if not body or scope["method"] in _READING:
        return {}
    if header(scope, b"content-type").partition(";")[0].strip().lower() != FORM:
        raise InvalidInput(
            "this is no form", where="header Content-Type", why=f"pages send {FORM}", fix="a job asks /api instead"
        )
    return read_form(body)


def _turned(status: int, error: BatonError) -> Response:
    """A page that says why somebody is turned away."""
    told = error if status < 500 else BatonError(error.what, fix="see the log of the console")
    if status >= 500:
        _logger.error("%s", error)
    text = rendered(
        "trouble.html",
        heading=HTTPStatus(status).phrase,
        what=told.what,
        where=told.where,
        why=told.why,
        fix=told.fix,
        kept={},
        back="/",
    )
    return HTMLResponse(text, status)


def _token(scope: Scope) -> str:
    shown = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, token = shown[0].decode("latin-1").partition(" ") if len(shown) == 1 else ("", "", "")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN or not token.isascii():
        raise Refused(
            "a token is needed",
            where="header Authorization",
            why="everything but /api/health is answered to people and services of the team only",
            fix="Authorization: Bearer TOKEN; baton token issues one",
        )
    return token


_IN_THE_CLEAR = Failure(
    code="refused",
    what="this did not come by https",
    where="header X-Forwarded-Proto",
    why="the console stands behind a proxy that ends TLS, and takes nothing that passed it by or came to it in the clear",
    fix="ask the proxy by https; it sets X-Forwarded-Proto, and is named by: baton console --behind-proxy --proxy ADDRESS",
)
_WORDS = {
    408: f"the body did not come within {SECONDS:.0f} seconds",
    413: f"the body is larger than {LARGEST // 1024} KiB",
    422: f"the body is nested deeper than {DEEPEST} levels",
}


async def _body(scope: Scope, receive: Receive) -> bytes | int:
    """The whole body, or the status that refuses it."""
    told = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if told.isdigit() and int(told[:20]) > LARGEST:
        return 413
    try:
        async with asyncio.timeout(SECONDS):
            body = await _read(receive)
    except TimeoutError:
        return 408
    if body is None:
        return 413
    return 422 if _depth(body) > DEEPEST else body


async def _read(receive: Receive) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LARGEST:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return bytes(body)


def _depth(body: bytes) -> int:
    """How deeply JSON would nest: brackets outside of texts; a parser that recurses must not be asked to find out."""
    depth = deepest = 0
    inside = escaped = False
    for sign in body:
        if inside:
            inside, escaped = escaped or sign != 0x22, not escaped and sign == 0x5C
        elif sign == 0x22:
            inside = True
        elif sign in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in b"]}":
            depth -= 1
    return deepest


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands the body out once more, then what comes."""
    waiting = [body]

    async def replayed() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replayed
