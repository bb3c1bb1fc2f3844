"""The batches that a project declares, scored at the daily step on which they are due.

The work is done in a child process that gives its memory back; the step waits for it, as it waits for a training, so that
the scores of a day are of that very day. In a replay they go into their table only: nobody outside is told of a past.
"""

from datetime import datetime
from typing import Any

import msgspec

from baton.app.lifecycle.overriding import halted
from baton.app.lifecycle.step import Step
from baton.app.scoring import publishing, shipping
from baton.app.scoring.order import Order
from baton.app.scoring.publishing import PHASE, Press
from baton.app.scoring.staging import Staging, staged
from baton.delivery.release import Release
from baton.kernel.errors import BatonError, Unavailable
from baton.project.definition import Scoring
from baton.serving.scoring import Cause, ScoringRun, due, run_id
from baton.serving.shipment import Shipment, shipment_of

TRIES = 3
"""How often a run is begun in one step when its process dies."""


def score(step: Step) -> None:
    """Score every declared batch that is due, by the version that is live."""
    live = next(iter(step.draft.all(Release, status=("live",))), None)
    if not step.house.definition.scoring or live is None or halted(step.draft) is not None:
        return
    _sweep(step)
    for name, batch in step.house.definition.scoring.items():
        if due(_last(step, name), batch.every, step.now):
            _score(step, batch, _order(step, name, batch, live))


def _last(step: Step, name: str) -> datetime | None:
    """As of when a batch was last scored; what failed does not count, so it is tried again at the next daily step."""
    runs = (each for each in step.draft.all(ScoringRun) if each.schedule == name and each.status != "failed")
    return max((each.cause.as_of for each in runs), default=None)


def _order(step: Step, name: str, batch: Scoring, live: Release) -> Order:
    return Order(
        source=batch.source or "",
        query=(batch.sql or "").strip(),
        version=live.version,
        bundle=live.bundle,
        as_of=step.now,
        table=batch.table,
        schedule=name,
    )


def _score(step: Step, batch: Scoring, order: Order) -> None:
    answer = _asked(step, order)
    run = msgspec.convert(answer["run"], ScoringRun) if "run" in answer else _unread(order)
    if "refused" in answer:
        publishing.fail(step.office, step.act(PHASE), run, f"{order.schedule}: {_words(answer['refused'])}")
        return
    house = step.house
    press = Press(house.workspace, house.tables, house.artifacts, house.definition.entity.key)
    try:
        publishing.require_ours(house.tables, order.table)
        with publishing.alone(house.workspace, patience=5):
            run = publishing.settle(press, step.office, step.act(PHASE), publishing.started(run, None), batch.drift)
    except BatonError as error:
        if error.retryable:
            raise
        publishing.fail(step.office, step.act(PHASE), run, f"{order.schedule}: {error.what} ({error.why})")
        return
    if run.status == "published" and batch.to and house.workspace.clock == "wall":
        _ship(step, run, batch.to)


def _asked(step: Step, order: Order) -> dict[str, Any]:
    """The answer of the process that scores; one that dies again and again must not hold up the loop for ever."""
    for left in reversed(range(TRIES)):
        try:
            return step.house.scorer.ask(msgspec.to_builtins(order))
        except Unavailable as error:
            if not left:
                return {"refused": {"what": error.what, "why": error.why}}
        except BatonError as error:
            return {"refused": {"what": error.what, "why": error.why}}
    raise AssertionError


def _unread(order: Order) -> ScoringRun:
    """The run of rows that could not even be read."""
    cause = Cause(order.bundle, order.source, order.query, "", order.as_of, order.table)
    return ScoringRun(run_id(cause), "planned", order.version, cause, 0, 0.0, order.as_of, schedule=order.schedule)


def _words(refused: dict[str, str]) -> str:
    return refused["what"] + (f" ({refused['why']})" if refused["why"] else "")


def _ship(step: Step, run: ScoringRun, to: str) -> None:
    """The scores are to go out; the courier carries them, beside the loop."""
    made = shipment_of(run.id, to, shipping.told(to))
    if step.draft.get(Shipment, made.id) is None:
        step.draft.record(step.act(PHASE), made, "ordered", f"{run.rows} scores to {made.to}")


def _sweep(step: Step) -> None:
    """Let go of staged scores whose run is on record as published. Those of this step go after its commit, at the next."""
    for id in staged(step.house.workspace):
        run = step.house.state.get(ScoringRun, id)
        if run is not None and run.status == "published":
            Staging(step.house.workspace, id).clear()
