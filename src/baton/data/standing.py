"""Where a source stands: the record that its landings keep up to date."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class SourceState:
    """Where a source stands: rows landed and rejected so far, its last landing, and whether its contract is kept."""

    KIND: ClassVar[str] = "source"
    id: str
    status: str
    rows: int
    rejected: int
    landed_at: datetime
    version: int
    digest: str
    reasons: tuple[str, ...] = ()
