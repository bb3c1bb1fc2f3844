"""An incident: opened by a signal, owned by a person, closed by what mended it.

open ──▶ mitigating ──▶ resolved        open ──▶ resolved
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from baton.ledger.move import Moves, move

MOVES: Moves = {
    "open": frozenset({"mitigating", "resolved"}),
    "mitigating": frozenset({"resolved", "open"}),
    "resolved": frozenset(),
}


@dataclass(frozen=True, slots=True)
class Incident:
    """Something is wrong. `cause` is in words, `subject` what it is about, `mended_by` the id of what ended it."""

    KIND: ClassVar[str] = "incident"
    id: str
    status: str
    severity: int
    signal: str
    subject: str
    cause: str
    owner: str
    opened_at: datetime
    since: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)
    mended_by: str = ""
    resolved_at: datetime | None = None
    proposal: str = ""


def moved(incident: Incident, status: str, at: datetime, **changed: Any) -> Incident:
    """The incident in another status. Raises Conflict when the move is not allowed."""
    resolved = at if status == "resolved" else incident.resolved_at
    return move(incident, MOVES, status, since=at, resolved_at=resolved, **changed)
