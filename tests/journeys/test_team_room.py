"""`baton team` at the command line: over the example, the template, a team alone, and a workspace with people who come and go."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from baton.app.declared import load_owned
from baton.app.lifecycle.people import declare
from baton.app.new import from_template
from baton.app.workspace import create
from baton.backends.state.sql import open_sqlite
from baton.cli.main import door
from baton.kernel.errors import BatonError, NotFound, Refused
from baton.ledger.draft import Draft
from baton.ledger.fact import Act
from baton.team.person import Absence, Person, absent, left

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"
AT = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)


def run(*arguments: str) -> str:
    """What a command prints; raises what it raises."""
    told = CliRunner().invoke(door, arguments, standalone_mode=False)
    if isinstance(told.exception, BatonError):
        raise told.exception
    assert told.exception is None, told.output
    return told.output


def looked(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_the_sample_is_linted_anywhere(tmp_path: Path) -> None:
    counts: dict[str, int] = {}
    for each in looked("--project", str(tmp_path), "team", "lint", "--sample")["findings"]:
        counts[each["kind"]] = counts.get(each["kind"], 0) + 1
    assert list(counts.values()) == [3, 12, 4, 1, 1, 1, 1, 3]
    assert "26 findings in team sample" in run("--project", str(tmp_path), "team", "lint", "--sample")
    with pytest.raises(Refused, match="found 26"):
        run("team", "lint", "--sample", "--strict")


def test_the_example_and_the_template_pass_with_their_waivers_explained(tmp_path: Path) -> None:
    from_template("bio", tmp_path / "bio")
    for project in (FLIGHTS, tmp_path / "bio"):
        told = looked("--project", str(project), "team", "lint", "--strict")
        assert told["findings"] == [] and all(each["why"] for each in told["waived"])


def test_roles_and_the_guide_are_told_to_people_and_machines() -> None:
    assert len(looked("team", "roles")["roles"]) == 8 and "data-engineer" in run("team", "roles")
    assert looked("team", "role", "Site Reliability Engineer")["name"] == "sre" and "promise" not in run("team", "role", "sre")
    assert "roadmap" in run("team", "guide", "--role", "ml-engineer") and looked("team", "guide")["fits"]


def test_a_declared_team_is_covered_without_any_workspace(tmp_path: Path) -> None:
    at = ("--project", str(FLIGHTS), "--workspace", str(tmp_path / "none"), "team", "coverage")
    told = looked(*at, "--without", "ola")
    assert (told["of"], told["gaps"], told["fallbacks"]) == ("declared", [], 0)
    deploy = next(each for each in told["consequences"] if each["subject"] == "deploy")
    assert deploy["away"]["to"] == "mo" and deploy["left"]["stops"]
    assert "falls to mo (deputy)" in run(*at, "--without", "ola")
    with pytest.raises(NotFound):
        run(*at, "--without", "olo")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The flights' people on record: ola away for ten days from the second on, kim gone on the fifth."""
    folder = tmp_path / ".baton"
    made, owned = create(folder, "wall"), load_owned(FLIGHTS).owned
    state = open_sqlite(made.state, create=True)
    draft = Draft(state)
    declare(draft, owned, AT)
    draft.commit({}, expect={})
    for number, change in ((1, "absent"), (5, "left")):
        draft = Draft(state)
        person = draft.get(Person, "ola" if change == "absent" else "kim")
        assert person is not None
        became = absent(person, Absence(AT + DAY, AT + 11 * DAY)) if change == "absent" else left(person)
        draft.record(Act(person.id, "", AT + number * DAY - timedelta(hours=1)), replace(became), change, "a word")
        draft.commit({}, expect={})
    state.close()
    return folder


def test_who_answered_when_is_proved_from_the_ledger(workspace: Path) -> None:
    told = looked("--project", str(FLIGHTS), "--workspace", str(workspace), "team", "tenure")
    assert (told["orphan_minutes"], told["torn"]) == (0, 0)
    deploy = [(each["person"], each["via"]) for each in told["tenures"] if each["phase"] == "deploy"]
    assert deploy == [("ola", "owner"), ("mo", "deputy"), ("ola", "owner")]
    assert told["fallbacks"] == 3 and told["fallback_minutes"] == 3 * 10 * 24 * 60
    assert "0 orphan minutes, 0 gaps or overlaps" in run("--workspace", str(workspace), "team", "tenure")


def test_coverage_speaks_of_the_recorded_team_at_any_instant(workspace: Path) -> None:
    def at(day: int) -> Any:
        moment = (AT + day * DAY).isoformat().replace("+00:00", "Z")
        return looked("--project", str(FLIGHTS), "--workspace", str(workspace), "team", "coverage", "--at", moment)

    assert [at(day)["fallbacks"] for day in (0, 2, 12)] == [0, 3, 0]
    assert {gap["why"] for gap in at(2)["gaps"]} == {"ola is away"} and at(2)["of"] == "recorded"
    assert [person["person"] for person in at(12)["people"]] == ["priya", "dana", "sam", "mo", "ola"]
