"""The archive as the console sees it: questions out, plain values back, from a process that holds the table libraries.

Called by the pages that show tables. This side needs little memory and never imports what the other side does.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from baton.app.archive.lane import IDLE, Lane, Reply
from baton.app.archive.shelf import Drawer, Shelf
from baton.app.workspace import Workspace
from baton.kernel.errors import InvalidInput

SECONDS = 20.0
"""How long an answer may take."""
EXPORT_SECONDS = 120.0
"""How long a file may take to write."""
FREE = frozenset({"sql"})
"""Questions whose length the asker decides: their answers are not remembered."""
UNPREDICTED = "nothing has been predicted yet"
"""What is said of questions about predictions while there are none."""
LONG = FREE | {"verification"}
"""Questions that may take long: they wait behind files, not before pages."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file that was made: its bytes, how many, of which type, and what to call it. It has no name on disk any more."""

    stream: IO[bytes]
    size: int
    media: str
    name: str

    def __iter__(self) -> Iterator[bytes]:
        """The bytes in pieces of at most 64 KiB; the file is gone with the last one."""
        with self.stream:
            while piece := self.stream.read(1 << 16):
                yield piece


class Archive:
    """Answers questions about a workspace's tables. Safe for threads; `close` when done.

    Two processes at most, each started when it is needed and gone after two idle minutes: one for pages, one for what may take
    long (files, SQL that somebody typed, the ledger verified), so that nobody's download keeps the pages of the others waiting.
    """

    def __init__(self, project: Path, workspace: Workspace, seconds: float = SECONDS, idle: float = IDLE) -> None:
        places = (str(project.resolve()), str(workspace.folder.resolve()))
        self._pages, self._long = Lane(places, idle), Lane(places, idle)
        self._shelf, self._drawer = Shelf(project, workspace.tables), Drawer(workspace.folder / "archive")
        self._seconds = seconds
        self._lock = threading.Lock()
        self._asked: dict[bytes, Future[Reply]] = {}
        self._drawer.sweep()

    def warm(self) -> None:
        """Start the process for pages now, so that the first question does not wait for its imports."""
        self._pages.warm()

    def ask(self, question: str, /, seconds: float | None = None, **plain: Any) -> Any:
        """The answer to a question, by name, with plain values (JSON) both ways; each caller gets values of its own.

        What was asked before, of tables that have not changed since, is answered from memory. The same question under way is
        asked once. Raises what the question raises (NotFound, InvalidInput, …), Unavailable when there is no answer in time, when
        too many wait or when the process died, Refused when the answer is longer than 4 MB.
        """
        allowed = self._seconds if seconds is None else seconds
        request, lane = _request(question, plain), self._long if question in LONG else self._pages
        if question in FREE:
            return self._once(request, request, lane, allowed).value()
        key = b"%s\0%s" % (self._shelf.stamp(), request)
        known = self._shelf.get(key)
        if known is not None:
            return known.value()
        reply = self._once(key, request, lane, allowed)
        if reply.good:
            self._shelf.put(key, reply)
        return reply.value()

    def export(self, question: str, /, seconds: float = EXPORT_SECONDS, **plain: Any) -> Download:
        """A file that a question writes, at most 512 MB: stream it out. It is nowhere on disk by name, also after a kill.

        Raises as `ask`, and Refused when the file would be longer.
        """
        with self._drawer.paper() as paper:
            told = self._long.ask(_request(question, plain, str(paper.path)), seconds).value()
            return Download(paper.take(), paper.size(), str(told["media"]), str(told["name"]))

    def close(self) -> None:
        """End the processes, if they run."""
        self._pages.close()
        self._long.close()

    def _once(self, key: bytes, request: bytes, lane: Lane, seconds: float) -> Reply:
        """The reply to a request, or to the same one that is under way."""
        with self._lock:
            under_way = self._asked.get(key)
            if under_way is None:
                mine = self._asked[key] = Future()
        if under_way is not None:
            with lane.waiting():
                return under_way.result()
        try:
            reply = lane.ask(request, seconds)
            mine.set_result(reply)
            return reply
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._asked[key]


def _request(question: str, plain: dict[str, Any], path: str = "") -> bytes:
    try:
        return msgspec.json.encode({"question": question, "plain": plain, "path": path}, order="sorted")
    except (TypeError, ValueError) as error:
        raise InvalidInput("a question takes plain values only", where=question, why=str(error)) from error
