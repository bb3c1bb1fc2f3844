"""The role catalogue: complete, found by titles, and skills met word by word."""

import pytest

from baton.app.views.catalogue import catalogue, guide, role, roles
from baton.kernel.errors import NotFound
from baton.project.roles import ROLES
from baton.team.raci import DEFAULT
from baton.team.role import fits, has, missing

KNOWN = catalogue()


def test_every_role_that_a_person_can_wear_is_in_the_catalogue() -> None:
    assert set(KNOWN.roles) == set(ROLES)
    assert all(each.promise and each.duties and each.tools for each in KNOWN.roles.values())
    assert [milestone.stage for milestone in KNOWN.roadmap][:3] == ["beginner", "intermediate", "advanced"]
    assert KNOWN.shared_by_all and KNOWN.also_known


def test_the_phases_of_a_role_are_those_of_the_default_matrix() -> None:
    told = {each["name"]: each for each in roles()["roles"]}
    assert {phase for each in told.values() for phase in each["accountable"]} == set(DEFAULT)
    assert told["ml-engineer"]["accountable"] == ["features", "register", "package"]
    assert told["data-analyst"]["accountable"] == told["data-analyst"]["responsible"] == []


@pytest.mark.parametrize("title", ["ml-engineer", "ML Engineer", " machine learning engineer "])
def test_a_role_is_found_by_any_of_its_titles(title: str) -> None:
    told = role(title)
    assert told["name"] == "ml-engineer" and told["levels"][0] == {"title": "junior", "years": "0-2", "salary": "90-120"}


@pytest.mark.parametrize(
    ("unknown", "near"), [("ml-enginer", "ml-engineer"), ("site reliability enginer", "site reliability engineer")]
)
def test_an_unknown_role_names_the_nearest(unknown: str, near: str) -> None:
    with pytest.raises(NotFound, match="no role") as caught:
        role(unknown)
    assert near in caught.value.why
    with pytest.raises(NotFound):
        guide(unknown, ())
    with pytest.raises(NotFound):
        role("")


@pytest.mark.parametrize(
    ("declared", "wanted", "met"),
    [
        (["sql"], "SQL (expert)", True),
        (["Scala"], "Python or Scala", True),
        (["python"], "Python or Scala", True),
        (["statistics"], "statistics and probability", False),
        (["statistics", "Probability"], "statistics and probability", True),
        (["statistics and probability"], "statistics and probability", True),
        (["feature-engineering"], "feature engineering", True),
        (["SQLite"], "SQL", False),
        ([], "SQL", False),
    ],
)
def test_a_skill_is_met_in_the_words_of_the_catalogue(declared: list[str], wanted: str, met: bool) -> None:
    assert has(declared, wanted) is met
    assert missing(declared, [wanted]) == (() if met else (wanted,))


def test_the_guide_ranks_by_what_somebody_knows_and_tells_what_comes_next() -> None:
    found = fits(KNOWN, ("SQL", "spreadsheets", "statistics", "visualisation"))
    assert found[0].role.name == "data-analyst" and found[0].next[0] == "Python or R"
    assert [each.role.name for each in fits(KNOWN, ())] == list(KNOWN.roles)
    told = guide("mlops", ("Python", "CI/CD"))
    assert [each["role"] for each in told["fits"]] == ["mlops-engineer"]
    assert told["fits"][0]["have"] == ["CI/CD", "Python"]
    assert {"skill": "containers", "stage": "MLOps foundations"} in told["fits"][0]["next"]
