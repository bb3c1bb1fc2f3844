"""The ledger as read by the edges."""

from pathlib import Path
from typing import Any

import msgspec

from baton.app.bootstrap import read_state
from baton.app.workspace import witness
from baton.kernel.clock import iso
from baton.ledger.verify import verify


def verified(folder: Path) -> dict[str, Any]:
    """What a verification found."""
    with read_state(folder) as (workspace, state):
        told: dict[str, Any] = msgspec.to_builtins(verify(state, witness(workspace)))
    return told


def facts(folder: Path, subject: str | None, kind: str | None) -> list[dict[str, Any]]:
    """Facts in order as plain values."""
    with read_state(folder) as (_, state):
        found = state.facts(subject=subject, kind=kind)
    return [
        {**msgspec.to_builtins(fact), "effective_at": iso(fact.effective_at), "recorded_at": iso(fact.recorded_at)}
        for fact in found
    ]
