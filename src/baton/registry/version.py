"""A model version: what it is, where it comes from, and where it stands.

registered ──▶ packaged ──▶ released (on trial) ──▶ live ──▶ retired
    └──────────────┴───────────────┴──▶ rejected          rejected, retired ──▶ deleted: its files are gone
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from baton.ledger.move import Moves, move

MOVES: Moves = {
    "registered": frozenset({"packaged", "rejected"}),
    "packaged": frozenset({"released", "live", "rejected"}),
    "released": frozenset({"live", "rejected"}),
    "live": frozenset({"retired", "rejected"}),
    "retired": frozenset({"live", "deleted"}),
    "rejected": frozenset({"deleted"}),
    "deleted": frozenset(),
}


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of the project's model. `version` counts from 1; `lineage` names data, features, code and people by digest."""

    KIND: ClassVar[str] = "version"
    id: str
    version: int
    status: str
    learner: str
    trained_at: datetime
    trained_until: datetime
    metrics: Mapping[str, float | None]
    bundle: str = ""
    native: str = ""
    onnx: str = ""
    turn: str = ""
    lineage: Mapping[str, Any] = field(default_factory=dict)
    importance: Mapping[str, float] = field(default_factory=dict)
    parity: float | None = None


def files(version: ModelVersion) -> tuple[str, ...]:
    """The digests of a version's files, each once."""
    return tuple(dict.fromkeys(filter(None, (version.bundle, version.native, version.onnx))))


def moved(version: ModelVersion, status: str, **changed: Any) -> ModelVersion:
    """The version in another status. Raises Conflict when the move is not allowed."""
    return move(version, MOVES, status, **changed)
