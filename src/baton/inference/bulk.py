"""Many rows at once, as Arrow: read aside, scored piece by piece behind everybody else's requests, answered as one.

All pieces belong to one line-up and one moment, so that the answer does not mix two; a piece that fails is the whole
request's failure, and what was scored before it stays in the log.
"""

import asyncio
from collections.abc import Callable

from baton.inference.arrow import TYPE, Rows, read, write
from baton.inference.body import plain_body
from baton.inference.desk import Desk, patience, said, told
from baton.inference.http import BULK_LIMIT, Request
from baton.inference.reply import Reply, answer
from baton.inference.route import Names
from baton.serving.codec import Answer, Answered, Call
from baton.serving.dispatch import Ticket
from baton.serving.fleet import Target
from baton.serving.lineup import Lineup
from baton.serving.work import Work

PIECE = 1024


def wanted(request: Request) -> bool:
    """Whether the client asks for an answer in Arrow."""
    return TYPE in request.headers.get(b"accept", b"")


def arrow(outcome: Answer) -> Reply:
    """An answer as an Arrow stream."""
    return Reply(200, write(outcome), TYPE)


def predict(desk: Desk, request: Request, names: Names) -> None:
    """Score the rows of an Arrow stream."""
    target = desk.target(names)
    lineup = target.lineup()
    if lineup.live is None:
        target.read(_never)
        return
    signature, body = lineup.live.model.signature, plain_body(request, BULK_LIMIT)
    deadline = request.at + patience(request)
    reading = asyncio.get_running_loop().run_in_executor(None, read, body, signature)

    def begin(done: "asyncio.Future[Rows]") -> None:
        error = done.exception()
        if error is not None:
            desk.reply(request, told(error if isinstance(error, Exception) else RuntimeError(str(error))))
        else:
            Load(desk, request, target, lineup, done.result(), deadline).next()

    reading.add_done_callback(begin)


class Load:
    """One request's pieces on their way; one is with the dispatcher at a time."""

    def __init__(self, desk: Desk, request: Request, target: Target, lineup: Lineup, rows: Rows, deadline: float) -> None:
        self._desk, self._request, self._target, self._lineup, self._deadline = desk, request, target, lineup, deadline
        self._left = rows.parts(PIECE)[::-1]
        self._scored: list[Answered] = []
        self._moment: int | None = None

    def next(self) -> None:
        """Hand in the next piece; after the last, answer."""
        if not self._left:
            self._end()
            return
        rows = self._left.pop()
        ticket = Ticket(self._target.plane, lambda: self._read(rows), self._done, self._deadline, low=True)
        self._request.cancelled = lambda: setattr(ticket, "cancelled", True)
        self._desk.dispatcher.submit(ticket)

    def _read(self, rows: Rows) -> Work:
        work = self._target.plane.begin(self._lineup, Call(rows.ids, None, self._moment, columns=rows.columns))
        self._moment = work.moment
        return work

    def _done(self, outcome: Answer | Exception) -> None:
        if isinstance(outcome, Exception):
            self._desk.reply(self._request, told(outcome))
            return
        self._scored += outcome.predictions
        self._last = outcome
        self.next()

    def _end(self) -> None:
        self._desk.metrics.took(self._request.age())
        say: Callable[[Answer], Reply] = arrow if wanted(self._request) else answer
        whole = Answer(self._scored, self._last.decided_at, self._last.serial)
        saying = asyncio.get_running_loop().run_in_executor(None, said, whole, say)
        saying.add_done_callback(lambda done: self._desk.reply(self._request, done.result()))


def _never(_: Lineup) -> Call:
    raise LookupError("nothing is read while no model is live")
