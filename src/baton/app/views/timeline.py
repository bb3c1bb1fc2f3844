"""The timeline of an incident, out of the ledger: itself, its hand-off, its proposal, the turn and the release that came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from baton.app.views.incidents import Done
from baton.incidents.incident import Incident
from baton.ledger.fact import Fact
from baton.ledger.ports import LedgerReader
from baton.team.handoff import Handoff

STORY = 200
"""Facts of one subject that a timeline reads."""
_TONES: Mapping[str, str] = {
    "opened": "bad", "reopened": "bad", "failed": "bad", "rolled-back": "bad", "lapsed": "bad", "declined": "warn", "escalated": "warn",
    "held": "warn", "mitigating": "info", "resolved": "good", "accepted": "good", "done": "good", "promoted": "good", "approved": "info",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of a timeline."""

    at: datetime
    seq: int
    kind: str
    what: str
    who: str
    role: str
    reason: str
    tone: str


def timeline(
    ledger: LedgerReader, incident: Incident, way: Done, rounds: Sequence[Handoff], until: datetime | None
) -> list[Told]:
    """Everything on record about it in order: itself, its hand-off, its proposal, the turn and the release that came of it."""
    subjects = [incident.id, *(each.id for each in rounds)]
    subjects += [each.id for each in (way.proposal, way.turn, way.release) if each is not None]
    found: list[Fact] = []
    for subject in dict.fromkeys(subjects):
        found += ledger.facts(subject=subject, until=until, limit=STORY)
    end = incident.resolved_at
    # What a trial's evidence said day by day is told where the release is; here it would drown the rest.
    told = (fact for fact in found if fact.subject_kind != "weighing" and fact.effective_at >= incident.opened_at)
    kept = [fact for fact in told if end is None or fact.effective_at <= end or fact.subject == incident.id]
    return [_told(fact) for fact in sorted(kept, key=lambda fact: (fact.effective_at, fact.seq))]


def _told(fact: Fact) -> Told:
    verb = fact.kind.partition(".")[2]
    noun = {"handoff": "hand-off"}.get(fact.subject_kind, fact.subject_kind)
    return Told(
        fact.effective_at,
        fact.seq,
        fact.subject_kind,
        f"{noun} {verb.replace('-', ' ')}",
        fact.actor,
        fact.role,
        fact.reason,
        _TONES.get(verb, "idle"),
    )
