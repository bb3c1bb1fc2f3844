"""Rules that a model must pass and that ask nothing, or the impossible: recipe, criteria, slices."""

from collections.abc import Iterator

from baton.kernel.errors import Mistake
from baton.project.checks.ground import Ground
from baton.project.definition import Criterion
from baton.project.document import Lines, Where


def recipe(ground: Ground) -> Iterator[Mistake]:
    """The recipe has learners and leaves rows to train on."""
    recipe, lines = ground.definition.recipe, ground.lines
    for name in ("holdout", "validation", "window", "abort_after"):
        length = getattr(recipe, name)
        if length is not None and not length:
            yield lines.mistake(("recipe", name), f"recipe.{name} is nothing", "write a length above 0")
    shares = [length for length in (recipe.holdout, recipe.validation) if isinstance(length, float)]
    if sum(shares) >= 1:
        what = f"holdout and validation take {sum(shares):.0%} of the labels and leave none to train on"
        yield lines.mistake(
            ("recipe", "holdout" if recipe.holdout in shares else "validation"), what, "write e.g. 'holdout: 0.2'"
        )
    if not recipe.learners:
        yield lines.mistake(("recipe", "learners"), "recipe.learners is empty", "write e.g. 'learners: [lightgbm, linear]'")


def criteria(ground: Ground) -> Iterator[Mistake]:
    """Criteria have a bound that asks something of their metric."""
    listed: tuple[tuple[Where, tuple[Criterion, ...]], ...] = (
        (("problem", "success"), ground.definition.problem.success),
        (("gates", "minimum"), ground.definition.gates.minimum),
    )
    for where, criteria in listed:
        for number, criterion in enumerate(criteria):
            yield from _criterion((*where, number), criterion, ground.lines)


def slices(ground: Ground) -> Iterator[Mistake]:
    """Slices are listed once."""
    slices = ground.definition.gates.slices
    for number, name in enumerate(slices):
        if name in slices[:number]:
            yield ground.lines.mistake(("gates", "slices", number), f"slice '{name}' is listed twice", "keep one of them")


def _criterion(where: Where, criterion: Criterion, lines: Lines) -> Iterator[Mistake]:
    metric, low, high = criterion.metric, criterion.at_least, criterion.at_most
    good, bad = ("at_least", "at_most") if metric == "auc" else ("at_most", "at_least")
    if low is None and high is None:
        example = "0.7" if metric == "auc" else "0.2" if metric == "brier" else "0.6"
        yield lines.mistake(where, f"the criterion on {metric} has no bound", f"add '{good}: {example}'")
    elif getattr(criterion, good) is None:
        better = "more" if metric == "auc" else "less"
        yield lines.mistake(
            (*where, bad), f"{bad} never asks anything of {metric}: {better} is better", f"write '{good}' instead"
        )
    elif low is not None and high is not None and low > high:
        yield lines.mistake(where, f"no {metric} is at least {low:g} and at most {high:g}", "swap the bounds, or keep one")
    elif metric in ("auc", "brier") and not all(0 <= bound <= 1 for bound in (low, high) if bound is not None):
        yield lines.mistake((*where, good), f"{metric} lies between 0 and 1, the bound does not", "write a number from 0 to 1")
