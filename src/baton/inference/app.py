"""The HTTP shell: bytes to the data plane and back, as a bare ASGI application."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from baton.inference.gate import Gate, Headers, is_loopback
from baton.inference.openapi import describe
from baton.inference.reply import Reply, answer, refusal, refused
from baton.inference.watch import RoutingWatch
from baton.kernel.clock import stopwatch
from baton.kernel.errors import BatonError
from baton.kernel.suggest import did_you_mean
from baton.serving.codec import BODY_LIMIT
from baton.serving.dataplane import DataPlane
from baton.serving.metrics import ServingMetrics

_logger = logging.getLogger("baton.serving")
_BODY_SECONDS = 30.0
_DRAINED = 8 * BODY_LIMIT
_CLOSE = ((b"connection", b"close"),)
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


ROUTES: Mapping[str, str] = {
    "/": "serve",
    "/health": "serve",
    "/ready": "serve",
    "/metrics": "serve",
    "/openapi.json": "serve",
    "/predict": "serve",
    "/reload": "serve",
}
"""The action of the rights matrix that each path is. `serve` is open on this machine, and to whoever has the server's token."""


class InferenceApp:
    """The ASGI application. Predictions run in the event loop's own thread: they are shorter than a hand-over."""

    def __init__(self, plane: DataPlane, metrics: ServingMetrics, watch: RoutingWatch, gate: Gate, *, replay: bool) -> None:
        self._plane, self._metrics, self._watch, self._gate, self._replay = plane, metrics, watch, gate, replay
        self._pages: dict[str, Callable[[], Reply]] = {
            "/": self._front,
            "/health": lambda: answer({"status": "ok"}),
            "/ready": self._ready,
            "/metrics": lambda: Reply(200, metrics.exposition(), b"text/plain; version=0.0.4; charset=utf-8"),
            "/openapi.json": lambda: answer(describe(plane.lineup, replay=replay)),
        }
        self._acts: dict[str, Callable[[Scope, Headers, Receive], Awaitable[Reply]]] = {
            "/predict": self._predict,
            "/reload": self._reload,
        }
        if {*self._pages, *self._acts} != ROUTES.keys():
            raise LookupError("a path of the model server names no action of the rights matrix: list it in ROUTES")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        try:
            reply = await self._reply(path, scope, receive)
        except BatonError as error:
            reply = refused(error)
            if reply.status >= 500:
                _logger.error("%s", error)
        except Exception:
            _logger.exception("the request could not be answered")
            reply = refusal(500, "error", "the server failed on this request", fix="see the server's log")
        self._metrics.responded(path if path in self._pages or path in self._acts else "other", reply.status)
        await send(
            {
                "type": "http.response.start",
                "status": reply.status,
                "headers": [(b"content-type", reply.kind), (b"content-length", b"%d" % len(reply.body)), *reply.headers],
            }
        )
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})

    async def _reply(self, path: str, scope: Scope, receive: Receive) -> Reply:
        headers: Headers = dict(scope["headers"])
        stopped = self._gate.check(path, headers)
        if stopped is not None:
            return stopped
        self._watch.look()
        method = scope["method"]
        act, page = self._acts.get(path), self._pages.get(path)
        if act is not None:
            return await act(scope, headers, receive) if method == "POST" else _wrong_method(method, b"POST")
        if page is not None:
            return page() if method in ("GET", "HEAD") else _wrong_method(method, b"GET, HEAD")
        return refusal(
            404, "not-found", f"there is no {path[:100]} here", fix=did_you_mean(path[:100], [*self._pages, *self._acts])
        )

    async def _predict(self, scope: Scope, headers: Headers, receive: Receive) -> Reply:
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != b"application/json":
            return refusal(
                415,
                "wrong-content-type",
                "the body must be sent as application/json",
                field="content-type",
                fix="send 'Content-Type: application/json'",
            )
        body = await _read_body(headers, receive)
        if isinstance(body, Reply):
            return body
        elapsed = stopwatch()
        reply = answer(self._plane.predict(body))
        self._metrics.took(elapsed())
        return reply

    async def _reload(self, scope: Scope, headers: Headers, receive: Receive) -> Reply:
        """Only for whoever runs on this machine and is not a web page."""
        client = scope.get("client")
        if client is None or not is_loopback(client[0]) or b"origin" in headers:
            return refusal(
                403,
                "refused",
                "the routing is reloaded from this machine only",
                fix="the server notices a new routing file by itself",
            )
        outcome = await asyncio.to_thread(self._watch.reload)
        if outcome.error is not None:
            return refused(outcome.error)
        return answer({"serial": outcome.serial, "changed": outcome.changed})

    def _ready(self) -> Reply:
        lineup, problem = self._plane.lineup, self._plane.problem
        if lineup.live is None:
            return refusal(
                503,
                "unavailable",
                "no model is live" + (f": {problem.what}" if problem else ""),
                fix=problem.fix if problem else "baton status tells why; where no loop runs: baton up",
            )
        route = lineup.live.route
        told: dict[str, Any] = {
            "status": "ready",
            "version": route.version,
            "release": route.release,
            "serial": lineup.routing.serial,
            "watermark": self._plane.watermark(),
        }
        return answer(told | ({"problem": problem.what} if problem else {}))

    def _front(self) -> Reply:
        route = self._plane.lineup.live.route if self._plane.lineup.live else None
        state = f"version {route.version} is live" if route else "no model is live"
        title = f"Baton model server of {self._plane.lineup.routing.project or 'a project'}: {state}."
        return Reply(200, f"{title}\nPOST /predict, GET /ready, /metrics, /openapi.json\n".encode(), b"text/plain; charset=utf-8")


def _wrong_method(method: str, allowed: bytes) -> Reply:
    return refusal(
        405, "wrong-method", f"{method} is not for this path", fix=f"use {allowed.decode()}", headers=((b"allow", allowed),)
    )


async def _read_body(headers: Headers, receive: Receive) -> bytes | Reply:
    """The whole body, or a refusal when it is too large, too slow or cut off."""
    length = headers.get(b"content-length", b"")
    declared = int(length) if length.isdigit() else 0
    message = await receive()
    if declared <= BODY_LIMIT and message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        return body if len(body) <= BODY_LIMIT else _too_large()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await _read_pieces(message, receive)
    except TimeoutError:
        return refusal(
            408, "too-slow", f"the body did not arrive within {_BODY_SECONDS:.0f} s", fix="send it in one go", headers=_CLOSE
        )


async def _read_pieces(message: MutableMapping[str, Any], receive: Receive) -> bytes | Reply:
    """What is too large is read on for a while without being kept: most clients look for an answer only after sending."""
    pieces: list[bytes] = []
    size = 0
    while message["type"] == "http.request":
        piece = message.get("body", b"")
        size += len(piece)
        if size <= BODY_LIMIT:
            pieces.append(piece)
        if not message.get("more_body") or size > _DRAINED:
            return b"".join(pieces) if size <= BODY_LIMIT else _too_large()
        message = await receive()
    return refusal(400, "cut-off", "the connection was closed before the body was whole")


def _too_large() -> Reply:
    return refusal(
        413,
        "too-large",
        f"the body is larger than {BODY_LIMIT >> 20} MiB",
        field="body",
        fix="send fewer rows per request",
        headers=_CLOSE,
    )
