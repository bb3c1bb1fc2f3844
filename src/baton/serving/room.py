"""Room for the prediction log: a bound on the bytes that wait to be collected, kept by several processes without a lock."""

import errno
from collections.abc import Callable

from baton.kernel.clock import stopwatch

SHARES = 32
"""A process takes at most this part of what is free before it looks again: twice as many as processes can share a port."""
PAUSE = 0.05


class Full(OSError):
    """The declared bound is reached."""


class Room:
    """The room left under a bound. `stored` tells the bytes there are now; all processes together pass the bound by at
    most one request each."""

    def __init__(self, stored: Callable[[], int], most: int) -> None:
        self._stored, self._most = stored, most
        self._left = 0
        self._timer, self._until = stopwatch(), -1.0

    def take(self, size: int) -> None:
        """Take so many bytes. Raises Full when they do not fit; it looks again after a moment at the earliest."""
        if size > self._left:
            self._look(size)
        self._left -= size

    def _look(self, size: int) -> None:
        if self._timer() < self._until:
            raise self._full()
        free = self._most - self._stored()
        if size > free:
            self._left, self._until = 0, self._timer() + PAUSE
            raise self._full()
        self._left = max(size, free // SHARES)

    def _full(self) -> Full:
        return Full(errno.ENOSPC, f"the prediction log is full: {self._most} bytes wait to be collected")
