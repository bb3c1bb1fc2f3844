"""`baton up`: the loop on the wall clock, with the console and the model server beside it, until stopped."""

import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from baton.app.bootstrap import open_house
from baton.app.lifecycle.console import Console
from baton.app.lifecycle.courier import Courier
from baton.app.lifecycle.news import TOLD
from baton.app.lifecycle.recent import Recent
from baton.app.lifecycle.server import ModelServer, serving_options
from baton.app.lifecycle.tick import Loop, arrive, daily, daily_due, guarded, meet, resume, tick
from baton.app.workspace import Workspace
from baton.kernel.clock import Clock, SystemClock, floor_to, from_micros, iso, micros
from baton.kernel.errors import BatonError, BrokenSource, Conflict

GLANCE = 1.0
"""Seconds between two looks at the clock."""
REST = 300


def live(
    folder: Path,
    workspace: Workspace,
    port: int,
    say: Callable[[str], None],
    clock: Clock | None = None,
    stop: threading.Event | None = None,
    console: Console | None = None,
) -> None:
    """Run until stopped by SIGINT or SIGTERM. `port` is the model server's.

    A replayed workspace stands at its last instant: its model is served, people may answer, and nothing ticks.
    """
    clock, stop = clock or SystemClock(), stop or _on_signals()
    with open_house(folder, workspace) as house:
        server = ModelServer(workspace.folder, replay=False, port=port, options=serving_options(house.definition))
        loop = Loop(
            house,
            Recent(house.tables, house.definition),
            server.ask_now,
            server.reload,
            server.errors,
            None,
            None,
            replayed=False,
        )
        ticking = workspace.clock == "wall"
        server.require_port()
        if console is not None:
            console.require_port()
        courier: Courier | None = None
        try:
            if console is not None:
                console.start()
                say(f"{house.definition.project}: open {console.address()}")
            resume(loop)
            if ticking and loop.day is None:
                _first(loop, clock, say)
            courier = Courier(folder, workspace.folder, clock, say) if ticking else None
            server.start()
            say(f"{house.definition.project}: {_standing(server)}")
            say("stands at its last instant and does not tick: it was replayed" if not ticking else f"ticks every {loop.every}")
            Watch(loop, server, courier, clock, say, console).keep(stop)
        finally:
            if courier is not None:
                courier.stop()
            server.stop()
            if console is not None:
                console.stop()
            say("stopped")


def _first(loop: Loop, clock: Clock, say: Callable[[str], None]) -> None:
    """The very first tick happens before the server starts, so that it starts with a model; one that was cut short is finished."""
    now = loop.begun or floor_to(clock.now(), timedelta(minutes=1))
    say(f"first tick at {iso(now)}: ingest, validate, train, evaluate, package")
    seen = loop.house.state.head().size
    arrive(loop, now, now)
    daily(loop, now)
    _tell(loop, seen, say)


def _standing(server: ModelServer) -> str:
    """Where the server listens, and what it says when it cannot serve."""
    address, problem = f"http://127.0.0.1:{server.port}", server.problem()
    if problem is None:
        return f"serving on {address} (GET /openapi.json, POST /predict)"
    return f"listening on {address}, but nothing can be served: {problem['message']}\n  fix: {problem['fix']}"


@dataclass
class Watch:
    """Ticks when it is time, keeps the server and the console up, and notices going out: the courier runs beside and is never waited for.

    What fails and may heal is told once in full and tried again after 1, 2, 4 … glances, at most REST of them.
    """

    loop: Loop
    server: ModelServer
    courier: Courier | None
    clock: Clock
    say: Callable[[str], None]
    console: Console | None = None
    pause: int = 0
    rest: int = 0
    behind: bool = False
    broken: Mapping[str, BrokenSource] = field(default_factory=dict)

    def keep(self, stop: threading.Event) -> None:
        """Watch until told to stop."""
        while not stop.wait(GLANCE):
            if not self.server.alive():
                self.say("the model server ended; starting it again")
                self.server.start()
            if self.console is not None:
                self.console.tend(self.say)
            if self.courier is None:
                continue
            if not self.courier.alive():
                self.courier.start()
            self.rest = max(self.rest - 1, 0)
            if not self.rest:
                self.look()

    def look(self) -> None:
        """Tick if one is due."""
        now, stands = self.clock.now(), self.loop.house.online.begin()
        due = floor_to(now, self.loop.every)
        self._tell_clock(now, stands)
        done = stands is not None and stands >= micros(due) and not daily_due(self.loop, due)
        if done and not guarded(self.loop):
            return
        try:
            seen = self.loop.house.state.head().size
            meet(self.loop, due) if done else tick(self.loop, due, due)
            self.pause = 0
            _tell(self.loop, seen, self.say)
            self._tell_sources()
        except BatonError as error:
            if not error.retryable and not isinstance(error, Conflict):
                raise
            if not self.pause:
                self.say(f"tick {iso(due)} did not come to its end and will be tried again: {error}")
            self.pause = self.rest = min(max(2 * self.pause, 1), REST)

    def _tell_clock(self, now: datetime, stands: int | None) -> None:
        """That the clock was set back, once: nothing that happened may come to lie in the future."""
        behind = stands is not None and micros(now) < stands
        if behind and not self.behind and stands is not None:
            self.say(f"the clock says {iso(now)}, the loop stands at {iso(from_micros(stands))}: nothing ticks until then")
        self.behind = behind

    def _tell_sources(self) -> None:
        """Sources that cannot be read any more, and those that can again."""
        broken = dict(self.loop.house.arrivals.broken)
        for name in broken.keys() - self.broken.keys():
            self.say(f"source {name} cannot be read; the loop goes on without it and tries it at every tick: {broken[name]}")
        for name in self.broken.keys() - broken.keys():
            self.say(f"source {name} is read again")
        self.broken = broken


def _tell(loop: Loop, seen: int, say: Callable[[str], None]) -> None:
    """What is new on the record, as far as people want to be told; and that nothing is live, while nothing is."""
    for fact in loop.house.state.facts(after=seen):
        if fact.kind in TOLD:
            say(f"{fact.effective_at:%Y-%m-%d %H:%M}  {fact.kind.replace('.', ' ')}: {fact.reason}")
    if not loop.live:
        say("no model is live: requests get 503 until one is (baton status tells why)")


def _on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
