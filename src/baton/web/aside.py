"""Pages are made so many at a time; one that waits for the archive stands aside meanwhile, and others are made."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Semaphore
from typing import Any, Final

from baton.app.archive.archive import Archive, Download

AT_ONCE: Final = 8
"""Pages made at the same time: more than the state has connections would only wait for each other."""
THREADS: Final = 48
"""Threads for pages that are made, and for as many as may wait for either process of the archive (17 each), and then some."""


class Aside:
    """The archive as pages ask it. `turn` is held by every page that is being made, and given up while it waits for an answer."""

    def __init__(self, archive: Archive, turn: Semaphore) -> None:
        self._archive, self._turn = archive, turn

    def ask(self, question: str, /, **plain: Any) -> Any:
        """As `Archive.ask`."""
        with self._aside():
            return self._archive.ask(question, **plain)

    def export(self, question: str, /, **plain: Any) -> Download:
        """As `Archive.export`."""
        with self._aside():
            return self._archive.export(question, **plain)

    @contextmanager
    def _aside(self) -> Iterator[None]:
        self._turn.release()
        try:
            yield
        finally:
            self._turn.acquire()
