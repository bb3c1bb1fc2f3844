"""What was agreed as success: the criterion of a metric, its bound in words, how far a value is on its good side, and how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

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


Standing = Literal["kept", "slipped", "missed", ""]


def standing(criterion: Criterion, values: Sequence[float]) -> Standing:
    """How a criterion stands by what the months showed, oldest first: the one rule wherever a promise is judged or coloured.

    `missed` (bad): the last month does not keep it. `slipped` (a warning): the last month does, an earlier one did not. `kept` (good):
    every month does. Empty while no month was measured. Whatever is missed or slipped stands against the product.
    """
    if not values:
        return ""
    if not met(criterion, values[-1]):
        return "missed"
    return "kept" if all(met(criterion, value) for value in values) else "slipped"


def told(metric: str) -> str:
    """The name of a metric as people read it: AUC, Brier."""
    return metric.upper() if metric == "auc" else metric.replace("_", " ").capitalize()


def places(metric: str) -> int:
    """The digits after the point that a metric is told with, the same wherever it stands."""
    return 4 if metric == "brier" else 3
