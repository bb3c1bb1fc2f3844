"""Hand-offs as the edges read them: one by its id or its subject, in plain values."""

from typing import Any

import msgspec

from baton.app.alone.wording import short
from baton.kernel.errors import NotFound
from baton.kernel.suggest import did_you_mean, nearest
from baton.ledger.ports import LedgerReader
from baton.team.handoff import Handoff

OPEN, RECENT = 200, 2000
"""Names that are near an unknown one are looked for among so many open hand-offs, and so many of the last facts."""
ROUNDS = 10_000


def found(records: LedgerReader, id: str) -> Handoff:
    """The hand-off of that id, or the newest about that subject. Raises NotFound with the nearest id or subject.

    However many hand-offs there are, only those about the subject are loaded, and a bounded number to suggest from.
    """
    handoff = records.get(Handoff, id) or _about(records, id)
    if handoff is None:
        word, (ids, subjects) = short(id), _known(records)
        near = nearest(word, ids)
        why = f"did you mean '{near}'?" if near else did_you_mean(word, subjects)
        raise NotFound(f"there is no hand-off '{word}'", why=why, fix="baton inbox lists what waits")
    return handoff


def _about(records: LedgerReader, subject: str) -> Handoff | None:
    """The open hand-off about a subject, else the newest one; None when there is none, or open ones along several edges."""
    known = records.page(Handoff, where={"subject": subject}, limit=ROUNDS)
    waiting = [each for each in known if each.open]
    if waiting:
        return waiting[0] if len(waiting) == 1 else None
    return known[-1] if known else None


def _known(records: LedgerReader) -> tuple[set[str], set[str]]:
    """Ids and subjects of what is open and of what was spoken of last."""
    waiting = records.earliest(Handoff, "deadline", status=("offered",), limit=OPEN)
    said = records.facts(kind=f"{Handoff.KIND}.", after=max(0, records.head().size - RECENT))
    names = {each.id: each.subject for each in waiting} | {
        fact.subject: str((fact.state or {}).get("subject", "")) for fact in said
    }
    return set(names), {subject for subject in names.values() if subject}


def described(handoff: Handoff) -> dict[str, Any]:
    """A hand-off in plain values, with who holds its subject."""
    plain: dict[str, Any] = msgspec.to_builtins(handoff)
    return {**plain, "holder": handoff.holder}
