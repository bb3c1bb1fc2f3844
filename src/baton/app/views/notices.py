"""What was told to whom: every notice with its channel and receipt, and those that did not arrive."""

from pathlib import Path
from typing import Any

import msgspec

from baton.app.bootstrap import open_state
from baton.app.declared import load_owned
from baton.app.lifecycle.people import recorded_team
from baton.ledger.ports import StateReader
from baton.team.notice import Notice

LATEST = 100_000


def notices_for(reader: StateReader, person: str | None = None) -> list[dict[str, Any]]:
    """Notices as plain values, those of one person when named; the newest first, and of one instant what asks first."""
    found = [each for each in reader.all(Notice, limit=LATEST) if person in (None, each.to)]
    found.sort(key=lambda each: (not each.urgent, not each.asks))
    found.sort(key=lambda each: each.created_at, reverse=True)
    return [msgspec.to_builtins(each) for each in found]


def notices(project: Path, folder: Path, person: str | None) -> list[dict[str, Any]]:
    """The notices of a workspace. Raises NotFound for a person whom nobody knows."""
    with open_state(folder) as (_, state):
        if person is not None:
            recorded_team(state, load_owned(project).owned).known(person)
        return notices_for(state, person)
