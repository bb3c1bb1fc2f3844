"""What was predicted and how it came out, read from the tables when it is asked for.

Nothing is remembered from step to step: a step that is repeated after a kill sees what is stored, and judges the same.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from baton.app.lifecycle.collecting import FROZEN, PREDICTIONS, table_of
from baton.app.lifecycle.landing import ALIAS

if TYPE_CHECKING:
    from baton.data.ports import Tables
    from baton.project.definition import Definition

INSTANT = timedelta(microseconds=1)
ANSWERING = ("live", "canary")
"""Who comes first among those that answered at the same time."""


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

    def scored(self, since: datetime, until: datetime, variants: Sequence[str] | None) -> list[Scored]:
        """Predictions of variants (None: of all who answered) with since ≤ decided < until, by time, variant and entity."""
        order = variants if variants is not None else ANSWERING
        found = [
            (row, order.index(variant) if variant in order else len(order), variant)
            for name in sorted({table_of(variant) for variant in variants} if variants is not None else {PREDICTIONS})
            if self._tables.exists(name)
            for row, variant in self._read(name, since, until, variants)
        ]
        return [row for row, *_ in sorted(found, key=lambda each: (each[0].at, each[1], each[2], each[0].entity))]

    def labelled(self, since: datetime, until: datetime, variants: Sequence[str] | None) -> list[tuple[Scored, int]]:
        """The same, as far as a label has arrived, each with its label."""
        rows = self.scored(since, until, variants)
        labels = self.labels(since, {row.entity for row in rows})
        return [(row, labels[row.entity]) for row in rows if row.entity in labels]

    def _read(self, name: str, since: datetime, until: datetime, variants: Sequence[str] | None) -> list[tuple[Scored, str]]:
        import pyarrow as pa
        import pyarrow.compute as pc

        columns = (self._key, "decided_at", "model_version", "score", "variant")
        rows = self._tables.scan(name, columns, since - INSTANT, until - INSTANT, "decided_at")
        wanted = (
            pc.not_equal(rows["variant"], FROZEN) if variants is None else pc.is_in(rows["variant"], value_set=pa.array(variants))
        )
        rows = rows.filter(wanted)
        decided = rows["decided_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        entity, version, score, variant = (rows[each] for each in (self._key, *columns[2:]))
        values = (column.to_pylist() for column in (decided, entity, version, score, variant))
        return [(Scored(*row), name) for *row, name in zip(*values, strict=True)]

    def labels(self, since: datetime, entities: set[str]) -> dict[str, int]:
        """The latest label of each of these entities."""
        if not entities or not self._tables.exists("labels"):
            return {}
        import pyarrow as pa
        import pyarrow.compute as pc

        rows = self._tables.scan("labels", after=since if self._follows else None)
        if ALIAS in rows.column_names:
            known_as = pc.coalesce(rows[ALIAS], rows[self._key])
            rows = rows.set_column(rows.column_names.index(self._key), self._key, known_as)
        rows = rows.filter(pc.is_in(rows[self._key], value_set=pa.array(sorted(entities)))).sort_by("known_at")
        return dict(zip(rows[self._key].to_pylist(), rows["label"].to_pylist(), strict=True))
