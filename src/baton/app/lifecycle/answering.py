"""What waits on people, once a tick when something is due: answers of a replay's people, consultations, deadlines.

Everything is a function of the instant and the record, so a step that was killed and is run again does the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from baton.app.lifecycle.offering import consulted, give_back, renew, send_back
from baton.app.lifecycle.office import Office
from baton.kernel.clock import iso
from baton.ledger.fact import POLICY, SYSTEM, Act
from baton.project.behaviour import Behaviour
from baton.team.conduct import answers_at, objection
from baton.team.consultation import Consultation, commented, expired
from baton.team.handoff import Handoff, Result, accepted, answerers, escalated, overdue, own_offer
from baton.team.task import Task, done
from baton.team.team import Team

Behaviours = Mapping[str, Behaviour]
Waiting: TypeAlias = Handoff | Consultation | Task


def answer(office: Office, behaviours: Behaviours) -> None:
    """Comments, answers and mended tasks that are due by now, then deadlines that have passed; one fact each."""
    for consultation in office.draft.all(Consultation, status=("open",)):
        _consultation(office, consultation, behaviours)
    move_tasks(office)
    for task in office.draft.all(Task, status=("open",)):
        _mend(office, task, behaviours)
    for handoff in office.draft.all(Handoff, status=("offered",)):
        about = office.draft.get(Consultation, handoff.consultation) if handoff.consultation else None
        if about is not None and about.status == "open":
            continue
        asked = consulted(office, handoff, about) if about is not None else handoff
        if asked.open:
            _handoff(office, asked, behaviours)


def next_due(team: Team, waiting: Iterable[Waiting], behaviours: Behaviours, now: datetime) -> datetime | None:
    """The earliest instant at which `answer` has something to do, None when nothing waits."""
    return min((_due(team, each, behaviours, now) for each in waiting), default=None)


def _due(team: Team, each: Waiting, behaviours: Behaviours, now: datetime) -> datetime:
    if isinstance(each, Handoff):
        people = [person for name in answerers(team, each, now) if (person := team.person(name)) is not None]
        if each.consultation:
            return datetime.max.replace(tzinfo=now.tzinfo)
        gone = [absence.since for person in people for absence in person.absences if absence.until > now]
        return min(
            [each.deadline, *_answer_times(each.since, (person.id for person in people), behaviours), *gone] if people else [now]
        )
    if isinstance(each, Consultation):
        return min([each.deadline, *_answer_times(each.opened_at, each.missing, behaviours)])
    owner = team.person(each.owner)
    if owner is None or not owner.reachable(now):
        return now
    return min([*_answer_times(each.opened_at, (each.owner,), behaviours), datetime.max.replace(tzinfo=now.tzinfo)])


def _answer_times(since: datetime, names: Iterable[str], behaviours: Behaviours) -> list[datetime]:
    told = (answers_at(behaviours[name], since) for name in names if name in behaviours)
    return [moment for moment in told if moment is not None]


def _consultation(office: Office, consultation: Consultation, behaviours: Behaviours) -> None:
    spoken = sorted(
        (moment, name)
        for name in consultation.missing
        for moment in _answer_times(consultation.opened_at, (name,), behaviours)
        if moment <= min(office.now, consultation.deadline)
    )
    for moment, name in spoken:
        if consultation.status == "open":
            consultation = commented(consultation, name, "agree", "no concern, in the replay", moment)
            office.draft.record(Act(name, "", moment, office.now), consultation, "commented", f"{name} agrees")
    if consultation.status == "open" and office.now >= consultation.deadline:
        consultation = expired(consultation, office.now)
        office.draft.record(Act(SYSTEM, "", office.now), consultation, "expired", consultation.reason)


def move_tasks(office: Office) -> None:
    """Open tasks of people who are not here go to whoever does the work of their phase now."""
    for task in office.draft.all(Task, status=("open",)):
        owner = office.team.person(task.owner)
        if owner is not None and owner.reachable(office.now):
            continue
        heir = office.team.responsible(task.phase, office.now).id
        words = f"{task.owner} is not here; now with {heir}"
        office.draft.record(Act(SYSTEM, "", office.now), replace(task, owner=heir), "passed-on", words)


def _mend(office: Office, task: Task, behaviours: Behaviours) -> None:
    """People of a replay look into what was sent back: what a person declined they offer again, what checks declined they
    leave at that, for a later result to pass them."""
    moment = next(iter(_answer_times(task.opened_at, (task.owner,), behaviours)), None)
    handoff = office.draft.get(Handoff, task.cause)
    if moment is None or moment > office.now or handoff is None or not handoff.answered_by:
        return
    if handoff.answered_by == POLICY:
        ended = done(task, task.owner, office.now, "looked into what its checks said, in the replay")
        office.draft.record(Act(task.owner, "", office.now), ended, "done", ended.outcome)
        return
    evidence = {**handoff.evidence, "mended": f"{task.owner} looked into it, in the replay"}
    result = Result(handoff.subject, evidence, handoff.checks, handoff.pin)
    renew(office, handoff, result, "mended and offered again")


def _handoff(office: Office, handoff: Handoff, behaviours: Behaviours) -> None:
    for name in answerers(office.team, handoff, handoff.since):
        moment = next(iter(_answer_times(handoff.since, (name,), behaviours)), None)
        if moment is None or own_offer(office.team, handoff, name, moment):
            continue
        if moment <= min(office.now, handoff.deadline):
            _simulated(office, handoff, name, moment, behaviours[name])
            return
    why = overdue(office.team, handoff, office.now)
    if why:
        escalate(office, handoff, why)


def _simulated(office: Office, handoff: Handoff, name: str, moment: datetime, behaviour: Behaviour) -> None:
    objects = objection(behaviour, handoff.edge, handoff.evidence) if handoff.round == 1 else ""
    if objects:
        send_back(office, handoff, name, objects, moment)
        return
    reason = f"taken in the replay: {name} is declared to answer by {iso(moment)[:16]}"
    taken = accepted(office.team, handoff, name, moment, reason)
    office.draft.record(office.act_of(name, handoff.taken_in, moment), taken, "accepted", reason)


def escalate(office: Office, handoff: Handoff, why: str) -> None:
    """Move a hand-off to the next of its chain, or let it lapse: then it is a task of its giver."""
    after = escalated(office.team, handoff, office.now)
    act = office.act(handoff.given_in)
    if after.open:
        office.draft.record(act, after, "escalated", f"{why}; now waits on {after.waiting_on}", level=after.level)
        return
    office.draft.record(act, after, "lapsed", why, level=after.level)
    give_back(office, after)
