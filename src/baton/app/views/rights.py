"""Who may do what: the rights of the matrix as people bear them now."""

from pathlib import Path
from typing import Any

from baton.app.identity import present_team
from baton.kernel.clock import SystemClock
from baton.team.actor import Actor
from baton.team.permission import RIGHTS, Right, decide, permitted
from baton.team.team import Team


def rights(project: Path, workspace: Path, name: str | None) -> list[dict[str, Any]]:
    """Every action with the letters and the phase that carry it, and who may; only one person's when named."""
    team, at = present_team(project, workspace), SystemClock().now()
    if name is not None:
        team.known(name)
    rows = [_row(team, right, permitted(team, right.action, at)) for right in RIGHTS.values()]
    if name is None:
        return rows
    verdicts = {row["action"]: decide(team, Actor(name), row["action"], at) for row in rows}
    return [
        row | {"role": verdicts[row["action"]].role, "why": verdicts[row["action"]].reason}
        for row in rows
        if verdicts[row["action"]].allowed
    ]


def _row(team: Team, right: Right, people: tuple[str, ...]) -> dict[str, Any]:
    return {
        "action": right.action,
        "what": right.what,
        "letters": list(right.letters),
        "phase": right.phase or None,
        "people": [person.id for person in team.active] if right.outside else list(people),
        "services": right.services,
        "open": right.outside,
    }
