"""Ingest and validate, once a day: land what was released, judge contracts, and write down the truths that arrived."""

from datetime import datetime
from typing import TYPE_CHECKING

from baton.app.lifecycle.arrivals import label_rows
from baton.app.lifecycle.step import Step
from baton.data.standing import SourceState
from baton.kernel.clock import parse_instant

if TYPE_CHECKING:
    import pyarrow as pa

    from baton.data.ingest import Landing


def land(step: Step) -> "pa.Table":
    """Land every source up to now; returns the labels that arrived since the last landing."""
    for name, intake in step.house.intakes.items():
        landing = intake.land(step.now, step.number)
        if landing.left or name not in _known(step):
            _record(step, name, landing)
    return _labels(step)


def _known(step: Step) -> set[str]:
    return {source.id for source in step.draft.all(SourceState)}


def _record(step: Step, name: str, landing: "Landing") -> None:
    before = step.draft.get(SourceState, name)
    state = SourceState(
        id=name,
        status=landing.verdict.state,
        rows=(before.rows if before else 0) + landing.landed,
        rejected=(before.rejected if before else 0) + landing.rejected,
        landed_at=step.now,
        version=landing.version or 0,
        digest=landing.digest,
        reasons=tuple(landing.verdict.reasons),
    )
    step.draft.record(
        step.act("ingest"),
        state,
        "landed",
        f"{landing.landed} rows landed, {landing.rejected} in quarantine",
        left=landing.left,
        digest=landing.digest,
    )


def _labels(step: Step) -> "pa.Table":
    """Labels of the day, appended exactly once."""
    house, definition = step.house, step.house.definition
    source = definition.sources[definition.label.source]
    if not house.tables.exists(definition.label.source):
        import pyarrow as pa

        return pa.table(
            {
                definition.entity.key: pa.array([], pa.string()),
                "label": pa.array([], pa.int8()),
                "known_at": pa.array([], pa.timestamp("us", "UTC")),
            }
        )
    if source.known_at is None:
        first = house.tables.last_step("labels") is None
        rows = house.tables.scan(definition.label.source)
        made = label_rows(rows if first else rows.slice(0, 0), definition)
    else:
        rows = house.tables.scan(definition.label.source, after=_since(step), until=step.now, on=source.known_at)
        made = label_rows(rows, definition).sort_by([("known_at", "ascending"), (definition.entity.key, "ascending")])
    if made.num_rows:
        house.tables.append("labels", made, step=step.number)
    return made


def _since(step: Step) -> datetime | None:
    """The last daily step before this one."""
    before = step.house.state.cursor("day")
    return parse_instant(before) if before else None
