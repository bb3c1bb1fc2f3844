"""When each request is worked on: at once, in a batch beside the others, or not at all.

    submit ─▶ waiting ─▶ inline: read, score, answer, in the caller's own thread          (quick models)
         │         └───▶ lane: one thread scores what queued up while it was busy         (slow models, many rows)
         └ refused at once when the wait would be too long; dropped unread when its deadline passed meanwhile

The queue is bounded in time, not in requests: what waits is counted in the seconds it will take, by what the last ones
took, so the number admitted follows the model and the machine (Little's law). A batch waits for nobody: it is what
queued while the one before ran. Requests of a batch are joined as rows of one matrix and parted by position; a batch
that fails is run again request by request, so that nobody pays for somebody else's row.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from baton.kernel.errors import Expired, Overloaded
from baton.serving.codec import Answer
from baton.serving.dataplane import DataPlane
from baton.serving.explain import explain, explaining_us
from baton.serving.work import Part, Work

INLINE_US, SLOW_ROW_US = 2_000.0, 100.0
TURN, WAIT = 0.002, 0.2
TOGETHER = 32
FEW = 8  # requests that may always wait, within their deadlines
BATCH_ROWS, BATCH_US = 512, 20_000.0
_LEAST = 1e-6  # seconds: less than any request takes
_OUTLIER = 8  # times the usual: a pause of the machine is not taken for the price of a request


class Sheds(Protocol):
    """Counts what the dispatcher does."""

    def shed(self, reason: str) -> None:
        """A request was refused to protect the others."""
        ...

    def batched(self) -> None:
        """A slow model ran for several requests at once."""
        ...


@dataclass(slots=True, eq=False)
class Ticket:
    """A request that waits. `read` gives its work, `done` takes the answer or the error, once, in the loop's thread.

    `deadline` is by the dispatcher's timer; a `low` one goes after all others.
    """

    plane: DataPlane
    read: Callable[[], Work]
    done: Callable[[Answer | Exception], None]
    deadline: float
    low: bool = False
    cancelled: bool = False
    work: Work | None = None
    cost: float = 0.0
    outcomes: list[Exception | None] = field(default_factory=list)


class Dispatcher:
    """One per process. `soon` runs a call later in the loop's thread, `threadsafe` the same from another thread."""

    def __init__(
        self,
        timer: Callable[[], float],
        meters: Sheds,
        soon: Callable[[Callable[[], None]], Any],
        threadsafe: Callable[[Callable[[], None]], Any],
        *,
        wait: float = WAIT,
    ) -> None:
        self._timer, self._meters, self._soon, self._threadsafe, self._wait = timer, meters, soon, threadsafe, wait
        self._waiting: deque[Ticket] = deque()
        self._scheduled = False
        self._each = 50e-6
        self._lane = Lane(timer, meters, lambda tickets: threadsafe(lambda: self._finished(tickets)))

    @property
    def idle(self) -> bool:
        """Whether nothing waits or is worked on."""
        return not self._waiting and not self._lane.count

    @property
    def backlog(self) -> float:
        """The seconds that what waits will take."""
        return len(self._waiting) * self._each + self._lane.backlog

    def submit(self, ticket: Ticket) -> None:
        """Take a request in, or refuse it now with Overloaded when its turn would come too late."""
        if ticket.deadline < self._timer():
            self._meters.shed("expired")
            ticket.done(expired())
            return
        if self.crowded(ticket.deadline, low=ticket.low):
            self._meters.shed("overload")
            ticket.done(overloaded())
            return
        self._waiting.append(ticket)
        if not self._scheduled:
            self._scheduled = True
            self._soon(self._drain)

    def crowded(self, deadline: float, *, low: bool = False) -> bool:
        """Whether a request that came now would wait too long, or past its deadline. Costs a microsecond, so that refusing is cheap."""
        backlog = self.backlog
        limit = max(self._wait, 2 * self._lane.each) / (2 if low else 1)
        if backlog > limit and len(self._waiting) + self._lane.count >= FEW:
            return True
        return backlog > 0.001 and backlog > deadline - self._timer()

    def stop(self) -> None:
        """End the lane's thread."""
        self._lane.stop()

    def _drain(self) -> None:
        """Work for a turn, then let the loop look at its sockets again."""
        began = last = self._timer()
        while self._waiting:
            tickets = [self._waiting.popleft() for _ in range(min(len(self._waiting), TOGETHER))]
            self._work(tickets, last)
            now = self._timer()
            self._learn((now - last) / len(tickets), len(tickets))
            last = now
            if now - began > TURN and self._waiting:
                self._soon(self._drain)
                return
        self._scheduled = False

    def _learn(self, each: float, count: int) -> None:
        """What a request took lately; the more of them, the more it counts."""
        self._each += min(0.05 * count, 0.5) * (min(each, _OUTLIER * self._each) - self._each)
        self._each = max(self._each, _LEAST)

    def _work(self, tickets: Sequence[Ticket], now: float) -> None:
        """Read requests; answer the quick ones together, hand the others to the lane."""
        inline = [ticket for ticket in tickets if not ticket.cancelled and self._read(ticket, now)]
        if not inline:
            return
        plane = inline[0].plane
        together = [ticket for ticket in inline if ticket.plane is plane] if len(inline) > 1 else inline
        works = [ticket.work for ticket in together if ticket.work is not None]
        for ticket, outcome in zip(together, plane.answer_all(works), strict=True):
            self._give(ticket, outcome)
        if len(together) < len(inline):
            for ticket in inline:
                if ticket.plane is not plane:
                    assert ticket.work is not None
                    self._give(ticket, ticket.plane.answer_all((ticket.work,))[0])

    def _read(self, ticket: Ticket, now: float) -> bool:
        """Whether a request is to be answered inline; what is wrong with it is told, what is slow goes to the lane."""
        if now > ticket.deadline:
            self._meters.shed("expired")
            ticket.done(expired())
            return False
        try:
            ticket.work = work = ticket.read()
            if quick(work):
                return True
            ticket.plane.prepare(work)
        except Exception as error:  # noqa: BLE001  the edge tells what it was
            ticket.done(error)
            return False
        ticket.cost = work.cost_us / 1e6
        if work.call.explain:
            ticket.low, ticket.cost = True, ticket.cost + explaining_us(work) / 1e6
        self._lane.put(ticket)
        return False

    def _finished(self, tickets: Sequence[Ticket]) -> None:
        """Answer what the lane has scored. The lane forgets the cost of what it gave back."""
        for ticket in tickets:
            self._lane.forget(ticket)
            if not ticket.cancelled:
                self._give(ticket, self._answer(ticket))

    def _give(self, ticket: Ticket, outcome: Answer | Exception) -> None:
        """Hand out an outcome; an answer once its predictions are kept as it was declared."""
        kept = ticket.plane.kept
        if kept is None or isinstance(outcome, Exception):
            ticket.done(outcome)
        else:
            kept(lambda error: self._threadsafe(lambda: ticket.done(error or outcome)))

    def _answer(self, ticket: Ticket) -> Answer | Exception:
        assert ticket.work is not None
        if not ticket.outcomes and ticket.work.parts:
            self._meters.shed("expired")
            return expired()
        try:
            for part, error in zip(ticket.work.parts, ticket.outcomes, strict=True):
                ticket.plane.settle(ticket.work, part, error)
            return ticket.plane.finish(ticket.work)
        except Exception as error:  # noqa: BLE001  the edge tells what it was
            return error


