"""Server-sent events: whoever looks is told within a second that something was recorded, and fetches what they see anew.

One task looks at the record's stamp for everybody, so that twenty open pages cost what one costs.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from baton.app.visit import Visit
from baton.web.failure import Failure, failure
from baton.web.session import Door

GLANCE: Final = 0.25
"""Seconds between two looks at the stamp."""
ALIVE: Final = 15.0
"""Seconds of silence after which a line of nothing keeps the connection open."""
LONGEST: Final = 600.0
"""Seconds after which a stream ends: the browser comes back, and shows again who it is."""
AT_MOST: Final = 100
"""Open streams at once."""


class Events:
    """The streams of one console. `stamp` changes whenever something is recorded; it must not block. `door` knows who may listen."""

    def __init__(self, stamp: Callable[[], object], door: Door | None = None) -> None:
        self._stamp, self._door = stamp, door
        self._streams: set[asyncio.Queue[str]] = set()

    async def watch(self) -> None:
        """Look until cancelled, and tell every stream what was seen."""
        known = self._stamp()
        while True:
            await asyncio.sleep(GLANCE)
            if (seen := self._stamp()) != known:
                known = seen
                self.tell("recorded")

    def tell(self, event: str) -> None:
        """Tell every stream; one that has not read the last word yet misses none by not getting another."""
        for stream in self._streams:
            with suppress(asyncio.QueueFull):
                stream.put_nowait(event)

    async def answer(self, request: Request) -> Response:
        """A stream for one page."""
        if len(self._streams) >= AT_MOST:
            return failure(
                503, Failure(code="unavailable", what=f"{AT_MOST} pages listen already", fix="close some, or reload later")
            )
        return StreamingResponse(
            self._stream(getattr(request.state, "visit", None)),
            media_type="text/event-stream",
            headers={"x-accel-buffering": "no"},
        )

    async def _stream(self, visit: Visit | None) -> AsyncIterator[str]:
        queue: asyncio.Queue[str] = asyncio.Queue(1)
        self._streams.add(queue)
        clock = asyncio.get_running_loop().time
        until = clock() + LONGEST
        try:
            yield "retry: 2000\n\n"
            while clock() < until and await self._may_listen(visit):
                try:
                    event = await asyncio.wait_for(queue.get(), ALIVE)
                except TimeoutError:
                    yield ": here\n\n"
                else:
                    yield f"event: {event}\ndata: \n\n"
        finally:
            self._streams.discard(queue)

    async def _may_listen(self, visit: Visit | None) -> bool:
        return self._door is None or visit is None or await run_in_threadpool(self._door.visits.still, visit)
