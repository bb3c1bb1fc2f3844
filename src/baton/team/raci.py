"""The RACI matrix: for every phase who is responsible (R), accountable (A), consulted (C) and informed (I).

The default is the matrix of the lifecycle with its holes filled: a column for SRE, a row for registration, DevOps at
work beside the owner in package and deploy, the ML engineer beside the data scientist in train.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baton.kernel.errors import Refused

if TYPE_CHECKING:
    from baton.project.definition import Definition, Member

PHASES = (
    "define",
    "ingest",
    "validate",
    "features",
    "train",
    "evaluate",
    "register",
    "package",
    "deploy",
    "monitor",
    "incident",
    "retrain",
)
_COLUMNS = ("data-scientist", "ml-engineer", "mlops-engineer", "data-engineer", "devops-engineer", "sre", "product-manager")
_ROWS = {
    "define": "C C I I I I RA",
    "ingest": "C I I RA I I C",
    "validate": "C C C RA I I I",
    "features": "R A I C I I I",
    "train": "RA R I I I I I",
    "evaluate": "RA C I I I I C",
    "register": "I RA C I I I I",
    "package": "C RA C I R I I",
    "deploy": "I C RA I R C I",
    "monitor": "C C RA C C C I",
    "incident": "C C R C C R A",
    "retrain": "C R A C I I I",
}
_STRENGTH = ("", "I", "C", "A", "R", "RA")

Matrix = Mapping[str, Mapping[str, str]]
DEFAULT: Matrix = {phase: dict(zip(_COLUMNS, row.split(), strict=True)) for phase, row in _ROWS.items()}


def effective(overrides: Matrix) -> Matrix:
    """The default with a project's rows laid over it: an overridden row replaces the whole row."""
    return {phase: overrides.get(phase, row) for phase, row in DEFAULT.items()}


def role_with(matrix: Matrix, phase: str, letter: str) -> tuple[str, ...]:
    """The roles that bear a letter in a phase, in the matrix's order."""
    return tuple(role for role, letters in matrix[phase].items() if letter in letters)


@dataclass(frozen=True, slots=True)
class Team:
    """The people and the matrix that binds them to phases."""

    people: tuple[Member, ...]
    matrix: Matrix

    def wearing(self, role: str) -> tuple[Member, ...]:
        """Everybody who wears a role, in declared order."""
        return tuple(person for person in self.people if role in person.roles)

    def person(self, name: str) -> Member | None:
        """The person of that name."""
        return next((person for person in self.people if person.name == name), None)

    def accountable(self, phase: str) -> Member:
        """The one person accountable for a phase. Raises Refused when nobody wears the role: no step without an owner."""
        (role,) = role_with(self.matrix, phase, "A") or ("",)
        people = self.wearing(role)
        if not people:
            raise Refused(
                f"nobody is accountable for '{phase}'",
                where="people in baton.yaml",
                why=f"its accountable role '{role}' is worn by no one",
                fix=f"give a person the role '{role}', or override raci.{phase}",
            )
        return people[0]

    def responsible(self, phase: str) -> Member:
        """The first person who does the work of a phase; the accountable one when no responsible role is worn."""
        found = (person for role in role_with(self.matrix, phase, "R") for person in self.wearing(role))
        return next(found, None) or self.accountable(phase)

    def role_in(self, person: Member, phase: str) -> str:
        """The role in which a person acts in a phase: the one with the strongest letter there, the work before the signature."""
        letters = self.matrix[phase]
        return max(person.roles, key=lambda role: (_STRENGTH.index(letters.get(role, "")), -person.roles.index(role)))


def team_of(definition: Definition) -> Team:
    """The team a project declares."""
    return Team(definition.people, effective(definition.raci))
