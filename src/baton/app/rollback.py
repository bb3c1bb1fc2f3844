"""Roll back by hand: the version before answers again, at once, on one person's word; another person reviews it afterwards."""

from pathlib import Path

from baton.app.bootstrap import open_workspace_keys
from baton.app.declared import load_rules
from baton.app.lifecycle import overriding
from baton.app.lifecycle.routing import following, require_served, sync_routing
from baton.app.seat import Seat, seat
from baton.delivery.release import Release, moved, return_of
from baton.kernel.clock import iso
from baton.kernel.errors import Conflict, Refused
from baton.ledger.draft import Draft
from baton.ledger.fact import Act
from baton.registry.version import MOVES as VERSION_MOVES
from baton.registry.version import ModelVersion
from baton.registry.version import moved as moved_version


def roll_back(project: Path, folder: Path, person: str | None, reason: str) -> str:
    """End a release on trial, or put the last retired release back into service, as whoever is at the door; returns what to tell."""
    with seat(project, folder, person) as here:
        return go_back(here, reason)


def go_back(here: Seat, reason: str, shown: str = "") -> str:
    """End the release on trial, or put the last retired one back into service; returns what to tell.

    One person may; another gets a task to review it. `shown` is the release that the person was told would end. Raises Conflict
    when it would be another one by now, Refused when there is nothing to go back to.
    """
    require_served(here.project, here.workspace)
    definition, keys = load_rules(here.project).definition, open_workspace_keys(here.workspace)
    by = here.name(here.office.team.responsible("deploy", here.now).id)
    verdict = here.allow("release.roll-back", by)
    ended, back = _move(here.draft, Act(by, verdict.role, here.now), reason)
    if shown and shown != ended.id:
        raise Conflict(
            f"{shown} is not in traffic any more",
            where="the roll-back",
            why=f"it would end {ended.id} (version {ended.version}) now, which is not what you were shown",
            fix="look at the traffic again, then decide",
        )
    words = f"review: {by} rolled back version {ended.version} because: {reason}"
    overriding.review(here.office, by, "deploy", words, f"{ended.id} {iso(here.now)}")
    here.commit()
    with following(here.workspace):
        sync_routing(here.workspace, definition, here.state, keys)
    return f"{ended.id} (version {ended.version}) is rolled back; version {back.version} answers."


def _move(draft: Draft, act: Act, reason: str) -> tuple[Release, Release]:
    found = return_of(draft.all(Release), deleted(draft))
    if found is None:
        raise Refused("there is no version to go back to", why="no earlier release has served all traffic", fix="baton status")
    ended, back = draft.record(act, moved(found.ended, "rolled-back", act.at, reason), "rolled-back", reason), found.back
    if back.status != "live":
        back = draft.record(act, moved(back, "live", act.at, reason), "restored", reason)
    for number, status in ((ended.version, "rejected"), (back.version, "live")):
        version = draft.get(ModelVersion, f"version-{number}")
        if version is not None and status in VERSION_MOVES[version.status]:
            draft.record(act, moved_version(version, status), status, reason)
    return ended, back


def deleted(draft: Draft) -> set[int]:
    """The versions whose files are gone."""
    return {each.version for each in draft.all(ModelVersion, status=("deleted",))}
