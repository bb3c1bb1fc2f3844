"""What the checks of a definition look at."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, get_args

from baton.project.definition import Definition, Phase
from baton.project.document import Lines

Matrix: TypeAlias = Mapping[str, Mapping[str, str]]
"""Who does what: phase → role → letter (R, A, C, I or RA)."""

PHASES: tuple[str, ...] = get_args(Phase)
"""The phases of the loop, in order."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A definition, where its values stand, the folder around it, the ownership matrix in force, and the roles there are."""

    definition: Definition
    lines: Lines
    folder: Path
    matrix: Matrix | None
    roles: Collection[str]
