"""What a model takes and gives: typed features in order, and how values become the float32 matrix that it scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

UNSEEN = float("nan")


@dataclass(frozen=True, slots=True)
class InputFeature:
    """One input: a number, or a category with its known values (position = code). Unseen values score as missing."""

    name: str
    kind: Literal["number", "category"]
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Signature:
    """The model's inputs in order, the entity it speaks of, and the threshold of its positive answer."""

    features: tuple[InputFeature, ...]
    entity: str
    entity_source: str
    threshold: float

    @cached_property
    def codes(self) -> Mapping[str, Mapping[str, int]]:
        """Per categorical input, the code of each known value."""
        return {
            item.name: {value: code for code, value in enumerate(item.categories)}
            for item in self.features
            if item.kind == "category"
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Input names in the order of the matrix's columns."""
        return tuple(item.name for item in self.features)

    def encode(self, columns: "Mapping[str, Sequence[Any] | np.ndarray[Any, Any]]") -> "np.ndarray[Any, np.dtype[np.float32]]":
        """The (rows, features) float32 matrix of columns by name; None and unseen categories become NaN."""
        import numpy as np

        rows = len(next(iter(columns.values()))) if columns else 0
        matrix = np.empty((rows, len(self.features)), dtype=np.float32)
        for position, item in enumerate(self.features):
            values = columns[item.name]
            if item.kind == "category":
                codes = self.codes[item.name]
                matrix[:, position] = [codes.get(value, UNSEEN) for value in values]
            elif isinstance(values, np.ndarray) or None not in values:
                matrix[:, position] = values
            else:
                matrix[:, position] = [UNSEEN if value is None else value for value in values]
        return matrix
