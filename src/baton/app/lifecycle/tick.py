"""One tick of the loop. `baton up` and `baton replay` call this same code; only the clock and the waiting differ.

release what is known by now → online features → (once a day: land, collect, judge, react, turn, release, score) → ask
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from baton.app.house import House
from baton.app.lifecycle import (
    answering,
    approving,
    collecting,
    comparing,
    judging,
    landing,
    notifying,
    overriding,
    people,
    reactions,
    releasing,
    routing,
    scoring,
    turning,
)
from baton.app.lifecycle.office import Office
from baton.app.lifecycle.recent import Recent
from baton.app.lifecycle.step import Step
from baton.app.lifecycle.turn import OPEN, Turn
from baton.app.workspace import keep_witness
from baton.data.standing import UNREADABLE, SourceState
from baton.delivery.release import Release
from baton.kernel.clock import floor_to, from_micros, iso, parse_instant
from baton.ledger.draft import Draft
from baton.monitoring.day import Reference
from baton.project.behaviour import Behaviour
from baton.registry.version import ModelVersion
from baton.team.consultation import Consultation
from baton.team.handoff import Handoff
from baton.team.task import Task

DAY = timedelta(days=1)
CURSOR, BEGUN = "day", "begun"
Ask = Callable[[Sequence[str], datetime], None]


@dataclass
class Loop:
    """What a driver holds between ticks. Everything in it can be rebuilt from the workspace."""

    house: House
    recent: Recent
    ask: Ask
    on_routing: Callable[[], None]
    errors: Callable[[], int]
    first_at: datetime | None
    last_at: datetime | None
    replayed: bool
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    reference: tuple[int, Reference | None] = (0, None)
    day: datetime | None = None
    begun: datetime | None = None
    live: bool = False
    size: int = 0
    people_due: datetime | None = None

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
    missed = {source.id: source.landed_at for source in house.state.all(SourceState, status=(UNREADABLE,))}
    house.arrivals.warm(now, parse_instant(day) if day else None, missed)
    routing.sync_routing(house.workspace, house.definition, house.state, house.keys)
    _look(loop)
    return now


def _look(loop: Loop, now: datetime | None = None) -> None:
    """Remember how far the days came, whether a version is live and when somebody is due, so that a quiet tick asks nothing."""
    state = loop.house.state
    day, begun = state.cursor(CURSOR), state.cursor(BEGUN)
    loop.day = parse_instant(day) if day else None
    loop.begun = parse_instant(begun) if begun and begun != day else None
    loop.live = bool(state.all(Release, status=("live",))) and overriding.halted(state) is None
    loop.size = state.head().size
    at = now or loop.day
    if at is None:
        return
    waiting: list[answering.Waiting] = [*state.all(Handoff, status=("offered",))]
    waiting += [*state.all(Consultation, status=("open",)), *state.all(Task, status=("open",))]
    team = people.recorded_team(state, loop.house.definition)
    due = (answering.next_due(team, waiting, loop.behaviours, at), approving.next_due(state, team, loop.behaviours, at))
    loop.people_due = min((moment for moment in due if moment is not None), default=None)


def tick(loop: Loop, now: datetime, horizon: datetime | None = None) -> None:
    """Move the loop to `now`. Exact: a tick that was killed anywhere and is run again leaves the same state.

    `horizon` is the latest instant that may be read ahead to: the present on a wall clock, None in a replay.
    """
    arrive(loop, now, horizon)
    if daily_due(loop, now):
        daily(loop, now)
    elif somebody_due(loop, now):
        meet(loop, now)
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


def somebody_due(loop: Loop, now: datetime) -> bool:
    """Whether an answer or a deadline has come. On a wall clock people act at any time: then the record is looked at anew."""
    if not loop.replayed and (loop.house.state.head().size != loop.size or guarded(loop)):
        return True
    return loop.people_due is not None and loop.people_due <= now


def guarded(loop: Loop) -> bool:
    """Whether the server took a release out of traffic that is still on trial on the record."""
    return bool(releasing.guarded(loop.house.workspace, loop.house.state))


def meet(loop: Loop, now: datetime) -> None:
    """Between daily steps: people's answers and deadlines that are due, and turns that waited for them."""
    house, draft = loop.house, Draft(loop.house.state)
    office = Office(draft, people.recorded_team(draft, house.definition), house.definition, now)
    step = Step(house, office)
    answering.answer(office, loop.behaviours)
    _agreed(loop, step)
    if turning.reopen(step) or any(turn.waits_for for turn in draft.all(Turn, status=OPEN)):
        turning.advance(step)
    if approving.awaited(draft) or releasing.by_hand(draft) or guarded(loop):
        releasing.advance(step, loop.recent)
        comparing.advance(step, loop.recent)
    if draft.changes:
        told = notifying.notify(office, house.state, outside=house.workspace.clock == "wall")
        keep_witness(house.workspace, draft.commit(told, expect={}))
    _look(loop, now)
    _route(loop)


def daily(loop: Loop, now: datetime) -> None:
    """All that happens once a day, in lifecycle order, committed as one: changes, facts and cursors, or nothing.

    A step that was begun and not committed is finished as of the instant it began at, however late that is: its appends
    are known by that instant, and would be new ones under any other.
    """
    house = loop.house
    if loop.begun is None:
        house.state.commit([], cursors={BEGUN: iso(now)})
        loop.begun = now
    now, before = loop.begun, house.state.cursor(CURSOR)
    draft = Draft(house.state)
    team = people.declare(draft, house.definition, now, loop.behaviours)
    step = Step(house, Office(draft, team, house.definition, now))
    landing.land(step)
    reactions.on_sources(step)
    batches, cursors = collecting.collect(step)
    live = next(iter(step.draft.all(Release, status=("live",))), None)
    collecting.measure_traffic(step, batches, loop.errors())
    collecting.record_days(step, _reference(loop, step, live))
    judging.judge_days(step, loop.recent)
    if live is not None:
        reactions.on_signals(step, judging.signals(step, live), live)
    reactions.on_closed_months(step, judging.judge_months(step, last=now == loop.last_at))
    answering.answer(step.office, loop.behaviours)
    _agreed(loop, step)
    releasing.advance(step, loop.recent)
    turning.reopen(step)
    _begin_turns(loop, step)
    turning.advance(step)
    releasing.advance(step, loop.recent)
    comparing.advance(step, loop.recent)
    scoring.score(step)
    told = notifying.notify(step.office, house.state, outside=house.workspace.clock == "wall")
    keep_witness(house.workspace, step.draft.commit({**cursors, **told, CURSOR: iso(now)}, expect={CURSOR: before}))
    collecting.clear(house)
    _look(loop, now)
    _route(loop)


def _route(loop: Loop) -> None:
    """The routing follows the releases; then what guards counted of releases that are gone is let go."""
    house = loop.house
    if routing.sync_routing(house.workspace, house.definition, house.state, house.keys):
        loop.on_routing()
    routing.clear(house.workspace, house.state)


def _agreed(loop: Loop, step: Step) -> None:
    """Overrides and approvals whose time is over end; people of a replay approve what they are asked to."""
    overriding.revert(step.office)
    approving.beforehand(step.office, step.house.definition, loop.behaviours)
    approving.answer(step.office, loop.behaviours)


def _begin_turns(loop: Loop, step: Step) -> None:
    """The first turn starts by the plan; every later one by a proposal."""
    if reactions.busy(step) or overriding.frozen(step.draft, step.now) is not None:
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
