"""The project that `baton new` makes, living on a clock that a test holds: its loop, and people who act; no server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from baton.app.bootstrap import open_house, open_workspace_keys
from baton.app.house import House
from baton.app.lifecycle.recent import Recent
from baton.app.lifecycle.tick import Loop, daily, meet, resume
from baton.app.lifecycle.turn import Turn
from baton.app.seat import Seat, seat
from baton.app.workspace import create
from baton.delivery.routing import read_routing
from baton.ledger.fact import Record
from baton.ledger.verify import verify
from baton.project.template import create as new

AT = datetime(2024, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
T = TypeVar("T", bound=Record)


@dataclass
class Life:
    """A project, its loop on a clock that the test holds, and people who act."""

    house: House
    loop: Loop
    now: datetime = AT
    told: list[str] = field(default_factory=list)

    def day(self) -> None:
        self.house.arrivals.advance(self.now, self.now)
        daily(self.loop, self.now)

    def after(self, span: timedelta) -> None:
        self.now += span
        meet(self.loop, self.now)

    def act(self, name: str, what: Callable[..., str], *arguments: Any, **rest: Any) -> str:
        """What a person does at the command line, at this instant of the test's clock."""
        with seat(self.house.folder, self.house.workspace.folder, name) as here:
            present = Seat(
                here.project,
                here.workspace,
                here.state,
                type(here.office)(here.draft, here.office.team, here.office.owned, self.now),
                here.draft,
                here.actor,
            )
            return what(present, *arguments, **rest)

    def all(self, kind: type[T]) -> list[T]:
        return self.house.state.all(kind)

    def turn(self) -> Turn:
        return self.all(Turn)[-1]

    def serves(self) -> bool:
        return self.loop.live

    def routes(self) -> int:
        keys = open_workspace_keys(self.house.workspace)
        return len(read_routing(self.house.workspace.routing.read_bytes(), keys.verify).routes)


@contextmanager
def living(folder: Path, **changed: str) -> Iterator[Life]:
    """The project of `baton new`, changed line by line, its loop opened on the wall clock."""
    new("biopsies", folder)
    text = (folder / "baton.yaml").read_text().replace("trials: 4", "trials: 1")
    text = text.replace("approvals: {rollout: file}", changed.pop("approvals", "approvals: {need: 2}"))
    for old, anew in changed.items():
        assert old in text, old
        text = text.replace(old, anew)
    (folder / "baton.yaml").write_text(text)
    with ExitStack() as stack:
        house = stack.enter_context(open_house(folder, create(folder / ".baton", "wall")))
        recent = Recent(house.tables, house.definition)
        loop = Loop(house, recent, lambda *_: None, lambda: None, lambda: 0, None, None, replayed=False)
        resume(loop)
        life = Life(house, loop)
        yield life
        assert verify(house.state).faults == ()
