"""Roll back by hand: the version before answers again, at once, on one person's word; the record asks for a review."""

from pathlib import Path

from baton.app.bootstrap import load_project, open_state, open_workspace_keys
from baton.app.lifecycle.releasing import TRIAL, sync_routing
from baton.app.views.inbox import known_person, present_of
from baton.app.workspace import keep_witness
from baton.delivery.release import Release, moved
from baton.kernel.clock import iso
from baton.kernel.errors import Refused
from baton.ledger.draft import Draft
from baton.ledger.fact import Act
from baton.registry.version import ModelVersion
from baton.registry.version import moved as moved_version
from baton.team.raci import team_of


def roll_back(project: Path, folder: Path, person: str | None, reason: str) -> str:
    """End a release on trial, or put the last retired release back into service; returns what to tell.

    Raises Refused when there is nothing to go back to.
    """
    definition = load_project(project).definition
    team = team_of(definition)
    by = known_person(team, person or team.responsible("deploy").name)
    member = team.person(by)
    with open_state(folder) as (workspace, state):
        at = present_of(workspace, state)
        draft, act = Draft(state), Act(by, team.role_in(member, "deploy") if member else "", at)
        ended, back = _move(draft, act, reason)
        keep_witness(workspace, draft.commit({"rollback": iso(at)}, expect={"rollback": state.cursor("rollback")}))
        sync_routing(workspace.routing, definition, state, open_workspace_keys(workspace))
    return f"{ended.id} (version {ended.version}) is rolled back; version {back.version} answers."


def _move(draft: Draft, act: Act, reason: str) -> tuple[Release, Release]:
    live = next(iter(draft.all(Release, status=("live",))), None)
    trial = next(iter(draft.all(Release, status=TRIAL)), None)
    if live is not None and trial is not None:
        return draft.record(act, moved(trial, "rolled-back", act.at, reason), "rolled-back", reason), live
    before = max(draft.all(Release, status=("retired",)), key=lambda release: release.since, default=None)
    if live is None or before is None:
        raise Refused("there is no version to go back to", why="no earlier release has served all traffic", fix="baton status")
    ended = draft.record(act, moved(live, "rolled-back", act.at, reason), "rolled-back", reason)
    back = draft.record(act, moved(before, "live", act.at, reason), "restored", reason)
    for number, status in ((ended.version, "rejected"), (back.version, "live")):
        version = draft.get(ModelVersion, f"version-{number}")
        if version is not None:
            draft.record(act, moved_version(version, status), status, reason)
    return ended, back
