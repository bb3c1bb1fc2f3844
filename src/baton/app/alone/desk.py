"""The desk: where hand-offs are offered and answered over a folder in which no loop need run.

Whoever comes to the desk first moves on what is due, so deadlines pass and escalations happen although nobody ticks.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from baton.app.bootstrap import load_owned
from baton.app.lifecycle.answering import answer
from baton.app.lifecycle.office import Office
from baton.app.lifecycle.people import declare, recorded_team
from baton.app.seat import Seat, SignedDraft, present_of
from baton.app.workspace import Workspace, keep_witness
from baton.kernel.errors import BatonError, Conflict
from baton.ledger.draft import Draft
from baton.ledger.ports import State
from baton.project.loader import FILE, TEAM_FILE
from baton.project.ownership import TeamFile
from baton.team.actor import Actor
from baton.team.ports import References

TRIES = 5


@dataclass(frozen=True)
class Desk:
    """A project's folder, its workspace with the state, and what looks at artefacts. Safe to share between threads."""

    project: Path
    workspace: Workspace
    state: State
    references: References
    _read: dict[tuple[tuple[int, int], ...], TeamFile] = field(default_factory=dict)

    def owned(self) -> TeamFile:
        """Who owns what, as declared now; the file is read again when it changed."""
        known = tuple(_stamp(self.project / name) for name in (FILE, TEAM_FILE))
        found = self._read.get(known)
        if found is None:
            found = load_owned(self.project).owned
            self._read.clear()
            self._read[known] = found
        return found

    def now(self) -> datetime:
        """The instant at which an act is recorded."""
        return present_of(self.workspace, self.state)

    def stamp(self) -> tuple[tuple[int, int], ...]:
        """Changes whenever somebody has recorded something; costs two looks at the file system."""
        return tuple(_stamp(self.workspace.state.with_name(name)) for name in ("state.db", "state.db-wal"))

    def seat(self, actor: Actor) -> Seat:
        """A seat for one act of somebody, with the people as the record has them."""
        draft, owned = SignedDraft(self.state, actor.how), self.owned()
        office = Office(draft, recorded_team(draft, owned), owned, self.now())
        return Seat(self.project, self.workspace, self.state, office, draft, actor)

    def glance(self) -> str:
        """Do what is due before somebody looks; a look is not refused because that failed: returns why, in words."""
        try:
            self.move()
        except BatonError as error:
            return str(error)
        return ""

    def move(self) -> int:
        """Bring people in line with the file, and do what is due: answers by default, deadlines, escalations.

        Returns how many changes were recorded. A replayed workspace stands still. When several processes do it at once, one
        records and the others find nothing left to do.
        """
        if self.workspace.clock == "replay":
            return 0
        for left in reversed(range(TRIES)):
            draft, owned, now = Draft(self.state), self.owned(), self.now()
            office = Office(draft, declare(draft, owned, now), owned, now)
            answer(office, {})
            try:
                if draft.changes:
                    keep_witness(self.workspace, draft.commit({}, expect={}))
            except Conflict:
                if not left:
                    raise
                continue
            return len(draft.changes)
        return 0


def _stamp(path: Path) -> tuple[int, int]:
    try:
        told = path.stat()
    except OSError:
        return (0, 0)
    return (told.st_mtime_ns, told.st_size)
