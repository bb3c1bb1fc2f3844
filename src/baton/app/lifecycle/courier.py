"""The courier: delivers notices beside the loop, and scores that are to go out, in threads and over a connection of its own.

`baton up` runs one; `baton deliver` does one round where no loop runs. A workspace has one courier at a time.
"""

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue

from baton.app.bootstrap import open_channels, open_state
from baton.app.declared import load_owned
from baton.app.lifecycle.delivering import Channels, Outcome, attempt, due, gather, resting, settle
from baton.app.lifecycle.shipping import carry, waiting
from baton.app.workspace import Workspace
from baton.kernel.clock import Clock, iso
from baton.kernel.errors import BatonError, Unavailable
from baton.ledger.ports import State
from baton.project.ownership import Ownership
from baton.team.notice import Notice
from baton.team.person import Person

GLANCE = 1.0
"""Seconds between two looks at the ledger."""
ABREAST = 8
"""How many people are sent to at the same time."""
PATIENCE = timedelta(seconds=60)
"""After this an attempt that has not come back counts as failed."""
PAUSE = 30.0
"""Seconds to wait after an error, before the ledger is looked at again."""
ROUNDS = 100


@dataclass(frozen=True, slots=True)
class Flight:
    """An attempt under way."""

    batch: tuple[Notice, ...]
    since: datetime


class Courier:
    """Delivers from `start` until `stop`; whatever is under way then is sent again by the next one, with the same key."""

    def __init__(self, project: Path, folder: Path, clock: Clock, say: Callable[[str], None]) -> None:
        self._project, self._folder, self._clock, self._say = project, folder, clock, say
        self._stop, self._thread, self._shipping = threading.Event(), threading.Thread(), threading.Thread()
        self._back: SimpleQueue[tuple[tuple[Notice, ...], Outcome]] = SimpleQueue()
        self._flights: dict[str, Flight] = {}

    def start(self) -> None:
        """Begin in the background; after a crash, begin anew."""
        self._flights, self._back = {}, SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    def alive(self) -> bool:
        """Whether it is at work."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End it, waiting a little for what is being recorded; never for a channel."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._work()
            except BatonError as error:
                self._say(f"notices will be tried again: {error.what}")
                self._stop.wait(PAUSE)

    def _work(self) -> None:
        owned = load_owned(self._project).owned
        with open_state(self._folder) as (workspace, state), alone(workspace):
            channels = open_channels(workspace, owned)
            while not self._stop.wait(GLANCE):
                self._round(state, workspace, owned, channels)

    def _round(self, state: State, workspace: Workspace, owned: Ownership, channels: Channels) -> None:
        now = self._clock.now()
        gather(state, workspace, owned, now)
        self._ship(state, now)
        for batch, outcome in self._returned(now):
            settle(state, workspace, owned, batch, outcome, now)
            if outcome.error:
                self._say(f"{batch[0].to} was not reached: {outcome.error}")
        for batch in due(state, now, self._flights)[: ABREAST - len(self._flights)]:
            self._flights[batch[0].to] = Flight(batch, now)
            told = (contacts_of(state, batch), batch, channels, resting(state, batch[0].to, now), now)
            threading.Thread(target=self._fly, args=(self._back, *told), daemon=True).start()

    def _ship(self, state: State, now: datetime) -> None:
        """Scores go out in a thread of their own: a batch of many parts holds up no notice."""
        if not self._shipping.is_alive() and waiting(state, now):
            told = (self._project, self._folder, self._clock, self._stop.wait, self._say)
            self._shipping = threading.Thread(target=carry, args=told, name="shipping", daemon=True)
            self._shipping.start()

    @staticmethod
    def _fly(
        back: "SimpleQueue[tuple[tuple[Notice, ...], Outcome]]",
        contacts: tuple[str, ...],
        batch: tuple[Notice, ...],
        channels: Channels,
        rest: frozenset[str],
        now: datetime,
    ) -> None:
        back.put((batch, attempt(contacts, batch, channels, rest, now)))

    def _returned(self, now: datetime) -> Iterator[tuple[tuple[Notice, ...], Outcome]]:
        """Attempts that came back, and those that did not in time."""
        while True:
            try:
                batch, outcome = self._back.get_nowait()
            except Empty:
                break
            known = self._flights.get(batch[0].to)
            if known is not None and known.batch == batch:
                del self._flights[batch[0].to]
            yield batch, outcome
        for name, flight in list(self._flights.items()):
            if now - flight.since > PATIENCE:
                del self._flights[name]
                yield flight.batch, Outcome(error=f"no answer since {iso(flight.since)}")


def contacts_of(state: State, batch: tuple[Notice, ...]) -> tuple[str, ...]:
    """The contacts of whoever a message goes to."""
    person = state.get(Person, batch[0].to)
    return person.contacts if person is not None else ()


def deliver(project: Path, folder: Path, clock: Clock) -> dict[str, int]:
    """Keep and deliver what is due now, once; returns how many notices were delivered, wait for another try, or failed.

    Raises Unavailable while another courier is at work.
    """
    owned, told = load_owned(project).owned, dict[str, Notice]()
    with open_state(folder) as (workspace, state), alone(workspace):
        channels, now = open_channels(workspace, owned), clock.now()
        if workspace.clock == "wall":
            gather(state, workspace, owned, now)
        for _ in range(ROUNDS):
            batches = due(state, now)
            for batch in batches:
                rest = resting(state, batch[0].to, now)
                settle(state, workspace, owned, batch, attempt(contacts_of(state, batch), batch, channels, rest, now), now)
                told |= {each.id: each for each in batch}
            if not batches:
                break
        present = [state.get(Notice, id) for id in told]
    found = [each.status for each in present if each is not None]
    return {status: found.count(status) for status in ("delivered", "pending", "failed")}


@contextmanager
def alone(workspace: Workspace) -> Iterator[None]:
    """Hold the workspace's post: two couriers would send everything twice. Raises Unavailable when another one holds it."""
    with (workspace.folder / "courier.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Unavailable(
                "another courier delivers this workspace's notices",
                where=str(workspace.folder),
                why="baton up runs one",
                fix="leave it to that one, or stop it first",
            ) from error
        yield
