"""Where a source stands: the record that its landings keep up to date."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class SourceState:
    """Where a source stands: rows landed and rejected so far, its last landing, and its status.

    `kept` and `broken` speak of its contract at that landing; `unreadable` says that nothing could land since.
    """

    KIND: ClassVar[str] = "source"
    id: str
    status: str
    rows: int
    rejected: int
    landed_at: datetime
    version: int
    digest: str
    reasons: tuple[str, ...] = ()
