"""The state of the loop in plain values: what runs, who holds the baton, what is late, what is wrong."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from baton.app.lifecycle.turn import Turn
from baton.data.standing import SourceState
from baton.delivery.release import Release
from baton.delivery.weighing import Weighing
from baton.incidents.incident import Incident
from baton.incidents.proposal import Proposal
from baton.kernel.clock import iso
from baton.ledger.ports import StateReader
from baton.monitoring.day import Day
from baton.monitoring.month import Month
from baton.registry.version import ModelVersion
from baton.team.approval import Approval
from baton.team.handoff import Handoff
from baton.team.override import Override
from baton.team.task import Task


def status(project: str, reader: StateReader, at: datetime | None, clock: str) -> dict[str, Any]:
    """Everything `baton status --json` tells. `at` is the instant it speaks of, None before the first tick."""
    turns, releases, incidents = reader.all(Turn), reader.all(Release), reader.all(Incident)
    return {
        "project": project,
        "clock": clock,
        "at": iso(at) if at else None,
        "loop": {
            "turns": len(turns),
            "closed": _closed(turns, releases),
            "retrainings": sum(turn.proposal != "" and turn.status == "done" for turn in turns),
            "running": [turn.id for turn in turns if turn.status not in ("done", "failed")],
        },
        "models": [_model(version) for version in reader.all(ModelVersion)],
        "releases": [msgspec.to_builtins(release) for release in releases],
        "weighings": {each.id: {"move": each.status, "at": iso(each.at), "why": each.reason} for each in reader.all(Weighing)},
        "incidents": [msgspec.to_builtins(incident) for incident in incidents],
        "proposals": [msgspec.to_builtins(proposal) for proposal in reader.all(Proposal)],
        "handoffs": [_handoff(handoff, at) for handoff in reader.all(Handoff)],
        "tasks": [msgspec.to_builtins(task) for task in reader.all(Task)],
        "approvals": [msgspec.to_builtins(each) for each in reader.all(Approval)],
        "overrides": [msgspec.to_builtins(each) for each in reader.all(Override)],
        "turns": [msgspec.to_builtins(turn) for turn in turns],
        "sources": [msgspec.to_builtins(source) for source in reader.all(SourceState)],
        "months": [_month(month) for month in reader.all(Month)],
        "days": len(reader.all(Day)),
    }


def _closed(turns: Sequence[Turn], releases: Sequence[Release]) -> bool:
    """True once a version that came out of a retraining proposal serves, or has served, all traffic."""
    served = {release.id for release in releases if release.live_at is not None}
    return any(turn.proposal and turn.release in served for turn in turns)


def _model(version: ModelVersion) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(version)
    return {
        key: plain[key]
        for key in (
            "version",
            "status",
            "learner",
            "trained_at",
            "trained_until",
            "metrics",
            "bundle",
            "turn",
            "parity",
            "lineage",
            "importance",
        )
    }


def _handoff(handoff: Handoff, at: datetime | None) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(handoff)
    return {
        **plain,
        "holder": handoff.holder,
        "late": bool(at and handoff.open and handoff.deadline < at),
    }


def _month(month: Month) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(month)
    return {key: value for key, value in plain.items() if key != "id"}
