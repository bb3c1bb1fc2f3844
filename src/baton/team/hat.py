"""Hats: what goes wrong between people although their roles fit: one person at both ends, nobody behind a role, nobody to step in.

The rules of the team lint that need people; pure, from the description and the team to findings.
"""

from collections.abc import Callable, Iterator

from baton.team.coverage import able
from baton.team.description import TeamModel
from baton.team.edge import Edge
from baton.team.finding import Finding
from baton.team.person import Person
from baton.team.raci import role_with
from baton.team.team import Team


def _unworn(model: TeamModel, team: Team) -> Iterator[Finding]:
    for phase in model.matrix:
        owners = role_with(model.matrix, phase, "A")
        if owners and not any(team.wearing(role) for role in owners):
            yield Finding(
                "no-accountable",
                phase,
                f"its accountable role {owners[0]} is worn by no one",
                f"add '{owners[0]}' to a person's roles, or give the phase away with 'raci: {{{phase}: …}}'",
            )


def _self_approval(model: TeamModel, team: Team) -> Iterator[Finding]:
    for edge in model.edges:
        person = _alone(team, edge)
        if person is not None and edge.name in model.by_person:
            yield Finding(
                "self-approval",
                edge.name,
                f"{person.id} makes '{edge.payload}' in {edge.giver} and would accept it in {edge.receiver}: the author approves their own work",
                f"let somebody else share {edge.giver} or {edge.receiver}, or let checks decide: 'handoffs: {{{edge.name}: {{accept: policy}}}}'",
            )


def _collision(model: TeamModel, team: Team) -> Iterator[Finding]:
    for edge in model.edges:
        person = _alone(team, edge)
        if person is not None:
            yield Finding(
                "hat-collision",
                edge.name,
                f"{person.id} alone holds both ends of '{edge.payload}' ({edge.giver} → {edge.receiver}): nobody else looks at it",
                f"let a second person do the work of {edge.giver} or answer for {edge.receiver}, or waive it with what keeps it honest",
            )


def _unconsulted(model: TeamModel, team: Team) -> Iterator[Finding]:
    for edge in (edge for edge in model.edges if edge.name in model.consulting):
        voices = team.bearing(edge.receiver, "C")
        ends = {*_gives(team, edge)[:1], *team.bearing(edge.receiver, "A")[:1]}
        if all(person in ends for person in voices):
            roles = " and ".join(role_with(model.matrix, edge.receiver, "C"))
            reason = f"{roles or 'no role'} is consulted in {edge.receiver}" + (
                f", worn only by {' and '.join(each.id for each in voices)} who gives or takes it"
                if voices
                else ", worn by nobody"
                if roles
                else ""
            )
            yield Finding(
                "nobody-consulted",
                edge.name,
                f"{reason}: the consultation before '{edge.payload}' asks nobody and is skipped",
                f"give a role of somebody else a C in raci.{edge.receiver}, or take 'consult' out of 'handoffs: {{{edge.name}: …}}'",
            )


def _alone(team: Team, edge: Edge) -> Person | None:
    """The only person who could give and the only one who would take, when that is one and the same."""
    gives = _gives(team, edge)
    takes = team.bearing(edge.receiver, "A")
    return gives[0] if len(gives) == 1 and gives == takes else None


def _gives(team: Team, edge: Edge) -> tuple[Person, ...]:
    return team.bearing(edge.giver, "R") or team.bearing(edge.giver, "A")


def _bus_factor(model: TeamModel, team: Team) -> Iterator[Finding]:
    for phase in model.matrix:
        people = able(team, phase)
        if len(people) == 1:
            yield Finding(
                "bus-factor",
                phase,
                f"{people[0].id} is the only one who could do it or answer for it; it stops when they leave",
                f"name a deputy of {people[0].id}, or give the role to a second person",
            )


def _channels(_: TeamModel, team: Team) -> Iterator[Finding]:
    for person in team.active:
        if not person.contacts:
            yield Finding(
                "no-channel",
                person.id,
                f"{person.id} has no contact: what waits on them is seen only when they look into the inbox",
                f"add e.g. 'contact: \"mailto:{person.id}@your.example\"'",
            )


def _deputies(model: TeamModel, team: Team) -> Iterator[Finding]:
    for person in team.active:
        owned = [phase for phase in model.matrix if team.bearing(phase, "A")[:1] == (person,)]
        if owned and next(team.deputies(person), None) is None:
            yield Finding(
                "no-deputy",
                person.id,
                f"{person.id} answers for {', '.join(owned)} and has no deputy: an absence goes past everybody they chose",
                f"add 'deputy: NAME' to {person.id}",
            )


RULES: tuple[Callable[[TeamModel, Team], Iterator[Finding]], ...] = (
    _unworn,
    _self_approval,
    _collision,
    _unconsulted,
    _bus_factor,
    _channels,
    _deputies,
)
"""Every rule about people, in order."""
