"""A turn of the loop: from the decision to train to a version that serves, hand-off by hand-off.

preparing ─data, training-set─▶ training ─▶ evaluated ─candidate─▶ registered ─▶ packaged ─bundle─▶ releasing ─release─▶ done
any of them ──▶ failed ──the gate is overridden──▶ evaluated
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from baton.ledger.move import Moves, move

MOVES: Moves = {
    "preparing": frozenset({"training", "failed"}),
    "training": frozenset({"evaluated", "failed"}),
    "evaluated": frozenset({"registered", "failed"}),
    "registered": frozenset({"packaged", "failed"}),
    "packaged": frozenset({"releasing", "failed"}),
    "releasing": frozenset({"done", "failed"}),
    "done": frozenset(),
    "failed": frozenset({"evaluated"}),
}
OPEN = tuple(status for status in MOVES if status not in ("done", "failed"))
"""The statuses of a turn under way, in order."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One pass from data to service. `candidate` is the artefact with the training job's answer, `version` what came of it."""

    KIND: ClassVar[str] = "turn"
    id: str
    number: int
    status: str
    reason: str
    started_at: datetime
    since: datetime
    proposal: str = ""
    incident: str = ""
    candidate: str = ""
    version: int = 0
    release: str = ""
    waits_for: str = ""
    outcome: str = ""


def moved(turn: Turn, status: str, at: datetime, **changed: Any) -> Turn:
    """The turn in another status, waiting for nobody. Raises Conflict when the move is not allowed."""
    return move(turn, MOVES, status, since=at, **{"waits_for": "", **changed})
