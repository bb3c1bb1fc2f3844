"""Hand-offs: every move from every status, offers by policy, and escalation that always ends."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.kernel.errors import Conflict, Refused
from baton.project.definition import HandoffRule, Member
from baton.team.handoff import EDGES, Check, Handoff, accepted, by_policy, declined, escalated, offer
from baton.team.raci import DEFAULT, PHASES, Team
from baton.team.role import ROLES

AT = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TEAM = Team(
    (
        Member(name="pia", roles=("product-manager",)),
        Member(name="dan", roles=("data-scientist",), deputy="eve"),
        Member(name="eve", roles=("ml-engineer",), deputy="dan"),
        Member(name="fay", roles=("ml-engineer", "data-engineer")),
        Member(name="max", roles=("mlops-engineer", "sre", "devops-engineer")),
    ),
    DEFAULT,
)
BY_PERSON = HandoffRule(accept="person")
GOOD, BAD = Check("gate", passed=True, detail="fine"), Check("parity", passed=False, detail="2 flips")
STATUSES = ("offered", "accepted", "declined", "lapsed", "superseded")


def offered(edge: str = "candidate", rule: HandoffRule = BY_PERSON, checks: tuple[Check, ...] = (GOOD,)) -> Handoff:
    return offer(TEAM, edge, "turn-1", AT, rule, {"auc": 0.8}, checks)


@pytest.mark.parametrize("edge", EDGES)
def test_an_offer_goes_from_the_responsible_to_the_accountable(edge: str) -> None:
    made, between = offered(edge), EDGES[edge]
    assert {between.giver, between.receiver} <= set(PHASES) and between.name == edge
    assert made.giver == TEAM.responsible(between.giver).name
    assert made.receiver == made.waiting_on == TEAM.accountable(between.receiver).name
    assert (made.status, made.open, made.level, made.asked, made.payload) == ("offered", True, 0, (), between.payload)
    assert (made.offered_at, made.since, made.deadline) == (AT, AT, AT + 2 * DAY)


def test_the_same_offer_has_the_same_id() -> None:
    assert offered().id == offered().id != offered("bundle").id
    assert offered().id != offer(TEAM, "candidate", "turn-2", AT, HandoffRule(), {}, ()).id


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
    "accepted": lambda made, by: accepted(made, by, AT + DAY),
    "declined": lambda made, by: declined(made, by, AT + DAY, "the margin is missed"),
}


@pytest.mark.parametrize(("status", "answer", "by"), list(product(STATUSES, ANSWERS, ("eve", "dan", "nobody"))))
def test_only_who_is_asked_answers_and_only_once(status: str, answer: str, by: str) -> None:
    made = replace(offered(), status=status, reason="because")
    if status != "offered":
        with pytest.raises(Conflict, match=f"already {status}"):
            ANSWERS[answer](made, by)
    elif by != "eve":
        with pytest.raises(Refused, match="waits on eve") as caught:
            ANSWERS[answer](made, by)
        assert "--as eve" in caught.value.fix
    else:
        after = ANSWERS[answer](made, by)
        assert (after.status, after.answered_by, after.answered_at, after.open) == (answer, "eve", AT + DAY, False)
        assert replace(after, status="offered", answered_by="", answered_at=None, reason="because") == made


@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_a_decline_tells_why(reason: str) -> None:
    with pytest.raises(Refused, match="needs a reason"):
        declined(offered(), "eve", AT, reason)


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "offered"])
def test_what_is_answered_neither_escalates_nor_is_judged_again(status: str) -> None:
    made = replace(offered(), status=status)
    with pytest.raises(Conflict, match=f"already {status}"):
        escalated(TEAM, made, AT, DAY)
    with pytest.raises(Conflict, match=f"already {status}"):
        by_policy(made, AT)


def test_escalation_asks_the_deputy_then_others_then_the_product_and_ends() -> None:
    made, asked = offered(), []
    for level in range(10):
        assert made.level == level
        asked.append(made.waiting_on)
        made = escalated(TEAM, made, made.deadline, DAY)
        if not made.open:
            break
        assert made.deadline == made.since + DAY == AT + 2 * DAY + made.level * DAY
    assert asked == ["eve", "dan", "fay", "pia"]
    assert (made.status, made.asked, made.answered_by) == ("lapsed", ("eve", "dan", "fay", "pia"), "")
    assert made.answered_at == AT + 5 * DAY
    assert made.giver == offered().giver


def test_the_next_in_the_chain_may_answer_and_the_first_no_more() -> None:
    made = escalated(TEAM, offered(), AT + 2 * DAY, DAY)
    assert accepted(made, "dan", AT + 2 * DAY).answered_by == "dan"
    with pytest.raises(Refused, match="waits on dan"):
        accepted(made, "eve", AT + 2 * DAY)


ROLE_SETS = st.lists(st.sampled_from(sorted(ROLES)), min_size=1, max_size=3, unique=True).map(tuple)


@settings(deadline=None, max_examples=80)
@given(st.lists(ROLE_SETS, min_size=1, max_size=5), st.data(), st.sampled_from(sorted(EDGES)))
def test_whoever_is_in_the_team_nobody_is_asked_twice_and_the_chain_ends(
    roles: list[tuple[str, ...]], data: st.DataObject, edge: str
) -> None:
    names = [f"p{number}" for number in range(len(roles))]
    deputies = [data.draw(st.none() | st.sampled_from(names)) for _ in names]
    owner = Member(name="owner", roles=tuple(ROLES))
    people = [Member(name=name, roles=worn, deputy=deputy) for name, worn, deputy in zip(names, roles, deputies, strict=True)]
    team = Team((*people, owner), DEFAULT)
    made, asked = offer(team, edge, "x", AT, HandoffRule(), {}, ()), []
    while made.open:
        assert made.waiting_on not in asked
        asked.append(made.waiting_on)
        made = escalated(team, made, made.deadline, DAY)
    assert made.status == "lapsed" and list(made.asked) == asked
    assert team.accountable("define").name in asked
