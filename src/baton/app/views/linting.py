"""The team lint as read by the edges: of a project's own team, or of the sample that is shipped."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from baton.app.declared import load_owned
from baton.kernel.clock import SystemClock
from baton.project.document import read_document
from baton.project.ownership import Ownership
from baton.project.phase import PHASES
from baton.team.charter import charter_of, team_of
from baton.team.description import OwnedFile, TeamModel, lines_of, model_from
from baton.team.edge import edges_with
from baton.team.finding import Judged, judged
from baton.team.lint import lint

SAMPLE = "sample-team.yaml"
"""A team model with holes, shipped inside the package, and the findings expected of it."""


def sample() -> dict[str, Any]:
    """What the lint says of the sample."""
    told = read_document((files("baton.team") / SAMPLE).read_bytes(), SAMPLE).value
    return _plain("sample", Judged(lint(model_from(told)), ()))


def own(project: Path) -> dict[str, Any]:
    """What the lint says of the project's own team now, waivers taken out. Raises InvalidProject with every mistake."""
    owned = load_owned(project).owned
    return _plain(owned.project, judged(lint(model_of(owned)), owned.waivers, SystemClock().now()))


def model_of(owned: Ownership) -> TeamModel:
    """A project's team as the lint reads it: the matrix in force, the agreed hand-offs as both ends would write them."""
    matrix, team = charter_of(owned).matrix, team_of(owned)
    columns = (role for row in matrix.values() for role in row)
    worn = (role for person in team.active for role in person.roles)
    edges = tuple(edges_with(owned.edges).values())
    return TeamModel(
        phases=PHASES,
        roles=tuple(dict.fromkeys((*columns, *worn))),
        matrix=matrix,
        lines=lines_of(edges, matrix),
        files=tuple(OwnedFile(rule.path, rule.owner, rule.phase) for rule in owned.files if rule.owner is not None),
        edges=edges,
        by_person=frozenset(name for name, rule in owned.handoffs.items() if rule.accept == "person"),
        consulting=frozenset(name for name, rule in owned.handoffs.items() if rule.consult is not None),
        team=team,
    )


def _plain(team: str, told: Judged) -> dict[str, Any]:
    return {"team": team, "findings": msgspec.to_builtins(told.findings), "waived": msgspec.to_builtins(told.waived)}
