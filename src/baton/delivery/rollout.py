"""Whether a release on trial advances, holds or rolls back: a pure decision from readings to a verdict with reasons.

harm ──▶ roll back      a broken split ──▶ hold      all that is asked is proved, and its time is over ──▶ advance
nothing of these ──▶ hold, until `latest`; then rolled back, or held for a person
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from baton.delivery.reading import Reading
from baton.delivery.release import Release
from baton.delivery.strategy import stages, waits_for_ever
from baton.delivery.terms import FAILURES, QUALITY, SPLIT, by_name
from baton.delivery.weighing import Weighing
from baton.kernel.clock import duration_text, iso
from baton.project.definition import Rollout

Move = Literal["advance", "hold", "roll-back"]
PROOFS = (QUALITY, FAILURES)
"""What has to be proved, at every stage, before a release advances."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was read of a release. `answered` and `labelled` are the canary's own rows, 0 while it answers nothing."""

    readings: tuple[Reading, ...] = ()
    answered: int = 0
    labelled: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """The move, its reason, and the readings that decided."""

    move: Move
    reason: str
    because: tuple[str, ...] = ()


def weighed(release: Release, evidence: Evidence, decision: Decision, at: datetime) -> Weighing:
    """A look at a release as it is recorded."""
    return Weighing(
        release.id,
        decision.move,
        release.version,
        release.status,
        release.step,
        at,
        evidence.answered,
        evidence.labelled,
        evidence.readings,
        decision.reason,
        decision.because,
    )


def decide(release: Release, policy: Rollout, evidence: Evidence, now: datetime) -> Decision:
    """Harm before anything else; no data, no advance; what is not proved is not assumed."""
    found = by_name(evidence.readings)
    harmful = [each for each in evidence.readings if each.decided == "harm"]
    if harmful:
        return Decision("roll-back", " ".join(each.sentence for each in harmful), tuple(each.name for each in harmful))
    split = found.get(SPLIT)
    if split is not None and split.decided == "void":
        return Decision("hold", f"the release holds: {split.sentence}", (SPLIT,))
    held = _hold(release, policy)
    if now - release.since < held:
        return Decision("hold", f"holds {release.status} until {iso(release.since + held)}")
    missing = _missing(release, evidence, found)
    if not missing:
        return Decision("advance", " ".join(found[name].sentence for name in PROOFS), PROOFS)
    return _unproved(release, policy, now, missing)


def _hold(release: Release, policy: Rollout) -> timedelta:
    steps = stages(policy)
    return steps[release.step].hold if release.step < len(steps) else timedelta()


def _missing(release: Release, evidence: Evidence, found: Mapping[str, Reading]) -> list[str]:
    """What stands between a release and its next stage, in words."""
    if release.status == "canary" and not evidence.labelled:
        return [f"none of its {evidence.answered:,} answers as canary is labelled yet: no data, no advance"]
    return [found[name].sentence if name in found else "nothing was seen yet" for name in PROOFS if not _proved(found, name)]


def _proved(found: Mapping[str, Reading], name: str) -> bool:
    return name in found and found[name].decided == "no worse"


def _unproved(release: Release, policy: Rollout, now: datetime, missing: list[str]) -> Decision:
    why = " ".join(missing)
    if waits_for_ever(policy) or now - release.since < policy.latest:
        return Decision("hold", why)
    late = f"not proved within {duration_text(policy.latest)} of {release.status}: {why}"
    if policy.overdue == "roll-back":
        return Decision("roll-back", late, ("latest",))
    return Decision(
        "hold", f"waits for a person, who may end it (baton rollback) or let it through (baton promote); {late}", ("latest",)
    )
