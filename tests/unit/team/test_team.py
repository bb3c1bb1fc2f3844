"""Who answers for what at an instant: always exactly one reachable person, however people come, go and delegate."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.kernel.errors import Conflict, NotFound, Refused
from baton.project.phase import PHASES
from baton.project.roles import ROLES
from baton.team.person import Absence, Delegation, Person, absent, delegating, left
from baton.team.raci import DEFAULT, effective, role_with
from baton.team.team import Team, assert_covered, assert_no_loop

AT = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def person(name: str, *roles: str, deputy: str = "") -> Person:
    return Person(name, "active", 0, roles, deputy=deputy)


ANN = person("ann", "data-scientist", "product-manager")
BEN = person("ben", "ml-engineer", "mlops-engineer", deputy="cat")
CAT = person("cat", "data-engineer", "sre", "devops-engineer")
TEAM = Team((ANN, BEN, CAT))


def away(who: Person, since: int, until: int) -> Person:
    return absent(who, Absence(AT + since * DAY, AT + until * DAY))


def given_to(who: Person, to: str, since: int = 0, until: int = 9, *phases: str, subject: str = "") -> Person:
    return delegating(who, Delegation(to, AT + since * DAY, AT + until * DAY, phases, subject))


def test_people_are_found_in_declared_order() -> None:
    assert TEAM.wearing("sre") == (CAT,) and TEAM.wearing("data-analyst") == ()
    assert TEAM.person("ben") is BEN and TEAM.person("zoe") is None
    twin = Team((*TEAM.people, person("dan", "ml-engineer")))
    assert twin.owner("features") is BEN
    with pytest.raises(NotFound, match="nobody is called 'bem'") as caught:
        TEAM.known("bem")
    assert "ben" in caught.value.why


def test_each_phase_of_the_team_has_its_people() -> None:
    owners = ["ann", "cat", "cat", "ben", "ann", "ann", "ben", "ben", "ben", "ben", "ann", "ben"]
    assert [TEAM.owner(phase).id for phase in PHASES] == owners
    assert [TEAM.accountable(phase, AT).person.id for phase in PHASES] == owners
    assert {TEAM.accountable(phase, AT).via for phase in PHASES} == {"owner"}
    assert [TEAM.responsible(phase, AT).id for phase in PHASES] == [
        "ann",
        "cat",
        "cat",
        "ann",
        "ann",
        "ann",
        "ben",
        "ben",
        "ben",
        "ben",
        "ben",
        "ben",
    ]


def test_an_unworn_role_is_told_with_what_to_do() -> None:
    with pytest.raises(Refused, match="nobody is accountable for 'ingest'") as caught:
        Team((ANN, BEN)).owner("ingest")
    assert "data-engineer" in caught.value.why and "raci.ingest" in caught.value.fix


@pytest.mark.parametrize(
    ("team", "answers", "via"),
    [
        (TEAM, "ben", "owner"),
        (TEAM.having(given_to(BEN, "ann")), "ann", "delegate"),
        (TEAM.having(given_to(BEN, "ann", 1)), "ben", "owner"),
        (TEAM.having(given_to(BEN, "ann", 0, 9, "train")), "ben", "owner"),
        (TEAM.having(given_to(BEN, "ann", 0, 9, subject="turn-1")), "ann", "delegate"),
        (TEAM.having(given_to(BEN, "ann", 0, 9, subject="turn-2")), "ben", "owner"),
        (TEAM.having(away(BEN, 0, 1)), "cat", "deputy"),
        (TEAM.having(away(BEN, 1, 2)), "ben", "owner"),
        (TEAM.having(left(BEN)), "cat", "responsible"),
        (TEAM.having(away(BEN, 0, 1)).having(away(CAT, 0, 1)), "ann", "define"),
        (TEAM.having(replace(BEN, unreachable_since=AT)).having(left(CAT)), "ann", "define"),
        (TEAM.having(left(ANN)).having(left(BEN)), "cat", "responsible"),
    ],
)
def test_duties_fall_to_the_next_who_can_be_reached(team: Team, answers: str, via: str) -> None:
    found = team.accountable("deploy", AT, "turn-1")
    assert (found.person.id, found.via, found.fallback) == (answers, via, via not in ("owner", "delegate"))


def test_an_absence_ends_at_its_end_and_not_before() -> None:
    team = TEAM.having(away(BEN, 0, 1))
    moments = [AT - DAY / 1000, AT, AT + DAY - timedelta(microseconds=1), AT + DAY]
    assert [team.accountable("deploy", moment).person.id for moment in moments] == ["ben", "cat", "cat", "ben"]


def test_somebody_acts_in_the_role_of_the_strongest_letter() -> None:
    row = {"data-scientist": "RA", "ml-engineer": "R", "mlops-engineer": "A", "data-engineer": "C", "sre": "I"}
    strength = [*row, "data-analyst"]
    for one, other in permutations(strength, 2):
        who = person("x", one, other)
        assert Team((who,), effective({"train": row})).role_in(who, "train") == min(one, other, key=strength.index)
    for roles in (("sre", "devops-engineer"), ("devops-engineer", "sre")):
        assert Team((person("x", *roles),)).role_in(person("x", *roles), "monitor") == roles[0]


def test_a_team_that_would_be_empty_at_some_instant_is_refused() -> None:
    assert_covered(TEAM.having(left(ANN)).having(left(BEN)), AT)
    with pytest.raises(Refused, match="from 2023-01-01T00:00:00Z on"):
        assert_covered(TEAM.having(left(ANN)).having(left(BEN)).having(left(CAT)), AT)
    later = TEAM.having(left(ANN)).having(away(BEN, 3, 6)).having(away(CAT, 5, 9))
    with pytest.raises(Refused, match="from 2023-01-06T00:00:00Z on"):
        assert_covered(later, AT)
    assert_covered(later, AT + 6 * DAY)


def test_a_duty_never_comes_back_to_its_giver() -> None:
    team = TEAM.having(given_to(BEN, "cat", 0, 4)).having(given_to(CAT, "ann", 2, 6))
    with pytest.raises(Conflict, match="ann → ben → cat → ann"):
        assert_no_loop(team, "ann", Delegation("ben", AT, AT + 9 * DAY))
    assert_no_loop(team, "ann", Delegation("ben", AT, AT + 2 * DAY))
    assert_no_loop(team, "ann", Delegation("ben", AT + 4 * DAY, AT + 9 * DAY))
    only = TEAM.having(given_to(BEN, "ann", 0, 9, "train"))
    assert_no_loop(only, "ann", Delegation("ben", AT, AT + DAY, ("deploy",)))
    with pytest.raises(Conflict):
        assert_no_loop(only, "ann", Delegation("ben", AT, AT + DAY, ("train", "deploy")))


def test_many_delegations_at_once_are_looked_through_in_no_time() -> None:
    """Twenty-four people, each delegating to five others: the paths among them are beyond counting."""
    crowd = [person(f"p{number}", "sre") for number in range(24)]
    woven = [
        replace(each, delegations=tuple(Delegation(f"p{(number + step) % 24}", AT, AT + 9 * DAY) for step in range(1, 6)))
        for number, each in enumerate(crowd)
    ]
    assert_no_loop(Team((*TEAM.people, *woven)), "ann", Delegation("p0", AT, AT + DAY))
    woven[23] = replace(woven[23], delegations=(Delegation("ann", AT, AT + DAY),))
    with pytest.raises(Conflict, match="close a loop"):
        assert_no_loop(Team((*TEAM.people, *woven)), "ann", Delegation("p0", AT, AT + DAY))


NAMES = ("p0", "p1", "p2", "p3", "p4")
DAYS = st.integers(0, 8)
SPANS = st.tuples(DAYS, DAYS).filter(lambda span: span[0] < span[1])


@st.composite
def teams(draw: st.DrawFn) -> Team:
    """Any team: any hats, deputies, absences, leavers, and delegations that pass the check against loops."""
    count = draw(st.integers(1, 5))
    team = Team(
        tuple(
            Person(
                name,
                draw(st.sampled_from(("active", "active", "active", "left"))),
                0,
                tuple(draw(st.lists(st.sampled_from(sorted(ROLES)), min_size=1, max_size=3, unique=True))),
                deputy=draw(st.sampled_from(("", *NAMES[:count]))),
                absences=tuple(Absence(AT + a * DAY, AT + b * DAY) for a, b in draw(st.lists(SPANS, max_size=2))),
            )
            for name in NAMES[:count]
        )
    )
    for giver, to, (a, b) in draw(st.lists(st.tuples(*[st.sampled_from(NAMES[:count])] * 2, SPANS), max_size=4)):
        link, who = (
            Delegation(to, AT + a * DAY, AT + b * DAY, draw(st.sampled_from(((), ("deploy",), ("train", "define"))))),
            team.person(giver),
        )
        if who is None or giver == to:
            continue
        try:
            assert_no_loop(team, giver, link)
        except Conflict:
            continue
        team = team.having(delegating(who, link))
    return team


def obvious(team: Team, phase: str, at: datetime) -> list[str]:
    """The slow definition: everybody in the order in which duties fall, each with every delegation followed, who is there."""
    here = [
        each.id for each in team.people if each.status == "active" and not any(a.since <= at < a.until for a in each.absences)
    ]
    by_name = {each.id: each for each in team.people if each.status == "active"}

    def end(name: str) -> str:
        for link in reversed(by_name[name].delegations):
            if link.since <= at < link.until and (not link.phases or phase in link.phases) and link.to in by_name:
                return end(link.to)
        return name

    def deputies(name: str, seen: tuple[str, ...]) -> list[str]:
        deputy = by_name[name].deputy
        return [] if deputy in (*seen, "") or deputy not in by_name else [deputy, *deputies(deputy, (*seen, deputy))]

    def bearing(of: str, letter: str) -> list[str]:
        roles = role_with(DEFAULT, of, letter)
        return [name for role in roles for name in by_name if role in by_name[name].roles]

    owners = [each for name in bearing(phase, "A") for each in (end(name), name, *deputies(name, (name,)))]
    last = [each for name in bearing("define", "A") for each in (name, *deputies(name, (name,)))]
    return [name for name in (*owners, *bearing(phase, "R"), *last, *by_name) if name in here]


@settings(deadline=None, max_examples=300)
@given(teams(), st.sampled_from(PHASES), st.integers(0, 9))
def test_the_accountable_is_the_first_of_the_slow_definition(team: Team, phase: str, day: int) -> None:
    at = AT + day * DAY
    expected = obvious(team, phase, at)
    if expected:
        assert team.accountable(phase, at).person.id == expected[0]
    else:
        with pytest.raises(Refused, match="nobody can be accountable"):
            team.accountable(phase, at)


@settings(deadline=None, max_examples=200)
@given(teams())
def test_what_is_covered_has_an_accountable_at_every_instant(team: Team) -> None:
    try:
        assert_covered(team, AT)
    except Refused:
        assert any(not obvious(team, "define", AT + half * DAY / 2) for half in range(20))
        return
    for half in range(20):
        assert {team.accountable(phase, AT + half * DAY / 2).person.reachable(AT + half * DAY / 2) for phase in PHASES} == {True}
