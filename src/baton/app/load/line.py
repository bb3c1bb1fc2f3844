"""Connections that speak just enough HTTP/1.1 to keep a server busy: one request at a time, answers read to their end.

Raw sockets and one selector, without an event loop: a request costs the sender about fifteen microseconds, so that the server
is the bottleneck and not its tester.
"""

import re
import select
import selectors
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from baton.app.load.target import Target
from baton.kernel.errors import Unavailable

BROKEN = 0
"""The status of a request whose connection ended before its answer."""
_CHUNK = 1 << 18
_SECONDS = 5
_SHORT = 0.05
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSING = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


class Line:
    """One connection. Its request counts from `due`, and left at `sent`; `busy` is whether an answer is awaited."""

    __slots__ = ("_held", "busy", "due", "sent", "socket")

    def __init__(self, bound: socket.socket) -> None:
        self.socket, self._held, self.busy, self.due, self.sent = bound, b"", False, 0.0, 0.0

    def send(self, request: bytes, due: float, now: float) -> None:
        """Send a request. That a connection could not take it is told by `read`: its end is there to be read."""
        self.busy, self.due, self.sent = True, due, now
        with suppress(OSError):
            self.socket.sendall(request)

    def read(self) -> tuple[int, bool] | None:
        """What came, when it is an answer's end: its status, and whether the connection is over. BROKEN when it just ended."""
        try:
            data = self.socket.recv(_CHUNK)
        except OSError:
            data = b""
        if not data:
            return BROKEN, True
        self._held = data = self._held + data if self._held else data
        head = data.find(b"\r\n\r\n")
        if head < 0 or not _is_whole(data, head):
            return None
        self._held = b""
        return int(data[9:12]), _CLOSING.search(data, 0, head + 2) is not None


class Lines:
    """Some connections to one target, opened at once and kept open. Raises Unavailable when the target does not answer."""

    def __init__(self, target: Target, count: int) -> None:
        self._target, self._selector = target, selectors.DefaultSelector()
        self._descriptors = [self._selector.fileno()] if hasattr(self._selector, "fileno") else None
        self.all: list[Line] = []
        try:
            for _ in range(count):
                line = Line(_connected(target))
                self.all.append(line)
                self._selector.register(line.socket, selectors.EVENT_READ, line)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End all connections."""
        for line in self.all:
            line.socket.close()
        self._selector.close()

    def ready(self, seconds: float) -> Iterator[Line]:
        """Lines on which something came, waiting at most so long for the first."""
        if self._descriptors is not None and seconds < _SHORT:
            # A selector rounds its waiting up to whole milliseconds; select does not, and can wait for the selector itself.
            select.select(self._descriptors, (), (), max(0.0, seconds))
            seconds = 0
        for key, _ in self._selector.select(max(0.0, seconds)):
            yield key.data

    def again(self, line: Line) -> None:
        """A new connection in the place of one that is over."""
        self._selector.unregister(line.socket)
        line.socket.close()
        line.socket, line.busy = _connected(self._target), False
        self._selector.register(line.socket, selectors.EVENT_READ, line)


def _is_whole(data: bytes, head: int) -> bool:
    length = _LENGTH.search(data, 0, head + 2)
    if length is not None:
        return len(data) >= head + 4 + int(length[1])
    if _CHUNKED.search(data, 0, head + 2) is not None:
        return data.endswith(b"\r\n0\r\n\r\n")
    return data[9:12] in (b"204", b"304")


def _connected(target: Target) -> socket.socket:
    try:
        made = socket.create_connection((target.host, target.port), _SECONDS)
    except OSError as error:
        raise Unavailable(
            f"{target.host} port {target.port} takes no connection",
            why=str(error),
            fix="start the server, or name the port it listens on",
        ) from error
    made.setblocking(True)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform != "win32":
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SECONDS, 0))
    return made
