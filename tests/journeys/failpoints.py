"""Run a loop that kills itself with SIGKILL right after the n-th write of a day.

    python failpoints.py DEALT PLACE DAYS replay …     the command line
    python failpoints.py DEALT PLACE DAYS up …         baton up on a simulated clock; after a death it starts an hour and a half later

It dies once at the PLACE-th write of each of the DAYS, which are simulated: 2023-01-01,2023-01-02. The file DEALT gets a line for
each death. Writes are table appends, commits of the state, online transactions and renames of files.
"""

import http.client
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import baton.cli.main
from baton.app.lifecycle.live import live
from baton.app.workspace import create
from baton.backends.online.lmdb_store import LmdbStore
from baton.backends.state.sql import SqlState
from baton.backends.tables.delta import DeltaTables
from baton.kernel.clock import from_micros, iso, parse_instant

LATER = timedelta(minutes=90)


class Killer:
    """Ends this very process after a certain write of a day, once for each of the days."""

    def __init__(self, dealt: Path, place: int, days: Collection[str]) -> None:
        self._dealt, self._place, self._days, self._day, self._seen = dealt, place, set(days), "", 0

    def arrived(self, now: datetime) -> None:
        """The loop stands at an instant."""
        if self._day != iso(now)[:10]:
            self._day, self._seen = iso(now)[:10], 0

    def written(self, what: str) -> None:
        """Something was written."""
        self._seen += 1
        if self._day in self._days and self._seen == self._place:
            with self._dealt.open("a") as stream:
                stream.write(f"{self._day} {what}\n")
                stream.flush()
                os.fsync(stream.fileno())
            os.kill(os.getpid(), signal.SIGKILL)


def after(owner: type, method: str, told: Callable[..., None]) -> None:
    """Have `told` called with result and arguments after every call of a method."""
    inner = getattr(owner, method)

    def outer(self: Any, *arguments: Any, **named: Any) -> Any:
        result = inner(self, *arguments, **named)
        told(result, *arguments, **named)
        return result

    setattr(owner, method, outer)


def arm(killer: Killer) -> None:
    """Put a failpoint behind every kind of write."""

    def looked(watermark: int | None) -> None:
        if watermark is not None:
            killer.arrived(from_micros(watermark))

    def online(_: None, __: Any, watermark: int) -> None:
        looked(watermark)
        killer.written("online")

    def committed(_: Any, changes: Any, *, cursors: Any = None, **__: Any) -> None:
        killer.written(f"commit {len(changes)} {','.join(sorted(cursors or ()))}")

    after(DeltaTables, "append", lambda _, table, __, **named: killer.written(f"append {table} {named.get('writer', '')}"))
    after(SqlState, "commit", committed)
    after(LmdbStore, "begin", looked)
    after(LmdbStore, "write", online)
    renamed = Path.replace

    def replace(self: Path, target: str | Path) -> Path:
        result = renamed(self, target)
        if Path(target).parent.name != "artifacts":  # named by content: there or not, they bind nobody
            killer.written(f"rename {Path(target).name}")
        return result

    Path.replace = replace  # type: ignore[method-assign,assignment]  # the one place through which files are swapped


class Ahead(threading.Event):
    """A clock that goes twenty minutes on whenever the loop waits, and the event that then ends it."""

    def __init__(self, project: Path, start: datetime, until: datetime) -> None:
        super().__init__()
        self._port, self._now, self._until = project / ".baton" / "serve.port", start, until

    def now(self) -> datetime:
        """Where the clock stands."""
        return self._now

    def wait(self, timeout: float | None = None) -> bool:
        """Somebody asks for a prediction, and time goes by."""
        body, told = json.dumps({"entities": ["o1", "o2", "o3"]}), {"content-type": "application/json"}
        with closing(http.client.HTTPConnection("127.0.0.1", int(self._port.read_text()), timeout=30)) as door:
            door.request("POST", "/predict", body, told)
            status = door.getresponse().status
        if status != 200:
            raise RuntimeError(f"a prediction was refused with {status}")
        self._now += timedelta(minutes=20)
        return self._now > self._until


def up(project: Path, start: datetime, until: datetime) -> None:
    """`baton up` on a clock of its own, from `start` to `until`, asked for three predictions every twenty minutes."""
    ahead = Ahead(project, start, until)
    live(project, create(project / ".baton", "wall"), 0, print, ahead, ahead)


def main() -> None:
    """See the module."""
    dealt, place, days, what, *arguments = sys.argv[1:]
    died = [line.split()[0] for line in Path(dealt).read_text().splitlines()] if Path(dealt).exists() else []
    arm(Killer(Path(dealt), int(place), {*days.split(",")} - {"", *died}))
    if what == "up":
        project, start, until = arguments
        up(Path(project), parse_instant(start) + len(died) * LATER, parse_instant(until))
    else:
        sys.argv[1:] = arguments
        baton.cli.main.main()


if __name__ == "__main__":
    main()
