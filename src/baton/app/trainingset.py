"""The training set out of the workspace's tables: every matured label with what was known when its entity was decided on.

Called by the training job; batch scoring reads and joins through the same functions, so that its values are the same.
Reading stands here; how a set is split and named is in `training/trainingset.py`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from baton.data.ports import Tables
from baton.features.join import Columns, join
from baton.features.online import compute_requests
from baton.features.view import DECIDED_AT, FeaturePlan
from baton.kernel.clock import from_micros, micros
from baton.kernel.errors import Refused
from baton.project.definition import Definition
from baton.registry.signature import InputFeature, Signature
from baton.training.trainingset import TrainingSet

if TYPE_CHECKING:
    import pyarrow as pa

CATEGORIES = 2000
"""The most different texts of a category."""


def training_set(definition: Definition, plan: FeaturePlan, tables: Tables, cutoff: datetime) -> TrainingSet:
    """All matured entities whose label was known by `cutoff`, each with the features it had at its own decision time.

    Raises Refused when there is no label yet.
    """
    import pyarrow as pa

    labels = _labels(definition, tables, cutoff)
    sources = {
        name: source_rows(definition, plan, tables, name, cutoff)
        for name in {definition.entity.source, *(view.source for view in plan.views)}
    }
    rows = _labelled(definition, plan, labels, sources[definition.entity.source], cutoff)
    columns = assembled(definition, plan, rows, sources)
    del labels, sources
    pa.default_memory_pool().release_unused()  # what the tables held is wanted by the fit, and Arrow would keep it
    decided = columns[DECIDED_AT].astype(np.int64)
    if definition.decision is None and len(decided):
        cutoff = from_micros(int(decided[-1]))  # a table of somebody's own may end long before today
    return TrainingSet(
        entities=np.array(rows[definition.entity.key].to_pylist(), dtype=object),
        decided_at=decided,
        labels=rows["label"].to_numpy().astype(np.float32),
        columns={name: columns[name] for name in plan.names},
        cutoff=cutoff,
    )


def assembled(definition: Definition, plan: FeaturePlan, rows: "pa.Table", sources: Mapping[str, "pa.Table"]) -> Columns:
    """The features of some entities' rows, each as it was known at the row's own `decided_at`.

    `sources` are what `source_rows` gives.
    """
    columns = join(plan, rows, sources, {name: definition.sources[name].known_at for name in sources})
    compute_requests(plan, columns)
    return columns


def signature_of(definition: Definition, whole: TrainingSet) -> Signature:
    """The model's inputs as seen in training: texts become categories in order of their names. Raises Refused above 2,000."""
    features = []
    for name, values in whole.columns.items():
        if values.dtype != object:
            features.append(InputFeature(name, "number"))
            continue
        known = sorted({str(value) for value in values if value is not None})
        if len(known) > CATEGORIES:
            raise Refused(
                f"feature '{name}' has {len(known)} different texts",
                why=f"at most {CATEGORIES} make a useful category",
                fix="drop it, or group its values in a request function",
            )
        features.append(InputFeature(name, "category", tuple(known)))
    return Signature(tuple(features), definition.entity.key, definition.entity.source, definition.problem.value.threshold)


def _labels(definition: Definition, tables: Tables, cutoff: datetime) -> "pa.Table":
    """The labels known by the cutoff, in order of (known time, key)."""
    known = tables.scan("labels", until=cutoff) if tables.exists("labels") else None
    if known is None or known.num_rows == 0:
        raise Refused(
            "there is nothing to learn from yet",
            why="no label is known",
            fix="wait for labels, or check label.source in baton.yaml",
        )
    return known.sort_by([("known_at", "ascending"), (definition.entity.key, "ascending")])


def _labelled(
    definition: Definition, plan: FeaturePlan, labels: "pa.Table", entities: "pa.Table", cutoff: datetime
) -> "pa.Table":
    """Labelled entities with the columns that features need of their own row, in order of (decision time, key)."""
    import pyarrow as pa

    key = definition.entity.key
    entities = entities.select(list(dict.fromkeys(_own(definition, plan))))
    entities = entities.set_column(entities.schema.get_field_index(key), key, entities[key].cast(pa.string()))
    rows = labels.select([key, "label"]).join(entities, key, join_type="inner")
    rows = rows.append_column(DECIDED_AT, _decided(definition, rows, cutoff))
    rows = rows.sort_by([(DECIDED_AT, "ascending"), (key, "ascending")]).combine_chunks()
    if _moment(definition) is None:
        return rows
    window, later = definition.recipe.window, definition.label.source != definition.entity.source
    until = cutoff - definition.monitor.maturity if later else cutoff
    return _between(rows, None if window is None else cutoff - window, until)


def _own(definition: Definition, plan: FeaturePlan) -> tuple[str, ...]:
    """The columns of an entity's own row that are needed."""
    moment = _moment(definition)
    return definition.entity.key, *plan.entity_needs(), *((moment,) if moment else ())


def _moment(definition: Definition) -> str | None:
    """The entity's column that its decision time is reckoned from: without a decision, when its row became known."""
    return definition.decision.at if definition.decision else definition.sources[definition.entity.source].known_at


def _between(rows: "pa.Table", after: datetime | None, until: datetime) -> "pa.Table":
    """Rows decided in (after, until]. What is decided later has only its quick labels yet: learning from them would be biased."""
    decided = rows[DECIDED_AT].cast("int64").to_numpy()
    return rows.filter((decided <= micros(until)) & (decided > (micros(after) if after else -1)))


def source_rows(definition: Definition, plan: FeaturePlan, tables: Tables, name: str, cutoff: datetime) -> "pa.Table":
    """What is needed of a source's rows known by the cutoff, in order of (known time, key)."""
    source, entity = definition.sources[name], definition.entity.source
    order = source.key if source.known_at is None else (source.known_at, *source.key)
    needs = [*order, *(_own(definition, plan) if name == entity else ())]
    needs += [column for view in plan.views if view.source == name for column in (*view.key, *view.columns)]
    columns = tuple(dict.fromkeys(needs))
    if source.known_at is None:
        return tables.scan(name, columns).combine_chunks()
    rows = tables.scan(name, columns, until=cutoff, on=source.known_at)
    return rows.sort_by([(column, "ascending") for column in order]).combine_chunks()


def _decided(definition: Definition, rows: "pa.Table", cutoff: datetime) -> "pa.Array":
    """When each entity was, or would have been, decided on; the cutoff itself for tables without time."""
    import pyarrow as pa

    instant, moment = pa.timestamp("us", "UTC"), _moment(definition)
    if moment is None:
        return pa.array(np.full(rows.num_rows, micros(cutoff)), pa.int64()).cast(instant)
    at = rows[moment].cast(instant)
    if definition.decision is None:
        return at
    every, lead = (int(span.total_seconds() * 1e6) for span in (definition.decision.every, definition.decision.lead[0]))
    return pa.array((at.cast(pa.int64()).to_numpy() - lead) // every * every, pa.int64()).cast(instant)
