"""People come and go, from an edge: one act on the record, and what to tell about it."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from baton.app.lifecycle import coming
from baton.app.lifecycle.people import declare
from baton.app.seat import Seat, seat
from baton.kernel.clock import iso
from baton.team.handoff import Handoff
from baton.team.person import Delegation
from baton.team.team import phase_named


def leave(project: Path, folder: Path, named: str | None, name: str, reason: str) -> str:
    """Somebody leaves; returns what moved on. Raises Refused when nobody reachable would remain."""
    with seat(project, folder, named) as at:
        coming.leave(at.office, name, _by(at, name), reason or "left the team")
        return _committed(at, f"{name} has left")


def come_back(project: Path, folder: Path, named: str | None, name: str, reason: str) -> str:
    """Somebody returns, or ends an absence before its time."""
    with seat(project, folder, named) as at:
        coming.come_back(at.office, name, _by(at, name), reason or "is back")
        return _committed(at, f"{name} is back")


def go_away(
    project: Path, folder: Path, named: str | None, name: str, since: datetime | None, until: datetime, reason: str
) -> str:
    """Somebody is away from `since` (now when None) until `until`; returns what moved on."""
    with seat(project, folder, named) as at:
        begins = since or at.now
        coming.go_away(at.office, name, begins, until, _by(at, name), reason or "away")
        return _committed(at, f"{name} is away from {iso(begins)} until {iso(until)}")


def delegate(project: Path, folder: Path, named: str | None, name: str, made: Callable[[datetime], Delegation]) -> str:
    """Somebody gives duties to another person for a time; `made` tells which and until when, from the present instant."""
    with seat(project, folder, named) as at:
        given = made(at.now)
        what = (", ".join(map(phase_named, given.phases)) or "every phase") + (f" of {given.subject}" if given.subject else "")
        coming.delegate(at.office, name, given, _by(at, name))
        return _committed(at, f"{name} delegates {what} to {given.to} from {iso(given.since)} until {iso(given.until)}")


def _by(at: Seat, name: str) -> str:
    """Who does this: people speak for themselves; for another only whoever may change the team."""
    declare(at.draft, at.office.owned, at.now)
    by = at.name(name)
    at.allow("team.self" if by == name else "team.change", by)
    return by


def _committed(at: Seat, words: str) -> str:
    moved = [
        change.record
        for change in at.draft.changes
        if change.verb in ("escalated", "lapsed") and isinstance(change.record, Handoff)
    ]
    at.commit()
    lines = [
        f"  '{each.payload}' ({each.subject}) now waits on {each.waiting_on if each.open else f'{each.giver}: nobody took it'}"
        for each in moved
    ]
    return "\n".join([f"{words}.", *lines])
