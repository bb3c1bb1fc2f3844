"""What is agreed before a release begins: the questions, and who has which part of the chance of a false roll-back.

The questions of the loop and what the server watches by itself share α (Bonferroni). Each proof is held at its own rate,
because a release advances on all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baton.delivery.reading import Reading
from baton.delivery.routing import Watch
from baton.delivery.strategy import has_canary, stages

if TYPE_CHECKING:
    from baton.project.definition import Rollout

QUALITY, FAILURES, OUTCOME, SPLIT = "quality", "failures", "outcome", "split"
Readings = tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed before a release began: the part of α that each question has, the risk of a false proof, margins.

    `margin` is of Brier, `failing` the share of rows that it may fail to score. `better` asks for a proof that it is better.
    """

    alpha: float
    risk: float
    margin: float
    failing: float
    better: bool = False


def terms_of(policy: Rollout, failing: float) -> Terms:
    """The terms of a policy; `failing` is the error rate that the project tolerates."""
    better = policy.strategy == "champion-challenger"
    return Terms(policy.guard.alpha / _questions(policy), policy.risk, 0.0 if better else policy.margin, failing, better)


def watch_of(policy: Rollout) -> Watch | None:
    """What the server watches by itself; None when it is told to watch nothing."""
    if not has_canary(policy) or not policy.guard.errors:
        return None
    part = policy.guard.alpha * _watched(policy) / _questions(policy)
    return Watch(part, policy.guard.slow)


def _watched(policy: Rollout) -> int:
    return (1 + len(policy.guard.slow)) if policy.guard.errors and has_canary(policy) else 0


def _questions(policy: Rollout) -> int:
    return 2 + has_canary(policy) + _watched(policy) if stages(policy) else 1


def by_name(readings: Readings) -> dict[str, Reading]:
    """Readings by their names."""
    return {each.name: each for each in readings}
