"""Deploy, once a day: weigh the evidence on releases on trial, move them, and write the routing that follows."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from baton.app.lifecycle import approving
from baton.app.lifecycle.overriding import halted
from baton.app.lifecycle.reactions import on_failed, on_live
from baton.app.lifecycle.step import Step
from baton.app.lifecycle.turn import Turn
from baton.app.lifecycle.turn import moved as moved_turn
from baton.app.workspace import replace_file
from baton.delivery.release import Release, advanced, moved, routing_for
from baton.delivery.rollout import Evidence, decide
from baton.delivery.routing import Routing, read_routing, write_routing
from baton.kernel.errors import Corrupt
from baton.ledger.ports import StateReader
from baton.project.definition import Definition
from baton.registry.ports import Keys
from baton.registry.version import ModelVersion
from baton.registry.version import moved as moved_version
from baton.team.handoff import Check

if TYPE_CHECKING:
    from baton.app.lifecycle.recent import Recent

TRIAL = ("shadow", "canary")
HOUR = 3_600_000_000


def advance(step: Step, recent: "Recent", failures: Callable[[int], int]) -> None:
    """Move every release on trial by the rollout policy, and finish turns whose release serves all traffic.

    `failures` tells how many requests the server could not score with a version.
    """
    for release in step.draft.all(Release, status=TRIAL):
        verdict = decide(
            release, step.house.definition.rollout, evidence_of(step, release, recent, failures(release.version)), step.now
        )
        if verdict.move == "advance":
            _advance(step, release, verdict.reason)
        elif verdict.move == "roll-back":
            _roll_back(step, release, verdict.reason)
    for turn in step.draft.all(Turn, status=("releasing",)):
        _finish(step, turn)


def evidence_of(step: Step, release: Release, recent: "Recent", errors: int) -> Evidence:
    """The paired comparison on rows that both versions scored and whose label arrived, grouped by decision hour."""
    theirs = {
        (row.at, row.entity): row.score
        for row in recent.scored(release.since, step.now, ("challenger",))
        if row.version == release.version
    }
    answered = [row for row in recent.scored(release.since, step.now, ("canary",)) if row.version == release.version]
    pairs = [
        (row.at, (theirs[row.at, row.entity] - label) ** 2 - (row.score - label) ** 2)
        for row, label in recent.labelled(release.since, step.now, ("live",))
        if (row.at, row.entity) in theirs and row.version != release.version
    ]
    if not pairs:
        return Evidence(len(answered), errors, 0)
    hours, loss = (np.array(values) for values in zip(*pairs, strict=True))
    _, group = np.unique(hours // HOUR, return_inverse=True)
    sums, counts = np.bincount(group, loss), np.bincount(group)
    mean = float(loss.mean())
    spread = float(np.sqrt(np.sum((sums - mean * counts) ** 2)) / len(loss))
    return Evidence(len(answered), errors, len(loss), mean, mean - 2.58 * spread, mean + 2.58 * spread)


def _advance(step: Step, release: Release, reason: str) -> None:
    following = advanced(release, step.house.definition.rollout, step.now, reason)
    told: dict[str, Any] = {"share": following.share}
    if following.status == "live":
        version = step.draft.get(ModelVersion, f"version-{release.version}")
        assert version is not None
        clearance = approving.clear(step.office, step.house.definition, release.id, version)
        if clearance.refused:
            _roll_back(step, release, f"its promotion was refused: {clearance.reason}")
        if not clearance.granted:
            return
        told["approval"] = clearance.waits_for
        for before in step.draft.all(Release, status=("live",)):
            step.draft.record(
                step.act("deploy"),
                moved(before, "retired", step.now, f"{release.id} took over"),
                "retired",
                f"{release.id} took over",
            )
            _version(step, before.version, "retired", before.id)
        _version(step, release.version, "live", release.id)
    step.draft.record(step.act("deploy"), following, "promoted" if following.status == "live" else "advanced", reason, **told)


def _roll_back(step: Step, release: Release, reason: str) -> None:
    step.draft.record(step.act("deploy"), moved(release, "rolled-back", step.now, reason), "rolled-back", reason)
    _version(step, release.version, "rejected", reason)


def _version(step: Step, number: int, status: str, reason: str) -> None:
    version = step.draft.get(ModelVersion, f"version-{number}")
    if version is not None and version.status != status:
        step.draft.record(step.act("register"), moved_version(version, status), status, reason)


def _finish(step: Step, turn: Turn) -> None:
    release = step.draft.get(Release, turn.release)
    if release is None or release.status in TRIAL:
        return
    if release.status == "rolled-back":
        failed = moved_turn(turn, "failed", step.now, outcome=release.reason)
        step.draft.record(step.act("deploy"), failed, "failed", release.reason)
        on_failed(step, turn, release.reason)
        return
    step.hand_over(
        "release",
        turn.id,
        {"release": release.id, "version": release.version},
        (Check("serving", release.status == "live", release.status),),
    )
    done = moved_turn(turn, "done", step.now)
    step.draft.record(step.act("monitor"), done, "done", f"{release.id} serves all traffic")
    on_live(step, release, turn)


def routing_of(definition: Definition, state: StateReader, serial: int) -> Routing:
    """The routing that the releases ask for; no route at all while everything is halted."""
    releases = [] if halted(state) is not None else state.all(Release)
    live = next((release for release in releases if release.status == "live"), None)
    trial = next((release for release in releases if release.status in TRIAL), None)
    baseline = releases[0] if releases and definition.rollout.baseline else None
    return routing_for(definition.project, serial, live, trial, baseline)


def sync_routing(path: Path, definition: Definition, state: StateReader, keys: Keys) -> bool:
    """Write the routing file when the releases ask for another one; tells whether it changed.

    A file that cannot be read is written anew: the releases in the state are the truth, the file only follows.
    """
    present = _present(path, keys)
    wanted = routing_of(definition, state, (present.serial if present else 0) + 1)
    if present is not None and present.routes == wanted.routes:
        return False
    replace_file(path, write_routing(wanted, keys.seal))
    return True


def _present(path: Path, keys: Keys) -> Routing | None:
    try:
        return read_routing(path.read_bytes(), keys.verify) if path.exists() else None
    except Corrupt:
        return None
