"""The matrix: one accountable role for every phase, whole rows overridden, people found by their roles."""

from itertools import permutations

import pytest

from baton.kernel.errors import Refused
from baton.project.definition import Member
from baton.team.raci import DEFAULT, PHASES, Team, effective, role_with
from baton.team.role import ROLES, role_named

ANN = Member(name="ann", roles=("data-scientist", "product-manager"))
BEN = Member(name="ben", roles=("ml-engineer", "mlops-engineer"))
CAT = Member(name="cat", roles=("data-engineer", "sre", "devops-engineer"))
TEAM = Team((ANN, BEN, CAT), DEFAULT)


@pytest.mark.parametrize("phase", PHASES)
def test_every_phase_has_exactly_one_accountable_role_and_somebody_at_work(phase: str) -> None:
    assert len(role_with(DEFAULT, phase, "A")) == 1
    assert role_with(DEFAULT, phase, "R")
    assert set(DEFAULT[phase].values()) <= {"R", "A", "RA", "C", "I"}
    assert set(DEFAULT[phase]) <= set(ROLES)


def test_the_default_is_this_one() -> None:
    assert tuple(DEFAULT) == PHASES
    assert {phase: role_with(DEFAULT, phase, "A")[0] for phase in PHASES} == {
        "define": "product-manager",
        "ingest": "data-engineer",
        "validate": "data-engineer",
        "features": "ml-engineer",
        "train": "data-scientist",
        "evaluate": "data-scientist",
        "register": "ml-engineer",
        "package": "ml-engineer",
        "deploy": "mlops-engineer",
        "monitor": "mlops-engineer",
        "incident": "product-manager",
        "retrain": "mlops-engineer",
    }


def test_an_override_replaces_the_whole_row_and_no_other() -> None:
    matrix = effective({"train": {"sre": "RA"}})
    assert matrix["train"] == {"sre": "RA"}
    assert {phase: row for phase, row in matrix.items() if phase != "train"} == {
        phase: row for phase, row in DEFAULT.items() if phase != "train"
    }
    assert effective({}) == DEFAULT
    assert tuple(matrix) == PHASES


def test_people_are_found_in_declared_order() -> None:
    assert TEAM.wearing("sre") == (CAT,) and TEAM.wearing("data-analyst") == ()
    assert TEAM.person("ben") is BEN and TEAM.person("zoe") is None
    twin = Team((*TEAM.people, Member(name="dan", roles=("ml-engineer",))), DEFAULT)
    assert twin.accountable("features") is BEN


def test_each_phase_of_the_team_has_its_people() -> None:
    assert [TEAM.accountable(phase).name for phase in PHASES] == [
        "ann",
        "cat",
        "cat",
        "ben",
        "ann",
        "ann",
        "ben",
        "ben",
        "ben",
        "ben",
        "ann",
        "ben",
    ]
    assert [TEAM.responsible(phase).name for phase in PHASES] == [
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


def test_nobody_accountable_is_refused_with_what_to_do() -> None:
    with pytest.raises(Refused, match="nobody is accountable for 'ingest'") as caught:
        Team((ANN, BEN), DEFAULT).accountable("ingest")
    assert "data-engineer" in caught.value.why and "raci.ingest" in caught.value.fix
    with pytest.raises(Refused):
        Team((), DEFAULT).responsible("deploy")
    with pytest.raises(Refused):
        Team((ANN,), effective({"train": {"data-scientist": "R"}})).accountable("train")


def test_without_a_worn_responsible_role_the_accountable_does_the_work() -> None:
    assert Team((BEN,), DEFAULT).responsible("retrain") is BEN
    assert Team((Member(name="pm", roles=("product-manager",)),), DEFAULT).responsible("incident").name == "pm"


def test_somebody_acts_in_the_role_of_the_strongest_letter() -> None:
    row = {"data-scientist": "RA", "ml-engineer": "R", "mlops-engineer": "A", "data-engineer": "C", "sre": "I"}
    strength = [*row, "data-analyst"]
    for one, other in permutations(strength, 2):
        person = Member(name="x", roles=(one, other))
        strongest = min(one, other, key=strength.index)
        assert Team((person,), effective({"train": row})).role_in(person, "train") == strongest


def test_equal_letters_are_told_apart_by_the_order_in_which_roles_are_worn() -> None:
    for roles in (("sre", "devops-engineer"), ("devops-engineer", "sre")):
        person = Member(name="x", roles=roles)
        assert Team((person,), DEFAULT).role_in(person, "monitor") == roles[0]


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("sre", "sre"),
        ("ML Engineer", "ml-engineer"),
        (" Product Owner ", "product-manager"),
        ("site-reliability-engineer", "sre"),
        ("boss", None),
        ("", None),
    ],
)
def test_titles_that_mean_a_role(text: str, role: str | None) -> None:
    assert role_named(text) == role


def test_no_title_means_two_roles() -> None:
    titles = [title for role, also in ROLES.items() for title in (role, *also)]
    assert len(set(titles)) == len(titles)
    assert all(role_named(title) == role for role, also in ROLES.items() for title in (role, *also))
