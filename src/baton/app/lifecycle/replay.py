"""Replay: the loop over history, with a simulated clock and real requests to the real server."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from baton.app.bootstrap import open_house
from baton.app.declared import load_project
from baton.app.house import House
from baton.app.lifecycle.control import Resampled
from baton.app.lifecycle.recent import Recent
from baton.app.lifecycle.server import ModelServer, serving_options
from baton.app.lifecycle.tick import Loop, arrive, daily, daily_due, resume, tick
from baton.app.workspace import Workspace
from baton.data.ports import SourceReader
from baton.kernel.clock import SimulatedClock, iso
from baton.kernel.digest import digest
from baton.kernel.errors import Conflict, InvalidInput, InvalidProject, Mistake
from baton.project.behaviour import Policy
from baton.project.definition import Definition, Fault, ReplayPlan


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a replay stands."""

    now: datetime
    start: datetime
    until: datetime

    @property
    def share(self) -> float:
        """How much of the history lies behind, 0 to 1."""
        return (self.now - self.start) / (self.until - self.start)


def require_plan(folder: Path) -> None:
    """Raise InvalidProject when the project cannot be replayed, before anything is made."""
    _declared(load_project(folder).definition)


def _declared(definition: Definition) -> ReplayPlan:
    if definition.replay is None:
        what, fix = (
            "the project declares no 'replay'",
            "add replay: {start: …, live: …, until: …}, or run it on the wall clock: baton up",
        )
        raise InvalidProject((Mistake("baton.yaml", 1, what, fix),))
    return definition.replay


def plan_of(house: House, until: datetime | None) -> ReplayPlan:
    """The project's replay plan, cut at `until` when given. Raises InvalidProject when it has none."""
    plan = _declared(house.definition)
    if until is not None and until <= plan.start:
        raise InvalidInput(
            f"the replay cannot end at {iso(until)}",
            where="--until",
            why=f"the history starts at {iso(plan.start)}",
            fix=f"name a later day, at most {iso(plan.until)}",
        )
    return plan if until is None else plan.model_copy(update={"until": min(until, plan.until)})


def replay(
    folder: Path,
    workspace: Workspace,
    report: Callable[[House, Progress], None],
    *,
    until: datetime | None = None,
    control: int | None = None,
    policy: Policy | None = None,
    faults: tuple[Fault, ...] = (),
) -> None:
    """Replay a project's history into a workspace, from wherever it stands to the end. May be killed and run again.

    `until` cuts it short (midnight UTC). `control` is the seed of a stationary control in place of the real history.
    `policy` says how people behave and which hand-offs they answer, in place of what the project declares. `faults` are
    broken on purpose, beside those that the project declares.
    """
    wrap = None if control is None else partial(_resampled, control)
    with open_house(folder, workspace, wrap, partial(_under, policy, faults)) as house:
        _same_policy(house, policy)
        plan, ends = plan_of(house, until), plan_of(house, None).until
        server = ModelServer(workspace.folder, replay=True, options=serving_options(house.definition, replay=True))
        loop = Loop(
            house,
            Recent(house.tables, house.definition),
            server.ask,
            server.reload,
            server.errors,
            plan.live,
            ends,
            replayed=True,
            behaviours=plan.people,
        )
        began = resume(loop)
        if began is not None and began >= plan.until and not daily_due(loop, plan.until):
            report(house, Progress(began, plan.start, plan.until))
            return
        try:
            server.start()
            _run(loop, SimulatedClock(began or plan.start), plan, report)
        finally:
            server.stop()


def _same_policy(house: House, policy: Policy | None) -> None:
    """Refuse to go on under another people policy than the one the workspace began with."""
    told = digest(policy.model_dump(mode="json")) if policy is not None else ""
    known = house.state.cursor("policy")
    if known is None:
        house.state.commit([], cursors={"policy": told})
    elif known != told:
        raise Conflict(
            "the people policy has changed since this replay began",
            where=str(house.workspace.folder),
            why="one history is told under one policy",
            fix="start over with --fresh, or name another workspace: --workspace DIR",
        )


def _under(policy: Policy | None, faults: tuple[Fault, ...], definition: Definition) -> Definition:
    """The definition under a people policy, with more faults."""
    plan = _declared(definition)
    plan = plan.model_copy(update={"faults": (*plan.faults, *faults)})
    if policy is None:
        return definition.model_copy(update={"replay": plan})
    plan = plan.model_copy(update={"people": policy.people})
    return definition.model_copy(update={"replay": plan, "handoffs": {**definition.handoffs, **policy.handoffs}})


def _resampled(seed: int, reader: SourceReader, definition: Definition) -> SourceReader:
    """The sources of a control; each source's day column is known by its known-time column."""
    if definition.replay is None:
        return reader
    days = {
        str(definition.sources[name].known_at): column
        for name, column in definition.replay.days.items()
        if name in definition.sources
    }
    return Resampled(reader, definition.replay, days, definition.entity.key, seed)


def _run(loop: Loop, clock: SimulatedClock, plan: ReplayPlan, report: Callable[[House, Progress], None]) -> None:
    while True:
        now = clock.now()
        tick(loop, now) if now < plan.until else _last(loop, now)
        loop.house.trainer.warm()
        report(loop.house, Progress(now, plan.start, plan.until))
        if now >= plan.until:
            return
        clock.advance(min(now + loop.every, plan.until))


def _last(loop: Loop, now: datetime) -> None:
    """The end of the history: everything is judged once more, nothing is asked for."""
    arrive(loop, now)
    if daily_due(loop, now):
        daily(loop, now)
