"""What people answer: take or send back a hand-off, comment, approve, refuse, finish a task. One commit each.

Called by the command line, the API and the console; each function returns what to tell. When two people answer at the same moment,
one is first and the other gets Conflict.
"""

from typing import TypeVar

from baton.app.alone.look import assert_as_offered
from baton.app.alone.view import found
from baton.app.alone.wording import words_of
from baton.app.declared import load_rules
from baton.app.lifecycle import approving, overriding
from baton.app.lifecycle.offering import consulted, current, renew, send_back
from baton.app.seat import Seat
from baton.kernel.clock import iso
from baton.kernel.errors import Conflict, NotFound, Refused
from baton.kernel.suggest import did_you_mean
from baton.team.approval import Approval, needed
from baton.team.approval import refused as refused_approval
from baton.team.consultation import Consultation, commented
from baton.team.handoff import Handoff, Result, accepted, changed, failed
from baton.team.task import Task, done, given_up

K = TypeVar("K", Consultation, Approval, Task)


def accept(here: Seat, id: str, reason: str = "") -> str:
    """Take a hand-off: from now on its subject is theirs."""
    words_of(reason, "reason")
    handoff = found(here.state, id)
    by = here.name(handoff.waiting_on)
    here.allow("handoff.answer", by, handoff.taken_in, handoff.subject)
    _for(here, by, handoff.waiting_on)
    taken = accepted(here.office.team, handoff, by, here.now, reason)
    _unchanged(here, handoff)
    assert_as_offered(here, handoff)
    act = here.office.act_of(by, handoff.taken_in)
    here.draft.record(act, taken, "accepted", reason or "accepted")
    here.commit()
    return f"{handoff.id}: accepted by {by} ({act.role}) at {here.now:%Y-%m-%d %H:%M} UTC. {by} now holds '{handoff.payload}'."


def _unchanged(here: Seat, handoff: Handoff) -> None:
    """Raise Conflict when the project is not what it was at the offer; the offer is renewed, for another look at what is there now."""
    if "project" not in handoff.pin:
        return
    present = {**handoff.pin, "project": load_rules(here.project).digest}
    names = changed(handoff, present)
    if not names:
        return
    why = f"changed since the offer: {', '.join(names)}"
    anew = renew(here.office, handoff, Result(handoff.subject, handoff.evidence, handoff.checks, present), why)
    here.commit()
    raise Conflict(
        f"{handoff.id} is not what was offered",
        where=handoff.payload,
        why=why,
        fix=f"look at it again, then: baton accept {anew.id}",
    )


def decline(here: Seat, id: str, reason: str) -> str:
    """Send a hand-off back to its giver, who gets a task."""
    words_of(reason, "reason")
    handoff = found(here.state, id)
    by = here.name(handoff.waiting_on)
    here.allow("handoff.answer", by, handoff.taken_in, handoff.subject)
    _for(here, by, handoff.waiting_on)
    send_back(here.office, handoff, by, reason)
    here.commit()
    return f"{handoff.id}: declined by {by} at {here.now:%Y-%m-%d %H:%M} UTC. It goes back to {handoff.giver}, who has a task: baton inbox."


def comment(here: Seat, id: str, stance: str, words: str) -> str:
    """Say something to a consultation: agree, object or abstain."""
    words_of(words, "words")
    asked = _found(here, Consultation, id)
    by = here.name(asked.missing[0] if len(asked.missing) == 1 else "")
    here.allow("consultation.comment", by, asked.phase)
    heard = commented(asked, by, stance, words, here.now)
    here.draft.record(
        here.office.act_of(by, asked.phase), heard, "commented", f"{by}: {stance}" + (f", {words}" if words else "")
    )
    handoff = here.draft.get(Handoff, asked.about)
    if heard.status == "settled" and handoff is not None and handoff.open:
        consulted(here.office, handoff, heard)
    here.commit()
    return f"{id}: {by} says {stance}. " + (
        f"Settled: {heard.outcome}." if heard.status == "settled" else f"Waits on {', '.join(heard.missing)}."
    )


