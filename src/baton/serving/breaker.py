"""The circuit breaker of the live model: after failures in a row it is left alone for a while, and then tried with one request.

After Nygard, Release It! (2007), chapter 5.
"""

from collections.abc import Callable

AFTER, REST = 5, 5.0


class Breaker:
    """Closed, it lets everything through; `AFTER` failures in a row open it for `REST` seconds, then one try decides."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._failures = 0
        self._until = 0.0

    @property
    def closed(self) -> bool:
        """Whether nothing has failed lately."""
        return self._failures == 0

    def allows(self) -> bool:
        """Whether the model may be asked now; a try that is allowed while open puts the next one off."""
        if self._failures < AFTER:
            return True
        if self._timer() < self._until:
            return False
        self._until = self._timer() + REST
        return True

    def failed(self) -> None:
        """The model failed."""
        self._failures += 1
        if self._failures >= AFTER:
            self._until = self._timer() + REST

    def succeeded(self) -> None:
        """The model answered."""
        self._failures = 0
