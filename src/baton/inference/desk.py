"""What the handlers of all paths work with: the models, the dispatcher, and the way an answer leaves."""

import asyncio
import logging
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from baton.inference.http import Request
from baton.inference.lines import about
from baton.inference.reply import Reply, bare, refusal, refused
from baton.inference.telemetry import Tracing
from baton.kernel.errors import BatonError, InvalidInput, without_values
from baton.serving.codec import Answer
from baton.serving.dataplane import DataPlane, Reload
from baton.serving.dispatch import Dispatcher, Ticket, overloaded
from baton.serving.fleet import Fleet, Target
from baton.serving.metrics import ServingMetrics
from baton.serving.work import Work

_logger = logging.getLogger("baton.serving")
DEADLINE, MOST_SECONDS, SECONDS = b"baton-timeout-ms", 60.0, 10.0
PACKED, ASIDE = 4 * 1024, 256 * 1024
OPEN = "/v2"
_GZIP, _LEVEL = 31, 1
_BUSY = refused(overloaded())


class Submits(Protocol):
    """Decides when a request is worked on."""

    def crowded(self, deadline: float, *, low: bool = False) -> bool:
        """Whether a request that came now would wait too long."""
        ...

    def submit(self, ticket: Ticket) -> None:
        """Take a request in, or refuse it now."""
        ...


class Watches(Protocol):
    """Notices new routings."""

    def look(self) -> None:
        """Called on each request: starts a reload when there is something new."""
        ...

    def reload(self) -> Reload:
        """Read the routing now and wait for it."""
        ...


class Desk:
    """One per process. `dispatcher` is set before the first request, and `tracing` when requests are traced."""

    dispatcher: Submits | Dispatcher
    tracing: Tracing | None = None

    def __init__(self, fleet: Fleet, metrics: ServingMetrics, watch: Watches, *, replay: bool) -> None:
        self.fleet, self.metrics, self.watch, self.replay = fleet, metrics, watch, replay

    @staticmethod
    def now() -> float:
        """Seconds by the clock of deadlines."""
        return time.monotonic()

    def target(self, names: Mapping[str, str]) -> Target:
        """The model, or its version, that a path names. Raises NotFound."""
        model = names.get("model")
        return self.fleet.default if model is None else self.fleet.find(model, names.get("version"))

    def submit(
        self, request: Request, plane: DataPlane, read: Callable[[], Work], say: Callable[[Answer], Reply], *, low: bool = False
    ) -> None:
        """Have a request worked on; its answer is told by `say`. While too much waits already it is refused for next to nothing."""
        until = request.at + patience(request)
        if self.dispatcher.crowded(until, low=low):
            self.metrics.shed("overload")
            self.reply(request, _BUSY)
            return

        def done(outcome: Answer | Exception) -> None:
            if isinstance(outcome, Answer):
                self.metrics.took(request.age())
                self.reply(request, said(outcome, say))
            else:
                self.reply(request, told(outcome, request))

        read, heard = (read, done) if self.tracing is None else self.tracing.follow(request, read, done)
        ticket = Ticket(plane, read, heard, until, low)
        request.cancelled = lambda: setattr(ticket, "cancelled", True)
        self.dispatcher.submit(ticket)

    def reply(self, request: Request, reply: Reply) -> None:
        """Let an answer leave, in the words of its protocol, packed when it is large and the client unpacks."""
        if reply.status >= 400 and request.path.startswith(OPEN):
            reply = bare(reply)
        self.metrics.responded(request.route, reply.status)
        if len(reply.body) <= PACKED or not unpacks(request):
            request.reply(reply)
        elif len(reply.body) <= ASIDE:
            request.reply(packed(reply))
        else:
            packing = asyncio.get_running_loop().run_in_executor(None, packed, reply)
            packing.add_done_callback(lambda done: request.reply(done.result()))


def patience(request: Request) -> float:
    """How many seconds the client waits for its answer. Raises InvalidInput for a header that is no number of milliseconds."""
    text = request.headers.get(DEADLINE)
    if text is None:
        return SECONDS
    if not text.isdigit() or len(text) > 9 or not 0 < int(text) <= MOST_SECONDS * 1000:
        raise InvalidInput(
            "the timeout is not a number of milliseconds", where=DEADLINE.decode(), fix=f"write 1 to {MOST_SECONDS * 1000:.0f}"
        )
    return int(text) / 1000


def unpacks(request: Request) -> bool:
    """Whether the client takes gzip."""
    offers = request.headers.get(b"accept-encoding", b"")
    return any(
        name.strip().lower() in (b"gzip", b"x-gzip")
        and weight.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
        for name, _, weight in (offer.partition(b";") for offer in offers.split(b","))
    )


def packed(reply: Reply) -> Reply:
    """The reply with its body as gzip."""
    packing = zlib.compressobj(_LEVEL, wbits=_GZIP)
    body = packing.compress(reply.body) + packing.flush()
    return replace(reply, body=body, headers=(*reply.headers, (b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")))


def said(outcome: Answer, say: Callable[[Answer], Reply]) -> Reply:
    """An answer in a protocol's words; what fails in telling it is an error like any other."""
    try:
        return say(outcome)
    except Exception as error:  # noqa: BLE001  the client gets an answer
        return told(error)


def told(error: Exception, request: Request | None = None) -> Reply:
    """An error as the client hears it; what is ours to mend goes to the log."""
    more = about(request.headers if request is not None else {}, error)
    if isinstance(error, BatonError):
        reply = refused(error)
        if reply.status >= 500 and error.code not in ("overloaded", "expired"):
            _logger.error("%s", without_values(error), extra=more)
        return reply
    _logger.error("the request could not be answered", exc_info=error, extra=more)
    return refusal(500, "error", "the server failed on this request", fix="see the server's log")
