"""A workspace: the folder that holds a project's state, and the rules of opening it."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident

from baton.kernel.errors import Conflict, Corrupt, Incompatible, NotFound, Unavailable
from baton.ledger.ports import Head

FORMAT = 1
DEFAULT = ".baton"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace folder. `clock` is `wall` or `replay`: a replayed one stands at its last instant."""

    folder: Path
    clock: str

    @property
    def state(self) -> Path:
        """The state database."""
        return self.folder / "state.db"

    @property
    def engine(self) -> Path:
        """The durable-execution database."""
        return self.folder / "engine.db"

    @property
    def tables(self) -> Path:
        """The folder of Delta tables."""
        return self.folder / "tables"

    @property
    def artifacts(self) -> Path:
        """The folder of content-addressed artefacts."""
        return self.folder / "artifacts"

    @property
    def online(self) -> Path:
        """The online store."""
        return self.folder / "online"

    @property
    def segments(self) -> Path:
        """The prediction log."""
        return self.folder / "segments"

    @property
    def routing(self) -> Path:
        """The routing file."""
        return self.folder / "routing.json"

    @property
    def keys(self) -> Path:
        """The folder of the signing keys."""
        return self.folder / "keys"

    @property
    def witness(self) -> Path:
        """The file that keeps the newest ledger head outside the database."""
        return self.folder / "ledger.head"


def find(folder: Path) -> Workspace | None:
    """The workspace in that folder, None when there is none.

    Raises Incompatible when a newer Baton made it, Corrupt when its label cannot be read, NotFound when the folder holds
    something else.
    """
    label = folder / "workspace.json"
    if not label.exists():
        if (folder / "state.db").exists():
            raise Corrupt(
                "the workspace has lost its label",
                where=str(label),
                why="workspace.json is missing beside state.db",
                fix="restore it, or move the folder away",
            )
        return None
    try:
        told = json.loads(label.read_text())
        made_by, clock = int(told["format"]), str(told["clock"])
    except (ValueError, KeyError, TypeError) as error:
        raise Corrupt(
            "the workspace's label cannot be read", where=str(label), why=str(error), fix="restore it, or move the folder away"
        ) from error
    if made_by > FORMAT:
        raise Incompatible(
            f"the workspace has format {made_by}, this Baton reads up to {FORMAT}",
            where=str(folder),
            why="a newer Baton made it",
            fix="upgrade Baton: pip install -U baton-ml",
        )
    return Workspace(folder, clock)


def existing(folder: Path) -> Workspace:
    """The workspace in that folder. Raises NotFound when there is none: nothing is created by looking."""
    found = find(folder)
    if found is None:
        raise NotFound(
            "there is no workspace yet",
            where=str(folder),
            why="nothing has run here",
            fix="baton up makes one, or baton replay; for hand-offs alone: baton handoff tick",
        )
    return found


def create(folder: Path, clock: str) -> Workspace:
    """Make a workspace, or open the one that is there when it has the same clock (else Conflict)."""
    found = find(folder)
    if found is None:
        found = Workspace(folder, clock)
        for part in (folder, found.tables, found.artifacts, found.online, found.segments, found.keys):
            part.mkdir(parents=True, exist_ok=True)
        replace_file(folder / "workspace.json", json.dumps({"format": FORMAT, "clock": clock}).encode())
    if found.clock != clock:
        raise Conflict(
            f"the workspace runs on the {found.clock} clock, not on the {clock} clock",
            where=str(folder),
            why="history and present must not mix in one ledger",
            fix="name another one: --workspace DIR" + (", or start it over with --fresh" if clock == "replay" else ""),
        )
    return found


@contextmanager
def held(workspace: Workspace) -> Iterator[None]:
    """Hold the workspace as its only ticking process. Raises Unavailable when another one does."""
    with (workspace.folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            raise Unavailable(
                f"the workspace is in use by {holder}",
                where=str(workspace.folder),
                why="one process at a time moves the loop",
                fix="stop it first, or name another one: --workspace DIR",
            ) from error
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
        yield


def keep_witness(workspace: Workspace, head: Head) -> None:
    """Note the newest ledger head beside the database, so that a cut-off ledger contradicts it.

    Processes and threads that committed at once take turns; an older head never takes the place of a newer one.
    """
    with (workspace.folder / "witness.lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        known = witness(workspace)
        if known is None or known.size <= head.size:
            replace_file(workspace.witness, json.dumps({"size": head.size, "root": head.root}).encode())


def witness(workspace: Workspace) -> Head | None:
    """The newest head kept outside the database, None when none was kept or it cannot be read."""
    try:
        told = json.loads(workspace.witness.read_text())
        return Head(int(told["size"]), str(told["root"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def replace_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: temporary file, sync, rename, sync of the folder."""
    # Two threads or processes may write the same file: each beside it under a name of its own.
    beside = path.with_name(f"{path.name}.{os.getpid()}-{get_ident()}.new")
    with beside.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
