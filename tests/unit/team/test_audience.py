"""The audience of a fact: the table of who is asked and who is told, row by row, over a team of six."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.ledger.fact import Fact, Record
from baton.project.ownership import HandoffRule
from baton.team.approval import Matter, approved, requested
from baton.team.audience import LONGEST_TITLE, RULES, audience, notices_of
from baton.team.consultation import Consultation, commented
from baton.team.edge import EDGES
from baton.team.handoff import Check, Handoff, Result, accepted, by_policy, declined, escalated, offer
from baton.team.notice import notice_id
from baton.team.person import Absence, Person
from baton.team.task import done, opened
from baton.team.team import Team

AT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def person(name: str, *roles: str, deputy: str = "") -> Person:
    return Person(name, "active", 0, roles, deputy=deputy)


TEAM = Team(
    (
        person("pia", "product-manager"),
        person("dan", "data-engineer"),
        person("sam", "data-scientist"),
        person("eve", "ml-engineer", deputy="ola"),
        person("ola", "mlops-engineer", "devops-engineer"),
        person("kim", "sre"),
    )
)


def fact(record: Record, verb: str, reason: str = "because", actor: str = "baton") -> Fact:
    plain: Mapping[str, Any] = msgspec.to_builtins(record, str_keys=True)
    return Fact(f"{record.KIND}.{verb}", record.KIND, record.id, actor, "", AT, AT, reason, state=plain)


def told(subject_kind: str, verb: str, **state: Any) -> Fact:
    return Fact(f"{subject_kind}.{verb}", subject_kind, "x-1", "baton", "", AT, AT, "because", state={"id": "x-1", **state})


def offered(accept: str = "person", *checks: Check) -> Handoff:
    rule = HandoffRule.model_validate({"accept": accept, "within": "2d"})
    return offer(TEAM, EDGES["candidate"], Result("turn-1", checks=checks), AT, rule)


def names(found: Fact, team: Team = TEAM) -> dict[str, list[str]]:
    """Who is asked and who is told."""
    people = audience(team, found)
    return {
        "asked": [each.person.id for each in people if each.rule.asks],
        "told": [each.person.id for each in people if not each.rule.asks],
    }


HANDOFF = offered()
INFORMED_OF_EVALUATE = ["ola", "dan", "kim"]
CONSULTATION = Consultation(
    "consultation-1", "open", "handoff-1", "deploy", "may it be taken?", ("eve", "kim"), 1, AT, "proceed", AT
)
TASK = opened("sam", "evaluate", "mend it", "handoff-1", AT)
TABLE: list[tuple[Fact, list[str], list[str]]] = [
    (fact(HANDOFF, "offered"), ["eve"], []),
    (fact(offered("policy"), "offered"), [], []),
    (fact(offered("person", Check("auc", passed=False)), "offered"), [], []),
    (fact(replace(HANDOFF, consultation="consultation-1"), "offered"), [], []),
    (fact(HANDOFF, "consulted"), ["eve"], []),
    (fact(escalated(TEAM, HANDOFF, AT + 2 * DAY), "escalated"), ["ola"], ["eve"]),
    (fact(CONSULTATION, "opened"), ["eve", "kim"], []),
    (fact(TASK, "opened"), ["sam"], []),
    (fact(replace(TASK, owner="eve"), "passed-on"), ["eve"], []),
    (fact(accepted(TEAM, HANDOFF, "eve", AT), "accepted", actor="eve"), [], ["sam", *INFORMED_OF_EVALUATE]),
    (fact(by_policy(offered("policy"), AT), "accepted", actor="policy"), [], ["sam", "eve", *INFORMED_OF_EVALUATE]),
    (fact(declined(TEAM, HANDOFF, "eve", AT, "no"), "declined", actor="eve"), [], ["sam"]),
    (fact(replace(HANDOFF, status="lapsed"), "lapsed"), [], ["sam"]),
    (fact(replace(HANDOFF, status="superseded"), "superseded"), [], []),
    (told("release", "started", status="shadow", version=2), [], []),
    (told("release", "started", status="live", version=1), [], ["sam", "dan", "pia"]),
    (told("release", "promoted", status="live", version=2), [], ["sam", "dan", "pia"]),
    (told("release", "rolled-back", status="rolled-back", version=2), [], ["ola", "sam", "dan", "pia"]),
    (told("release", "advanced", status="canary", version=2), [], []),
    (told("incident", "opened", status="open", owner="ola", cause="drift", severity=2), [], ["ola", "pia"]),
    (told("incident", "resolved", status="resolved", owner="ola", cause="drift", severity=3), [], ["ola", "pia"]),
    (told("turn", "failed", status="failed", number=3), [], ["ola", "kim", "pia"]),
    (told("month", "closed", status="closed", month="2026-01"), [], ["pia"]),
    (told("month", "restated", status="closed", month="2026-01"), [], []),
    (Fact("person.unreachable", "person", "kim", "baton", "", AT, AT, "because", state={"id": "kim"}), [], ["kim", "pia"]),
    (told("source", "landed", status="ok"), [], []),
]


@pytest.mark.parametrize(("found", "asked", "informed"), TABLE, ids=lambda each: each.kind if isinstance(each, Fact) else "")
def test_who_hears_of_what(found: Fact, asked: list[str], informed: list[str]) -> None:
    assert names(found) == {"asked": asked, "told": informed}


def test_every_rule_is_in_this_table() -> None:
    elsewhere = {"approval.requested", "approval.granted", "approval.refused", "release.restored"}
    assert RULES.keys() - {found.kind for found, _, _ in TABLE} == elsewhere


def test_those_who_may_approve_are_asked_and_whoever_asked_is_told() -> None:
    matter = Matter("release.promote", "release-1", "d", "deploy", "promote release-1", ("eve",))
    approval = requested(matter, "eve", AT, 2)
    asked = names(fact(approval, "requested"))["asked"]
    assert "ola" in asked and "pia" in asked and "eve" not in asked
    assert names(fact(replace(approval, status="granted"), "granted")) == {"asked": [], "told": ["eve"]}
    assert names(fact(replace(approval, status="refused"), "refused", actor="pia")) == {"asked": [], "told": ["eve"]}


SETTLED = [
    (fact(HANDOFF, "offered"), accepted(TEAM, HANDOFF, "eve", AT), []),
    (fact(HANDOFF, "offered"), escalated(TEAM, HANDOFF, AT + 2 * DAY), []),
    (fact(HANDOFF, "offered"), replace(HANDOFF, consultation="consultation-1"), []),
    (fact(HANDOFF, "offered"), HANDOFF, ["eve"]),
    (fact(CONSULTATION, "opened"), commented(replace(CONSULTATION, quorum=2), "eve", "agree", "", AT), ["kim"]),
    (fact(CONSULTATION, "opened"), commented(CONSULTATION, "eve", "agree", "", AT), []),
    (fact(TASK, "opened"), replace(TASK, owner="eve"), []),
    (fact(TASK, "opened"), done(TASK, "sam", AT, "mended"), []),
]


@pytest.mark.parametrize(("found", "present", "asked"), SETTLED)
def test_whoever_need_not_act_any_more_is_not_asked(found: Fact, present: Record, asked: list[str]) -> None:
    plain: Mapping[str, Any] = msgspec.to_builtins(present, str_keys=True)
    assert [each.to for each in notices_of(TEAM, found, AT, plain) if each.asks] == asked


def test_of_those_who_may_approve_only_who_has_not_is_asked() -> None:
    approval = requested(Matter("rollout", "shop", "d", "deploy", "the policy"), "baton", AT, 2)
    signed = approved(TEAM, approval, "ola", AT, "fine")
    assert signed.open
    for present, missing in ((signed, {"ola"}), (approved(TEAM, signed, "pia", AT, "fine"), {each.id for each in TEAM.people})):
        plain: Mapping[str, Any] = msgspec.to_builtins(present, str_keys=True)
        asked = {each.to for each in notices_of(TEAM, fact(approval, "requested"), AT, plain) if each.asks}
        assert asked == set(names(fact(approval, "requested"))["asked"]) - missing


def test_nobody_is_told_of_their_own_act_but_asked_if_it_waits_on_them() -> None:
    assert names(fact(declined(TEAM, HANDOFF, "eve", AT, "no"), "declined", actor="sam"))["told"] == []
    assert names(fact(HANDOFF, "offered", actor="eve"))["asked"] == ["eve"]


def test_whoever_left_is_not_told() -> None:
    gone = TEAM.having(replace(TEAM.people[5], status="left"))
    assert "kim" not in names(fact(accepted(TEAM, HANDOFF, "eve", AT), "accepted"), gone)["told"]


def test_somebody_in_two_rules_is_told_once_by_the_first() -> None:
    found = audience(TEAM, told("incident", "opened", owner="pia", cause="drift"))
    assert [(each.person.id, each.rule.why) for each in found] == [("pia", "the incident is yours")]


def test_a_notice_says_what_is_wanted_until_when_and_what_to_type() -> None:
    (made,) = notices_of(TEAM, fact(HANDOFF, "offered", HANDOFF.payload), AT)
    assert made.id == notice_id(made.cause, "eve")
    assert (made.title, made.group, made.asks, made.urgent) == (
        "Take it? validated model ready for production (turn-1)",
        "turn-1",
        True,
        True,
    )
    assert made.words.splitlines()[:2] == ["validated model ready for production", "until 2026-01-07 09:30 UTC"]
    assert f"baton accept {HANDOFF.id} --as eve" in made.words and (made.status, made.next_try) == ("pending", AT)


def test_people_who_are_away_get_theirs_and_it_does_not_ring() -> None:
    away = TEAM.having(replace(TEAM.people[3], absences=(Absence(AT, AT + DAY),)))
    (made,) = notices_of(away, fact(HANDOFF, "offered"), AT)
    assert (made.to, made.asks, made.urgent) == ("eve", True, False)


@pytest.mark.parametrize(("severity", "rings"), [(1, True), (2, True), (3, False)])
def test_a_severe_incident_rings(severity: int, rings: bool) -> None:
    made = notices_of(TEAM, told("incident", "opened", owner="ola", cause="drift", severity=severity), AT)
    assert {each.urgent for each in made} == {rings} and not any(each.asks for each in made)


@given(st.text(max_size=300))
def test_whatever_a_record_says_a_title_is_one_printable_line(text: str) -> None:
    for made in notices_of(TEAM, told("incident", "opened", owner="ola", cause=text, severity=3), AT):
        assert made.title.isprintable() and len(made.title) <= LONGEST_TITLE
    for made in notices_of(TEAM, fact(TASK, "opened", text), AT):
        assert len(made.words.splitlines()) <= 2
