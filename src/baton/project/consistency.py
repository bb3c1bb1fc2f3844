"""Contradictions inside a definition and with the files around it. Pure but for asking whether files are there.

Each check names the sections it reads, so that a broken section silences only what depends on it. Nothing raises:
every check returns the mistakes it found.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from baton.kernel.errors import Mistake
from baton.project.checks import rollout, rules, scoring, sources, times
from baton.project.checks.ground import Ground
from baton.project.checks.people import Matrix, ownership_check
from baton.project.definition import Definition
from baton.project.document import Lines

_CHECKS: tuple[tuple[str, Callable[[Ground], Iterator[Mistake]]], ...] = (
    ("sources", sources.names),
    ("sources", sources.sources),
    ("features", sources.features),
    ("sources entity label", sources.subjects),
    ("label", sources.label),
    ("sources replay", sources.days),
    ("sources label recipe replay", times.times),
    ("decision", times.decision),
    ("sources entity label recipe monitor decision", times.maturity),
    ("replay", times.replay),
    ("recipe", rules.recipe),
    ("problem gates", rules.criteria),
    ("gates", rules.slices),
    ("rollout", rollout.steps),
    ("rollout", rollout.strategy),
    ("rollout", rollout.deadlines),
    ("rollout", rollout.guards),
    ("rollout", rollout.comparisons),
    ("rollout replay", rollout.faults),
    ("scoring", scoring.schedules),
    ("sources scoring", scoring.rows),
    ("sources scoring", scoring.tables),
    ("scoring", scoring.alike),
    ("scoring", scoring.places),
)


def cross_check(
    definition: Definition,
    lines: Lines,
    folder: Path,
    matrix: Matrix | None = None,
    *,
    skip: frozenset[str] = frozenset(),
    absent: Callable[[str], bool] = lambda _: False,
) -> tuple[Mistake, ...]:
    """Everything that contradicts itself or the files in `folder`.

    `matrix` is the ownership matrix in force, defaults included; with it every phase needs one accountable role that
    somebody wears. Without it the declared rows are judged alone. Checks that read a section in `skip` are left out.
    `absent` tells of which sources the file may be missing.
    """
    ground = Ground(definition, lines, folder, absent)
    checks = (check for sections, check in _CHECKS if not skip & set(sections.split()))
    behaviours = definition.replay.people if definition.replay and "replay" not in skip else {}
    owned = ownership_check(definition, lines, matrix, skip=skip, behaviours=behaviours)
    return (*owned, *(mistake for check in checks for mistake in check(ground)))
