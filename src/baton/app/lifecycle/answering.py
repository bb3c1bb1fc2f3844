"""Open hand-offs, once a day: people of a replay answer when they would have, and what nobody answers escalates."""

from datetime import timedelta

from baton.app.lifecycle.step import Step
from baton.ledger.fact import Act
from baton.project.definition import HandoffRule
from baton.team.handoff import EDGES, Handoff, accepted, escalated


def answer(step: Step, *, replayed: bool) -> None:
    """Answers that are due by now, then deadlines that have passed; one fact each, however often it is repeated."""
    plan = step.house.definition.replay
    answers = plan.answers if replayed and plan is not None else {}
    for handoff in step.draft.all(Handoff, status=("offered",)):
        takes = answers.get(handoff.waiting_on)
        if takes is not None and handoff.since + takes <= min(step.now, handoff.deadline):
            _accept(step, handoff, takes)
        elif step.now >= handoff.deadline:
            _escalate(step, handoff)


def _accept(step: Step, handoff: Handoff, takes: timedelta) -> None:
    person = step.house.team.person(handoff.waiting_on)
    phase = EDGES[handoff.edge].receiver
    role = step.house.team.role_in(person, phase) if person is not None else ""
    reason = f"taken in the replay: {handoff.waiting_on} is declared to answer after {takes}"
    done = accepted(handoff, handoff.waiting_on, step.now, reason)
    step.draft.record(Act(handoff.waiting_on, role, handoff.since + takes, step.now), done, "accepted", reason)


def _escalate(step: Step, handoff: Handoff) -> None:
    within = step.house.definition.handoffs.get(handoff.edge, HandoffRule()).within
    after = escalated(step.house.team, handoff, step.now, within)
    verb = "lapsed" if after.status == "lapsed" else "escalated"
    words = f"{handoff.waiting_on} did not answer in time" + ("" if verb == "lapsed" else f"; now waits on {after.waiting_on}")
    step.draft.record(step.act(EDGES[handoff.edge].giver), after, verb, words, level=after.level)
