"""Offer a result, renew an offer, send one back: hand-offs with the consultations and tasks that belong to them.

The loop, the command line and the API go through these functions; each gathers its changes in the office's draft.
"""

from dataclasses import replace
from datetime import datetime

from baton.app.lifecycle.office import Office
from baton.kernel.errors import NotFound
from baton.kernel.suggest import did_you_mean
from baton.ledger.draft import Draft
from baton.ledger.fact import POLICY, SYSTEM, Act
from baton.project.ownership import HandoffRule, Ownership
from baton.team.consultation import Consultation, consult
from baton.team.edge import Edge, edges_with
from baton.team.handoff import Handoff, Result, by_policy, changed, declined, handoff_id, offer, superseded
from baton.team.task import Task, done, opened, task_id


def edge_named(owned: Ownership, name: str) -> Edge:
    """An edge of the project. Raises NotFound with the nearest one."""
    edges = edges_with(owned.edges)
    if name not in edges:
        raise NotFound(f"there is no hand-off edge '{name}'", where="edges", why=did_you_mean(name, edges), fix="baton team lint")
    return edges[name]


def current(draft: Draft, edge: str, subject: str) -> Handoff | None:
    """The latest round of a hand-off, None when it was never offered."""
    found, round = None, 1
    while (known := draft.get(Handoff, handoff_id(edge, subject, round))) is not None:
        found, round = known, round + 1
    return found


def hand_over(office: Office, edge: str, result: Result, *, giver: str = "", by: str = SYSTEM) -> Handoff:
    """The present round of a hand-off: offered now if it was not yet, renewed if what is pinned changed while it was open.

    `by` is who offers it, when that is not the loop.
    """
    known = current(office.draft, edge, result.subject)
    if known is None:
        return _offer(office, edge, result, giver, by=by)
    if known.open and (names := changed(known, result.pin)):
        return renew(office, known, result, f"changed since the offer: {', '.join(names)}")
    return known


def renew(office: Office, known: Handoff, result: Result, reason: str, *, by: str = SYSTEM) -> Handoff:
    """Another round of a hand-off, with a deadline of its own; an open one is superseded."""
    if known.open:
        act = Act(by, office.act_of(known.giver, known.given_in).role, office.now)
        office.draft.record(act, superseded(known, office.now, reason), "superseded", reason)
    return _offer(office, known.edge, result, known.giver, known.round + 1, by)


def _offer(office: Office, name: str, result: Result, giver: str, round: int = 1, by: str = SYSTEM) -> Handoff:
    edge, rule = edge_named(office.owned, name), office.owned.handoffs.get(name, HandoffRule())
    known = office.team.person(giver)
    gives = giver if known is not None and known.reachable(office.now) else ""
    made = offer(office.team, edge, result, office.now, rule, giver=gives, round=round)
    act = Act(by, office.act_of(made.giver, edge.giver).role, office.now)
    _close_tasks(office, made)
    asked = _consult(office, made, rule) if result.sound else None
    if asked is None:
        return settle(office, office.draft.record(act, made, "offered", made.payload))
    made = office.draft.record(act, replace(made, consultation=asked.id), "offered", made.payload)
    office.draft.record(act, asked, "opened", f"asks {', '.join(asked.asked)}")
    return made


def _consult(office: Office, made: Handoff, rule: HandoffRule) -> Consultation | None:
    """The consultation that must settle first, None when the edge asks for none or nobody can be asked."""
    if rule.consult is None:
        return None
    question = f"may '{made.payload}' ({made.subject}) be taken?"
    both = (made.giver, made.receiver)
    asked = consult(office.team, made.taken_in, made.id, question, rule.consult, office.now, without=both)
    return asked if asked.status == "open" else None


def settle(office: Office, handoff: Handoff) -> Handoff:
    """Let policy answer if it may: failed checks send the offer back, to be mended; passed ones take it unless a person must."""
    answered = by_policy(handoff, office.now)
    if answered is not handoff:
        act = Act(POLICY, office.act_of(handoff.waiting_on, handoff.taken_in).role, office.now)
        office.draft.record(act, answered, answered.status, answered.reason)
        if answered.status == "declined":
            give_back(office, answered)
    return answered


def consulted(office: Office, handoff: Handoff, consultation: Consultation) -> Handoff:
    """The hand-off once its consultation is settled: sent back, or offered in earnest; its time to answer begins only now."""
    if consultation.outcome == "stop":
        sent = replace(handoff, status="declined", answered_by="consultation", answered_at=office.now, reason=consultation.reason)
        office.draft.record(Act(SYSTEM, "", office.now), sent, "declined", consultation.reason)
        give_back(office, sent)
        return sent
    asked = replace(handoff, since=office.now, deadline=office.now + handoff.within, consultation="")
    office.draft.record(Act(SYSTEM, "", office.now), asked, "consulted", consultation.reason)
    return settle(office, asked)


def send_back(office: Office, handoff: Handoff, by: str, reason: str, at: datetime | None = None) -> Handoff:
    """Decline for a person, effective `at` when that was earlier than now: the giver stays holder and gets a task."""
    sent = declined(office.team, handoff, by, at or office.now, reason)
    office.draft.record(office.act_of(by, handoff.taken_in, at), sent, "declined", reason)
    give_back(office, sent)
    return sent


def give_back(office: Office, handoff: Handoff) -> Task:
    """The task that a hand-off leaves with its giver when nobody took it: the same one however often it is asked for."""
    known = office.draft.get(Task, task_id(handoff.id, handoff.given_in))
    if known is not None:
        return known
    what = f"{handoff.status}: '{handoff.payload}' ({handoff.subject}): {handoff.reason}"
    task = opened(handoff.giver, handoff.given_in, what, handoff.id, office.now, handoff.edge)
    return office.draft.record(Act(SYSTEM, "", office.now), task, "opened", what)


def _close_tasks(office: Office, made: Handoff) -> None:
    """What is offered again was mended: tasks about earlier offers of this subject are done."""
    earlier = {handoff_id(made.edge, made.subject, round) for round in range(1, made.round)}
    for task in office.draft.all(Task, status=("open",)):
        if task.cause in earlier:
            closed = done(task, made.giver, office.now, f"offered again as {made.id}")
            office.draft.record(Act(made.giver, "", office.now), closed, "done", closed.outcome)
