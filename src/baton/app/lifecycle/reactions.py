"""Every feedback loop of Baton, on one page. Stages know only earlier stages; what flows back flows through here.

a broken contract      → an incident of the data's owner; the next kept landing resolves it
an unreadable source   → the same
a calibration alarm    → an incident (harm) and a proposal to retrain
a novelty alarm        → an incident (cause) and a proposal to retrain
a proposal             → a turn of the loop, within cooldown and budget
an override of a gate  → the turn that failed at it open again, its proposal approved, its incident mitigating
a turn that failed     → its proposal failed, its incident open again; a later alarm may propose anew
a release that harms   → rolled back, and an incident of whoever answers for the cause; the next that serves resolves it
a release that serves  → its incident resolved, its proposal done
a month that closed    → a report that product must take
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from baton.app.lifecycle import overriding
from baton.app.lifecycle.judging import Signal
from baton.app.lifecycle.step import Step
from baton.app.lifecycle.turn import OPEN, Turn
from baton.data.standing import UNREADABLE, SourceState
from baton.delivery.release import Release
from baton.delivery.rollout import Decision
from baton.delivery.strategy import waits_for_ever
from baton.incidents.incident import Incident, moved
from baton.incidents.proposal import Proposal, brake
from baton.incidents.proposal import moved as moved_proposal
from baton.kernel.ids import derived_id
from baton.monitoring.month import Month
from baton.team.handoff import Check
from baton.team.override import Override

UNRESOLVED = ("open", "mitigating")


def on_sources(step: Step) -> None:
    """Contracts broken, and sources that cannot be read, open an incident; the next kept landing resolves it."""
    open_ones = {
        incident.subject: incident
        for incident in step.draft.all(Incident, status=UNRESOLVED)
        if incident.signal in ("contract", "source")
    }
    for source in step.draft.all(SourceState):
        subject, cause = f"source {source.id}", "; ".join(source.reasons)
        incident = open_ones.get(subject)
        if source.status == "kept":
            if incident is not None:
                resolve(step, incident, f"{subject} version {source.version}", "the contract is kept again")
        elif incident is None and source.status == UNREADABLE:
            signal = Signal("source", f"{subject} cannot be read: {cause}", harm=False, evidence={"digest": source.digest})
            open_incident(step, signal, subject, "ingest")
        elif incident is None and source.landed_at == step.now:
            words = f"contract of {source.id} broken: {cause}"
            open_incident(step, Signal("contract", words, harm=False, evidence={"digest": source.digest}), subject, "validate")


def on_signals(step: Step, found: Sequence[Signal], live: Release) -> None:
    """Alarms about the live version: one incident each, and one proposal at a time."""
    subject = f"version {live.version}"
    for signal in found:
        known = next(
            (i for i in step.draft.all(Incident, status=UNRESOLVED) if i.signal == signal.kind and i.subject == subject), None
        )
        incident = known or open_incident(step, signal, subject, "incident")
        propose(step, incident, signal.cause)


def open_incident(step: Step, signal: Signal, subject: str, phase: str) -> Incident:
    """An incident with its owner from RACI: who does the work of the phase that its cause lies in."""
    owner = step.team.responsible(phase, step.now).name
    incident = Incident(
        id=derived_id("incident", signal.kind, subject, step.now.isoformat()),
        status="open",
        severity=2 if signal.harm else 3,
        signal=signal.kind,
        subject=subject,
        cause=signal.cause,
        owner=owner,
        opened_at=step.now,
        since=step.now,
        evidence=signal.evidence,
    )
    step.draft.record(step.act("monitor"), incident, "opened", signal.cause)
    checks = (Check("owner", bool(owner), owner), Check("cause", bool(signal.cause), signal.kind))
    step.hand_over("incident", incident.id, {"incident": incident.id, **signal.evidence}, checks)
    return incident


def resolve(step: Step, incident: Incident, mended_by: str, reason: str) -> None:
    """Close an incident by what mended it."""
    step.draft.record(step.act("incident"), moved(incident, "resolved", step.now, mended_by=mended_by), "resolved", reason)


def propose(step: Step, incident: Incident, reason: str) -> None:
    """A proposal to retrain, unless one is on its way; one whose challenger scores silently without end is none."""
    endless = waits_for_ever(step.house.definition.rollout)
    if step.draft.all(Proposal, status=("waiting",) if endless else ("waiting", "approved")):
        return
    made = Proposal(derived_id("proposal", incident.id, step.now.isoformat()), "waiting", incident.id, reason, step.now)
    step.draft.record(step.act("retrain"), made, "made", reason, incident=incident.id)
    step.draft.record(step.act("incident"), replace(incident, proposal=made.id), "answered", f"retraining proposed: {made.id}")


def on_proposals(step: Step) -> None:
    """A waiting proposal starts a turn once the brakes let go and its hand-off is taken."""
    for proposal in step.draft.all(Proposal, status=("waiting",)):
        held = brake(step.house.definition.retraining, step.draft.all(Proposal), step.now)
        freed = overriding.holding(step.draft, "brake", step.now, proposal.id)
        if held and freed is None:
            if held != proposal.brake:
                step.draft.record(step.act("retrain"), replace(proposal, brake=held), "held", held)
            continue
        taken = step.hand_over(
            "retraining",
            proposal.id,
            {"incident": proposal.incident, "reason": proposal.reason},
            (Check("evidence", bool(proposal.reason), proposal.reason),),
        )
        if taken.status == "accepted":
            _start(step, proposal, freed if held else None)
        elif not taken.open:
            failed = moved_proposal(proposal, "failed", brake=taken.reason)
            step.draft.record(step.act("retrain"), failed, "refused", taken.reason)


def _start(step: Step, proposal: Proposal, freed: Override | None) -> None:
    turn = start_turn(step, proposal.reason, proposal)
    if freed is not None:
        overriding.use(step.office, freed, f"used: {turn.id} started")
    step.draft.record(
        step.act("retrain"),
        moved_proposal(proposal, "approved", started_at=step.now, turn=turn.id, brake=""),
        "approved",
        freed.what if freed is not None else "within cooldown and budget",
    )
    incident = step.draft.get(Incident, proposal.incident)
    if incident is not None and incident.status == "open":
        step.draft.record(step.act("incident"), moved(incident, "mitigating", step.now), "mitigating", f"{turn.id} retrains")


def start_turn(step: Step, reason: str, proposal: Proposal | None = None) -> Turn:
    """A new turn of the loop."""
    number = len(step.draft.all(Turn)) + 1
    turn = Turn(
        f"turn-{number}",
        number,
        "preparing",
        reason,
        step.now,
        step.now,
        proposal=proposal.id if proposal else "",
        incident=proposal.incident if proposal else "",
    )
    return step.draft.record(step.act("retrain"), turn, "started", reason)


def on_failed(step: Step, turn: Turn, reason: str) -> None:
    """A turn that ends without a release: the proposal failed, the incident is open again, its owner is told by it."""
    proposal = step.draft.get(Proposal, turn.proposal) if turn.proposal else None
    if proposal is not None and proposal.status == "approved":
        step.draft.record(step.act("retrain"), moved_proposal(proposal, "failed", brake=reason), "failed", reason)
    incident = step.draft.get(Incident, turn.incident) if turn.incident else None
    if incident is not None and incident.status == "mitigating":
        step.draft.record(
            step.act("incident"), moved(incident, "open", step.now), "reopened", f"{turn.id} did not mend it: {reason}"
        )


def on_reopened(step: Step, turn: Turn, reason: str) -> None:
    """A turn that failed goes on: what its failure undid is so no more."""
    proposal = step.draft.get(Proposal, turn.proposal) if turn.proposal else None
    if proposal is not None and proposal.status == "failed":
        step.draft.record(step.act("retrain"), moved_proposal(proposal, "approved", brake=""), "reopened", reason)
    incident = step.draft.get(Incident, turn.incident) if turn.incident else None
    if incident is not None and incident.status == "open":
        step.draft.record(
            step.act("incident"), moved(incident, "mitigating", step.now), "mitigating", f"{turn.id} goes on: {reason}"
        )


CAUSES = {"quality": "train", "outcome": "train"}
"""The phase that lies behind what was wrong with a release; whatever is not named is of its deployment."""


def on_harm(step: Step, release: Release, decision: Decision, told: Mapping[str, Any]) -> None:
    """A release was rolled back on evidence: an incident says why, to whoever does the work of the phase behind it."""
    share = f" with a share of {release.share:.0%}" if release.status == "canary" else ""
    cause = f"version {release.version} was rolled back as {release.status}{share}: {decision.reason}"
    found = {"release": release.id, "because": list(decision.because), **told}
    signal = Signal("release", cause, harm=release.status == "canary", evidence=found)
    open_incident(step, signal, f"version {release.version}", CAUSES.get(decision.because[0], "deploy"))


def on_live(step: Step, release: Release, turn: Turn | None) -> None:
    """A release that serves all traffic mends what its version was retrained for, and every alarm about the one before."""
    if turn is not None and turn.proposal:
        proposal = step.draft.get(Proposal, turn.proposal)
        if proposal is not None and proposal.status == "approved":
            done = moved_proposal(proposal, "done")
            step.draft.record(step.act("retrain"), done, "done", f"{release.id} serves all traffic")
    for incident in step.draft.all(Incident, status=UNRESOLVED):
        if incident.subject.startswith("version ") and incident.subject != f"version {release.version}":
            resolve(step, incident, release.id, f"version {release.version} serves all traffic since {step.now:%Y-%m-%d}")


def on_closed_months(step: Step, months: Sequence[Month]) -> None:
    """Product is handed the month's report."""
    for month in months:
        evidence = {
            "predictions": month.predictions,
            "auc": month.auc,
            "brier": month.brier,
            "value": month.value,
            "currency": step.house.definition.problem.value.currency,
        }
        check = Check("matured", month.matured >= 0.9, f"{month.matured:.1%} of labels arrived")
        step.hand_over("report", f"month {month.id}", evidence, (check,))


def busy(step: Step) -> bool:
    """Whether a turn is on its way. One whose challenger scores silently for as long as it takes holds up no other."""
    endless = waits_for_ever(step.house.definition.rollout)
    return any(not (endless and turn.status == "releasing") for turn in step.draft.all(Turn, status=OPEN))
