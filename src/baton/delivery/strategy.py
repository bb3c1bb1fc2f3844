"""How a declared strategy becomes stages: what a release goes through before it answers for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baton.project.definition import Rollout, RolloutStep

CHAMPION = "champion-challenger"


def stages(policy: Rollout) -> tuple[RolloutStep, ...]:
    """The stages before all traffic: none all-at-once and blue-green, one silent one for a challenger, else the steps."""
    if policy.strategy in ("all-at-once", "blue-green"):
        return ()
    if policy.strategy == CHAMPION:
        return policy.steps[:1]  # it declares none, and the first of the default is silent
    return policy.steps


def has_canary(policy: Rollout) -> bool:
    """Whether some stage answers for a share of entities."""
    return any(stage.kind == "canary" for stage in stages(policy))


def keeps_warm(policy: Rollout) -> bool:
    """Whether the version before stays loaded once another one has taken over."""
    return policy.strategy == "blue-green"


def waits_for_ever(policy: Rollout) -> bool:
    """Whether a release that is never proved may go on scoring silently without end."""
    return policy.strategy == CHAMPION
