"""People come and go: leaving, returning, being away, delegating. Each act is refused when a phase would lose its owner.

What waits on somebody who goes moves on at once, in the same transaction.
"""

from datetime import datetime

from baton.app.alone.wording import words_of
from baton.app.lifecycle.answering import escalate, move_tasks
from baton.app.lifecycle.office import Office
from baton.app.lifecycle.people import dismiss
from baton.kernel.errors import NotFound
from baton.kernel.suggest import did_you_mean
from baton.ledger.fact import Act
from baton.team.handoff import Handoff, overdue
from baton.team.person import Absence, Delegation, Person, absent, back, delegating, left, returned
from baton.team.team import assert_covered, assert_no_loop


def leave(office: Office, name: str, by: str, reason: str) -> Person:
    """Somebody leaves the team, and can log in no more. Raises Refused when nobody reachable would remain."""
    gone = _become(office, left(office.team.known(name)), by, "left", reason)
    dismiss(office.draft, Act(by, "", office.now), name)
    return gone


def come_back(office: Office, name: str, by: str, reason: str) -> Person:
    """Somebody who left returns, or an absence ends before its time. Raises NotFound for a name nobody bore."""
    person = office.draft.get(Person, name)
    if person is None:
        known = [each.id for each in office.draft.all(Person)]
        raise NotFound(
            f"nobody is called '{name}'", where="people of the team", why=did_you_mean(name, known), fix="baton team coverage"
        )
    after = returned(person) if person.status == "left" else back(person, office.now)
    return _become(office, after, by, "returned" if person.status == "left" else "back", reason)


def go_away(office: Office, name: str, since: datetime, until: datetime, by: str, reason: str) -> Person:
    """Somebody declares an absence. Raises Refused when nobody reachable would remain at some instant of it."""
    return _become(office, absent(office.team.known(name), Absence(since, until, reason)), by, "absent", reason)


def delegate(office: Office, name: str, delegation: Delegation, by: str) -> Person:
    """Somebody gives duties to another for a time. Raises Conflict when they would come back to their giver."""
    office.team.known(delegation.to)
    assert_no_loop(office.team, name, delegation)
    words = delegation.reason or f"to {delegation.to}"
    return _become(office, delegating(office.team.known(name), delegation), by, "delegated", words)


def _become(office: Office, person: Person, by: str, verb: str, reason: str) -> Person:
    words_of(reason, "reason")
    present = office.team.person(person.id)
    team = office.team.having(person) if present is not None or person.status == "active" else office.team
    assert_covered(team, office.now)
    office.draft.record(Act(by, "", office.now), person, verb, reason)
    after = Office(office.draft, team, office.owned, office.now)
    for handoff in office.draft.all(Handoff, status=("offered",)):
        why = overdue(team, handoff, office.now) if handoff.waiting_on == person.id and not handoff.consultation else ""
        if why:
            escalate(after, handoff, why)
    move_tasks(after)
    return person
