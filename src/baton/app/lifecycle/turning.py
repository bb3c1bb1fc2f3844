"""Move a turn as far as its hand-offs let it: train, evaluate, register, package, release."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from baton.app.lifecycle import approving, faults, overriding, releasing
from baton.app.lifecycle.offering import renew
from baton.app.lifecycle.reactions import busy, on_failed, on_reopened
from baton.app.lifecycle.step import Step
from baton.app.lifecycle.turn import OPEN, Turn, moved
from baton.delivery.release import Release, start
from baton.evaluation.compare import Comparison
from baton.evaluation.gate import Verdict, judge
from baton.features.personal import DROP, HASH, log_rules
from baton.kernel.clock import iso, parse_instant
from baton.kernel.digest import canonical
from baton.kernel.ids import derived_id
from baton.ledger.fact import POLICY
from baton.monitoring.day import Reference
from baton.registry.bundle import Calibration, Manifest, Parity, pack
from baton.registry.signature import Signature
from baton.registry.version import ModelVersion
from baton.registry.version import moved as moved_version
from baton.serving.personal import DROPPED, ENTITY, HASHED
from baton.team.handoff import Check, Handoff, Result
from baton.team.task import Task, task_id


def advance(step: Step) -> None:
    """Move every open turn until it waits for somebody, for time, or ends."""
    for turn in step.draft.all(Turn, status=OPEN):
        moving: Turn | None = turn
        while moving is not None and moving.status in _MOVES:
            moving = _MOVES[moving.status](step, moving)


def candidate(step: Step, turn: Turn) -> dict[str, Any]:
    """The training job's answer of a turn."""
    answer: dict[str, Any] = json.loads(step.house.artifacts.get(turn.candidate))
    return answer


def reference_of_version(step: Step, version: ModelVersion) -> Reference | None:
    """What a version saw in training."""
    turn = step.draft.get(Turn, version.turn)
    return msgspec.convert(candidate(step, turn)["reference"], Reference) if turn is not None and turn.candidate else None


def _become(step: Step, turn: Turn, status: str, reason: str, phase: str, **changed: Any) -> Turn:
    return step.draft.record(step.act(phase), moved(turn, status, step.now, **changed), status, reason)


def _fail(step: Step, turn: Turn, reason: str, phase: str) -> None:
    _become(step, turn, "failed", reason, phase, outcome=reason)
    on_failed(step, turn, reason)


def _taken(step: Step, turn: Turn, handoff: Handoff) -> bool:
    """Whether a hand-off was accepted. An open one makes the turn wait.

    One that a person did not take waits for the task it left with its giver; refused by policy, or given up, the turn fails.
    """
    if handoff.status == "accepted":
        return True
    if handoff.open:
        _wait(step, turn, handoff.id, f"{handoff.waiting_on} must take '{handoff.payload}'")
        return False
    task = step.draft.get(Task, task_id(handoff.id, handoff.given_in))
    if handoff.answered_by != POLICY and task is not None and task.status == "open":
        _wait(step, turn, task.id, f"{task.owner} must mend '{handoff.payload}': {handoff.reason}")
    else:
        gone = f"; given up by {task.done_by}: {task.outcome}" if task is not None and task.status == "given-up" else ""
        _fail(step, turn, f"'{handoff.payload}' was {handoff.status}: {handoff.reason}{gone}", "retrain")
    return False


def _wait(step: Step, turn: Turn, what: str, reason: str) -> None:
    if turn.waits_for != what:
        step.draft.record(step.act("retrain"), replace(turn, waits_for=what), "waiting", reason)


def reopen(step: Step) -> bool:
    """Turns that failed at the gate go on when an override lets their candidate through; tells whether one did."""
    for turn in step.draft.all(Turn, status=("failed",)):
        freed = overriding.holding(step.draft, "gate", step.now, turn.id)
        if freed is not None and freed.subject == turn.id and turn.candidate and not turn.version and not busy(step):
            _become(step, turn, "evaluated", freed.what, "evaluate", outcome="")
            on_reopened(step, turn, freed.what)
            return True
    return False


