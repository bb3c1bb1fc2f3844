"""The ledger as read by the edges."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from baton.app.workspace import Workspace, existing, witness
from baton.backends.state.sql import SqlState, open_sqlite
from baton.kernel.clock import iso
from baton.ledger.verify import verify


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[Workspace, SqlState]]:
    workspace = existing(folder)
    state = open_sqlite(workspace.state)
    try:
        yield workspace, state
    finally:
        state.close()


def verified(folder: Path) -> dict[str, Any]:
    """What a verification found."""
    with _opened(folder) as (workspace, state):
        told: dict[str, Any] = msgspec.to_builtins(verify(state, witness(workspace)))
    return told


def facts(folder: Path, subject: str | None, kind: str | None) -> list[dict[str, Any]]:
    """Facts in order as plain values."""
    with _opened(folder) as (_, state):
        found = state.facts(subject=subject, kind=kind)
    return [
        {**msgspec.to_builtins(fact), "effective_at": iso(fact.effective_at), "recorded_at": iso(fact.recorded_at)}
        for fact in found
    ]
