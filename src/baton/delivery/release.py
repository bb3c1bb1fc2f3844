"""A release: one version on its way into traffic, step by step, and the moves it may make.

shadow ──▶ canary ──▶ … ──▶ live ──▶ retired
   └─────────┴──▶ rolled-back ◀── live
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from baton.delivery.routing import Route, Routing
from baton.ledger.move import Moves, move

if TYPE_CHECKING:
    from baton.project.definition import Rollout, RolloutStep

MOVES: Moves = {
    "shadow": frozenset({"shadow", "canary", "live", "rolled-back"}),
    "canary": frozenset({"canary", "live", "rolled-back"}),
    "live": frozenset({"retired", "rolled-back"}),
    "retired": frozenset({"live"}),
    "rolled-back": frozenset(),
}


@dataclass(frozen=True, slots=True)
class Release:
    """One version in or near traffic. `step` is its place in the rollout policy, `share` what it answers for."""

    KIND: ClassVar[str] = "release"
    id: str
    version: int
    bundle: str
    status: str
    started_at: datetime
    since: datetime
    step: int = 0
    share: float = 0.0
    turn: str = ""
    reason: str = ""
    live_at: datetime | None = None


def start(id: str, version: int, bundle: str, turn: str, at: datetime, policy: Rollout, *, first: bool) -> Release:
    """A new release: at the first step of the policy, or live at once when there is nothing yet to compare with."""
    if first or not policy.steps:
        return Release(id, version, bundle, "live", at, at, step=len(policy.steps), share=1.0, turn=turn, live_at=at)
    step = policy.steps[0]
    return Release(id, version, bundle, step.kind, at, at, share=_share(step), turn=turn)


def moved(release: Release, status: str, at: datetime, reason: str) -> Release:
    """The release in another status. Raises Conflict when that move is not allowed."""
    live = status == "live"
    return move(
        release, MOVES, status, since=at, reason=reason, live_at=at if live else release.live_at, share=1.0 if live else 0.0
    )


def advanced(release: Release, policy: Rollout, at: datetime, reason: str) -> Release:
    """The release at the policy's next step, or live after the last one."""
    following = release.step + 1
    if following >= len(policy.steps):
        return replace(moved(release, "live", at, reason), step=following)
    step = policy.steps[following]
    return replace(moved(release, step.kind, at, reason), step=following, share=_share(step))


def _share(step: RolloutStep) -> float:
    return step.share if step.kind == "canary" else 0.0


def routing_for(project: str, serial: int, live: Release | None, trial: Release | None, baseline: Release | None) -> Routing:
    """The routes of a state: who answers, who is on trial, and the frozen baseline that only scores.

    A canary also scores as challenger, so that every row it did not answer still compares both versions.
    """
    routes = [] if live is None else [Route("live", live.version, live.id, live.bundle)]
    if trial is not None and live is not None:
        routes.append(Route("challenger", trial.version, trial.id, trial.bundle))
        if trial.status == "canary":
            routes.append(Route("canary", trial.version, trial.id, trial.bundle, trial.share))
    if baseline is not None and live is not None:
        routes.append(Route("shadow", baseline.version, baseline.id, baseline.bundle))
    return Routing(project, serial, project, tuple(routes))
