"""Whether a release on trial advances, holds or rolls back: a pure decision from evidence to a verdict with reasons."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from baton.delivery.release import Release
from baton.project.definition import Rollout

Move = Literal["advance", "hold", "roll-back"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of the release since its present step began, on rows whose labels have arrived.

    `difference` is its mean Brier minus the live version's on the same rows, `low` and `high` a 99 % interval over
    decision hours; None without labelled rows.
    """

    answered: int
    errors: int
    labelled: int
    difference: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The move and its reason."""

    move: Move
    reason: str


def decide(
    release: Release, policy: Rollout, evidence: Evidence, now: datetime, latest: timedelta = timedelta(days=7)
) -> Decision:
    """Roll back on proof of harm; advance after the hold only with evidence and without errors; no data, no advance."""
    hold = policy.steps[release.step].hold if release.step < len(policy.steps) else timedelta()
    if evidence.errors:
        return Decision("roll-back", f"{evidence.errors} of {evidence.answered + evidence.errors} requests to it failed")
    if evidence.low is not None and evidence.low > policy.margin:
        return Decision(
            "roll-back", f"Brier worse by {evidence.difference:+.4f}, at least {evidence.low:+.4f}, margin {policy.margin}"
        )
    if now - release.since < hold:
        return Decision("hold", f"holds {release.status} until {(release.since + hold).isoformat()}")
    if evidence.labelled == 0 or evidence.difference is None:
        return Decision("hold", "no labelled rows yet: no data, no advance")
    if evidence.difference <= policy.margin:
        return Decision(
            "advance",
            f"no error in {evidence.answered} answers; Brier {evidence.difference:+.4f} on {evidence.labelled} labelled rows, margin {policy.margin}",
        )
    if now - release.since >= latest:
        return Decision("roll-back", f"not shown to be within the margin in {latest.days} days: Brier {evidence.difference:+.4f}")
    return Decision("hold", f"Brier {evidence.difference:+.4f} is above the margin {policy.margin} so far")
