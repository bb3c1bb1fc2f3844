"""Deploy, once a day: weigh the evidence on releases on trial, move them, and write the routing that follows."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from baton.app.lifecycle import approving, evidence, faults, overriding
from baton.app.lifecycle.approving import PROMOTE
from baton.app.lifecycle.people import Records
from baton.app.lifecycle.reactions import on_failed, on_harm, on_live
from baton.app.lifecycle.step import Step
from baton.app.lifecycle.turn import Turn
from baton.app.lifecycle.turn import moved as moved_turn
from baton.app.workspace import Workspace
from baton.delivery.release import TRIAL, Release, advanced, moved
from baton.delivery.rollout import Decision, Evidence, decide, weighed
from baton.delivery.strategy import keeps_warm, stages
from baton.delivery.terms import terms_of
from baton.delivery.weighing import Weighing
from baton.kernel.clock import duration_text, iso
from baton.registry.version import MOVES as VERSION_MOVES
from baton.registry.version import ModelVersion
from baton.registry.version import moved as moved_version
from baton.serving.guard import Tripped, tripped
from baton.team.handoff import Check
from baton.team.override import Override

if TYPE_CHECKING:
    from baton.app.lifecycle.recent import Recent


def advance(step: Step, recent: "Recent") -> None:
    """Move every release on trial by the rollout policy, and finish turns whose release serves all traffic."""
    take_out(step)
    for release in step.draft.all(Release, status=TRIAL):
        if release.started_at < step.now:
            _move(step, release, _weigh(step, release, recent))
    _by_hand(step)
    _let_go(step)
    for turn in step.draft.all(Turn, status=("releasing",)):
        _finish(step, turn)


def take_out(step: Step) -> None:
    """Releases that the server took out of traffic by itself are rolled back on the record. A record of a release that is
    no longer on trial says nothing new, so one that is seen twice is one roll-back."""
    for record in guarded(step.house.workspace, step.draft):
        release = step.draft.get(Release, record.release)
        assert release is not None
        what = f"the server took it out of traffic at {record.at}: {_told(record)}"
        decision = Decision("roll-back", what, (record.criterion,))
        _roll_back(step, release, decision, {"guard": record.criterion, "evidence": record.evidence, "counts": record.counts})


def guarded(workspace: Workspace, state: Records) -> list[Tripped]:
    """What guards recorded about releases that are still on trial. In a replay none is set: time is not what it was."""
    if workspace.clock != "wall":
        return []
    on_trial = {release.id for release in state.all(Release, status=TRIAL)}
    return [record for record in tripped(workspace.segments) if record.release in on_trial] if on_trial else []


def _told(record: Tripped) -> str:
    mine, theirs = (sum(pair[at] for pair in record.counts.values()) for at in (0, 1))
    shares = " and ".join(f"{float(share):.0%}" for share in record.counts)
    return (
        f"{record.criterion}: {mine:,} of the canary against {theirs:,} of live at a share of {shares}; "
        f"evidence {record.evidence:,.3g}, threshold {record.threshold:,.3g}"
    )


def _weigh(step: Step, release: Release, recent: "Recent") -> Decision:
    """Look at a release and put the look on the record, once per instant."""
    definition, known = step.house.definition, step.draft.get(Weighing, release.id)
    policy = definition.rollout
    if known is not None and known.at == step.now:
        found = Evidence(known.readings, known.answered, known.labelled)
        return decide(release, policy, found, step.now)
    scope = evidence.Scope(step.house.tables, definition.entity.key, policy.where, definition.problem.value.threshold)
    terms = terms_of(policy, definition.monitor.error_rate)
    found = evidence.gather(scope, terms, release, recent, known.readings if known else (), step.now)
    decision = decide(release, policy, found, step.now)
    step.draft.record(step.act("deploy"), weighed(release, found, decision, step.now), "weighed", decision.reason)
    return decision


def _move(step: Step, release: Release, decision: Decision) -> None:
    if decision.move == "advance":
        _advance(step, release, decision.reason)
    elif decision.move == "roll-back":
        _roll_back(step, release, decision, {})


def _advance(step: Step, release: Release, reason: str) -> None:
    following = advanced(release, step.house.definition.rollout, step.now, reason)
    if following.status == "live":
        promote(step, release, reason)
        return
    if following.status == "canary":
        following = faults.at_canary(step, release, following)
    step.draft.record(step.act("deploy"), following, "advanced", reason, share=following.share)


def promote(step: Step, release: Release, reason: str) -> bool:
    """A release serves all traffic from now on, if it may; tells whether it does."""
    approval = _cleared(step, release)
    if approval is None:
        return False
    _serve(step, release, reason, approval)
    return True


def by_hand(records: Records) -> list[Override]:
    """The promotions that people asked for, before everything that the rollout policy asks is proved."""
    return [each for each in records.all(Override, status=overriding.OPEN) if each.kind == PROMOTE]


def _by_hand(step: Step) -> None:
    """Promote what people approved by name. It comes after the weighing: harm ends a trial whatever they approved.

    What was said after the instant of this step waits for the next one.
    """
    overriding.revert(step.office)
    stopped = overriding.frozen(step.draft, step.now) or overriding.halted(step.draft)
    for asked in by_hand(step.draft):
        release = step.draft.get(Release, asked.subject)
        if (asked.since or asked.asked_at) > step.now:
            continue
        if release is None or release.status not in TRIAL:
            overriding.lapse(step.office, asked, f"{asked.subject} is no longer on trial", step.now)
        elif asked.status == "holding" and stopped is None:
            _serve(step, release, f"promoted by hand: {asked.reason}", asked.approval)
            overriding.use(step.office, asked, f"used: {release.id} serves all traffic")
            approving.withdraw(step.office, release.id, f"{asked.id} promoted it")


def _serve(step: Step, release: Release, reason: str, approval: str) -> None:
    retire(step, release)
    version(step, release.version, "live", release.id)
    serving = replace(moved(release, "live", step.now, reason), step=len(stages(step.house.definition.rollout)))
    step.draft.record(step.act("deploy"), serving, "promoted", reason, share=serving.share, approval=approval)


def end_arm(step: Step, arm: Release, status: str, reason: str) -> None:
    """An arm of a comparison answers no more; its version stands where it stood."""
    step.draft.record(step.act("deploy"), moved(arm, status, step.now, reason), status, f"{arm.variant}: {reason}")


def _cleared(step: Step, release: Release) -> str | None:
    """The approval by which a release may serve all traffic now; None when it waits, or was refused and is rolled back."""
    known = step.draft.get(ModelVersion, f"version-{release.version}")
    assert known is not None
    clearance = approving.clear(step.office, step.house.definition, release.id, known)
    if clearance.refused:
        _roll_back(step, release, Decision("roll-back", f"its promotion was refused: {clearance.reason}"), {})
    return clearance.waits_for if clearance.granted else None


def retire(step: Step, release: Release) -> None:
    """Another release serves all traffic from now on: the one before is retired, or kept warm for an instant return."""
    policy = step.house.definition.rollout
    for before in step.draft.all(Release, status=("live",)):
        status, words = "retired", f"{release.id} took over"
        if keeps_warm(policy):
            status, words = "kept", f"{words}; kept warm for {duration_text(policy.keep)}"
        step.draft.record(step.act("deploy"), moved(before, status, step.now, words), status, words)
        version(step, before.version, "retired", before.id)


def supersede(step: Step, release: Release) -> None:
    """A challenger that was never proved better makes room for the next one."""
    for before in step.draft.all(Release, status=TRIAL):
        _roll_back(step, before, Decision("roll-back", f"not proved better so far; {release.id} takes its place"), {})


def _let_go(step: Step) -> None:
    """Versions that were kept warm for long enough."""
    policy = step.house.definition.rollout
    for kept in step.draft.all(Release, status=("kept",)):
        if not keeps_warm(policy) or step.now >= kept.since + policy.keep:
            words = f"kept warm since {iso(kept.since)}, and not needed"
            step.draft.record(step.act("deploy"), moved(kept, "retired", step.now, words), "retired", words)


def _roll_back(step: Step, release: Release, decision: Decision, told: dict[str, Any]) -> None:
    gone = moved(release, "rolled-back", step.now, decision.reason)
    step.draft.record(step.act("deploy"), gone, "rolled-back", decision.reason, **told)
    version(step, release.version, "rejected", decision.reason)
    if decision.because and decision.because != ("latest",):
        on_harm(step, release, decision, told)


def version(step: Step, number: int, status: str, reason: str) -> None:
    """A version's own standing follows its release."""
    known = step.draft.get(ModelVersion, f"version-{number}")
    if known is not None and status in VERSION_MOVES[known.status]:
        step.draft.record(step.act("register"), moved_version(known, status), status, reason)


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
