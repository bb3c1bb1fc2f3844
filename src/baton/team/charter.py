"""The charter: the matrix and the groups in force, on the record, so that the ledger alone tells who answered for what."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baton.team.person import Person, declared
from baton.team.raci import Matrix, effective, in_order
from baton.team.team import Team

if TYPE_CHECKING:
    from baton.project.ownership import Ownership


@dataclass(frozen=True, slots=True)
class Charter:
    """One per workspace. `need` is how many people approve where four eyes are asked for."""

    KIND: ClassVar[str] = "charter"
    id: str
    status: str
    matrix: Matrix
    teams: Mapping[str, tuple[str, ...]]
    need: int = 2


def charter_of(owned: "Ownership") -> Charter:
    """The charter that a project declares."""
    teams = {name: team.members for name, team in owned.teams.items()}
    return Charter("team", "in-force", effective(owned.raci), teams, owned.approvals.need)


def people_of(owned: "Ownership") -> tuple[Person, ...]:
    """The people that a project declares, with the hats of their teams."""
    return tuple(
        declared(member, rank, tuple(r for team in owned.teams.values() if member.name in team.members for r in team.roles))
        for rank, member in enumerate(owned.people)
    )


def team_under(charter: Charter, people: Iterable[Person]) -> Team:
    """The team of recorded people under a charter, in declared order."""
    ordered = sorted(people, key=lambda person: (person.rank, person.id))
    return Team(tuple(ordered), in_order(charter.matrix), charter.teams)


def team_of(owned: "Ownership") -> Team:
    """The team as a project declares it, before anything was recorded of it."""
    return team_under(charter_of(owned), people_of(owned))
