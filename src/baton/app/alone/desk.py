"""The desk: where hand-offs are offered and answered over a folder in which no loop need run.

Whoever comes to the desk first moves on what is due, so deadlines pass and escalations happen although nobody ticks.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from baton.app.declared import load_owned, load_rules
from baton.app.lifecycle.answering import answer
from baton.app.lifecycle.office import Office
from baton.app.lifecycle.people import declare, recorded_team
from baton.app.seat import Seat, SignedDraft, present_of
from baton.app.workspace import Workspace, keep_witness
from baton.kernel.errors import BatonError, Conflict
from baton.ledger.draft import Draft
from baton.ledger.ports import State
from baton.project.definition import Definition
from baton.project.loader import FILE, TEAM_FILE
from baton.project.ownership import TeamFile
from baton.team.actor import Actor
from baton.team.ports import References

TRIES = 5
_ABSENT = (0, 0)


@dataclass(frozen=True)
class Desk:
    """A project's folder, its workspace with the state, and what looks at artefacts. Safe to share between threads."""

    project: Path
    workspace: Workspace
    state: State
    references: References
    _read: list[tuple[tuple[tuple[int, int], ...], TeamFile]] = field(default_factory=list)
    _rules: list[tuple[tuple[int, int], Definition | None]] = field(default_factory=list)

    def owned(self) -> TeamFile:
        """Who owns what, as declared now; the file is read again when it changed."""
        known = tuple(_stamp(self.project / name) for name in (FILE, TEAM_FILE))
        for stamp, last in self._read[:1]:
            if stamp == known:
                return last
        found = load_owned(self.project).owned
        self._read[:] = [(known, found)]  # at once: other threads see what was there, or this
        return found

    def declared(self) -> TeamFile:
        """Who owns what, as it was last declared without a mistake: looking goes on while somebody edits the file.

        Raises as `owned` does when there was no such file yet.
        """
        try:
            return self.owned()
        except BatonError:
            for _, last in self._read[:1]:
                return last
            raise

    def definition(self) -> Definition | None:
        """The project's file as it is now, read again when it changed, or as it was before somebody made a mistake in it; None where
        there is none, or only a wrong one."""
        known = _stamp(self.project / FILE)
        last = None
        for stamp, last in self._rules[:1]:
            if stamp == known:
                return last
        found = (_definition(self.project) or last) if known != _ABSENT else None
        self._rules[:] = [(known, found)]
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
        except (BatonError, OSError) as error:  # such as a full disk
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


def _definition(project: Path) -> Definition | None:
    try:
        return load_rules(project).definition
    except BatonError:
        return None


def _stamp(path: Path) -> tuple[int, int]:
    try:
        told = path.stat()
    except OSError:
        return _ABSENT
    return (told.st_mtime_ns, told.st_size)
