"""A connection that is there to ask: one whose request does not come whole in time is closed.

Without it two hundred silent connections, none of which shows a token, would keep everybody else out.
"""

from asyncio import TimerHandle
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

SECONDS: Final = 10.0
"""How long the head of a request may take, from the opening of a connection or from its first byte."""


class Punctual(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 over httptools, with a limit on the head of a request; between two `timeout_keep_alive` watches."""

    _late: TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to count."""
        super().connection_made(transport)
        self._start()

    def on_message_begin(self) -> None:
        """Count anew for another request on the same connection."""
        self._start()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is here; what follows is the gate's to limit."""
        self._stop()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is counted any more."""
        self._stop()
        super().connection_lost(exc)

    def _start(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(SECONDS, self.transport.abort)

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
