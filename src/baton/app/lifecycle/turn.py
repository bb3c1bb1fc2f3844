"""A turn of the loop: from the decision to train to a version that serves, hand-off by hand-off.

preparing ─data, training-set─▶ training ─▶ evaluated ─candidate─▶ registered ─▶ packaged ─bundle─▶ releasing ─release─▶ done
any of them ──▶ failed
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar


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


OPEN = ("preparing", "training", "evaluated", "registered", "packaged", "releasing")
