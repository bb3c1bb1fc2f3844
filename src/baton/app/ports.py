"""What the loop needs to run long jobs, and to hand on what they made."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol


class Jobs(Protocol):
    """Durable jobs: arguments and answers are plain values, and a job has an id."""

    def run(self, id: str, job: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Run the job under that id and wait. A second call with the id returns the first one's answer, also after a kill;
        an attempt that raised is not an answer and is tried again."""
        ...


class Trainer(Protocol):
    """A process that trains."""

    def warm(self) -> None:
        """Start it now, so that its libraries load while the caller does something else."""
        ...

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Train and wait; the process has ended then. Raises Refused in the job's own words, Unavailable when it died."""
        ...

    def close(self) -> int:
        """End the process, if it runs; returns its exit code."""
        ...


class Scorer(Protocol):
    """A process that scores a batch."""

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Score and wait; the process has ended then. Raises Refused in the job's own words, Unavailable when it died."""
        ...

    def close(self) -> int:
        """End the process, if it runs; returns its exit code."""
        ...


class Hook(Protocol):
    """A receiver of signed posts."""

    def post(self, key: str, body: bytes, at: datetime) -> str:
        """Post a JSON body, signed, under an idempotency key; returns what the receiver answered.

        Raises Unavailable when trying again may help (Busy when the receiver says from when on), Refused when it will not.
        """
        ...
