"""Hand-offs: every move from every status, offers by policy, and escalation that always ends."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.kernel.errors import Conflict, Refused
from baton.project.ownership import HandoffRule
from baton.project.phase import PHASES
from baton.project.roles import ROLES
from baton.team.edge import EDGES
from baton.team.handoff import (
    Check,
    Handoff,
    Result,
    accepted,
    by_policy,
    changed,
    declined,
    escalated,
    handoff_id,
    offer,
    overdue,
    superseded,
)
from baton.team.person import Absence, Delegation, Person, absent, delegating, left
from baton.team.team import Team

AT = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TEAM = Team(
    (
        Person("pia", "active", 0, ("product-manager",)),
        Person("dan", "active", 1, ("data-scientist",), deputy="eve"),
        Person("eve", "active", 2, ("ml-engineer",), deputy="dan"),
        Person("fay", "active", 3, ("ml-engineer", "data-engineer")),
        Person("max", "active", 4, ("mlops-engineer", "sre", "devops-engineer")),
    )
)
BY_PERSON = HandoffRule(accept="person")
GOOD, BAD = Check("gate", passed=True, detail="fine"), Check("parity", passed=False, detail="2 flips")
STATUSES = ("offered", "accepted", "declined", "lapsed", "superseded")


def offered(
    edge: str = "bundle", rule: HandoffRule = BY_PERSON, checks: tuple[Check, ...] = (GOOD,), team: Team = TEAM
) -> Handoff:
    return offer(team, EDGES[edge], Result("turn-1", {"auc": 0.8}, checks, {"bundle": "aa", "code": "bb"}), AT, rule)


@pytest.mark.parametrize("edge", EDGES)
def test_an_offer_goes_from_the_responsible_to_the_accountable(edge: str) -> None:
    made, between = offered(edge), EDGES[edge]
    assert {between.giver, between.receiver} <= set(PHASES) and between.name == edge
    assert made.giver == TEAM.responsible(between.giver, AT).id
    owner = TEAM.accountable(between.receiver, AT).person.id
    assert made.receiver == made.waiting_on
    assert made.receiver == owner if owner != made.giver else made.receiver != owner
    assert made.holder == made.giver
    assert (made.status, made.open, made.level, made.asked, made.payload) == ("offered", True, 0, (), between.payload)
    assert (made.offered_at, made.since, made.deadline) == (AT, AT, AT + 2 * DAY)


def test_while_it_is_consulted_on_nobody_answers_it() -> None:
    asked = replace(offered(), consultation="consultation-1")
    with pytest.raises(Refused, match="still being consulted on"):
        accepted(TEAM, asked, asked.waiting_on, AT)
    with pytest.raises(Refused, match="still being consulted on"):
        declined(TEAM, asked, asked.waiting_on, AT, "no card")


def test_the_same_offer_has_the_same_id() -> None:
    assert offered().id == offered().id == handoff_id("bundle", "turn-1") != offered("candidate").id
    assert offered().id != offer(TEAM, EDGES["bundle"], Result("turn-2"), AT, HandoffRule()).id
    assert offered().id != handoff_id("bundle", "turn-1", 2) != handoff_id("bundle", "turn-1", 3)


def test_the_rule_sets_the_deadline() -> None:
    assert offered(rule=HandoffRule(within=timedelta(hours=3))).deadline == AT + timedelta(hours=3)


@pytest.mark.parametrize(
    ("accept", "checks"), list(product(("policy", "person"), ((), (GOOD,), (GOOD, GOOD), (BAD,), (GOOD, BAD), (BAD, BAD))))
)
def test_policy_declines_what_failed_and_accepts_what_no_person_must(accept: str, checks: tuple[Check, ...]) -> None:
    made = replace(offered(checks=checks), accept=accept)
    answered = by_policy(made, AT + DAY)
    if BAD in checks:
        assert (answered.status, answered.answered_by, answered.answered_at) == ("declined", "policy", AT + DAY)
        assert answered.reason == "; ".join(["parity: 2 flips"] * checks.count(BAD))
    elif accept == "policy":
        assert (answered.status, answered.answered_by) == ("accepted", "policy")
        assert answered.reason == f"all {len(checks)} checks passed"
    else:
        assert answered is made
    assert answered.open is (answered is made)


ANSWERS: dict[str, Callable[[Handoff, str], Handoff]] = {
    "accepted": lambda made, by: accepted(TEAM, made, by, AT + DAY),
    "declined": lambda made, by: declined(TEAM, made, by, AT + DAY, "the margin is missed"),
}


@pytest.mark.parametrize(("status", "answer", "by"), list(product(STATUSES, ANSWERS, ("max", "dan", "nobody"))))
def test_only_who_is_asked_answers_and_only_once(status: str, answer: str, by: str) -> None:
    made = replace(offered(), status=status, reason="because")
    if status != "offered":
        with pytest.raises(Conflict, match=f"already {status}"):
            ANSWERS[answer](made, by)
    elif by != "max":
        with pytest.raises(Refused, match="waits on max") as caught:
            ANSWERS[answer](made, by)
        assert "let max answer" in caught.value.fix
    else:
        after = ANSWERS[answer](made, by)
        assert (after.status, after.answered_by, after.answered_at, after.open) == (answer, "max", AT + DAY, False)
        assert after.holder == ("max" if answer == "accepted" else "eve")
        assert replace(after, status="offered", answered_by="", answered_at=None, reason="because") == made


@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_a_decline_tells_why(reason: str) -> None:
    with pytest.raises(Refused, match="needs a reason"):
        declined(TEAM, offered(), "max", AT, reason)


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "offered"])
def test_what_is_answered_neither_escalates_nor_is_judged_again(status: str) -> None:
    made = replace(offered(), status=status)
    with pytest.raises(Conflict, match=f"already {status}"):
        escalated(TEAM, made, AT)
    with pytest.raises(Conflict, match=f"already {status}"):
        by_policy(made, AT)


def test_escalation_asks_the_deputy_then_others_then_the_product_and_ends() -> None:
    made, asked = offered("candidate"), list[str]()
    for level in range(10):
        assert made.level == level
        asked.append(made.waiting_on)
        made = escalated(TEAM, made, made.deadline)
        if not made.open:
            break
        assert made.deadline == made.since + 2 * DAY == AT + 4 * DAY + (made.level - 1) * 2 * DAY
    assert asked == ["eve", "fay", "pia"]
    assert (made.status, made.asked, made.answered_by, made.holder) == ("lapsed", ("eve", "fay", "pia"), "", "dan")


def test_escalation_passes_over_who_is_away_and_reaches_delegates() -> None:
    gone = TEAM.having(absent(TEAM.people[3], Absence(AT, AT + 9 * DAY)))
    assert escalated(gone, offered("candidate"), AT + 2 * DAY).waiting_on == "pia"
    given_away = TEAM.having(delegating(TEAM.people[3], Delegation("max", AT, AT + 9 * DAY)))
    assert escalated(given_away, offered("candidate"), AT + 2 * DAY).waiting_on == "max"


def test_the_next_in_the_chain_may_answer_and_the_first_no_more() -> None:
    made = escalated(TEAM, offered("candidate"), AT + 2 * DAY)
    assert accepted(TEAM, made, "fay", AT + 2 * DAY).answered_by == "fay"
    with pytest.raises(Refused, match="waits on fay"):
        accepted(TEAM, made, "eve", AT + 2 * DAY)


def test_a_delegate_may_answer_while_the_delegation_holds() -> None:
    team = TEAM.having(delegating(TEAM.people[4], Delegation("pia", AT, AT + DAY, ("deploy",))))
    assert accepted(team, offered(), "pia", AT).answered_by == "pia"
    with pytest.raises(Refused, match="waits on max"):
        accepted(team, offered(), "pia", AT + DAY)


def test_it_moves_on_when_time_is_up_or_whoever_is_asked_is_gone() -> None:
    made = offered()
    assert overdue(TEAM, made, AT) == "" == overdue(TEAM, made, made.deadline - timedelta(microseconds=1))
    assert overdue(TEAM, made, made.deadline) == "max did not answer in time"
    assert overdue(TEAM.having(left(TEAM.people[4])), made, AT) == "max has left"
    assert overdue(TEAM.having(replace(TEAM.people[4], unreachable_since=AT)), made, AT) == "max cannot be reached"
    off = TEAM.having(absent(TEAM.people[4], Absence(AT, AT + DAY)))
    assert (overdue(off, made, AT), overdue(off, made, AT + DAY)) == ("max is away", "")


def test_nobody_takes_their_own_offer_while_somebody_else_can() -> None:
    made = offered("release")
    assert (made.giver, made.receiver) == ("max", "pia")
    own = replace(made, waiting_on="max")
    with pytest.raises(Refused, match="max offered"):
        accepted(TEAM, own, "max", AT)
    alone = Team((replace(TEAM.people[4], roles=tuple(ROLES)),))
    assert accepted(alone, offered("release", team=alone), "max", AT).status == "accepted"


def test_failed_checks_cannot_be_accepted_by_anybody() -> None:
    with pytest.raises(Refused, match="1 of its checks failed"):
        accepted(TEAM, offered(checks=(GOOD, BAD)), "max", AT)


def test_what_is_pinned_must_be_what_was_offered() -> None:
    made = offered()
    assert changed(made, {"bundle": "aa", "code": "bb", "other": "x"}) == () == changed(made, {})
    assert changed(made, {"bundle": "cc", "code": "dd"}) == ("bundle", "code")
    gone = superseded(made, AT + DAY, "changed")
    assert (gone.status, gone.holder, gone.open) == ("superseded", "eve", False)
    with pytest.raises(Conflict, match="already superseded"):
        superseded(gone, AT, "again")


ROLE_SETS = st.lists(st.sampled_from(sorted(ROLES)), min_size=1, max_size=3, unique=True).map(tuple)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(ROLE_SETS, min_size=1, max_size=5), st.data(), st.sampled_from(sorted(EDGES)), st.sampled_from(("policy", "person"))
)
def test_whoever_is_in_the_team_nobody_is_asked_twice_and_the_chain_ends(
    roles: list[tuple[str, ...]], data: st.DataObject, edge: str, accept: str
) -> None:
    names = [f"p{number}" for number in range(len(roles))]
    deputies = [data.draw(st.just("") | st.sampled_from(names)) for _ in names]
    people = [Person(name, "active", 0, worn, deputy=deputy) for name, worn, deputy in zip(names, roles, deputies, strict=True)]
    team = Team((*people, Person("owner", "active", 9, tuple(ROLES))))
    made, asked = offer(team, EDGES[edge], Result("x"), AT, HandoffRule(accept=accept)), list[str]()  # type: ignore[arg-type]
    while made.open:
        assert made.waiting_on not in asked
        asked.append(made.waiting_on)
        made = escalated(team, made, made.deadline)
    assert made.status == "lapsed" and list(made.asked) == asked and len(asked) <= len(team.people)
