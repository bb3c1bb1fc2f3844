"""The prediction log becomes tables, once a day and exactly once."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from baton.app.lifecycle.step import Step
from baton.delivery.routing import SILENT
from baton.kernel.clock import floor_to, from_micros, parse_instant
from baton.monitoring.day import Day
from baton.monitoring.drift import excess_psi, outside_share
from baton.monitoring.traffic import ERRORS, P50, P99
from baton.project.tablename import PREDICTIONS as TABLES
from baton.serving.lineup import PINNED
from baton.serving.log import read_segments, remove_collected
from baton.serving.prediction import PredictionBatch

if TYPE_CHECKING:
    import pyarrow as pa

    from baton.app.house import House
    from baton.monitoring.day import Reference

PREDICTIONS, TRIALS = TABLES
FROZEN = "shadow"
OWN = frozenset({"prediction_id", "decided_at", "model_version", "release", "variant", "score", "odds"})
DAY = timedelta(days=1)
FROM, UNTIL = "collected.from", "collected.until"


def collect(step: Step) -> tuple[list[PredictionBatch], dict[str, str]]:
    """Append what was logged since the last step; returns the batches, once each, and the cursor to commit.

    Where this step ends is committed before anything is appended, so a repeated step takes the very same records.
    """
    state = step.house.state
    folder, start = step.house.workspace.segments, json.loads(state.cursor(FROM) or "{}")
    fixed = json.loads(state.cursor(UNTIL) or "{}")
    if fixed.get("step") == step.number:
        found, end = read_segments(folder, start, until=fixed["at"])
    else:
        found, end = read_segments(folder, start)
        if found:
            state.commit([], cursors={UNTIL: json.dumps({"step": step.number, "at": end})})
    batches = _once(found)
    for name in sorted(TABLES):
        chosen = [batch for batch in batches if table_of(batch.variant) == name]
        if chosen:
            step.house.tables.append(name, as_table(chosen, step.house.definition.entity.key), step=step.number)
    return batches, {FROM: json.dumps(end)}


def clear(house: "House") -> None:
    """Remove the segments of which the last step that was committed took every record; run after any commit, or never."""
    remove_collected(house.workspace.segments, json.loads(house.state.cursor(FROM) or "{}"))


def table_of(variant: str) -> str:
    """Where a variant's scores are: those on trial apart, of which somebody else answered the very rows."""
    return TRIALS if variant in SILENT and variant != FROZEN else PREDICTIONS


def answers(variant: str) -> bool:
    """Whether callers see a variant's scores as the project's answer: a version asked for by name is on record, and not judged."""
    return variant not in SILENT and variant != PINNED


def _once(found: Sequence[PredictionBatch]) -> list[PredictionBatch]:
    """A request that was repeated after a kill was logged twice: the first record counts."""
    seen: dict[tuple[int, str, tuple[str, ...]], PredictionBatch] = {}
    for batch in found:
        seen.setdefault((batch.decided_at, batch.variant, tuple(batch.prediction_ids)), batch)
    return sorted(seen.values(), key=lambda batch: (batch.decided_at, batch.variant, tuple(batch.prediction_ids)))


def as_table(batches: Sequence[PredictionBatch], entity: str) -> "pa.Table":
    """Batches as one table: identity, decision, and every feature value as the model saw it."""
    import pyarrow as pa

    def spread(name: str) -> list[Any]:
        return [getattr(batch, name) for batch in batches for _ in batch.entities]

    columns: dict[str, Any] = {
        "prediction_id": pa.array([id for batch in batches for id in batch.prediction_ids], pa.string()),
        entity: pa.array([key for batch in batches for key in batch.entities], pa.string()),
        "decided_at": pa.array(spread("decided_at"), pa.int64()).cast(pa.timestamp("us", "UTC")),
        "model_version": pa.array(spread("model_version"), pa.int32()),
        "release": pa.array(spread("release"), pa.string()),
        "variant": pa.array(spread("variant"), pa.string()),
        "score": pa.array([score for batch in batches for score in batch.scores], pa.float64()),
        "odds": pa.array(spread("odds"), pa.float64()),
    }
    for name in dict.fromkeys(name for batch in batches for name in batch.features):
        values = _values(batches, name)
        text = isinstance(next((value for value in values if value is not None), None), str)
        columns[name if name not in columns else f"feature_{name}"] = pa.array(values, pa.string() if text else pa.float64())
    return pa.table(columns)


def _values(batches: Sequence[PredictionBatch], name: str) -> list[Any]:
    """A feature's values over all rows; None where a batch does not know it."""
    return list(chain.from_iterable(batch.features.get(name) or [None] * len(batch.entities) for batch in batches))


def measure_traffic(step: Step, batches: Sequence[PredictionBatch], failed: int) -> None:
    """Note how long answers took, at the end of their day, and how many requests failed; no run repeats these."""
    answered = [batch for batch in batches if answers(batch.variant)]
    if failed or answered:
        step.house.state.measure(ERRORS, failed, step.now)
    for end, of_day in groupby(answered, lambda batch: floor_to(from_micros(batch.decided_at), DAY) + DAY):
        took = np.array([batch.latency_us for batch in of_day], dtype=np.float64) / 1000
        for name, share in ((P50, 0.5), (P99, 0.99)):
            step.house.state.measure(name, round(float(np.quantile(took, share)), 3), end)


def record_days(step: Step, reference: "Reference | None") -> None:
    """The days that ended since the last daily step, as far as they can be judged without labels."""
    before = step.house.state.cursor("day")
    if before is None or not step.house.tables.exists(PREDICTIONS):
        return
    began = floor_to(parse_instant(before), DAY)
    while began + DAY <= step.now:
        _record_day(step, began, reference)
        began += DAY


def _record_day(step: Step, began: datetime, reference: "Reference | None") -> None:
    import pyarrow.compute as pc

    first = began - timedelta(microseconds=1)
    rows = step.house.tables.scan(PREDICTIONS, None, first, first + DAY, "decided_at")
    rows = rows.filter(pc.not_equal(rows["variant"], FROZEN))
    if not rows.num_rows:
        return
    names = {name: name if name not in OWN else f"feature_{name}" for name in (reference.low if reference else ())}
    columns = {name: rows[column].to_numpy().astype(np.float64) for name, column in names.items() if column in rows.column_names}
    day = Day(
        id=began.date().isoformat(),
        status="served",
        day=began,
        requests=pc.count_distinct(rows["decided_at"]).as_py(),
        predictions=rows.num_rows,
        versions=tuple(sorted(rows["model_version"].unique().to_pylist())),
        outside=outside_share(reference, columns) if reference and columns else {},
        drift=excess_psi(reference, columns) if reference and columns else {},
        mean_score=round(float(np.mean(rows["score"].to_numpy())), 10),
    )
    step.draft.record(step.act("monitor"), day, "served", f"{day.predictions} predictions in {day.requests} requests")
