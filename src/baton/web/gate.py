"""The gate: before anything else is looked at, who it is, and how much they send. Nothing but health passes without a token."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from fastapi.concurrency import run_in_threadpool

from baton.kernel.errors import BatonError, Refused
from baton.team.actor import Actor
from baton.web.failure import Failure, failure, failure_of

OPEN: Final = "/api/health"
LARGEST: Final = 256 * 1024
DEEPEST: Final = 12
SECONDS: Final = 20.0
LONGEST_TOKEN: Final = 512

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
_logger = logging.getLogger("baton.web")


class Gate:
    """ASGI in front of the routes. `actor_of` tells who shows a token, or raises Refused; it may block.

    With `sealed`, nothing is answered that did not come by https to whoever ends TLS in front: what scope["scheme"] says is
    the server's own word, or that of a proxy it trusts.
    """

    def __init__(self, app: App, actor_of: Callable[[str], Actor], *, sealed: bool = False) -> None:
        self._app, self._actor_of, self._sealed = app, actor_of, sealed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through with its actor in `scope["state"]` and its whole body at hand, or answer it here."""
        if scope["type"] != "http" or scope["path"] == OPEN:
            await self._app(scope, receive, send)
            return
        if self._sealed and scope["scheme"] != "https":
            await failure(403, _IN_THE_CLEAR)(scope, receive, send)
            return
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
