"""Approvals: every move from every status, four eyes on people and not on hats, and nobody approves their own work."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.kernel.errors import BatonError, Conflict, NotFound, Refused
from baton.project.phase import PHASES
from baton.project.roles import ROLES
from baton.team.approval import (
    MOVES,
    Approval,
    Matter,
    approval_id,
    approved,
    approvers,
    barred,
    declared,
    expired,
    needed,
    refused,
    requested,
    withdrawn,
)
from baton.team.person import Absence, Delegation, Person, absent, delegating
from baton.team.team import Team

AT = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def person(name: str, *roles: str, deputy: str = "") -> Person:
    return Person(name, "active", 0, roles, deputy=deputy)


PRIYA, DANA = person("priya", "product-manager"), person("dana", "data-engineer")
SAM, MO = person("sam", "data-scientist"), person("mo", "ml-engineer", deputy="ola")
OLA, KIM = person("ola", "mlops-engineer", "devops-engineer"), person("kim", "sre")
TEAM = Team((PRIYA, DANA, SAM, MO, OLA, KIM), teams={"science": ("sam", "mo")})
PROMOTION = Matter("promote", "release-1", "d1", "deploy", "version 2 serves all traffic", ("sam",))


def lending(who: Person, to: str, *phases: str) -> Team:
    return TEAM.having(delegating(who, Delegation(to, AT, AT + 9 * DAY, phases)))


def asked(need: int = 2, **changed: object) -> Approval:
    return replace(requested(PROMOTION, "baton", AT, need), **changed)  # type: ignore[arg-type]  # any field


def in_status(status: str) -> Approval:
    return asked(status=status, expires_at=AT)


def test_two_people_grant_and_each_is_on_the_record() -> None:
    once = approved(TEAM, asked(), "ola", AT, "fine")
    assert (once.status, [each.by for each in once.given]) == ("requested", ["ola"])
    twice = approved(TEAM, once, "mo", AT + DAY)
    assert (twice.status, twice.reason, twice.note) == ("granted", "approved by ola and mo", "")
    assert [(each.by, each.role, each.for_whom) for each in twice.given] == [
        ("ola", "mlops-engineer", ""),
        ("mo", "ml-engineer", ""),
    ]
    assert twice.in_force(AT + 9999 * DAY) and not once.in_force(AT)


def test_who_may_approve_is_told_by_the_matrix() -> None:
    assert approvers(TEAM, asked(), AT) == ("ola", "mo", "priya")
    assert "dana" not in approvers(TEAM, asked(), AT) and "kim" not in approvers(TEAM, asked(), AT)
    with pytest.raises(Refused, match="kim may not approve") as caught:
        approved(TEAM, asked(), "kim", AT)
    assert "neither accountable nor responsible" in caught.value.why and "ola or mo or priya" in caught.value.fix
    with pytest.raises(NotFound, match="nobody is called 'zoe'"):
        approved(TEAM, asked(), "zoe", AT)


def test_it_falls_further_while_too_few_can_be_reached() -> None:
    away = TEAM
    for each in (OLA, MO, PRIYA):
        away = away.having(absent(each, Absence(AT, AT + DAY)))
    assert approvers(away, asked(), AT) == ("ola", "mo", "priya", "kim", "dana")
    assert approvers(away, asked(), AT + DAY) == ("ola", "mo", "priya")
    assert approved(away, asked(need=1), "kim", AT).status == "granted"


def test_nobody_approves_their_own_work() -> None:
    own = asked(authors=("ola",))
    assert "ola" not in approvers(TEAM, own, AT)
    with pytest.raises(Refused) as caught:
        approved(TEAM, own, "ola", AT)
    assert "own work" in caught.value.why


def test_a_team_as_author_bars_each_member() -> None:
    assert barred(TEAM, asked(authors=("science",)), AT) == {"sam", "mo"}
    with pytest.raises(Refused) as caught:
        approved(TEAM, asked(authors=("science",)), "mo", AT)
    assert "own work" in caught.value.why


@pytest.mark.parametrize("phases", [(), ("deploy",), ("train", "deploy")])
def test_whoever_acts_for_an_author_may_not_either(phases: tuple[str, ...]) -> None:
    team = lending(SAM, "mo", *phases)
    with pytest.raises(Refused) as caught:
        approved(team, asked(), "mo", AT)
    assert "acts for an author" in caught.value.why
    assert approved(team, asked(), "mo", AT + 9 * DAY).given[-1].by == "mo"


def test_a_chain_of_delegations_bars_everybody_on_it() -> None:
    team = lending(SAM, "mo").having(delegating(MO, Delegation("priya", AT, AT + DAY)))
    assert barred(team, asked(), AT) == {"sam", "mo", "priya"}


def test_a_delegation_of_another_phase_bars_nobody() -> None:
    assert barred(lending(SAM, "mo", "ingest"), asked(), AT) == {"sam"}


def test_a_person_counts_once_whatever_hats_they_wear() -> None:
    once = approved(TEAM, asked(), "ola", AT)
    with pytest.raises(Conflict, match="ola has approved") as caught:
        approved(TEAM, once, "ola", AT)
    assert "hats" in caught.value.why


def test_a_delegate_signs_for_one_other_and_their_voice_is_spent() -> None:
    team = lending(OLA, "kim", "deploy")
    once = approved(team, asked(), "kim", AT)
    assert (once.given[0].by, once.given[0].for_whom, once.given[0].role) == ("kim", "ola", "mlops-engineer")
    with pytest.raises(Conflict, match="ola has approved"):
        approved(team, once, "ola", AT)
    both = lending(OLA, "kim", "deploy").having(delegating(MO, Delegation("dana", AT, AT + DAY)))
    assert approved(both, once, "dana", AT).given[1].for_whom == "mo"


def test_after_the_giver_has_signed_there_is_nothing_left_to_lend() -> None:
    team = lending(OLA, "kim", "deploy")
    once = approved(team, asked(), "ola", AT)
    with pytest.raises(Refused, match="kim may not"):
        approved(team, once, "kim", AT)


def test_in_a_team_of_one_a_pair_of_eyes_is_enough_and_it_says_so() -> None:
    alone = Team((person("you", *ROLES),))
    made = approved(alone, asked(authors=("you",)), "you", AT)
    assert made.status == "granted"
    assert made.note == "four eyes cannot be had: 1 person of the team may approve this"


def test_two_people_of_whom_one_is_the_author() -> None:
    two = Team((person("ann", "data-scientist", "product-manager"), person("ben", *(set(ROLES) - {"data-analyst"}))))
    made = asked(authors=("ann",))
    assert (approvers(two, made, AT), needed(two, made, AT)) == (("ben",), 1)
    with pytest.raises(Refused):
        approved(two, made, "ann", AT)
    assert "four eyes cannot be had" in approved(two, made, "ben", AT).note


def test_one_no_ends_it_and_needs_words() -> None:
    with pytest.raises(Refused, match="needs a reason"):
        refused(TEAM, asked(), "ola", AT, " ")
    with pytest.raises(Refused, match="kim may not"):
        refused(TEAM, asked(), "kim", AT, "no")
    gone = refused(TEAM, approved(TEAM, asked(), "mo", AT), "ola", AT, "slices look bad")
    assert (gone.status, gone.reason) == ("refused", "ola: slices look bad")


def test_time_runs_out_exactly_then() -> None:
    granted = approved(TEAM, approved(TEAM, asked(valid=DAY), "ola", AT), "mo", AT + DAY)
    assert granted.expires_at == AT + 2 * DAY
    assert granted.in_force(AT + 2 * DAY - timedelta(microseconds=1)) and not granted.in_force(AT + 2 * DAY)
    with pytest.raises(Conflict, match="has not expired"):
        expired(granted, AT + DAY)
    assert expired(granted, AT + 2 * DAY).status == "expired"


def test_what_is_declared_is_granted_and_says_that_nobody_signed() -> None:
    written = declared(asked(valid=DAY), AT, "declared in baton.yaml")
    assert (written.status, written.given, written.reason, written.note) == (
        "granted",
        (),
        "declared in baton.yaml",
        "nobody signed it by name",
    )
    assert written.in_force(AT) and not written.in_force(AT + DAY)


DOORS: dict[str, Callable[[Approval], Approval]] = {
    "granted": lambda approval: approved(TEAM, replace(approval, need=1), "ola", AT),
    "refused": lambda approval: refused(TEAM, approval, "ola", AT, "no"),
    "expired": lambda approval: expired(approval, AT),
    "withdrawn": lambda approval: withdrawn(approval, AT, "not needed"),
}


@pytest.mark.parametrize("before", MOVES)
@pytest.mark.parametrize("after", DOORS)
def test_every_move_from_every_status(before: str, after: str) -> None:
    if after in MOVES[before]:
        assert DOORS[after](in_status(before)).status == after
    else:
        with pytest.raises(Conflict):
            DOORS[after](in_status(before))


def test_the_same_matter_has_the_same_id_and_another_digest_another() -> None:
    assert approval_id(PROMOTION) == asked().id != approval_id(PROMOTION, 2)
    assert approval_id(replace(PROMOTION, digest="d2")) != approval_id(PROMOTION)


names = st.sampled_from("abcde")
hats = st.lists(st.sampled_from(sorted(ROLES)), min_size=1, max_size=4, unique=True)
links = st.lists(st.tuples(names, names, st.sampled_from(((), ("deploy",), ("train",)))), max_size=4)


@settings(max_examples=200, deadline=None)
@given(
    worn=st.lists(hats, min_size=1, max_size=5),
    links=links,
    authors=st.lists(names, max_size=2),
    order=st.lists(names, max_size=12),
    phase=st.sampled_from(PHASES),
)
def test_however_people_sign_authors_never_count_and_nobody_counts_twice(
    worn: list[list[str]], links: list[tuple[str, str, tuple[str, ...]]], authors: list[str], order: list[str], phase: str
) -> None:
    people = {name: person(name, *roles) for name, roles in zip("abcde", worn, strict=False)}
    for giver, taker, phases in links:
        if giver in people and taker in people and giver != taker:
            people[giver] = delegating(people[giver], Delegation(taker, AT, AT + DAY, phases))
    team, approval = Team(tuple(people.values())), asked(authors=tuple(authors), phase=phase)
    for name in order:
        try:
            approval = approved(team, approval, name, AT)
        except BatonError:
            continue
    signed = [each.by for each in approval.given] + [each.for_whom for each in approval.given if each.for_whom]
    assert len(signed) == len(set(signed))
    others = set(people) - barred(team, approval, AT)
    assert not others or not set(signed) & barred(team, approval, AT)
    assert (approval.status == "granted") == (len(approval.given) >= min(2, max(1, len(others)))) or approval.open
    assert approval.open or approval.note or len(approval.given) == 2
