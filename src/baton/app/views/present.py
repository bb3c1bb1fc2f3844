"""Open a workspace to look at it: the present state, or the one at an earlier instant."""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from baton.app.bootstrap import read_state
from baton.app.views.status import status
from baton.kernel.clock import parse_instant
from baton.kernel.errors import NotFound
from baton.ledger.ports import LedgerReader
from baton.monitoring.day import Day
from baton.monitoring.traffic import traffic


def stands_at(state: LedgerReader) -> datetime | None:
    """The instant of the last daily step: where a replayed workspace stands."""
    day = state.cursor("day")
    return parse_instant(day) if day else None


def look(project: Path, workspace: Path, moment: datetime | None) -> dict[str, Any]:
    """The status of a workspace. Raises NotFound when there is none: looking never creates."""
    if not (project / "baton.yaml").exists():
        raise NotFound(
            "there is no project here",
            where=str(project),
            why="no baton.yaml",
            fix="name it: baton --project DIR …, or make one: baton new NAME",
        )
    with read_state(workspace) as (found, state):
        at = stands_at(state)
        reader = state if moment is None else state.as_of(moment)
        told = status(_name(project), reader, min(moment, at) if moment and at else moment or at, found.clock)
        measured = [each for each in state.measurements() if moment is None or each[-1] <= moment]
        return told | {"traffic": [msgspec.to_builtins(day) for day in traffic(reader.all(Day), measured)]}


def _name(project: Path) -> str:
    """The project's name, read without judging the rest of the file."""
    for line in (project / "baton.yaml").read_text(errors="replace").splitlines():
        if line.startswith("project:"):
            return line.removeprefix("project:").split("#")[0].strip().strip("'\"")
    return project.name
