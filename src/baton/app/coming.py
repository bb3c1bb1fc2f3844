"""People come and go: one act on the record, and what to tell about it. Called by the command line, the API and the console."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from baton.app.bootstrap import open_credentials
from baton.app.lifecycle import coming
from baton.app.lifecycle.people import declare
from baton.app.seat import Seat
from baton.kernel.clock import SystemClock
from baton.kernel.errors import Conflict, Refused
from baton.team.handoff import Handoff
from baton.team.identity import Identity, dismissed
from baton.team.permission import permitted
from baton.team.person import Absence, Delegation, Person
from baton.team.team import phase_named


def leave(here: Seat, name: str, reason: str) -> str:
    """Somebody leaves; returns what moved on. Raises Refused when nobody reachable would remain."""
    at = _present(here)
    coming.leave(at.office, name, _by(at, name), reason or "left the team")
    told = _committed(at, f"{name} has left")
    credentials, now = open_credentials(at.workspace.folder), SystemClock().now()
    if credentials.read().named:
        credentials.change(lambda book: dismissed(book, name, now))
    return told


def come_back(here: Seat, name: str, reason: str) -> str:
    """Somebody returns, or ends an absence before its time."""
    at = _present(here)
    by, person = _by(at, name), at.office.team.person(name)
    if person is not None and all(each.until <= at.now for each in person.absences):
        raise Conflict(f"{name} is not away", where="people of the team", fix="baton team coverage")
    coming.come_back(at.office, name, by, reason or "is back")
    identity = at.draft.get(Identity, name)
    anew = f"; to log in they are invited anew: baton team invite {name}" if identity and identity.status == "revoked" else ""
    return _committed(at, f"{name} is back{anew}")


def go_away(here: Seat, name: str, made: Callable[[datetime], Absence]) -> str:
    """Somebody is away for a time; `made` tells which, from the present instant. Returns what moved on."""
    at = _present(here)
    gone = made(at.now)
    coming.go_away(at.office, name, gone.since, gone.until, _by(at, name), gone.reason)
    return _committed(at, f"{name} is away {_span(gone)}")


def delegate(here: Seat, name: str, made: Callable[[datetime], Delegation]) -> str:
    """Somebody gives duties to another person for a time; `made` tells which and until when, from the present instant."""
    at = _present(here)
    given = made(at.now)
    what = (", ".join(map(phase_named, given.phases)) or "every phase") + (f" of {given.subject}" if given.subject else "")
    coming.delegate(at.office, name, given, _by(at, name))
    return _committed(at, f"{name} delegates {what} to {given.to} {_span(given)}")


def _present(here: Seat) -> Seat:
    """The seat in the team as it is declared now: whoever was taken from the file counts no more, whoever was added does."""
    team = declare(here.draft, here.office.owned, here.now)
    return replace(here, office=replace(here.office, team=team))


def _span(interval: Absence | Delegation) -> str:
    return f"from {interval.since:%Y-%m-%d %H:%M} until {interval.until:%Y-%m-%d %H:%M} UTC"


def _by(at: Seat, name: str) -> str:
    """Who does this: people speak for themselves; for another only whoever may change the team.

    Raises NotFound for a name that nobody bears, Refused for one who has left and would act for themselves.
    """
    by = at.name(name)
    if by == name:
        _require_there(at, name)
    at.allow("team.self" if by == name else "team.change", by)
    return by


def _require_there(at: Seat, name: str) -> None:
    """Only who is in the team speaks for themselves; whoever has left is brought back by another."""
    if at.office.team.person(name) is not None or at.draft.get(Person, name) is None:
        at.office.team.known(name)
        return
    may = permitted(at.office.team, "team.change", at.now)
    fix = f"baton team back {name} --as {may[0]}" if may else "baton team rights"
    raise Refused(f"{name} has left, and speaks for nobody", where="people of the team", fix=fix)


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
