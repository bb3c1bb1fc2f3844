"""The training set: features, labels and decision times of entities whose truth was known by a cutoff."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from baton.kernel.clock import iso, micros
from baton.kernel.errors import Refused

Array = np.ndarray[Any, Any]
FEWEST = 20


@dataclass(frozen=True)
class TrainingSet:
    """Rows in order of decision time.

    `columns` are the features by name, `labels` 0 or 1, `decided_at` microseconds UTC, `entities` their keys. Spans of time
    count back from `cutoff`.
    """

    entities: Array
    decided_at: Array
    labels: Array
    columns: dict[str, Array]
    cutoff: datetime

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.labels)

    def digest(self) -> str:
        """SHA-256 over every value of it: the identity that a reproduction must reach."""
        made = hashlib.sha256(iso(self.cutoff).encode())
        for name, values in (
            ("entity", self.entities),
            ("decided_at", self.decided_at),
            ("label", self.labels),
            *sorted(self.columns.items()),
        ):
            made.update(name.encode() + b"\x1f")
            made.update(
                "\x1e".join(map(repr, values)).encode() if values.dtype == object else np.ascontiguousarray(values).tobytes()
            )
        return made.hexdigest()

    def take(self, chosen: Array | slice) -> "TrainingSet":
        """The rows where `chosen` is true; those of a slice share their memory with this set."""
        columns = {name: values[chosen] for name, values in self.columns.items()}
        return TrainingSet(self.entities[chosen], self.decided_at[chosen], self.labels[chosen], columns, self.cutoff)


@dataclass(frozen=True)
class Split:
    """Time-ordered parts: what is learned from, what chooses among trials, and what the gate alone may see.

    `learned` is train and validation together: what the chosen recipe is fitted on before the gate. Parts share the whole's memory.
    """

    train: TrainingSet
    validation: TrainingSet
    holdout: TrainingSet
    learned: TrainingSet


def split(whole: TrainingSet, validation: timedelta | float, holdout: timedelta | float) -> Split:
    """Cut by time (spans back from the cutoff) or, for tables without time, by shares of the rows in order.

    Raises Refused when a part would hold fewer than 20 rows or only one class.
    """
    last = _begin(whole, holdout, whole.cutoff)
    before = _begin(
        whole,
        validation,
        None if isinstance(validation, float) else whole.cutoff - (holdout if isinstance(holdout, timedelta) else timedelta()),
        until=last,
    )
    spans = (slice(before), slice(before, last), slice(last, None), slice(last))
    parts = Split(*(whole.take(span) for span in spans))
    for name, part in (("train", parts.train), ("validation", parts.validation), ("hold-out", parts.holdout)):
        if part.rows < FEWEST or len(np.unique(part.labels)) < 2:
            raise Refused(
                f"the {name} part has {part.rows} rows with {len(np.unique(part.labels))} class(es)",
                where=f"training set of {whole.rows} rows up to {iso(whole.cutoff)}",
                why=f"each part needs at least {FEWEST} rows and both classes",
                fix="wait for more labels, or change recipe.validation and recipe.holdout",
            )
    return parts


def _begin(whole: TrainingSet, part: timedelta | float, end: datetime | None, until: int | None = None) -> int:
    """Index of the first row of the last part."""
    size = whole.rows if until is None else until
    if isinstance(part, timedelta):
        assert end is not None
        return int(np.searchsorted(whole.decided_at, micros(end - part), side="right"))
    return max(0, size - round(whole.rows * part))
