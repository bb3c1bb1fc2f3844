"""A proposal to retrain: made of evidence, held back by cooldown and budget.

waiting ──▶ approved ──▶ done
   └───────────┴──▶ failed ──its turn goes on──▶ approved
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from baton.kernel.clock import iso
from baton.ledger.move import Moves, move

if TYPE_CHECKING:
    from baton.project.definition import Retraining

YEAR = timedelta(days=365)
MOVES: Moves = {
    "waiting": frozenset({"approved", "failed"}),
    "approved": frozenset({"done", "failed"}),
    "done": frozenset(),
    "failed": frozenset({"approved"}),
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """`waiting` for a brake or a person, `approved`, `done` (its model serves), `failed` (a gate or rollout said no)."""

    KIND: ClassVar[str] = "proposal"
    id: str
    status: str
    incident: str
    reason: str
    made_at: datetime
    brake: str = ""
    started_at: datetime | None = None
    turn: str = ""


def moved(proposal: Proposal, status: str, **changed: Any) -> Proposal:
    """The proposal in another status. Raises Conflict when the move is not allowed."""
    return move(proposal, MOVES, status, **changed)


def brake(policy: Retraining, earlier: Sequence[Proposal], now: datetime) -> str:
    """Why a retraining may not start now; empty when it may. Only proposals that led to a training count."""
    started = [proposal.started_at for proposal in earlier if proposal.started_at is not None]
    if started and now - max(started) < policy.cooldown:
        return f"cooldown until {iso(max(started) + policy.cooldown)}"
    spent = sum(now - moment < YEAR for moment in started)
    return f"budget spent: {spent} retrainings in 365 days" if spent >= policy.budget else ""
