"""The people of a project on the record: who joined, changed, left; and the team as the ledger knows it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar

from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act, Record
from baton.project.behaviour import Behaviour
from baton.project.ownership import Ownership
from baton.team.charter import Charter, charter_of, people_of, team_of, team_under
from baton.team.conduct import absences
from baton.team.identity import Identity, Token
from baton.team.person import Person, left, redeclared, returned
from baton.team.team import Team, assert_covered

R = TypeVar("R", bound=Record)


class Records(Protocol):
    """Where records are read from: a state, a past one, or a draft."""

    def all(self, kind: type[R], *, status: Sequence[str] = ()) -> list[R]:
        """Records of a kind, of any of these statuses when some are named, in order of first appearance."""
        ...


def recorded_team(records: Records, owned: Ownership) -> Team:
    """The team as the ledger knows it; as it is declared when nothing was recorded yet."""
    charters = records.all(Charter)
    return team_under(charters[0], records.all(Person)) if charters else team_of(owned)


def declare(draft: Draft, owned: Ownership, at: datetime, behaviours: Mapping[str, Behaviour] = {}) -> Team:
    """Bring the record in line with what the project declares; returns the team in force.

    `behaviours` are those of a replay's people: their absences are declared beforehand. Whoever is no longer declared has
    left; whoever left by an act stays away until an act brings them back; with either their identity ends. Raises Refused
    when nobody reachable would remain.
    """
    act = Act(SYSTEM, "", at)
    charter = charter_of(owned)
    if charter not in draft.all(Charter):
        draft.record(act, charter, "declared", f"who does what, as {len(owned.people)} people declare it")
    known = {person.id: person for person in draft.all(Person)}
    for anew in people_of(owned):
        _declare_one(draft, act, known.pop(anew.id, None), anew)
    for gone in (person for person in known.values() if person.status == "active"):
        draft.record(act, left(gone, "removed"), "left", "no longer among the declared people")
    for person in draft.all(Person):
        if person.status == "active" and person.id in behaviours:
            _foreseen(draft, person, behaviours[person.id], at)
    team = recorded_team(draft, owned)
    assert_covered(team, at)
    for each in draft.all(Identity):
        if team.person(each.id) is None:
            dismiss(draft, act, each.id)
    return team


def _declare_one(draft: Draft, act: Act, known: Person | None, anew: Person) -> None:
    if known is None:
        draft.record(act, anew, "joined", f"wears {', '.join(anew.roles)}")
    elif known.gone == "removed":
        draft.record(act, redeclared(returned(known), anew), "returned", f"wears {', '.join(anew.roles)}")
    elif known.gone == "left":
        return
    elif redeclared(known, anew) != known:
        draft.record(act, redeclared(known, anew), "changed", f"wears {', '.join(anew.roles)}")


def dismiss(draft: Draft, act: Act, name: str) -> None:
    """The identity of somebody who leaves ends with them, and their tokens; back again, they are invited anew."""
    known = draft.get(Identity, name)
    if known is None or known.kind != "person" or known.status == "revoked":
        return
    draft.record(act, replace(known, status="revoked"), "revoked", f"{name} has left")
    for token in draft.all(Token, status=("issued",)):
        if token.owner == name:
            draft.record(act, replace(token, status="revoked"), "revoked", f"{name} has left", use=token.use)


def _foreseen(draft: Draft, person: Person, behaviour: Behaviour, at: datetime) -> None:
    planned = absences(behaviour)
    if planned != person.absences:
        told = "; ".join(f"{each.since:%Y-%m-%d} to {each.until:%Y-%m-%d}" for each in planned)
        draft.record(Act(person.id, "", at), replace(person, absences=planned), "absent", f"away {told}")
