"""Which class's probability is the score, of a model that knows several."""

from collections.abc import Sequence

from baton.kernel.errors import InvalidInput
from baton.kernel.suggest import did_you_mean


def place_of(label: str, classes: Sequence[str]) -> int:
    """The place of a class, by default the second of two. Raises InvalidInput when it is unknown, or one has to be named."""
    if not classes or (not label and len(classes) == 2):
        return -1
    if not label:
        raise InvalidInput(
            f"the model tells {len(classes)} classes apart",
            where="--label",
            why="a score is the probability of one of them",
            fix=f"say which: --label {classes[-1]}; it knows {', '.join(list(classes)[:20])}",
        )
    if label not in classes:
        raise InvalidInput(f"the model knows no class '{label}'", where="--label", fix=did_you_mean(label, list(classes)))
    return list(classes).index(label)
