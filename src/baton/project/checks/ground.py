"""What the checks of a definition look at."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from baton.project.definition import Definition
from baton.project.document import Lines


@dataclass(frozen=True, slots=True)
class Ground:
    """A definition, where its values stand, and the folder around it. `absent` tells of which sources the file may be missing."""

    definition: Definition
    lines: Lines
    folder: Path
    absent: Callable[[str], bool] = lambda _: False
