"""Rights: the matrix alone grants, delegation lends, services have lists, and what has no entry is denied."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.kernel.errors import InvalidInput, Refused
from baton.ledger.fact import KEEPER
from baton.project.phase import PHASES
from baton.project.roles import ROLES
from baton.team.actor import Actor
from baton.team.permission import ANYBODY, PROCESSES, RIGHTS, decide, known_actions, permitted, require
from baton.team.person import Absence, Delegation, Person, absent, delegating, left
from baton.team.raci import DEFAULT
from baton.team.team import Team

AT = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def person(name: str, *roles: str, deputy: str = "") -> Person:
    return Person(name, "active", 0, roles, deputy=deputy)


PRIYA, DANA = person("priya", "product-manager"), person("dana", "data-engineer")
SAM, MO = person("sam", "data-scientist"), person("mo", "ml-engineer", deputy="ola")
OLA, KIM = person("ola", "mlops-engineer", "devops-engineer", deputy="mo"), person("kim", "sre")
TEAM = Team((PRIYA, DANA, SAM, MO, OLA, KIM))


def lending(who: Person, to: str, *phases: str, subject: str = "") -> Team:
    return TEAM.having(delegating(who, Delegation(to, AT, AT + DAY, phases, subject)))


@pytest.mark.parametrize(
    ("action", "names"),
    [
        ("read", ["priya", "dana", "sam", "mo", "ola", "kim"]),
        ("loop.run", ["ola"]),
        ("score.run", ["ola"]),
        ("score.publish", ["ola"]),
        ("release.roll-back", ["ola"]),
        ("release.halt", ["priya", "ola", "kim"]),
        ("identity.invite", ["priya"]),
    ],
)
def test_the_matrix_says_who_may(action: str, names: list[str]) -> None:
    assert list(permitted(TEAM, action, AT)) == names


def test_a_verdict_tells_the_role_and_the_reason() -> None:
    verdict = decide(TEAM, Actor("ola"), "release.roll-back", AT)
    assert (verdict.allowed, verdict.role, verdict.for_whom) == (True, "mlops-engineer", "")
    assert verdict.reason == "mlops-engineer is RA in deploy"
    denied = decide(TEAM, Actor("kim"), "release.roll-back", AT)
    assert not denied.allowed and denied.reason == "kim (sre) bears none of R, A in deploy"
    with pytest.raises(Refused, match="kim may not roll a release back") as caught:
        require(TEAM, Actor("kim"), "release.roll-back", AT)
    assert "let ola do it" in caught.value.fix


def test_what_has_no_entry_is_denied_to_everybody() -> None:
    for actor in (Actor("priya"), Actor("ci", "service", actions=("made.up",)), Actor(KEEPER, KEEPER)):
        assert not decide(TEAM, actor, "made.up", AT).allowed
    with pytest.raises(Refused, match="may not"):
        require(TEAM, Actor("priya"), "made.up", AT)


def test_strangers_and_leavers_may_nothing() -> None:
    gone = TEAM.having(left(OLA))
    assert not decide(TEAM, Actor("zoe"), "read", AT).allowed
    assert not decide(gone, Actor("ola"), "read", AT).allowed
    assert not decide(TEAM, Actor("ola", kind="ghost"), "read", AT).allowed


def test_a_delegate_acts_with_the_letter_of_whoever_delegated() -> None:
    team = lending(OLA, "kim", "deploy")
    verdict = decide(team, Actor("kim"), "release.roll-back", AT)
    assert (verdict.allowed, verdict.role, verdict.for_whom) == (True, "mlops-engineer", "ola")
    assert not decide(team, Actor("kim"), "release.roll-back", AT + DAY).allowed
    assert not decide(lending(OLA, "kim", "monitor"), Actor("kim"), "release.roll-back", AT).allowed
    assert decide(lending(OLA, "kim", subject="r-1"), Actor("kim"), "release.roll-back", AT, subject="r-1").allowed
    assert not decide(lending(OLA, "kim", subject="r-1"), Actor("kim"), "release.roll-back", AT, subject="r-2").allowed


def test_a_phase_falls_to_whoever_is_accountable_then() -> None:
    away = TEAM.having(absent(OLA, Absence(AT, AT + DAY)))
    assert away.accountable("deploy", AT).person is MO
    verdict = decide(away, Actor("mo"), "release.roll-back", AT)
    assert verdict.allowed and verdict.for_whom == "ola" and verdict.reason == "deploy falls to mo"
    assert not decide(away, Actor("mo"), "release.roll-back", AT + DAY).allowed


def test_services_have_a_list_and_nothing_else() -> None:
    ci = Actor("ci", "service", "token", ("handoff.offer", "release.roll-back"))
    assert decide(TEAM, ci, "handoff.offer", AT).role == "service"
    assert not decide(TEAM, ci, "read", AT).allowed
    assert "only a person" in decide(TEAM, ci, "release.roll-back", AT).reason
    assert not decide(TEAM, Actor("ci", "service"), "read", AT).allowed


def test_a_token_only_narrows() -> None:
    narrow = Actor("ola", how="token", actions=("read", "identity.invite"))
    assert decide(TEAM, narrow, "read", AT).allowed
    assert not decide(TEAM, narrow, "release.roll-back", AT).allowed
    assert not decide(TEAM, narrow, "identity.invite", AT).allowed


def test_what_happens_before_there_is_a_team_needs_none() -> None:
    nobody = Actor("zoe")
    assert {action for action in RIGHTS if decide(TEAM, nobody, action, AT).allowed} == {
        action for action, right in RIGHTS.items() if right.outside
    }


def test_every_right_is_whole() -> None:
    for action, right in RIGHTS.items():
        assert action == right.action and set(right.letters) <= set(ANYBODY) and right.letters
        assert right.phase in ("", *PHASES)
        assert right.outside or permitted(TEAM, action, AT), f"nobody of a whole team may {action}"
    assert all(action in RIGHTS for actions in PROCESSES.values() for action in actions)


def test_actions_are_known_by_name() -> None:
    assert known_actions(("read", "handoff.offer", "read")) == ("read", "handoff.offer")
    with pytest.raises(InvalidInput, match="there is no action") as caught:
        known_actions(("handof.offer",))
    assert "handoff.offer" in caught.value.why


roles = st.lists(st.sampled_from(sorted(set(ROLES) - {"data-analyst"})), min_size=1, max_size=3, unique=True)
lends = st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from(("", *PHASES)))


@settings(max_examples=150)
@given(hats=st.lists(roles, min_size=1, max_size=4), given_=st.lists(lends, max_size=3), action=st.sampled_from(sorted(RIGHTS)))
def test_the_slow_reading_of_the_matrix_agrees(hats: list[list[str]], given_: list[tuple[int, int, str]], action: str) -> None:
    people = [person(f"p{place}", *worn) for place, worn in enumerate(hats)]
    for giver, taker, phase in given_:
        if giver < len(people) and taker < len(people) and giver != taker:
            people[giver] = delegating(people[giver], Delegation(f"p{taker}", AT, AT + DAY, (phase,) if phase else ()))
    team, right = Team(tuple(people)), RIGHTS[action]
    for each in people:
        expected = right.outside
        for phase in (right.phase,) if right.phase else PHASES:
            bearers = [p for p in people if any(set(DEFAULT[phase].get(role, "")) & set(right.letters) for role in p.roles)]
            accountable = "A" in right.letters and team.accountable(phase, AT).person.id == each.id
            expected |= each in bearers or accountable or any(team.delegated(p, AT, phase).id == each.id for p in bearers)
        assert decide(team, Actor(each.id), action, AT).allowed == expected
        assert not decide(team, replace(Actor(each.id), actions=("nothing",)), action, AT).allowed or right.outside
