"""HTTP/1.1 on a socket: whole requests out of bytes (llhttp, by httptools), answers back in their order.

Nothing here knows what is asked. A connection has one request in work at a time; what a client sends ahead waits in its
order. Everything a client can make large or slow has a limit, which the door keeps by looking over its connections
once a second.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import httptools

from baton.inference.reply import Reply, refusal
from baton.serving.codec import BODY_LIMIT

Headers = dict[bytes, bytes]
BODY_SECONDS, IDLE_SECONDS, DRAIN_SECONDS = 30.0, 600.0, 10.0
HEAD_LIMIT, TARGET_LIMIT, CONNECTIONS = 32 * 1024, 8 * 1024, 4096
BULK, BULK_LIMIT, BULKS = b"application/vnd.apache.arrow.stream", 32 * 1024 * 1024, 4
"""A content type of bulk, how large a body of it may be, and how many of them may be here at once."""
AHEAD, HELD, EARLY = 64, 256 * 1024 * 1024, 64 * 1024
_DRAINED = 8 * BODY_LIMIT
_JSON = b"application/json"
_RETRY = ((b"retry-after", b"1"),)
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(slots=True, eq=False)
class Request:
    """One whole request. `path` is without the query; header names are in lower case; `at` is when it was whole (monotonic).

    `reply` answers it, once; after `cancelled` the client is gone. `route` is the template its path fits, for counting.
    """

    method: str
    path: str
    query: bytes
    headers: Headers
    body: bytes
    client: str
    keep_alive: bool
    at: float
    _connection: "Connection" = field(repr=False)
    cancelled: Callable[[], None] | None = None
    route: str = "other"

    def age(self) -> float:
        """Seconds since it was whole."""
        return time.monotonic() - self.at

    def reply(self, reply: Reply) -> None:
        """Send the answer."""
        self._connection.answer(self, reply)


class Connection(asyncio.Protocol):
    """One client."""

    __slots__ = (
        "_ahead",
        "_body",
        "_door",
        "_ended",
        "_expects",
        "_head_size",
        "_headers",
        "_held",
        "_limit",
        "_more",
        "_parser",
        "_refused",
        "_size",
        "_stopped",
        "_target",
        "_transport",
        "at_work",
        "began",
        "client",
        "paused",
        "seen",
    )  # fmt: skip

    def __init__(self, door: "Door") -> None:
        self._door = door
        self._ahead: deque[Request] = deque()
        self.at_work: Request | None = None
        self._ended = self.paused = False
        self.seen = door.now()
        self.began = 0.0
        self._target, self._headers, self._body = b"", Headers(), b""
        self._more: list[bytes] = []
        self._size = self._head_size = self._held = 0
        self._stopped = False
        self._limit = BODY_LIMIT
        self._expects = False
        self._refused: Reply | None = None
        self._parser: Any = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._transport: Any = transport
        peer = transport.get_extra_info("peername")
        self.client = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        if not self._door.enter(self):
            self._say(refusal(503, "overloaded", "too many connections", fix="close some, or try again later"), keep=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """It went; what it asked for need not be worked on."""
        self._door.leave(self)
        self._release(self._held)
        self._ended = True
        self._ahead.clear()
        if self.at_work is not None and self.at_work.cancelled is not None:
            self.at_work.cancelled()
        # It and its parser hold each other: what was read of a body must not wait for the garbage collector.
        self._parser, self.at_work = None, None
        self._body, self._more = b"", []

    def eof_received(self) -> bool:
        """A client that only stopped sending still gets the answers it waits for."""
        self._ended = True
        return self.at_work is not None or bool(self._ahead)

    def pause_writing(self) -> None:
        """It does not take its answers."""
        self.paused = True
        self.began = self._door.now()

    def resume_writing(self) -> None:
        """It takes them again."""
        self.paused = False
        self._next()

    def data_received(self, data: bytes) -> None:
        """Bytes came; whole requests go to the door from within."""
        self.seen = self._door.now()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(refusal(400, "malformed", "this server speaks HTTP/1.1 only", fix="leave the Upgrade header out"))
        except httptools.HttpParserError as error:
            self._refuse(
                refusal(400, "malformed", f"this is not HTTP: {error}", fix="see https://www.rfc-editor.org/rfc/rfc9112")
            )

    # --- what the parser tells ----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Another request begins."""
        self._clear()
        self.began = self.seen

    def on_url(self, piece: bytes) -> None:
        """A piece of the address."""
        self._target += piece
        if len(self._target) > TARGET_LIMIT and self._refused is None:
            self._refused = refusal(414, "too-long", f"the address is longer than {TARGET_LIMIT >> 10} KiB", field="path")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._head_size += len(name) + len(value)
        if self._head_size > HEAD_LIMIT:
            self._refused = refusal(431, "too-large", f"the headers are larger than {HEAD_LIMIT >> 10} KiB", field="headers")
            return
        name = name.lower()
        if name == b"host" and name in self._headers:
            self._refused = refusal(400, "malformed", "there are two Host headers", field="host", fix="send one")
        if name == b"expect":
            self._expects = value.lower() == b"100-continue"
        self._headers[name] = value

    def on_headers_complete(self) -> None:
        """All headers are there."""
        length = self._headers.get(b"content-length", b"")
        if self._headers.get(b"content-type") == BULK:
            self._admit_bulk()
        if length.isdigit() and int(length) > self._limit:
            self._refused = self._refused or _too_large(self._limit)
        large = b"transfer-encoding" in self._headers or (length.isdigit() and int(length) >= EARLY)
        if large and self._door.check is not None and self._refused is None:
            self._refused = self._door.check(self._target.partition(b"?")[0].decode("latin-1"), self._headers)
        if self._expects and self._refused is None:
            self._transport.write(_CONTINUE)
        elif self._expects and self._refused is not None:
            self._refuse(self._refused)

    def on_body(self, piece: bytes) -> None:
        """What is too large is read on for a while without being kept: most clients look for an answer only after sending."""
        self._size += len(piece)
        if self._refused is not None:
            if self._size > _DRAINED:
                self._refuse(self._refused)
        elif self._size > self._limit:
            self._refused, self._body, self._more = _too_large(self._limit), b"", []
            self._release(self._size - len(piece))
        elif not self._hold(len(piece)):
            self._refuse(refusal(503, "overloaded", "too much is being sent at once", fix="try again later", headers=_RETRY))
        elif self._body:
            self._more.append(piece)
        else:
            self._body = piece

    def on_message_complete(self) -> None:
        """The request is whole."""
        self.began = 0.0
        if self._ended:
            return
        if self._refused is not None:
            self._refuse(self._refused)
            return
        if self._more:
            self._body, self._more = b"".join((self._body, *self._more)), []
        parser = self._parser
        path, _, query = self._target.partition(b"?")
        request = Request(
            parser.get_method().decode("ascii"), path.decode("latin-1"), query, self._headers, self._body, self.client,
            parser.should_keep_alive(), self.seen, self,
        )  # fmt: skip
        self._body = b""
        if self.at_work is not None or self.paused:
            self._ahead.append(request)
            if len(self._ahead) >= AHEAD or self._held >= BODY_LIMIT:
                self._stopped = True
                self._transport.pause_reading()
            return
        self.at_work = request
        self._release(len(request.body))
        self._door.handle(request)

    # --- answers ------------------------------------------------------------------------------------------------------

    def answer(self, request: Request, reply: Reply) -> None:
        """Send the answer to the request at work, then take up the next one that waits."""
        if request is not self.at_work:
            return
        self.at_work = None
        if self._door.bulks:
            self._door.bulks.discard(self)
        keep = request.keep_alive and not self._door.draining and not (self._ended and not self._ahead)
        self._say(reply, keep=keep, head=request.method == "HEAD")
        if keep and self._ahead:
            self._next()

    def drop_if_idle(self) -> bool:
        """Close the connection unless it has a request in work; tells whether it had none."""
        if self.at_work is None and not self._ahead:
            self._transport.close()
            return True
        return False

    def look(self, now: float) -> None:
        """Close what is too slow: a request that does not get whole, an answer that is not taken, a client that is idle."""
        if self.paused:
            if now - self.began > BODY_SECONDS:
                self._transport.abort()
        elif self.at_work is None and self.began and now - self.began > BODY_SECONDS:
            self._refuse(
                refusal(408, "too-slow", f"the request did not arrive within {BODY_SECONDS:.0f} s", fix="send it in one go")
            )
        elif self.at_work is None and now - self.seen > IDLE_SECONDS:
            self._transport.close()

    def _next(self) -> None:
        if self.at_work is None and self._ahead and not self.paused:
            self.at_work = request = self._ahead.popleft()
            self._release(len(request.body))
            if self._stopped and len(self._ahead) <= AHEAD // 2 and self._held < BODY_LIMIT and not self._ended:
                self._stopped = False
                self._transport.resume_reading()
            self._door.handle(request)

    def _hold(self, size: int) -> bool:
        """Note bytes that are kept until their request is worked on; false when all clients together send too much."""
        self._held += size
        self._door.held += size
        return self._door.held <= HELD

    def _release(self, size: int) -> None:
        self._held -= size
        self._door.held -= size

    def _say(self, reply: Reply, *, keep: bool, head: bool = False) -> None:
        if self._transport.is_closing():
            return
        body = reply.body
        if reply.status == 200 and reply.kind is _JSON and keep and not reply.headers and not head:
            self._transport.write(
                b"HTTP/1.1 200 OK\r\n%bcontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (self._door.date, len(body), body)
            )
            return
        lines = [
            b"HTTP/1.1 %d %b\r\n%bcontent-type: %b\r\ncontent-length: %d\r\n"
            % (reply.status, _REASONS.get(reply.status, b"?"), self._door.date, reply.kind, len(body)),
            *(b"%b: %b\r\n" % header for header in reply.headers),
            b"" if keep else b"connection: close\r\n",
            b"\r\n",
            b"" if head else body,
        ]
        self._transport.write(b"".join(lines))
        if not keep:
            self._transport.close()

    def _refuse(self, reply: Reply) -> None:
        """Answer what cannot be a request, and close: where the next one would begin is unknown.

        What was whole before it still gets its answers; the last of them closes the connection.
        """
        if self._ended:
            return
        self._ended = True
        self._door.refused(reply)
        if self.at_work is not None or self._ahead:
            self._transport.pause_reading()
        else:
            self._say(reply, keep=False)

    def _clear(self) -> None:
        self._target, self._headers, self._body = b"", Headers(), b""
        self._size = self._head_size = 0
        self._expects, self._refused = False, None
        if self._limit != BODY_LIMIT or self._more:
            self._limit, self._more = BODY_LIMIT, []

    def _admit_bulk(self) -> None:
        """Let a large body come when there are not too many of them already."""
        if self._door.admit(self):
            self._limit = BULK_LIMIT
        else:
            self._refused = self._refused or refusal(
                503,
                "overloaded",
                f"{BULKS} bulk requests are being worked on",
                fix="try again later",
                headers=_RETRY,
            )


