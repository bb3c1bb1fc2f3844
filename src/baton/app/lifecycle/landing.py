"""Ingest and validate, once a day: land what was released, judge contracts, and write down the truths that arrived."""

from dataclasses import replace
from datetime import datetime

from baton.app.lifecycle.arrivals import label_rows
from baton.app.lifecycle.step import Step
from baton.data.ingest import Landing
from baton.data.standing import UNREADABLE, SourceState
from baton.kernel.clock import parse_instant
from baton.kernel.errors import BrokenSource

ALIAS = "logged_as"
"""The column of labels that a personal entity's predictions are found by."""


def land(step: Step) -> None:
    """Land every source up to now, and the labels that arrived with them.

    On the wall clock a source that cannot be read is passed over and says so; what it missed lands once it can be read.
    """
    for name, intake in step.house.intakes.items():
        before = step.draft.get(SourceState, name)
        since = before.landed_at if before is not None and before.status == UNREADABLE else _since(step)
        try:
            if intake.landed != since:  # a step that failed after this landing is repeated
                intake.resume(intake.released, since)
            landing = intake.land(step.now, step.number)
        except BrokenSource as error:
            if before is None or step.house.workspace.clock != "wall":
                raise
            _pass_over(step, before, error)
            continue
        if landing.left or before is None or before.status == UNREADABLE:
            _record(step, name, landing, before)
    _labels(step)


def _pass_over(step: Step, before: SourceState, error: BrokenSource) -> None:
    state = replace(before, status=UNREADABLE, reasons=(f"{error.what} ({error.why or error.where})",))
    if state != before:
        step.draft.record(step.act("ingest"), state, UNREADABLE, state.reasons[0])


def _record(step: Step, name: str, landing: Landing, before: SourceState | None) -> None:
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


def _labels(step: Step) -> None:
    """Labels of the day, appended exactly once."""
    house, definition = step.house, step.house.definition
    name, known_at = definition.label.source, definition.sources[definition.label.source].known_at
    if not house.tables.exists(name) or (known_at is None and house.tables.exists("labels")):
        return
    rows = house.tables.scan(name) if known_at is None else house.tables.scan(name, None, _since(step), step.now, known_at)
    made = label_rows(rows, definition)
    if house.alias is not None:
        made = made.append_column(ALIAS, [[house.alias(key) for key in made[definition.entity.key].to_pylist()]])
    if made.num_rows:
        order = [("known_at", "ascending"), (definition.entity.key, "ascending")]
        house.tables.append("labels", made if known_at is None else made.sort_by(order), step=step.number)


def _since(step: Step) -> datetime | None:
    """The last daily step before this one."""
    before = step.house.state.cursor("day")
    return parse_instant(before) if before else None
