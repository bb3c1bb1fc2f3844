"""The inbox: open hand-offs, and answering them from an edge."""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from baton.app.bootstrap import load_project, open_state, read_state
from baton.app.views.present import stands_at
from baton.app.workspace import Workspace, keep_witness
from baton.kernel.clock import SystemClock, iso
from baton.kernel.errors import NotFound
from baton.kernel.suggest import did_you_mean
from baton.ledger.draft import Draft
from baton.ledger.fact import Act
from baton.ledger.ports import State
from baton.team.handoff import EDGES, Handoff, accepted, declined, escalated
from baton.team.raci import Team, team_of


def waiting(project: Path, workspace: Path, person: str | None) -> list[dict[str, Any]]:
    """Open hand-offs, those of one person when named, most urgent first, each with what happens when nobody answers."""
    team = team_of(load_project(project).definition)
    if person is not None:
        known_person(team, person)
    with read_state(workspace) as (_, state):
        found = [each for each in state.all(Handoff, status=("offered",)) if person in (None, each.waiting_on)]
    return [
        {**msgspec.to_builtins(each), "since": iso(each.since), "deadline": iso(each.deadline), "then": _then(team, each)}
        for each in sorted(found, key=lambda each: each.deadline)
    ]


def _then(team: Team, handoff: Handoff) -> str:
    after = escalated(team, handoff, handoff.deadline, handoff.deadline - handoff.since)
    return f"it goes to {after.waiting_on}" if after.open else f"it lapses and stays with {handoff.giver}"


def answer(project: Path, folder: Path, id: str, person: str | None, reason: str, *, take: bool) -> str:
    """Accept or decline a hand-off for a person; returns what to tell them.

    In a replayed workspace the act is recorded at the instant where it stands.
    """
    team = team_of(load_project(project).definition)
    with open_state(folder) as (workspace, state):
        handoff = _found(state, id)
        by = known_person(team, person or handoff.waiting_on)
        at = present_of(workspace, state)
        done = accepted(handoff, by, at, reason) if take else declined(handoff, by, at, reason)
        member = team.person(by)
        role = team.role_in(member, EDGES[handoff.edge].receiver) if member is not None else ""
        draft, cursor = Draft(state), f"handoff {id}"
        draft.record(Act(by, role, at), done, done.status, done.reason)
        keep_witness(workspace, draft.commit({cursor: done.status}, expect={cursor: None}))
    return f"{id}: {done.status} by {by} ({role}) at {iso(at)}. " + (
        f"{by} now holds '{handoff.payload}'." if take else f"It goes back to {handoff.giver}."
    )


def present_of(workspace: Workspace, state: State) -> datetime:
    """The instant at which an act of a person is recorded: the present, or where a replayed workspace stands."""
    stands = stands_at(state)
    return stands if workspace.clock == "replay" and stands is not None else SystemClock().now()


def _found(state: State, id: str) -> Handoff:
    handoff = state.get(Handoff, id)
    if handoff is None:
        known = [each.id for each in state.all(Handoff, status=("offered",))]
        raise NotFound(f"there is no hand-off '{id}'", why=did_you_mean(id, known), fix="baton inbox lists what waits")
    return handoff


def known_person(team: Team, person: str) -> str:
    """The name, if a person of the team bears it. Raises NotFound with the nearest one."""
    if team.person(person) is None:
        raise NotFound(
            f"nobody is called '{person}'",
            where="people in baton.yaml",
            why=did_you_mean(person, [each.name for each in team.people]),
            fix="name a person of the project",
        )
    return person
