"""A look at a release, as it is recorded. Whoever only looks at the record loads nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from baton.delivery.reading import Reading


@dataclass(frozen=True, slots=True)
class Weighing:
    """The latest look at a release, on the record: every reading, and what followed. It has the release's id."""

    KIND: ClassVar[str] = "weighing"
    id: str
    status: str
    version: int
    stage: str
    step: int
    at: datetime
    answered: int
    labelled: int
    readings: tuple[Reading, ...]
    reason: str
    because: tuple[str, ...] = ()
