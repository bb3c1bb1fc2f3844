"""`baton up`: the loop on the wall clock, with the model server beside it, until stopped."""

import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from baton.app.bootstrap import open_house
from baton.app.lifecycle.recent import Recent
from baton.app.lifecycle.server import ModelServer
from baton.app.lifecycle.tick import TOLD, Loop, daily, resume, tick
from baton.app.workspace import Workspace
from baton.kernel.clock import Clock, SystemClock, floor_to, iso, micros
from baton.kernel.errors import BatonError, Conflict

GLANCE = 1.0


def live(
    folder: Path,
    workspace: Workspace,
    port: int,
    say: Callable[[str], None],
    clock: Clock | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Run until stopped by SIGINT or SIGTERM.

    A replayed workspace stands at its last instant: its model is served, people may answer, and nothing ticks.
    """
    clock, stop = clock or SystemClock(), stop or _on_signals()
    with open_house(folder, workspace) as house:
        server = ModelServer(workspace.folder, replay=False, port=port)
        loop = Loop(
            house,
            Recent(house.definition.entity.key),
            server.ask_now,
            server.reload,
            server.failures,
            server.errors,
            None,
            None,
            replayed=False,
        )
        began = resume(loop)
        ticking = workspace.clock == "wall"
        if ticking and began is None:
            _first(loop, clock, say)
        try:
            server.start()
            say(f"{house.definition.project}: serving on http://127.0.0.1:{server.port} (GET /openapi.json, POST /predict)")
            say("stands at its last instant and does not tick: it was replayed" if not ticking else f"ticks every {loop.every}")
            _watch(loop, server, clock, stop, say, ticking=ticking)
        finally:
            server.stop()
            say("stopped")


def _first(loop: Loop, clock: Clock, say: Callable[[str], None]) -> None:
    """The very first tick happens before the server starts, so that it starts with a model."""
    now = floor_to(clock.now(), timedelta(minutes=1))
    say(f"first tick at {iso(now)}: ingest, validate, train, evaluate, package")
    seen = loop.house.state.head().size
    loop.house.arrivals.advance(now, now)
    daily(loop, now)
    _tell(loop, seen, say)


def _watch(
    loop: Loop, server: ModelServer, clock: Clock, stop: threading.Event, say: Callable[[str], None], *, ticking: bool
) -> None:
    while not stop.wait(GLANCE):
        if not server.alive():
            say("the model server ended; starting it again")
            server.start()
        due = floor_to(clock.now(), loop.every)
        before = loop.house.online.begin()
        if not ticking or (before is not None and before >= micros(due)):
            continue
        try:
            seen = loop.house.state.head().size
            tick(loop, due, due)
            _tell(loop, seen, say)
        except BatonError as error:
            if not error.retryable and not isinstance(error, Conflict):
                raise
            say(f"tick {iso(due)} will be tried again: {error.what}")


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
