"""A release: one version on its way into traffic, step by step, and the moves it may make.

shadow ──▶ canary ──▶ … ──▶ live ──▶ kept warm ──▶ retired          arm (of a comparison) ──▶ ended
   └─────────┴──▶ rolled-back ◀── live                               └──▶ live, rolled-back
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from baton.delivery.routing import STAND_IN, Route, Routing
from baton.delivery.strategy import stages
from baton.delivery.terms import watch_of
from baton.ledger.move import Moves, move

if TYPE_CHECKING:
    from baton.project.definition import Rollout, RolloutStep

MOVES: Moves = {
    "shadow": frozenset({"shadow", "canary", "live", "rolled-back"}),
    "canary": frozenset({"canary", "live", "rolled-back"}),
    "arm": frozenset({"live", "ended", "rolled-back"}),
    "live": frozenset({"kept", "retired", "rolled-back"}),
    "kept": frozenset({"live", "retired"}),
    "retired": frozenset({"live"}),
    "rolled-back": frozenset(),
    "ended": frozenset(),
}
TRIAL = ("shadow", "canary")
"""The statuses of a release on trial."""
WAITING = (*TRIAL, "arm")
"""The statuses of releases that may yet come to serve all traffic."""
BEFORE = ("kept", "retired")
"""The statuses of releases that have served all traffic and may do so again."""


@dataclass(frozen=True, slots=True)
class Release:
    """One version in or near traffic. `step` is its place in the rollout policy, `share` what it answers for.

    `variant` and `group` name it within an A/B comparison or a bandit, and tell which.
    """

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
    variant: str = ""
    group: str = ""


def start(id: str, version: int, bundle: str, turn: str, at: datetime, policy: Rollout, *, first: bool) -> Release:
    """A new release: at the first stage of the policy, or live at once when there is nothing yet to compare with."""
    steps = stages(policy)
    if first or not steps:
        return Release(id, version, bundle, "live", at, at, step=len(steps), share=1.0, turn=turn, live_at=at)
    step = steps[0]
    return Release(id, version, bundle, step.kind, at, at, share=_share(step), turn=turn)


def moved(release: Release, status: str, at: datetime, reason: str) -> Release:
    """The release in another status. Raises Conflict when that move is not allowed."""
    live = status == "live"
    return move(
        release, MOVES, status, since=at, reason=reason, live_at=at if live else release.live_at, share=1.0 if live else 0.0
    )


def advanced(release: Release, policy: Rollout, at: datetime, reason: str) -> Release:
    """The release at the policy's next stage, or live after the last one."""
    following, steps = release.step + 1, stages(policy)
    if following >= len(steps):
        return replace(moved(release, "live", at, reason), step=following)
    step = steps[following]
    return replace(moved(release, step.kind, at, reason), step=following, share=_share(step))


def _share(step: RolloutStep) -> float:
    return step.share if step.kind == "canary" else 0.0


@dataclass(frozen=True, slots=True)
class Cast:
    """Who is there to be routed: live, a release on trial, arms of a comparison, the frozen baseline, who stands in for live."""

    live: Release | None = None
    trial: Release | None = None
    arms: tuple[Release, ...] = ()
    baseline: Release | None = None
    standby: Release | None = None


def cast_of(releases: Sequence[Release], policy: Rollout) -> Cast:
    """The cast out of all releases. An arm that was taken out of a running comparison stays with a share of 0: units of the
    others would be drawn anew if it went."""
    live = next((each for each in releases if each.status == "live"), None)
    groups = {each.group for each in releases if each.status == "arm"}
    return Cast(
        live,
        next((each for each in releases if each.status in TRIAL), None),
        tuple(each for each in releases if each.group in groups and each.variant and each.status != "live"),
        releases[0] if releases and policy.baseline else None,
        standby_of(releases, policy),
    )


def standby_of(releases: Iterable[Release], policy: Rollout | None) -> Release | None:
    """Who answers while live cannot: the release that was kept warm last, else by policy the one that served before."""
    wanted = BEFORE if policy is not None and policy.fallback == "previous" else BEFORE[:1]
    found = [each for each in releases if each.status in wanted]
    return max(found, key=lambda each: (each.status == "kept", each.since), default=None)


@dataclass(frozen=True, slots=True)
class Return:
    """What a roll-back does: the release that ends, and the one that answers then."""

    ended: Release
    back: Release


def return_of(releases: Iterable[Release], deleted: Container[int]) -> Return | None:
    """What a roll-back does now: the trial ends, or else live does and the one before answers; None when there is nothing to go back to."""
    known = list(releases)
    live = next((each for each in known if each.status == "live"), None)
    trial = next((each for each in known if each.status in TRIAL), None)
    if live is None:
        return None
    if trial is not None:
        return Return(trial, live)
    before = before_live(known, deleted)
    return Return(live, before) if before is not None else None


def before_live(releases: Iterable[Release], deleted: Container[int]) -> Release | None:
    """The release that served all traffic last before live and whose version still has its files (`deleted` have none)."""
    found = [each for each in releases if each.status in BEFORE and each.version not in deleted]
    return max(found, key=lambda each: each.since, default=None)


def routing_for(project: str, serial: int, cast: Cast, policy: Rollout, *, watched: bool) -> Routing:
    """The routes of a state. `watched` tells that the server takes a bad canary out by itself.

    A canary also scores as challenger, so that every row it did not answer still compares both versions.
    """
    if cast.live is None:
        return Routing(project, serial, project, ())
    live, trial = cast.live, cast.trial
    routes = [Route("live", live.version, live.id, live.bundle)]
    if trial is not None:
        routes.append(Route("challenger", trial.version, trial.id, trial.bundle))
        if trial.status == "canary":
            routes.append(Route("canary", trial.version, trial.id, trial.bundle, trial.share, trial.step, policy.where))
    routes += [Route(arm.variant, arm.version, arm.id, arm.bundle, arm.share) for arm in cast.arms]
    if cast.standby is not None:
        routes.append(Route(STAND_IN, cast.standby.version, cast.standby.id, cast.standby.bundle))
    if cast.baseline is not None:
        routes.append(Route("shadow", cast.baseline.version, cast.baseline.id, cast.baseline.bundle))
    default = policy.fallback.answer if policy.fallback not in (None, "previous") else None  # type: ignore[union-attr]
    return Routing(project, serial, project, tuple(routes), watch_of(policy) if watched else None, default)
