"""A workspace in the middle of things, made of facts alone: a model live and one on trial, results that wait, one late, one incident open
and one mended, markup in names and reasons. It stands at NOON for good, as a replay does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from baton.app.declared import load_owned
from baton.app.lifecycle.people import declare
from baton.app.lifecycle.turn import Turn
from baton.app.workspace import create as workspace_at
from baton.app.workspace import keep_witness
from baton.backends.state.sql import open_sqlite
from baton.data.standing import SourceState
from baton.delivery.reading import Arm, Interval, Question, Reading
from baton.delivery.release import Release
from baton.delivery.weighing import Weighing
from baton.incidents.incident import Incident
from baton.incidents.proposal import Proposal
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.monitoring.day import Day
from baton.monitoring.month import Month
from baton.project.template import create
from baton.registry.version import ModelVersion
from baton.team.approval import Approval
from baton.team.consultation import Consultation
from baton.team.handoff import Check, Handoff
from baton.team.task import Task

NOON = datetime(2024, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MARKUP = "<script>alert('x')</script>"
SHARE = 0.2
INCIDENT = "handoff-00000000000d"
"""The hand-off of the open incident, once there is one."""


def furnish(folder: Path) -> Path:
    """The project in a folder, with its workspace; returns the folder."""
    create("made", folder)
    workspace = workspace_at(folder / ".baton", "replay")
    state = open_sqlite(workspace.state, create=True)
    draft = Draft(state)
    begin = NOON - 60 * DAY
    declare(draft, load_owned(folder).owned, begin)
    _history(draft, begin)
    _present(draft)
    keep_witness(workspace, draft.commit({"day": "2024-03-01T00:00:00Z"}, expect={}))
    for place in range(5):
        state.measure("predict.p99.ms", 4.0 + place, NOON - place * DAY)
    state.close()
    return folder


def _history(draft: Draft, begin: datetime) -> None:
    """Two versions, the second made because of an incident; days and months of service."""
    for number in (1, 2):
        at = begin + (number - 1) * 25 * DAY
        _version(draft, number, at)
    mended = Incident(
        "incident-000000000001", "open", 2, "calibration", "version 1", f"scores are 4.0% points too high {MARKUP}", "cleo",
        begin + 24 * DAY, begin + 24 * DAY, {"error": 0.04, "evidence": 1874.8, "level": 1825, "since": "2024-01-10"},
    )  # fmt: skip
    act = Act(SYSTEM, "", begin + 24 * DAY)
    draft.record(act, mended, "opened", mended.cause)
    proposal = Proposal(
        "proposal-000000000001", "done", mended.id, mended.cause, begin + 24 * DAY, "", begin + 25 * DAY, "turn-2"
    )
    draft.record(act, proposal, "made", mended.cause)
    after = replace(
        mended,
        status="resolved",
        since=begin + 30 * DAY,
        resolved_at=begin + 30 * DAY,
        mended_by="release-000000000002",
        proposal=proposal.id,
    )
    draft.record(Act(SYSTEM, "", begin + 30 * DAY), after, "resolved", "version 2 serves all traffic")
    draft.record(
        Act(SYSTEM, "", begin),
        SourceState("biopsies", "kept", 400, 3, begin, 1, "a" * 64, ("mean_radius below 0",)),
        "landed",
        "400 rows",
    )
    for count in range(40):
        day = begin + count * DAY
        served = Day(
            f"{day:%Y-%m-%d}", "judged", day, 24, 1000 + count, (1 if count < 30 else 2,), {"mean_radius": 0.01 * (count % 9)},
            {"mean_radius": 0.02 * (count % 7), "mean_area": 0.0}, 0.3, 900, 0.01, 0.11,
        )  # fmt: skip
        draft.record(Act(SYSTEM, "", day + DAY), served, "judged", "900 labels arrived")
    for month, auc in (("2024-01", 0.97), ("2024-02", 0.96)):
        closed = Month(month, "closed", month, 30000, 29000, auc, 0.08, 0.3, 45450.0, auc - 0.02, 0.09, 40000.0)
        draft.record(
            Act(SYSTEM, "", datetime(2024, int(month[-2:]), 28, tzinfo=UTC)), closed, "closed", "29000 of 30000 labels arrived"
        )


def _version(draft: Draft, number: int, at: datetime) -> None:
    act, turn = Act(SYSTEM, "", at), f"turn-{number}"
    live = "live" if number == 2 else "retired"
    draft.record(
        act,
        Turn(
            turn,
            number,
            "done",
            "first model" if number == 1 else "scores are too high",
            at,
            at + 5 * DAY,
            version=number,
            release=f"release-{number:012d}",
            proposal="" if number == 1 else "proposal-000000000001",
        ),
        "done",
        "serves",
    )
    version = ModelVersion(
        f"version-{number}", number, live, "lightgbm", at, at - DAY, {"auc": 0.97 - number / 100, "brier": 0.08, "logloss": 0.2},
        bundle=f"{number}" * 64, native="b" * 64, onnx="c" * 64, turn=turn,
        lineage={"candidate": "d" * 64, "features": "e" * 64, "project": "f" * 64, "people": {"train": "ann", "evaluate": "ann", "register": "ben"}},
        importance={"mean_radius": 0.6, "mean_area": 0.4}, parity=2e-7,
    )  # fmt: skip
    draft.record(act, version, "registered", "hold-out AUC")
    release = Release(
        f"release-{number:012d}",
        number,
        version.bundle,
        "live" if number == 2 else "retired",
        at,
        at + 5 * DAY,
        2,
        1.0 if number == 2 else 0.0,
        turn,
        "Shown to be no worse",
        at + 5 * DAY,
    )
    draft.record(Act(SYSTEM, "", at + 5 * DAY), release, "promoted", release.reason)


def _present(draft: Draft) -> None:
    """A third version on trial; results that wait, one of them late; an incident that is open."""
    act = Act(SYSTEM, "", NOON - 2 * DAY)
    draft.record(
        act,
        Turn(
            "turn-3",
            3,
            "releasing",
            "inputs left the range",
            NOON - 4 * DAY,
            NOON - 2 * DAY,
            version=3,
            release="release-000000000003",
        ),
        "releasing",
        "on trial",
    )
    draft.record(
        act,
        ModelVersion(
            "version-3",
            3,
            "released",
            "linear",
            NOON - 3 * DAY,
            NOON - 4 * DAY,
            {"auc": 0.95, "brier": 0.09, "logloss": None},
            bundle="3" * 64,
            turn="turn-3",
            importance={"mean_radius": 1.0},
            parity=1e-7,
        ),
        "registered",
        "hold-out AUC",
    )
    draft.record(
        act,
        Release("release-000000000003", 3, "3" * 64, "canary", NOON - 3 * DAY, NOON - 2 * DAY, 1, SHARE, "turn-3", "on trial"),
        "advanced",
        "canary",
    )
    harm = Question("the canary is worse", 3.0, 100.0, ((100, 1.2), (200, 3.0)))
    proof = Question("it is no worse", 8.0, 20.0, ((100, 2.0), (200, 8.0)))
    reading = Reading(
        "errors",
        harm,
        proof,
        (Arm("live", 800, 8), Arm("canary", 200, 3)),
        Interval(0.005, -0.01, 0.02, 0.95),
        "open",
        "Not decided yet",
    )
    draft.record(
        act,
        Weighing("release-000000000003", "wait", 3, "canary", 1, NOON - DAY, 1000, 800, (reading,), "nothing is decided yet"),
        "weighed",
        "wait",
    )
    for id, status, waits, deadline in (
        ("handoff-00000000000a", "offered", "cleo", NOON - DAY),
        ("handoff-00000000000b", "offered", "ann", NOON + 2 * DAY),
        ("handoff-00000000000c", "accepted", "ann", NOON - 9 * DAY),
    ):
        edge = ("bundle", "package", "deploy") if waits == "cleo" else ("report", "monitor", "define")
        handoff = Handoff(
            id, status, edge[0], f"version 3 {MARKUP}" if waits == "cleo" else "month 2024-02", "packaged model ready for deployment", edge[1], edge[2],
            "ben", waits, waits, "person", 4 * DAY, deadline - 4 * DAY, deadline - 4 * DAY, deadline, {"auc": 0.95, "note": MARKUP},
            (Check("parity", True, "2e-07"),), {}, answered_by="ann" if status == "accepted" else "", answered_at=NOON - 10 * DAY if status == "accepted" else None,
            reason="looks right" if status == "accepted" else "",
        )  # fmt: skip
        draft.record(
            Act("ben", "ml-engineer", handoff.offered_at),
            replace(handoff, status="offered", answered_by="", answered_at=None),
            "offered",
            "a result",
        )
        if status == "accepted":
            draft.record(Act("ann", "product-manager", NOON - 10 * DAY), handoff, "accepted", "looks right")
    cause = "scores are 6.0% points too low since 2024-02-20"
    draft.record(
        act,
        Incident(
            "incident-000000000002",
            "open",
            1,
            "calibration",
            "version 2",
            cause,
            "cleo",
            NOON - 2 * DAY,
            NOON - 2 * DAY,
            {"error": -0.06, "evidence": 2000.0, "level": 1825, "since": "2024-02-20"},
        ),
        "opened",
        cause,
    )
    draft.record(
        act,
        Approval(
            "approval-00000000000a",
            "requested",
            "override",
            "turn-3",
            "a" * 64,
            "evaluate",
            f"override the gate {MARKUP}",
            "ben",
            NOON - DAY,
            2,
        ),
        "requested",
        "two must",
    )
    draft.record(
        act,
        Consultation(
            "consultation-00000000000a",
            "open",
            "handoff-00000000000a",
            "deploy",
            "Does this fit the on-call plan?",
            ("ann",),
            1,
            NOON + DAY,
            "accept",
            NOON - DAY,
        ),
        "opened",
        "asked",
    )
    draft.record(
        act,
        Task(
            "task-00000000000a", "open", "ben", "features", "mend what was sent back", "handoff-00000000000c", "data", NOON - DAY
        ),
        "opened",
        "declined",
    )


def hand_over(folder: Path) -> None:
    """From now on the open incident waits on ann."""
    state = open_sqlite(folder / ".baton" / "state.db")
    draft = Draft(state)
    offered = Handoff(
        INCIDENT, "offered", "incident", "incident-000000000002", "incident with evidence and blast radius", "monitor", "incident", "cleo", "ann", "ann",
        "person", 2 * DAY, NOON - DAY, NOON - DAY, NOON + DAY, {}, (Check("owner", True, "cleo"),),
    )  # fmt: skip
    draft.record(Act(SYSTEM, "", NOON - DAY), offered, "offered", "an incident")
    draft.commit({}, expect={})
    state.close()
