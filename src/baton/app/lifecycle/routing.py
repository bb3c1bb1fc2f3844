"""The routing that follows from the releases, and the file that tells it to the server. Whoever halts or rolls back loads nothing else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from baton.app.lifecycle.overriding import halted
from baton.app.workspace import Workspace, replace_file
from baton.delivery.release import TRIAL, Cast, Release, cast_of, routing_for
from baton.delivery.routing import Routing, read_routing, write_routing
from baton.kernel.errors import Corrupt, NotFound, Unavailable
from baton.ledger.ports import StateReader
from baton.project.definition import Definition, Rollout
from baton.project.loader import FILE
from baton.registry.ports import Keys
from baton.serving.guard import forget


def routing_of(definition: Definition, state: StateReader, serial: int, *, watched: bool = False) -> Routing:
    """The routing that the releases ask for; no route at all while everything is halted."""
    releases: Sequence[Release] = [] if halted(state) is not None else state.all(Release)
    cast = cast_of(releases, definition.rollout)
    return routing_for(definition.project, serial, cast, definition.rollout, watched=watched)


def sync_routing(workspace: Workspace, definition: Definition, state: StateReader, keys: Keys) -> bool:
    """Write the routing file when the releases ask for another one; tells whether it changed.

    A file that cannot be read is written anew: the releases in the state are the truth, the file only follows. In a replay
    the server takes nothing out by itself: what a machine's load does to latency must not change a history.
    """
    present = _present(workspace.routing, keys)
    watched = workspace.clock == "wall"
    if present is not None and present == routing_of(definition, state, present.serial, watched=watched):
        return False
    serial = (present.serial if present else 0) + 1
    replace_file(workspace.routing, write_routing(routing_of(definition, state, serial, watched=watched), keys.seal))
    return True


def require_served(project: Path, workspace: Workspace) -> None:
    """Raise NotFound where no model is served, nor ever was: a folder that has only a team."""
    if not (project / FILE).is_file() and not workspace.routing.exists():
        raise NotFound(
            "no model is served from here",
            where=str(project),
            why=f"it has no {FILE}",
            fix="go to the project's folder, or name it: --project DIR",
        )


def close_routing(workspace: Workspace, keys: Keys) -> None:
    """Write the routing of a halt, without a route. It needs no rules of the project: a mistake in its file must not keep anybody from it."""
    present = _present(workspace.routing, keys)
    if present is None or not present.routes:
        return
    closed = routing_for(present.project, present.serial + 1, Cast(), Rollout(), watched=False)
    replace_file(workspace.routing, write_routing(closed, keys.seal))


@contextmanager
def following(workspace: Workspace) -> Iterator[None]:
    """Around writing a routing that follows from what is on record already. Raises Unavailable that says so."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            "it is on record, but the server does not know it yet",
            where=str(workspace.routing),
            why=f"the routing could not be written: {error.strerror or error}",
            fix="mend that: a loop that runs writes the routing at its next tick (baton up)",
        ) from error


def clear(workspace: Workspace, state: StateReader) -> None:
    """Remove what guards counted of releases that are no longer on trial, once the routing knows it."""
    if workspace.clock == "wall":
        forget(workspace.segments, [release.id for release in state.all(Release, status=TRIAL)])


def _present(path: Path, keys: Keys) -> Routing | None:
    try:
        return read_routing(path.read_bytes(), keys.verify) if path.exists() else None
    except Corrupt:
        return None
