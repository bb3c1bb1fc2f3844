"""Notices that the routing file was swapped, at the price of one stat every 50 ms of traffic."""

import gc
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from baton.serving.dataplane import DataPlane, Reload

_logger = logging.getLogger("baton.serving")
EVERY, RETRY = 0.05, 2.0


class RoutingWatch:
    """Reloads the data plane when the routing file is another one; a failed reload is tried again after two seconds."""

    def __init__(self, path: Path, plane: DataPlane, now: Callable[[], float]) -> None:
        self._path, self._plane, self._now = path, plane, now
        self._seen: tuple[int, int] | None = None
        self._next = 0.0
        self._busy = False

    def look(self) -> None:
        """Called on each request: when the file changed, starts a reload; the old routing serves meanwhile."""
        now = self._now()
        if now < self._next or self._busy:
            return
        self._next = now + EVERY
        if self._stat() != self._seen:
            self._busy = True
            threading.Thread(target=self.reload, name="reload", daemon=True).start()

    def reload(self) -> Reload:
        """Read the routing now and wait for it; what was loaded leaves the garbage collector's rounds."""
        seen = self._stat()
        try:
            outcome = self._plane.reload()
            if outcome.changed:
                gc.collect()
                gc.freeze()
            self._seen = seen if outcome.error is None else None
            self._next = self._now() + (EVERY if outcome.error is None else RETRY)
            return outcome
        except Exception:
            _logger.exception("the routing could not be read")
            self._next = self._now() + RETRY
            raise
        finally:
            self._busy = False

    def _stat(self) -> tuple[int, int] | None:
        try:
            state = self._path.stat()
        except OSError:
            return None
        return state.st_mtime_ns, state.st_ino
