"""The last days of predictions and labels, kept in memory so that a daily step need not read tables again.

Rebuilt from the tables at a start; what it answers is the same either way.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from baton.kernel.clock import micros

if TYPE_CHECKING:
    import pyarrow as pa

    from baton.data.ports import Tables

Array = np.ndarray[Any, Any]
KEPT = timedelta(days=12)
ANSWERED = ("live", "canary")
COLUMNS = ("decided_at", "variant", "model_version", "release", "score")


class Recent:
    """Scores by (variant, decision time) and labels by entity, both for the last days."""

    def __init__(self, entity: str) -> None:
        self._entity = entity
        self._scores: dict[int, dict[str, list[tuple[str, int, str, float]]]] = {}
        self._labels: dict[str, int] = {}
        self._labelled: list[tuple[int, str]] = []

    def restore(self, tables: "Tables", now: datetime) -> None:
        """Read the last days back."""
        for name in ("predictions", "challenger_predictions"):
            if tables.exists(name):
                self.add_predictions(
                    tables.scan(name, columns=(self._entity, *COLUMNS), after=now - KEPT, until=now, on="decided_at")
                )
        if tables.exists("labels"):
            self.add_labels(tables.scan("labels", after=now - KEPT, until=now))

    def add_predictions(self, rows: "pa.Table") -> None:
        """Take in scored rows."""
        decided = _micros(rows["decided_at"])
        columns = (rows[name].to_pylist() for name in ("variant", self._entity, "model_version", "release", "score"))
        for at, variant, entity, version, release, score in zip(decided, *columns, strict=True):
            self._scores.setdefault(at, {}).setdefault(variant, []).append((entity, version, release, score))

    def add_labels(self, rows: "pa.Table") -> None:
        """Take in labels that arrived."""
        for at, entity, label in zip(
            _micros(rows["known_at"]), rows[self._entity].to_pylist(), rows["label"].to_pylist(), strict=True
        ):
            self._labels[entity] = label
            self._labelled.append((at, entity))

    def forget(self, now: datetime) -> None:
        """Drop what is older than is kept."""
        limit = micros(now - KEPT)
        self._scores = {at: found for at, found in self._scores.items() if at >= limit}
        for _, entity in (each for each in self._labelled if each[0] < limit):
            self._labels.pop(entity, None)
        self._labelled = [each for each in self._labelled if each[0] >= limit]

    def scored(self, since: datetime, until: datetime, variants: Sequence[str]) -> list[tuple[int, str, int, str, float]]:
        """(decided µs, entity, version, release, score) of variants with since ≤ decided < until, in order."""
        first, last = micros(since), micros(until)
        return [
            (at, *row)
            for at in sorted(self._scores)
            if first <= at < last
            for variant in variants
            for row in self._scores[at].get(variant, ())
        ]

    def label(self, entity: str) -> int | None:
        """The label of an entity, None while it is not known."""
        return self._labels.get(entity)


def _micros(column: "pa.ChunkedArray") -> list[int]:
    import pyarrow as pa

    values: list[int] = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()
    return values
