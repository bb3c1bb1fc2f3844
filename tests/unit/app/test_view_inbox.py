"""The inbox as pages read it: a page of the most urgent however much waits, and who may answer what."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from baton.app.views import inbox as view
from baton.app.views import story
from baton.backends.state.sql import open_sqlite
from baton.kernel.errors import NotFound
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.ledger.ports import State
from baton.team.approval import Approval
from baton.team.consultation import Consultation
from baton.team.handoff import Check, Handoff
from baton.team.permission import Verdict
from baton.team.person import Delegation, Person
from baton.team.task import Task
from baton.team.team import Team

NOON = datetime(2024, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ANN = Person("ann", "active", 0, ("product-manager", "data-scientist"), deputy="ben")
BEN = Person("ben", "active", 1, ("data-engineer", "ml-engineer"))
CLEO = Person("cleo", "active", 2, ("mlops-engineer", "sre"), deputy="ben")
TEAM = Team((ANN, BEN, CLEO))


def handoff(number: int = 1, waits: str = "cleo", **changed: object) -> Handoff:
    told = {
        "id": f"handoff-{number:012d}", "status": "offered", "edge": "bundle", "subject": f"release-{number}", "payload": "model",
        "given_in": "package", "taken_in": "deploy", "giver": "ben", "receiver": waits, "waiting_on": waits, "accept": "person",
        "within": DAY, "offered_at": NOON, "since": NOON, "deadline": NOON + number * DAY,
    }  # fmt: skip
    return Handoff(**{**told, **changed})  # type: ignore[arg-type]


APPROVAL = Approval("approval-1", "requested", "promote", "release-1", "d", "deploy", "version 1 serves", "baton", NOON, 2)
ASKED = Consultation("consultation-1", "open", "handoff-1", "deploy", "May it?", ("ben",), 1, NOON + DAY, "proceed", NOON)
TASK = Task("task-1", "open", "ann", "train", "mend it", "incident-1", "", NOON)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = open_sqlite(tmp_path / "state.db", create=True)
    yield made
    made.close()


def record(state: State, *records: Handoff | Approval | Consultation | Task) -> None:
    draft = Draft(state)
    for each in records:
        draft.record(Act(SYSTEM, "", NOON), each, "offered", "made")
    draft.commit({}, expect={})


def test_a_page_of_the_most_urgent_and_how_many_there_are(state: State) -> None:
    record(state, *(handoff(number) for number in range(1, 231)), APPROVAL, ASKED, TASK)
    first = view.pile(state, TEAM, NOON, None)
    assert [each["id"] for each in first.items[:3]] == ["handoff-000000000001", "consultation-1", "handoff-000000000002"]
    assert (len(first.items), first.total, first.reach, first.following) == (view.PAGE, 233, view.AT_MOST, view.PAGE)
    assert first.counts == {"handoff": 230, "consultation": 1, "approval": 1, "task": 1}
    last = view.pile(state, TEAM, NOON, None, place=view.AT_MOST - 5)
    assert (len(last.items), last.following) == (5, None)
    assert [each["id"] for each in view.pile(state, TEAM, NOON, None, "task").items] == ["task-1"]


@pytest.mark.parametrize(("name", "count"), [("ann", 2), ("ben", 2), ("cleo", 3)])
def test_the_count_is_of_what_the_page_shows(state: State, name: str, count: int) -> None:
    record(state, handoff(1), handoff(2), APPROVAL, ASKED, TASK)
    assert view.count(state, TEAM, NOON, name) == count == view.pile(state, TEAM, NOON, name).total
    assert view.waits(state).most_common() == [("cleo", 2), ("ann", 1)]


def test_whoever_stands_in_by_delegation_sees_it_too(state: State) -> None:
    record(state, handoff(1))
    team = TEAM.having(
        Person("cleo", "active", 2, CLEO.roles, delegations=(Delegation("ann", NOON - DAY, NOON + DAY, ("deploy",)),))
    )
    assert view.count(state, team, NOON, "ann") == 1
    assert view.count(state, team, NOON + DAY, "ann") == 0


def may(allowed: bool) -> story.May:
    return lambda action, phase, subject: Verdict(allowed, "no right")


@pytest.mark.parametrize(("item", "person", "expected"), [
    (handoff(), "cleo", {"accept": "", "decline": "", "delegate": ""}),
    (handoff(), "ann", {"accept": "waits on cleo", "decline": "waits on cleo", "delegate": "waits on cleo"}),
    (handoff(checks=(Check("parity", False, "off"),)), "cleo", {"accept": "1 of its checks failed", "decline": "", "delegate": ""}),
    (handoff(giver="cleo"), "cleo", {"accept": "offered themselves", "decline": "", "delegate": ""}),
    (handoff(consultation="consultation-1"), "cleo", {"accept": "being consulted", "decline": "being consulted", "delegate": ""}),
    (handoff(status="accepted"), "cleo", {}),
    (handoff(), "", {"answer": "nobody is named"}),
    (APPROVAL, "cleo", {"approve": "", "refuse": ""}),
    (ASKED, "ben", {"comment": ""}),
    (ASKED, "ann", {"comment": "asked are ben"}),
    (TASK, "ann", {"finish": "", "give-up": "", "delegate": ""}),
    (TASK, "ben", {"finish": "it is ann's", "give-up": "it is ann's", "delegate": "it is ann's"}),
])  # fmt: skip
def test_who_may_answer_and_why_not(item: story.Waiting, person: str, expected: dict[str, str]) -> None:
    found = {each.name: each.why_not for each in story.answers(item, TEAM, person, NOON, may(True))}
    assert found.keys() == expected.keys()
    assert all((words in found[name]) if words else found[name] == "" for name, words in expected.items())


def test_a_right_that_is_missing_is_the_reason() -> None:
    found = story.answers(APPROVAL, TEAM, "cleo", NOON, may(False))
    assert {each.why_not for each in found} == {"no right"}


def test_a_story_has_rounds_and_what_belongs_with_it(state: State) -> None:
    earlier = handoff(7, subject="month 2024-02", status="superseded")
    record(state, earlier, handoff(8, subject="month 2024-02", round=2), TASK, ASKED)
    told = story.story(state, state, TEAM, NOON, "handoff-000000000008")
    assert [each.id for each in told.rounds] == [earlier.id]
    assert told.place == "/monitoring"
    assert [fact.kind for fact in told.facts] == ["handoff.offered"]
    assert story.story(state, state, TEAM, NOON, "task-1").place == "/incidents/incident-1"


@pytest.mark.parametrize("id", ["", "-", "person-ann", "handoff-unknown", "nothing"])
def test_what_never_waited_is_not_found(state: State, id: str) -> None:
    with pytest.raises(NotFound, match="nothing that waits or waited"):
        story.story(state, state, TEAM, NOON, id)


@pytest.mark.parametrize(("subject", "place"), [
    ("release-1", "/releases/release-1"), ("incident-1", "/incidents/incident-1"), ("version 3", "/models/3"), ("version x", ""),
    ("turn-9", ""), ("anything", ""), ("proposal-9", ""), ("month 2024-02 and more", "/monitoring"),
])  # fmt: skip
def test_where_a_subject_leads(state: State, subject: str, place: str) -> None:
    assert story.place_of(state, subject) == place
