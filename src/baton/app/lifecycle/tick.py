"""One tick of the loop. `baton up` and `baton replay` call this same code; only the clock and the waiting differ.

release what is known by now → online features → (once a day: land, collect, judge, react, turn, release) → ask
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from baton.app.house import House
from baton.app.lifecycle import answering, collecting, judging, landing, reactions, releasing, turning
from baton.app.lifecycle.recent import Recent
from baton.app.lifecycle.step import Step
from baton.app.workspace import keep_witness
from baton.delivery.release import Release
from baton.kernel.clock import EPOCH, floor_to, from_micros, iso, parse_instant
from baton.ledger.draft import Draft
from baton.monitoring.day import Reference
from baton.registry.version import ModelVersion

DAY = timedelta(days=1)
CURSOR = "day"
TOLD = frozenset(
    {
        "turn.started",
        "turn.failed",
        "version.registered",
        "release.started",
        "release.promoted",
        "release.rolled-back",
        "incident.opened",
        "incident.resolved",
        "proposal.held",
        "handoff.declined",
        "handoff.escalated",
        "month.closed",
    }
)
"""Kinds of facts that a person watching wants to be told of."""
Ask = Callable[[Sequence[str], datetime], None]


@dataclass
class Loop:
    """What a driver holds between ticks. Everything in it can be rebuilt from the workspace."""

    house: House
    recent: Recent
    ask: Ask
    on_routing: Callable[[], None]
    failures: Callable[[int], int]
    errors: Callable[[], int]
    first_at: datetime | None
    last_at: datetime | None
    replayed: bool
    reference: tuple[int, Reference | None] = (0, None)
    day: datetime | None = None
    live: bool = False

    @property
    def every(self) -> timedelta:
        """The grain of ticks."""
        decision = self.house.definition.decision
        return decision.every if decision is not None else timedelta(hours=1)


def resume(loop: Loop) -> datetime | None:
    """Bring memory to where the workspace stands; returns the instant of the last tick begun, None at the very start."""
    house = loop.house
    day = house.state.cursor(CURSOR)
    if house.online.begin() is None and day is not None:
        house.arrivals.rebuild(parse_instant(day))
    watermark = house.online.begin()
    now = from_micros(watermark) if watermark is not None else None
    house.arrivals.warm(now, parse_instant(day) if day else None)
    if now is not None:
        loop.recent.restore(house.tables, now)
    releasing.sync_routing(house.workspace.routing, house.definition, house.state, house.keys)
    _look(loop)
    return now


def _look(loop: Loop) -> None:
    """Remember how far the days came and whether a version is live, so that a quiet tick asks the database nothing."""
    day = loop.house.state.cursor(CURSOR)
    loop.day = parse_instant(day) if day else None
    loop.live = bool(loop.house.state.all(Release, status=("live",)))


def tick(loop: Loop, now: datetime, horizon: datetime | None = None) -> None:
    """Move the loop to `now`. Exact: a tick that was killed anywhere and is run again leaves the same state.

    `horizon` is the latest instant that may be read ahead to: the present on a wall clock, None in a replay.
    """
    arrive(loop, now, horizon)
    if daily_due(loop, now):
        daily(loop, now)
    due = loop.house.arrivals.due(now) if loop.live else ()
    if due:
        loop.ask(due, now)


def arrive(loop: Loop, now: datetime, horizon: datetime | None = None) -> None:
    """Bring what is known by `now` online, unless a tick that was killed did so already."""
    watermark = loop.house.online.begin()
    if watermark is None or from_micros(watermark) < now:
        loop.house.arrivals.advance(now, horizon)


def daily_due(loop: Loop, now: datetime) -> bool:
    """Whether a day has begun that had no daily step."""
    return loop.day is None or floor_to(now, DAY) > floor_to(loop.day, DAY)


def daily(loop: Loop, now: datetime) -> None:
    """All that happens once a day, in lifecycle order, committed as one: changes, facts and cursors, or nothing."""
    house = loop.house
    before = house.state.cursor(CURSOR)
    step = Step(house, Draft(house.state), now, (now - EPOCH) // loop.every)
    loop.recent.add_labels(landing.land(step))
    reactions.on_sources(step)
    batches, cursors = collecting.collect(step, loop.recent)
    live = next(iter(step.draft.all(Release, status=("live",))), None)
    collecting.measure_traffic(step, batches, loop.errors())
    collecting.record_day(step, batches, _reference(loop, step, live))
    judging.judge_days(step, loop.recent)
    if live is not None:
        reactions.on_signals(step, judging.signals(step, live), live)
    reactions.on_closed_months(step, judging.judge_months(step, last=now == loop.last_at))
    answering.answer(step, replayed=loop.replayed)
    releasing.advance(step, loop.recent, loop.failures)
    _begin_turns(loop, step)
    turning.advance(step)
    releasing.advance(step, loop.recent, loop.failures)
    keep_witness(house.workspace, step.draft.commit({**cursors, CURSOR: iso(now)}, expect={CURSOR: before}))
    loop.recent.forget(now)
    _look(loop)
    if releasing.sync_routing(house.workspace.routing, house.definition, house.state, house.keys):
        loop.on_routing()


def _begin_turns(loop: Loop, step: Step) -> None:
    """The first turn starts by the plan; every later one by a proposal."""
    if reactions.busy(step):
        return
    if not step.draft.all(Release, status=("live",)):
        if loop.first_at is None or step.now >= loop.first_at:
            reactions.start_turn(step, "the first model")
        return
    reactions.on_proposals(step)


def _reference(loop: Loop, step: Step, live: Release | None) -> Reference | None:
    """The training reference of the live version, read once per version."""
    if live is None:
        return None
    if loop.reference[0] != live.version:
        version = step.draft.get(ModelVersion, f"version-{live.version}")
        loop.reference = (live.version, turning.reference_of_version(step, version) if version is not None else None)
    return loop.reference[1]