class Door:
    """All connections of a process. `handle` takes each whole request; `refused` hears of what never became one.

    `check`, when there is one, refuses a large request by its path and headers, before its body has come. `held` are the
    bytes of bodies that are not worked on yet.
    """

    def __init__(
        self,
        handle: Callable[[Request], None],
        refused: Callable[[Reply], None],
        check: Callable[[str, Headers], Reply | None] | None = None,
    ) -> None:
        self.handle, self.refused, self.check = handle, refused, check
        self.held = 0
        self.draining = False
        self.date = b""
        self._connections: set[Connection] = set()
        self.bulks: set[Connection] = set()

    @staticmethod
    def now() -> float:
        """Seconds by a clock that only goes forward."""
        return time.monotonic()

    def enter(self, connection: Connection) -> bool:
        """A client came; false when there are too many already."""
        if len(self._connections) >= CONNECTIONS:
            return False
        self._connections.add(connection)
        return True

    def leave(self, connection: Connection) -> None:
        """A client went."""
        self._connections.discard(connection)
        self.bulks.discard(connection)

    def admit(self, connection: Connection) -> bool:
        """Whether a client may send a bulk body now; it counts until it is answered."""
        if len(self.bulks) >= BULKS and connection not in self.bulks:
            return False
        self.bulks.add(connection)
        return True

    @property
    def busy(self) -> bool:
        """Whether anybody is connected."""
        return bool(self._connections)

    async def look_after(self) -> None:
        """Every second, until cancelled: the date, and connections that are too slow."""
        while True:
            self.date = b"date: %b\r\n" % formatdate(usegmt=True).encode()
            now = self.now()
            for connection in list(self._connections):
                connection.look(now)
            await asyncio.sleep(1.0)

    async def drain(self) -> None:
        """Let requests in work be answered, for so long; close the rest."""
        self.draining = True
        until = self.now() + DRAIN_SECONDS
        while self.busy and self.now() < until:
            for connection in list(self._connections):
                connection.drop_if_idle()
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            connection._transport.abort()  # noqa: SLF001  the door's own


def _too_large(limit: int) -> Reply:
    return refusal(
        413, "too-large", f"the body is larger than {limit >> 20} MiB", field="body", fix="send fewer rows per request"
    )