class Lane:
    """The thread that slow models run in, one batch after the other. Its numbers belong to the loop's thread."""

    def __init__(self, timer: Callable[[], float], meters: Sheds, give_back: Callable[[Sequence[Ticket]], None]) -> None:
        self._timer, self._meters, self._give_back = timer, meters, give_back
        self._queue: deque[Ticket] = deque()
        self._low: deque[Ticket] = deque()
        self._something = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._rate = 1.0
        self._owed = 0.0
        self.each = 0.0
        self.count = 0

    @property
    def backlog(self) -> float:
        """The seconds that what was put here and not given back will take."""
        return self._owed * self._rate

    def put(self, ticket: Ticket) -> None:
        """Queue a prepared request; the first one starts the thread."""
        self._owed += ticket.cost
        self.count += 1
        with self._something:
            (self._low if ticket.low else self._queue).append(ticket)
            self._something.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="scoring", daemon=True)
            self._thread.start()

    def forget(self, ticket: Ticket) -> None:
        """A request was given back."""
        self.count -= 1
        self._owed = self._owed - ticket.cost if self.count else 0.0

    def stop(self) -> None:
        """End the thread after the batch it is at."""
        with self._something:
            self._stopped = True
            self._something.notify()

    def _run(self) -> None:
        while True:
            with self._something:
                self._something.wait_for(lambda: self._queue or self._low or self._stopped)
                if self._stopped:
                    return
                batch = self._take()
            began = self._timer()
            live = [ticket for ticket in batch if not ticket.cancelled and ticket.deadline >= began]
            if live:
                score(live)
                self._learn(sum(ticket.cost for ticket in live), self._timer() - began)
            if len(live) > 1:
                self._meters.batched()
            self._give_back(batch)

    def _take(self) -> list[Ticket]:
        """What may run together: the oldest request, and those after it of the same line-up as far as they fit."""
        queue = self._queue or self._low
        batch = [queue.popleft()]
        rows, cost = _rows(batch[0]), batch[0].cost
        while queue and _together(batch[0], queue[0]):
            rows, cost = rows + _rows(queue[0]), cost + queue[0].cost
            if rows > BATCH_ROWS or cost * 1e6 > BATCH_US:
                break
            batch.append(queue.popleft())
        return batch

    def _learn(self, foretold: float, took: float) -> None:
        """How long things take in truth; batches are cheaper than their parts, a busy machine dearer."""
        self._rate += 0.1 * (min(max(took / max(foretold, 1e-6), 0.05), 20.0) - self._rate)
        self.each += 0.1 * (took - self.each)


