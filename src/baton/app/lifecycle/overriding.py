"""Overrides in the loop: asked for, holding once approved, used, and ended when their time is over; the kill switch.

Commands and the API ask through `ask`; the loop asks `holding` at the one place where each rule is applied.
"""

from dataclasses import replace
from datetime import datetime

from baton.app.alone.wording import words_of
from baton.app.lifecycle.office import Office
from baton.app.lifecycle.people import Records
from baton.kernel.digest import digest
from baton.kernel.errors import Conflict
from baton.ledger.fact import SYSTEM, Act
from baton.team.approval import Approval, Matter, approved, approvers, requested, withdrawn
from baton.team.override import ANYTHING, Override, asked, ended, in_force, refused
from baton.team.override import holding as held
from baton.team.task import Task, opened
from baton.team.team import Team

OVERRIDE = "override"
OPEN = ("asked", "holding")
"""The statuses of overrides that are not over."""


def holding(records: Records, kind: str, at: datetime, *subjects: str) -> Override | None:
    """The override of a kind that holds at an instant, about one of these subjects or anything; None when there is none."""
    return in_force(records.all(Override, status=("holding",)), kind, at, *subjects)


def frozen(records: Records, at: datetime) -> Override | None:
    """The freeze that holds, None when there is none."""
    return holding(records, "freeze", at)


def halted(records: Records) -> Override | None:
    """The halt that nobody and no tick has ended yet, None when there is none."""
    return next((each for each in records.all(Override, status=("holding",)) if each.kind == "halt"), None)


def ask(office: Office, wanted: Override, authors: tuple[str, ...]) -> Override:
    """Ask for an override. Whoever asks has signed, unless the subject is their own work; it holds once enough people have.

    Raises Conflict when the same kind is asked for or holds about the same subject.
    """
    words_of(wanted.reason, "reason")
    revert(office)
    held_now = office.draft.all(Override, status=OPEN)
    same = (each for each in held_now if (each.kind, each.subject) == (wanted.kind, wanted.subject))
    if (known := next(same, None)) is not None:
        raise Conflict(
            f"{known.id} is {known.status} already", where=known.what, fix=f"baton approve {known.approval}, or wait for its end"
        )
    matter = Matter(OVERRIDE, wanted.id, digest([wanted.kind, wanted.subject, wanted.reason]), wanted.phase, wanted.what, authors)
    request = requested(matter, wanted.asked_by, office.now, office.owned.approvals.need)
    act = office.act_of(wanted.asked_by, wanted.phase)
    made = office.draft.record(act, replace(wanted, approval=request.id), "asked", wanted.what)
    office.draft.record(act, request, "requested", wanted.what)
    if wanted.asked_by in approvers(office.team, request, office.now):
        signed = approved(office.team, request, wanted.asked_by, office.now, f"asks for it: {wanted.reason}")
        words = "; ".join(part for part in (signed.reason, signed.note) if part) or f"{wanted.asked_by} asks for it"
        office.draft.record(act, signed, "granted" if signed.status == "granted" else "signed", words)
        on_approval(office, signed)
    return office.draft.get(Override, made.id) or made


def halt(office: Office, by: str, reason: str, until: datetime | None) -> Override:
    """Pull the kill switch on one person's word; another person gets the review. Raises Conflict when it is pulled already."""
    words_of(reason, "reason")
    revert(office)
    if (known := halted(office.draft)) is not None:
        raise Conflict(
            "everything is halted already", where=known.what, why=f"by {known.asked_by}", fix='baton resume --reason "…"'
        )
    made = held(asked("halt", ANYTHING, by, reason, office.now, until, len(office.draft.all(Override))), office.now)
    office.draft.record(office.act_of(by, made.phase), made, "held", reason)
    review(office, by, made.phase, f"review: {by} halted all traffic because: {reason}", made.id)
    return made


def resume(office: Office, by: str, reason: str) -> Override:
    """End the halt. Raises Conflict when nothing is halted."""
    words_of(reason, "reason")
    revert(office)
    known = halted(office.draft)
    if known is None:
        raise Conflict("nothing is halted", fix="baton status")
    return office.draft.record(office.act_of(by, known.phase), ended(known, office.now, f"{by}: {reason}"), "ended", reason)


def review(office: Office, by: str, phase: str, what: str, cause: str) -> Task:
    """What one person did alone is looked at by another afterwards; by themselves only when there is nobody else."""
    other = reviewer(office.team, by, phase, office.now)
    task = opened(other or by, phase, what if other else f"{what} (nobody else is in the team)", cause, office.now)
    if other:
        task = replace(task, not_by=by)
    return office.draft.record(Act(SYSTEM, "", office.now), task, "opened", what)


def reviewer(team: Team, by: str, phase: str, at: datetime) -> str:
    """Who looks at it: whoever answers for the phase, else for `define`, else another person; empty when there is none."""
    ladder = [team.accountable(phase, at).person, team.accountable("define", at).person, *team.bearing(phase, "R")]
    reachable = [person for person in team.active if person.reachable(at)]
    return next((person.id for person in (*ladder, *reachable, *team.active) if person.id != by), "")


def on_approval(office: Office, approval: Approval) -> None:
    """What an approval means for its override: granted, it holds; refused, it never will."""
    if approval.action != OVERRIDE or approval.open:
        return
    override = office.draft.get(Override, approval.subject)
    if override is None or override.status != "asked":
        return
    act = Act(SYSTEM, "", office.now)
    if approval.status == "granted":
        office.draft.record(act, held(override, office.now), "held", "; ".join(filter(None, (approval.reason, approval.note))))
    else:
        office.draft.record(act, refused(override, office.now, approval.reason), "refused", approval.reason)


def use(office: Office, override: Override, outcome: str) -> None:
    """An override that lets one thing through ends with it."""
    office.draft.record(Act(SYSTEM, "", office.now), ended(override, office.now, outcome), "ended", outcome)


def revert(office: Office) -> None:
    """Overrides whose time is over end by themselves, effective at that very instant; those never approved lapse."""
    for override in office.draft.all(Override, status=OPEN):
        if override.until is None or office.now < override.until:
            continue
        held_it = override.status == "holding"
        lapse(office, override, "its time is over" if held_it else "nobody approved it in time", override.until)


def lapse(office: Office, override: Override, why: str, at: datetime) -> None:
    """An override that is asked for or holds ends without having been used, and nobody has to approve it any more."""
    act = Act(SYSTEM, "", at, office.now)
    if override.status == "holding":
        office.draft.record(act, ended(override, at, why), "ended", why)
        return
    office.draft.record(act, refused(override, at, why), "refused", why)
    request = office.draft.get(Approval, override.approval)
    if request is not None and request.open:
        gone = withdrawn(request, at, f"{override.id} is over")
        office.draft.record(act, gone, "withdrawn", gone.reason)