def _prepare(step: Step, turn: Turn) -> Turn | None:
    """Data are asked for; then data and training set are handed over with the versions they are made of."""
    from baton.data.standing import SourceState

    if not _taken(step, turn, _asked_for(step, turn)):
        return None
    sources = step.draft.all(SourceState)
    evidence = {source.id: {"version": source.version, "rows": source.rows} for source in sources}
    checks = tuple(
        Check(f"contract of {source.id}", source.status == "kept", "; ".join(source.reasons) or "kept") for source in sources
    )
    if not _taken(step, turn, step.hand_over("data", turn.id, evidence, checks)):
        return None
    plan = step.house.plan
    made = step.hand_over(
        "training-set",
        turn.id,
        {"features": plan.digest, "count": len(plan.names)},
        (Check("known time", True, "every join is on known time"),),
        {"features": plan.digest},
    )
    return _become(step, turn, "training", "data and features are handed over", "train") if _taken(step, turn, made) else None


def _asked_for(step: Step, turn: Turn) -> Handoff:
    """The data engineer is handed the problem by product at the first turn, and a request for fresh data at every later one."""
    if turn.proposal:
        return step.hand_over("request", turn.id, {"reason": turn.reason}, (Check("reason", bool(turn.reason), turn.reason),))
    problem = step.house.definition.problem
    evidence = {"question": problem.question, "success": [each.model_dump(mode="json") for each in problem.success]}
    return step.hand_over("problem", turn.id, evidence, (Check("question", bool(problem.question), problem.question),))


def _train(step: Step, turn: Turn) -> Turn | None:
    """The durable job; its answer becomes an artefact."""
    live = next(iter(step.draft.all(Release, status=("live",))), None)
    answer = step.house.jobs.run(f"{turn.id}-train", "train", {"cutoff": iso(step.now), "champion": live.bundle if live else ""})
    if "refused" in answer:
        _fail(step, turn, f"training refused: {answer['refused']['what']} ({answer['refused']['why']})", "train")
        return None
    for name, seconds in answer.pop("seconds").items():
        step.house.state.measure(f"train.{name}.seconds", seconds, step.now)
    digest = step.house.artifacts.put(canonical(answer))
    chosen, rows = answer["chosen"], answer["rows"]
    reason = f"{chosen['learner']} out of {len(answer['trials'])} trials on {rows['train'] + rows['validation']} rows"
    return _become(step, turn, "evaluated", reason, "evaluate", candidate=digest)


def _evaluate(step: Step, turn: Turn) -> Turn | None:
    """The gate decides; its verdict travels as the check of the hand-off to the ML engineer."""
    answer = candidate(step, turn)
    against = msgspec.convert(answer["comparison"], Comparison) if answer["comparison"] else None
    verdict: Verdict = judge(step.house.definition.gates, answer["quality"], against)
    evidence = {
        "candidate": turn.candidate,
        "quality": answer["quality"],
        "comparison": answer["comparison"],
        "worst_slices": answer["slices"][:3],
    }
    check = Check("gate", verdict.passed, "; ".join(verdict.reasons))
    freed = None if verdict.passed else overriding.holding(step.draft, "gate", step.now, turn.id)
    if freed is not None:
        check = Check("gate", True, f"{check.detail}; overridden by {freed.id}: {freed.reason}")
        evidence["override"] = freed.id
    made = step.hand_over(
        "candidate", turn.id, evidence, (check,), {"candidate": turn.candidate, "project": step.house.loaded.digest}
    )
    if freed is not None and made.answered_by == POLICY and made.status == "declined":
        made = renew(step.office, made, Result(turn.id, evidence, (check,)), freed.what)
    if not _taken(step, turn, made):
        return None
    version = _register(step, turn, answer)
    if freed is not None:
        overriding.use(step.office, freed, f"used: version {version.version} registered")
    return _become(step, turn, "registered", f"version {version.version}: {check.detail}", "register", version=version.version)


def _register(step: Step, turn: Turn, answer: Mapping[str, Any]) -> ModelVersion:
    number = len(step.draft.all(ModelVersion)) + 1
    team = step.team
    lineage = {
        "training": answer["manifest"],
        "project": step.house.loaded.digest,
        "features": step.house.plan.digest,
        "people": {phase: team.accountable(phase, step.now).person.name for phase in ("train", "evaluate", "register")},
        "turn": turn.id,
        "candidate": turn.candidate,
    }
    version = ModelVersion(
        id=f"version-{number}",
        version=number,
        status="registered",
        learner=answer["chosen"]["learner"],
        trained_at=step.now,
        trained_until=parse_instant(answer["trained_until"]),
        metrics=answer["quality"],
        native=answer["native"],
        onnx=answer["model"],
        turn=turn.id,
        lineage=lineage,
        importance=answer["importance"],
        parity=answer["parity"]["largest_difference"],
    )
    return step.draft.record(
        step.act("register"),
        version,
        "registered",
        f"hold-out AUC {version.metrics['auc']:.4f}, Brier {version.metrics['brier']:.4f}",
    )


