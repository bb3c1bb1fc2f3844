"""One process of the archive and who waits for it: one question after the other, so many seconds each."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from baton.kernel import errors
from baton.kernel.cell import Cell, Ended, Late, Limits
from baton.kernel.errors import BatonError, InvalidProject, Mistake, Overloaded, Unavailable

MODULE = "baton.app.archive"
MEMORY = 3 << 30
"""Address space of a process, bytes. Arrow and DuckDB reserve more than they use; what DuckDB uses is bounded apart."""
LONGEST_FILE = 512 << 20
LONGEST_ANSWER = 4 << 20
IDLE = 120.0
"""Seconds without a question after which a process ends itself."""
_SURE = 0.8
MOST_WAITING = 16
ANSWER, ERROR, ASK = b"A", b"E", b"Q"
_KINDS: dict[str, type[BatonError]] = {
    kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BatonError)
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, as it came: JSON of an answer, or of an error."""

    kind: bytes
    body: bytes

    @property
    def good(self) -> bool:
        """Whether it is an answer."""
        return self.kind == ANSWER

    def value(self) -> Any:
        """The answer. Raises the error as the one it was."""
        told = msgspec.json.decode(self.body)
        if not self.good:
            raise _raised(told)
        return told


def _raised(told: dict[str, Any]) -> BatonError:
    if told["code"] == InvalidProject.code:
        return InvalidProject(tuple(Mistake(**each) for each in told["mistakes"]))
    kind = _KINDS.get(told["code"], BatonError)
    return kind(told["what"], where=told["where"], why=told["why"], fix=told["fix"])


class Lane:
    """The parent's side of one process, which starts when it is needed. Safe for threads."""

    def __init__(self, arguments: tuple[str, ...], idle: float = IDLE) -> None:
        self._arguments, self._idle = (*arguments, str(idle)), idle
        self._turn, self._count = threading.Lock(), threading.Lock()
        self._waiting = 0
        self._cell: Cell | None = None
        self._used = 0.0

    @property
    def pid(self) -> int | None:
        """The id of the process, None when none was started."""
        return self._cell.pid if self._cell is not None else None

    def warm(self) -> None:
        """Start the process, unless somebody uses it already."""
        if self._turn.acquire(blocking=False):
            try:
                self._ready()
            finally:
                self._turn.release()

    def ask(self, request: bytes, seconds: float) -> Reply:
        """Wait for its turn, then for the reply, so many seconds each.

        Raises Overloaded when too many wait already, Unavailable when its turn or the answer does not come in time, or when the
        process dies: the next one who asks has a new one.
        """
        with self.waiting():
            if not self._turn.acquire(timeout=seconds):
                raise _busy(f"no turn within {seconds:g} s")
            try:
                return self._asked(request, seconds)
            finally:
                self._turn.release()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """One more who waits for an answer, to a question of their own or of another's. Raises Overloaded when too many do."""
        with self._count:
            if self._waiting > MOST_WAITING:
                raise _busy(f"{MOST_WAITING} questions are waiting")
            self._waiting += 1
        try:
            yield
        finally:
            with self._count:
                self._waiting -= 1

    def _asked(self, request: bytes, seconds: float) -> Reply:
        try:
            kind, body = self._ready().ask(ASK, request, seconds=seconds, most=LONGEST_ANSWER + 1024)
        except Late:
            self._end()
            raise Unavailable(
                "the answer took too long",
                where="the archive",
                why=f"more than {seconds:g} s; the question was stopped",
                fix="ask for a shorter time or for fewer rows",
            ) from None
        except Ended as error:
            self._end()
            raise Unavailable(
                "the process that reads the tables has ended",
                where="the archive",
                why=error.why,
                fix="ask for less, or once more",
            ) from None
        except BaseException:
            self._end()  # half a reply may be on its way: nobody may take it for the next one's
            raise
        self._used = time.monotonic()
        return Reply(kind, bytes(body))

    def _ready(self) -> Cell:
        """The process; one that may be about to end for want of questions is replaced, not asked."""
        if self._cell is not None and (time.monotonic() - self._used > self._idle * _SURE or _gone(self._cell.pid)):
            self._end()
        if self._cell is None:
            cores = min(2, os.cpu_count() or 1)
            self._cell = Cell(MODULE, Limits(MEMORY, cores=cores, file=LONGEST_FILE), *self._arguments)
            self._used = time.monotonic()
        return self._cell

    def _end(self) -> None:
        cell, self._cell = self._cell, None
        if cell is not None:
            with suppress(OSError):
                cell.kill()

    def close(self) -> None:
        """End the process, if it runs; what it was asked then fails."""
        self._end()


def _gone(pid: int) -> bool:
    """Whether a child has ended; whoever started it still has to be told."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _busy(why: str) -> Overloaded:
    return Overloaded("too much is asked of the tables just now", where="the archive", why=why, fix="try again in a moment")
