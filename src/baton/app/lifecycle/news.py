"""News: the facts that people are told as they happen. Whoever only looks at the record loads nothing else."""

from typing import Final

TOLD: Final = frozenset(
    {
        "turn.started",
        "turn.failed",
        "version.registered",
        "release.started",
        "release.advanced",
        "release.promoted",
        "release.rolled-back",
        "release.ended",
        "fault.injected",
        "incident.opened",
        "incident.resolved",
        "proposal.held",
        "handoff.declined",
        "handoff.escalated",
        "handoff.lapsed",
        "task.opened",
        "approval.requested",
        "approval.granted",
        "approval.refused",
        "override.held",
        "override.ended",
        "month.closed",
        "scoring.published",
        "scoring.withheld",
        "scoring.failed",
    }
)
"""Kinds of facts that a person watching wants to be told of."""
