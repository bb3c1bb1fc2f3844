"""Who is at the door, and whether they may come in: one question for every command, route and page.

As long as nobody was invited, a workspace belongs to the user of this machine who owns its files: they act as whom they
name with `--as`, and the record says so. From the first invitation on only tokens count.
"""

import os
from datetime import datetime
from pathlib import Path

from baton.app.bootstrap import open_credentials, read_state
from baton.app.declared import load_owned
from baton.app.session import TOKEN, token_shown
from baton.app.workspace import find
from baton.kernel.clock import SystemClock
from baton.kernel.errors import Refused
from baton.ledger.fact import KEEPER
from baton.team.actor import Actor
from baton.team.identity import Identity, actor_of, require_member, shown
from baton.team.permission import RIGHTS, Verdict, decide, require
from baton.team.person import Person
from baton.team.team import Team


def acting(project: Path, workspace: Path, named: str | None, default: str = "") -> Actor:
    """The actor of a command: whose token is shown; in a workspace without identities whom `--as` names, else `default`,
    else its keeper.

    Raises NotFound for a name that nobody bears, Refused for `--as` where there are identities, for a token that does not
    hold, and for a workspace of another user of this machine.
    """
    if has_identities(workspace):
        _refuse_named(named)
        return identified(workspace, token_shown(workspace), SystemClock().now())
    _require_own(workspace)
    if not (named or default):
        return Actor(KEEPER, KEEPER)
    return Actor(present_team(project, workspace).known(named or default).id)


def has_identities(workspace: Path) -> bool:
    """Whether people show who they are here; else they are named with `--as`."""
    return bool(open_credentials(workspace).read().named)


def identified(workspace: Path, token: str, at: datetime) -> Actor:
    """Who shows this token. Raises Refused without one, when it does not hold at that instant, or when its owner has left."""
    if not token:
        raise Refused(
            "nobody is logged in",
            where=str(workspace),
            why="this workspace has identities",
            fix=f"baton login NAME; a job sets {TOKEN}",
        )
    book = open_credentials(workspace).read()
    actor = actor_of(book, shown(book, token, at))
    if actor.kind == "person":
        require_present(workspace, actor.name)
    return actor


def require_present(workspace: Path, name: str) -> None:
    """Raise Refused for somebody who has left, by the record; also when they are back, until they are invited anew."""
    found = find(workspace)
    if found is None or not found.state.exists():
        return
    with read_state(workspace) as (_, state):
        require_member(name, state.get(Person, name), state.get(Identity, name))


def authorise(project: Path, workspace: Path, action: str, named: str | None) -> Verdict:
    """Let a command in, or raise Refused: decided on its action alone; its phase and subject are decided where they are known."""
    if RIGHTS[action].outside:
        return decide(Team(()), Actor(""), action, SystemClock().now())
    actor = acting(project, workspace, named)
    if actor.kind == KEEPER:
        return decide(Team(()), actor, action, SystemClock().now())
    return require(present_team(project, workspace), actor, action, SystemClock().now())


def present_team(project: Path, workspace: Path) -> Team:
    """The team as recorded, or as declared where nothing has run yet."""
    from baton.app.lifecycle.people import recorded_team
    from baton.team.charter import team_of

    owned = load_owned(project).owned
    found = find(workspace)
    if found is None or not found.state.exists():
        return team_of(owned)
    with read_state(workspace) as (_, state):
        return recorded_team(state, owned)


def _refuse_named(named: str | None) -> None:
    if named:
        raise Refused(
            f"'--as {named}' is not taken here",
            why="people of this workspace have identities of their own",
            fix=f"baton login {named}, and leave --as out",
        )


def _require_own(workspace: Path) -> None:
    """Without identities the files' owner is the only one who acts."""
    if workspace.exists() and workspace.stat().st_uid != os.getuid():
        raise Refused(
            "this workspace belongs to another user of this machine",
            where=str(workspace),
            why="it has no identities, so only its owner acts",
            fix="let its owner invite you: baton team invite NAME",
        )
