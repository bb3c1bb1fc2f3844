"""What was predicted and how it came out, read from the tables when it is asked for.

Nothing is remembered from step to step: a step that is repeated after a kill sees what is stored, and judges the same.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from baton.app.lifecycle.collecting import TABLES

if TYPE_CHECKING:
    from baton.data.ports import Tables
    from baton.project.definition import Definition

INSTANT = timedelta(microseconds=1)


class Scored(NamedTuple):
    """A prediction: when it was decided (µs), on which entity, by which version."""

    at: int
    entity: str
    version: int
    score: float


class Recent:
    """Predictions by decision time and variant, and the labels that arrived for them."""

    def __init__(self, tables: "Tables", definition: "Definition") -> None:
        self._tables, self._key = tables, definition.entity.key
        source = definition.sources[definition.label.source]
        # A truth in rows of its own follows the decision that the loop itself took; any other may be older than the question.
        own = definition.label.source != definition.entity.source
        self._follows = own and source.known_at is not None and definition.decision is not None

    def scored(self, since: datetime, until: datetime, variants: Sequence[str]) -> list[Scored]:
        """Predictions of variants with since ≤ decided < until, in order of time, variant and entity."""
        found = [
            (row, variants.index(variant))
            for name in sorted({TABLES[variant] for variant in variants})
            if self._tables.exists(name)
            for row, variant in self._read(name, since, until, variants)
        ]
        return [row for row, _ in sorted(found, key=lambda each: (each[0].at, each[1], each[0].entity))]

    def labelled(self, since: datetime, until: datetime, variants: Sequence[str]) -> list[tuple[Scored, int]]:
        """The same, as far as a label has arrived, each with its label."""
        rows = self.scored(since, until, variants)
        labels = self._labels(since, {row.entity for row in rows})
        return [(row, labels[row.entity]) for row in rows if row.entity in labels]

    def _read(self, name: str, since: datetime, until: datetime, variants: Sequence[str]) -> list[tuple[Scored, str]]:
        import pyarrow as pa
        import pyarrow.compute as pc

        columns = (self._key, "decided_at", "model_version", "score", "variant")
        rows = self._tables.scan(name, columns, since - INSTANT, until - INSTANT, "decided_at")
        rows = rows.filter(pc.is_in(rows["variant"], value_set=pa.array(variants)))
        decided = rows["decided_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        entity, version, score, variant = (rows[each] for each in (self._key, *columns[2:]))
        values = (column.to_pylist() for column in (decided, entity, version, score, variant))
        return [(Scored(*row), name) for *row, name in zip(*values, strict=True)]

    def _labels(self, since: datetime, entities: set[str]) -> dict[str, int]:
        """The latest label of each of these entities."""
        if not entities or not self._tables.exists("labels"):
            return {}
        import pyarrow as pa
        import pyarrow.compute as pc

        rows = self._tables.scan("labels", after=since if self._follows else None)
        rows = rows.filter(pc.is_in(rows[self._key], value_set=pa.array(sorted(entities)))).sort_by("known_at")
        return dict(zip(rows[self._key].to_pylist(), rows["label"].to_pylist(), strict=True))