def quick(work: Work) -> bool:
    """Whether scoring is shorter than handing it to another thread and back, and surely so: another process may hang."""
    if work.lineup.apart:
        return False
    return work.cost_us <= INLINE_US and work.live.model.cost_us(1) <= SLOW_ROW_US and not work.call.explain


def score(tickets: Sequence[Ticket]) -> None:
    """Score the parts of all tickets, those of one runner as one matrix; each ticket's outcomes stand beside its parts."""
    for ticket in tickets:
        assert ticket.work is not None
        ticket.outcomes = [None] * len(ticket.work.parts)
    if len(tickets) > 1:
        try:
            _score_joined(tickets)
        except Exception:  # noqa: BLE001  whose row it was shows when each runs by itself
            _score_apart(tickets)
    else:
        _score_apart(tickets)
    for ticket in tickets:
        if ticket.work is not None and ticket.work.call.explain:
            explain(ticket.work)


def _score_joined(tickets: Sequence[Ticket]) -> None:
    joined: dict[int, list[Part]] = {}
    for ticket in tickets:
        assert ticket.work is not None
        for part in ticket.work.parts:
            if not part.skipped:
                joined.setdefault(id(part.runner), []).append(part)
    found: list[tuple[Part, Sequence[float]]] = []
    for parts in joined.values():
        scores = parts[0].runner.model.scores(np.concatenate([part.matrix for part in parts if part.matrix is not None]))
        at = 0
        for part in parts:
            found.append((part, scores[at : at + len(part.rows)]))
            at += len(part.rows)
    for part, own in found:
        part.scores = own


def _score_apart(tickets: Sequence[Ticket]) -> None:
    for ticket in tickets:
        assert ticket.work is not None
        for place, part in enumerate(ticket.work.parts):
            try:
                part.run()
            except Exception as error:  # noqa: BLE001  settled in the loop's thread
                ticket.outcomes[place] = error


def _rows(ticket: Ticket) -> int:
    return sum(len(part.rows) for part in ticket.work.parts) if ticket.work is not None else 0


def _together(one: Ticket, other: Ticket) -> bool:
    return one.work is not None and other.work is not None and one.work.lineup is other.work.lineup


def overloaded() -> Overloaded:
    """The refusal of a request whose turn would come too late."""
    return Overloaded(
        "the server has more to do than it can",
        why="what waits already would take longer than requests may wait",
        fix="try again later, as Retry-After says; add workers or replicas if this lasts",
    )


def expired() -> Expired:
    """The refusal of a request whose deadline passed before its turn came."""
    return Expired("the deadline of the request passed before it was worked on", fix="give it more time, or try again")