def _package(step: Step, turn: Turn) -> Turn | None:
    """Model, features and proof become one signed file."""
    house, answer = step.house, candidate(step, turn)
    version = step.draft.get(ModelVersion, f"version-{turn.version}")
    assert version is not None
    manifest = Manifest(
        format=1,
        project=house.definition.project,
        version=turn.version,
        signature=msgspec.convert(answer["signature"], Signature),
        calibration=Calibration(),
        parity=Parity(**answer["parity"]),
        lineage={
            "training_set": answer["manifest"]["training_set"],
            "project": house.loaded.digest,
            "candidate": turn.candidate,
            "time_columns": ",".join(time_columns(step)),
            **personal_columns(step),
        },
        members={},
    )
    bundle = house.artifacts.put(pack(manifest, house.artifacts.get(answer["model"]), house.plan.source))
    house.artifacts.seal(bundle, house.keys.seal(bundle.encode()))
    bundle = faults.at_package(step, turn.version, bundle)
    step.draft.record(
        step.act("package"),
        moved_version(version, "packaged", bundle=bundle),
        "packaged",
        f"bundle {bundle[:12]}, parity {version.parity:.1e}",
    )
    return _become(step, turn, "packaged", f"bundle {bundle[:12]}", "package")


def time_columns(step: Step) -> list[str]:
    """Columns of the entity's row that are instants."""
    house = step.house
    kinds = house.reader.schema(house.definition.sources[house.definition.entity.source])
    return sorted(name for name, kind in kinds.items() if kind == "timestamp" and name in house.plan.entity_needs())


def personal_columns(step: Step) -> dict[str, str]:
    """What may not be logged as it is, by the contracts of today; empty when nothing is personal."""
    house, entity = step.house, step.house.definition.entity
    rules = {name: intake.log_rules for name, intake in house.intakes.items()}
    features = log_rules(house.plan, entity.source, rules)
    told = {
        name: ",".join(feature for feature, rule in features.items() if rule == wanted)
        for name, wanted in ((HASHED, HASH), (DROPPED, DROP))
    }
    told[ENTITY] = "hash" if entity.key in rules.get(entity.source, {}) else ""
    return {name: text for name, text in told.items() if text}


def _release(step: Step, turn: Turn) -> Turn | None:
    version = step.draft.get(ModelVersion, f"version-{turn.version}")
    assert version is not None
    answer = candidate(step, turn)
    evidence = {"bundle": version.bundle, "parity": answer["parity"], "version": version.version}
    checks = (
        Check(
            "parity",
            answer["parity"]["flips"] == 0,
            f"largest difference {answer['parity']['largest_difference']:.1e} over {answer['parity']['rows']} rows",
        ),
        Check("signature", step.house.artifacts.exists(version.bundle), version.bundle[:12]),
    )
    if not _taken(
        step,
        turn,
        step.hand_over("bundle", turn.id, evidence, checks, {"bundle": version.bundle, "project": step.house.loaded.digest}),
    ):
        return None
    live = step.draft.all(Release, status=("live",))
    release = start(
        derived_id("release", turn.id),
        version.version,
        version.bundle,
        turn.id,
        step.now,
        step.house.definition.rollout,
        first=not live,
    )
    if release.status == "live":
        clearance = approving.clear(step.office, step.house.definition, release.id, version)
        if clearance.refused:
            _fail(step, turn, f"its promotion was refused: {clearance.reason}", "deploy")
        elif not clearance.granted:
            _wait(step, turn, clearance.waits_for, clearance.reason)
        if not clearance.granted:
            return None
        releasing.retire(step, release)
    releasing.supersede(step, release)
    step.draft.record(step.act("deploy"), release, "started", f"version {version.version} as {release.status}")
    status = "live" if release.status == "live" else "released"
    step.draft.record(step.act("deploy"), moved_version(version, status), status, release.id)
    return _become(step, turn, "releasing", f"{release.id} started as {release.status}", "deploy", release=release.id)


_MOVES: dict[str, Callable[[Step, Turn], Turn | None]] = {
    "preparing": _prepare,
    "training": _train,
    "evaluated": _evaluate,
    "registered": _package,
    "packaged": _release,
}
