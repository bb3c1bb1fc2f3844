"""What was agreed as success: the criterion of a metric, its bound in words, and how far a value is on its good side."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baton.project.definition import Criterion, Definition


def agreed(definition: Definition | None, metric: str) -> Criterion | None:
    """The criterion of a metric; None where none was agreed."""
    wanted = definition.problem.success if definition is not None else ()
    return next((each for each in wanted if each.metric == metric), None)


def bound(criterion: Criterion) -> str:
    """A criterion's bound in words: at least 0.8."""
    sides = (("at least", criterion.at_least), ("at most", criterion.at_most))
    return " and ".join(f"{words} {limit:g}" for words, limit in sides if limit is not None)


def margin(criterion: Criterion, value: float) -> float:
    """How far a value is on the good side of the nearer bound; below 0 it misses it."""
    sides = [value - criterion.at_least] if criterion.at_least is not None else []
    sides += [criterion.at_most - value] if criterion.at_most is not None else []
    return min(sides, default=0.0)


def met(criterion: Criterion, value: float) -> bool:
    """Whether a value keeps a criterion."""
    return margin(criterion, value) >= 0


def places(metric: str) -> int:
    """The digits after the point that a metric is told with, the same wherever it stands."""
    return 4 if metric == "brier" else 3