def approve(here: Seat, id: str, words: str = "") -> str:
    """Approve a request by its id, or `rollout`: the rollout policy as it is declared now."""
    words_of(words, "words")
    by = here.name()
    wanted = _policy(here, by) if id == approving.ROLLOUT else _found(here, Approval, id)
    here.allow("approval.answer", by)
    signed = approving.sign(here.office, wanted, by, words)
    here.commit()
    if signed.status == "granted":
        until = f" until {iso(signed.expires_at)}" if signed.expires_at else ""
        return f"{signed.id}: granted, {signed.reason}{until}. {signed.note}".strip()
    missing = needed(here.office.team, signed, here.now) - len(signed.given)
    return f"{signed.id}: approved by {by}; {missing} more {'person' if missing == 1 else 'people'} must."


def refuse(here: Seat, id: str, reason: str) -> str:
    """Refuse a request: one no ends it."""
    words_of(reason, "reason")
    by = here.name()
    wanted = _found(here, Approval, id)
    here.allow("approval.answer", by)
    gone = refused_approval(here.office.team, wanted, by, here.now, reason)
    here.draft.record(here.office.act_of(by, wanted.phase), gone, "refused", reason)
    overriding.on_approval(here.office, gone)
    here.commit()
    return f"{id}: refused by {by}."


def finish(here: Seat, id: str, words: str, *, give_up: bool = False) -> str:
    """Finish a task of theirs. One from a hand-off that was sent back offers it again, with what was mended as evidence;
    one whose checks failed is offered again by whoever runs them again, since words mend no check."""
    words_of(words, "words")
    task = _found(here, Task, id)
    by = here.name(task.owner)
    here.allow("task.finish", by)
    _mine(here, task, by)
    act = here.office.act_of(by, task.phase)
    handoff = here.draft.get(Handoff, task.cause)
    if (
        give_up
        or handoff is None
        or failed(handoff)
        or (known := current(here.draft, handoff.edge, handoff.subject)) is None
        or known.id != handoff.id
    ):
        ended = (given_up if give_up else done)(task, by, here.now, words)
        here.draft.record(act, ended, ended.status, words)
        here.commit()
        again = "" if handoff is None or give_up or not failed(handoff) else _rerun(handoff)
        return f"{id}: {ended.status.replace('-', ' ')} by {by}.{again}"
    here.draft.record(act, done(task, by, here.now, words), "done", words)
    result = Result(handoff.subject, {**handoff.evidence, "mended": words}, handoff.checks, handoff.pin)
    anew = renew(here.office, handoff, result, f"mended: {words}")
    here.commit()
    state = f"waits on {anew.waiting_on}" if anew.open else anew.status
    return f"{id}: done by {by}. '{anew.payload}' is offered again: {anew.id}, {state}."


def _rerun(handoff: Handoff) -> str:
    return (
        f" '{handoff.payload}' is not offered again: its checks failed, and must pass on what is there now:"
        f" baton handoff offer --edge {handoff.edge} --subject '{handoff.subject}' …"
    )


def _policy(here: Seat, by: str) -> Approval:
    return approving.ask(here.office, approving.policy_of(load_rules(here.project).definition), by)


def _for(here: Seat, by: str, asked: str) -> None:
    if by != asked:
        here.draft.for_whom = asked


def _mine(here: Seat, task: Task, by: str) -> None:
    owner = here.office.team.person(task.owner)
    heir = here.office.team.delegated(owner, here.now, task.phase).id if owner is not None else by
    if by not in (task.owner, heir):
        raise Refused(
            f"{task.id} is {task.owner}'s, not {by}'s",
            where=task.what,
            fix=f"let {task.owner} do it, or delegate: baton team delegate {task.owner} {by} --until 2d",
        )
    _for(here, by, task.owner)


def _found(here: Seat, kind: type[K], id: str) -> K:
    """What waits under that id, or was answered before. Raises NotFound with the nearest that waits."""
    waits = here.state.get(kind, id)
    if waits is None:
        known = [each.id for each in here.state.all(kind) if each.status in ("open", "requested")]
        what = {"approval": "request for approval"}.get(kind.KIND, kind.KIND)
        raise NotFound(f"there is no {what} '{id}'", why=did_you_mean(id, known), fix="baton inbox lists what waits")
    return waits
