"""The two ways to load a server, and what is kept of it.

A *closed* loop keeps N requests under way: each answer is followed by the next request. It shows what the server can do
(X(N) of the scalability law), and flatters its latency: a slow server is asked less. An *open* loop asks at instants drawn
beforehand, whatever the server does, and counts each request's time from the instant it was due, not from when a
connection was free to send it; what never came back counts with its age. So nothing is left out of the latency because
the tester waited ("coordinated omission").
"""

import gc
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter, process_time

from baton.app.load.histogram import Histogram
from baton.app.load.line import Line, Lines
from baton.app.load.target import Target

UNANSWERED = -1
"""The status of a request that was due and had no answer when the waiting ended."""
PATIENCE = 2.0
"""Seconds that an open loop waits for answers after the last request was due."""
Heard = Callable[[float, float, float, int], None]
"""Called per request: when it was due, sent and answered (seconds since the load began), and its status."""


@dataclass(slots=True)
class Tally:
    """What came back: statuses, and the latency of what was accepted (2xx) and of what was not."""

    statuses: Counter[int] = field(default_factory=Counter)
    accepted: Histogram = field(default_factory=Histogram)
    others: Histogram = field(default_factory=Histogram)
    seconds: float = 0.0
    cpu: float = 0.0

    def heard(self, due: float, sent: float, at: float, status: int) -> None:
        """Count one request."""
        self.statuses[status] += 1
        (self.accepted if 200 <= status < 300 else self.others).add(at - due)

    @property
    def rate(self) -> float:
        """Accepted answers a second."""
        return self.accepted.total / self.seconds if self.seconds else 0.0

    @property
    def busy(self) -> float:
        """The share of one core that the sender itself took."""
        return self.cpu / self.seconds if self.seconds else 0.0


def closed_loop(target: Target, requests: Sequence[bytes], connections: int, seconds: float) -> Tally:
    """Keep so many requests under way for so long. Raises Unavailable when the target takes no connection."""
    tally, following = Tally(), cycle(requests)
    with Lines(target, connections) as lines, _measured(tally):
        began = perf_counter()
        for line in lines.all:
            line.send(next(following), 0.0, 0.0)
        while (now := perf_counter() - began) < seconds:
            for line in lines.ready(seconds - now):
                told = line.read()
                if told is None:
                    continue
                at = perf_counter() - began
                tally.heard(line.due, line.sent, at, told[0])
                if told[1]:
                    lines.again(line)
                line.send(next(following), at, at)
    return tally


def offered(
    target: Target, requests: Sequence[bytes], rate: float, seconds: float, connections: int, patience: float = PATIENCE
) -> Tally:
    """An open loop at one rate, tallied; answers that come after its seconds are counted, and take as long as they took."""
    tally, dues = Tally(), arrivals([(rate, seconds)])
    with _measured(tally):
        if dues:
            open_loop(target, requests, dues, connections, tally.heard, patience)
    tally.seconds = max(seconds, tally.seconds)
    return tally


def open_loop(
    target: Target,
    requests: Sequence[bytes],
    dues: Sequence[float],
    connections: int,
    heard: Heard,
    patience: float = PATIENCE,
) -> None:
    """Ask at each of the instants (seconds, ascending), over at most so many connections; then wait `patience` for the rest."""
    following = cycle(requests)
    with Lines(target, connections) as lines:
        round_ = _Round(lines, deque(lines.all), deque(), heard, perf_counter())
        place = 0
        while True:
            now = perf_counter() - round_.began
            while place < len(dues) and dues[place] <= now:
                round_.waiting.append(dues[place])
                place += 1
            round_.send(following)
            left = dues[place] - now if place < len(dues) else dues[-1] + patience - now
            if place == len(dues) and (left <= 0 or round_.is_over):
                break
            round_.listen(left)
        round_.give_up()


def arrivals(schedule: Sequence[tuple[float, float]], seed: int = 7) -> list[float]:
    """Instants of independent arrivals (Poisson) over stretches of (rate a second, seconds), from 0 on."""
    import numpy as np

    rng, start, found = np.random.default_rng(seed), 0.0, [np.empty(0)]
    for rate, seconds in schedule:
        count = rng.poisson(rate * seconds)
        found.append(start + np.sort(rng.random(count)) * seconds)
        start += seconds
    told: list[float] = np.concatenate(found).tolist()
    return told


@dataclass(slots=True)
class _Round:
    """An open loop under way: lines that are free, requests that are due and have none, and who is told of answers."""

    lines: Lines
    idle: deque[Line]
    waiting: deque[float]
    heard: Heard
    began: float

    @property
    def is_over(self) -> bool:
        return not self.waiting and len(self.idle) == len(self.lines.all)

    def send(self, following: Iterator[bytes]) -> None:
        while self.waiting and self.idle:
            self.idle.popleft().send(next(following), self.waiting.popleft(), perf_counter() - self.began)

    def listen(self, seconds: float) -> None:
        for line in self.lines.ready(seconds):
            told, was_busy = line.read(), line.busy
            if told is None:
                continue
            if was_busy:
                self.heard(line.due, line.sent, perf_counter() - self.began, told[0])
            if told[1]:
                self.lines.again(line)
            if was_busy:
                line.busy = False
                self.idle.append(line)

    def give_up(self) -> None:
        now = perf_counter() - self.began
        for line in self.lines.all:
            if line.busy:
                self.heard(line.due, line.sent, now, UNANSWERED)
        for due in self.waiting:
            self.heard(due, now, now, UNANSWERED)


@contextmanager
def _measured(tally: Tally) -> Iterator[None]:
    """Seconds and processor seconds of a block, in which no garbage is collected."""
    gc.collect()
    gc.disable()
    began, cpu = perf_counter(), process_time()
    try:
        yield
    finally:
        tally.seconds, tally.cpu = perf_counter() - began, process_time() - cpu
        gc.enable()
