"""The team lint: the golden sample, Baton's own default, each rule about people, and waivers."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.app.views.linting import model_of, sample
from baton.project.document import read_document
from baton.project.ownership import TeamFile
from baton.project.phase import PHASES
from baton.team.charter import team_of
from baton.team.description import Line, TeamModel, lines_of, model_from, paired
from baton.team.edge import EDGES
from baton.team.finding import Finding, judged
from baton.team.lint import lint
from baton.team.raci import DEFAULT

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SAMPLE: Mapping[str, Any] = read_document((files("baton.team") / "sample-team.yaml").read_bytes(), "sample-team.yaml").value
TEAM: dict[str, Any] = {
    "project": "shop",
    "people": [
        {"name": "pia", "roles": ["product-manager"], "deputy": "sam"},
        {"name": "dan", "roles": ["data-engineer"], "deputy": "mia"},
        {"name": "sam", "roles": ["data-scientist"], "deputy": "mia"},
        {"name": "sue", "roles": ["data-scientist"], "deputy": "mia"},
        {"name": "mia", "roles": ["ml-engineer"], "deputy": "ola"},
        {"name": "ola", "roles": ["mlops-engineer"], "deputy": "mia"},
        {"name": "kim", "roles": ["sre", "devops-engineer"]},
    ],
}
for _person in TEAM["people"]:
    _person["contact"] = f"mailto:{_person['name']}@shop.example"


def own(**changed: Any) -> tuple[Finding, ...]:
    """What the lint says of the team above with some sections changed."""
    return lint(model_of(TeamFile.model_validate({**TEAM, **changed})))


def person(name: str, **changed: Any) -> list[dict[str, Any]]:
    """The people above with one of them changed."""
    return [{**each, **changed} if each["name"] == name else each for each in TEAM["people"]]


def told(found: tuple[Finding, ...]) -> dict[str, list[str]]:
    by_kind: dict[str, list[str]] = {}
    for each in found:
        by_kind.setdefault(each.kind, []).append(each.subject)
    return by_kind


def test_what_the_sample_is_told_word_by_word() -> None:
    golden = Path(__file__).parents[2] / "golden" / "sample-team.json"
    assert list(sample()["findings"]) == json.loads(golden.read_text(encoding="utf-8"))


def test_the_sample_has_exactly_the_findings_expected_of_it() -> None:
    found = sample()["findings"]
    assert told(tuple(Finding(**each) for each in found)) == SAMPLE["findings"]
    assert {kind: len(each) for kind, each in SAMPLE["findings"].items()} == {
        "vague-edge": 3,
        "dangling-edge": 12,
        "payload-mismatch": 4,
        "split-without-handoff": 1,
        "missing-role": 1,
        "missing-phase": 1,
        "idle-role": 1,
        "file-clash": 3,
    }
    assert all(each["reason"] and each["fix"] for each in found)


def test_the_default_matrix_and_edges_are_clean_without_people() -> None:
    edges = tuple(EDGES.values())
    assert lint(TeamModel(PHASES, tuple(DEFAULT["define"]), DEFAULT, lines_of(edges, DEFAULT), edges=edges)) == ()


def test_a_hole_that_is_mended_is_found_no_more() -> None:
    mended = {**SAMPLE, "raci": {**SAMPLE["raci"], "register": {"ml-engineer": "RA", "sre": "C"}}}
    assert {"missing-phase", "missing-role"}.isdisjoint(told(lint(model_from(mended))))
    model = model_from(SAMPLE)
    both = (Line("mlops-engineer", "to", "product-manager", "x"), Line("product-manager", "from", "mlops-engineer", "x"))
    assert "split-without-handoff" not in told(lint(replace(model, lines=(*model.lines, *both))))


def test_with_is_one_edge_and_pairs_once() -> None:
    lines = (Line("a", "with", "b", "x"), Line("b", "to", "a", "x"), Line("b", "from", "a", "y"))
    found = paired(lines)
    assert len(found.pairs) == 1 and found.alone == (lines[2],)
    assert found.handed("b", "a") and not found.handed("a", "b")
    assert paired((Line("a", "with", "b", "x"), Line("b", "with", "a", "X "))).handed("a", "b")


LINES = st.builds(
    Line, st.sampled_from("abc"), st.sampled_from(["to", "from", "with"]), st.sampled_from("abc"), st.sampled_from("xy")
)


@given(st.lists(LINES, max_size=9))
def test_every_line_is_in_one_pair_or_alone_and_nothing_more_can_be_paired(lines: list[Line]) -> None:
    found = paired(lines)
    kept = [line for pair in found.pairs for line in pair] + list(found.alone)
    assert sorted(map(repr, kept)) == sorted(map(repr, lines))
    assert all(one.meets(other) for one, other in found.pairs)
    assert not any(one.meets(other) for one in found.alone for other in found.alone)


def test_a_role_that_is_not_there_is_named_in_the_reason() -> None:
    model = TeamModel(("train",), ("a", "b"), {"train": {"a": "RA", "b": "R"}}, (Line("a", "to", "zoe", "x"),))
    (found,) = lint(model)
    assert found.kind == "dangling-edge" and "'zoe' is no role" in found.reason and "a, b" in found.fix


def test_no_and_two_accountables() -> None:
    rows = {"train": {"a": "R", "b": "R"}, "deploy": {"a": "RA", "b": "A"}}
    found = told(lint(TeamModel(("train", "deploy"), ("a", "b"), rows)))
    assert found == {"no-accountable": ["train"], "two-accountables": ["deploy"]}


def test_a_whole_team_is_clean() -> None:
    assert own() == ()


def test_an_accountable_role_that_nobody_wears() -> None:
    assert told(own(people=[each for each in TEAM["people"] if each["name"] != "dan"]))["no-accountable"] == [
        "ingest",
        "validate",
    ]


def test_the_author_would_approve_and_holds_both_ends() -> None:
    alone = [each for each in TEAM["people"] if each["name"] != "sue"]
    assert told(own(people=alone)) == {"hat-collision": ["training-set"]}
    asked = told(own(people=alone, handoffs={"training-set": {"accept": "person"}}))
    assert asked == {"self-approval": ["training-set"], "hat-collision": ["training-set"]}
    assert own(handoffs={"training-set": {"accept": "person"}}) == ()


CONSULTING = {"bundle": {"consult": {"quorum": 1}}}


def test_a_consultation_that_asks_nobody() -> None:
    assert own(handoffs=CONSULTING) == ()
    rows = dict.fromkeys(DEFAULT["deploy"], "I")
    told_nobody = own(handoffs=CONSULTING, raci={"deploy": {**rows, "mlops-engineer": "RA"}})
    assert told(told_nobody)["nobody-consulted"] == ["bundle"]
    (found,) = (each for each in told_nobody if each.kind == "nobody-consulted")
    assert found.reason.startswith("no role is consulted in deploy: the consultation before '") and "raci.deploy" in found.fix
    unworn = {"deploy": {**rows, "mlops-engineer": "RA", "data-analyst": "C"}}
    (found,) = (each for each in own(handoffs=CONSULTING, raci=unworn) if each.kind == "nobody-consulted")
    assert found.reason.startswith("data-analyst is consulted in deploy, worn by nobody")


def test_a_consultation_of_only_those_who_hold_an_end() -> None:
    rows = {**dict.fromkeys(DEFAULT["deploy"], "I"), "mlops-engineer": "RA", "ml-engineer": "C"}
    (found,) = (each for each in own(handoffs=CONSULTING, raci={"deploy": rows}) if each.kind == "nobody-consulted")
    assert found.reason.startswith("ml-engineer is consulted in deploy, worn only by mia who gives or takes it")
    second = [*TEAM["people"], {"name": "max", "roles": ["ml-engineer"], "deputy": "mia", "contact": "mailto:max@shop.example"}]
    assert "nobody-consulted" not in told(own(handoffs=CONSULTING, raci={"deploy": rows}, people=second))


def test_a_phase_with_one_person_only() -> None:
    found = told(own(people=person("dan", deputy=None)))
    assert found == {"bus-factor": ["ingest", "validate"], "no-deputy": ["dan"]}


def test_no_channel_and_no_deputy() -> None:
    assert told(own(people=person("kim", contact=""))) == {"no-channel": ["kim"]}
    assert told(own(people=person("sam", deputy=None))) == {"no-deputy": ["sam"]}


def test_a_hat_without_a_column_and_a_file_of_somebody_else() -> None:
    worn = person("sue", roles=["data-scientist", "BI analyst"])
    assert told(own(people=worn)) == {"missing-role": ["data-analyst"]}
    clash = own(files=[{"path": "train.py", "phase": "train", "owner": "sre"}, {"path": "a", "phase": "train"}])
    assert told(clash) == {"file-clash": ["train.py"]} and "data-scientist" in clash[0].fix


def test_a_split_of_a_projects_own_is_mended_by_an_edge_inside_the_phase() -> None:
    rows = {"ingest": {"devops-engineer": "R", "data-engineer": "A", "sre": "C"}}
    assert told(own(raci=rows)) == {"split-without-handoff": ["ingest"]}
    inside = {"landed": {"giver": "ingest", "receiver": "ingest", "payload": "what has landed"}}
    assert own(raci=rows, edges=inside) == ()


def waivers(*rules: dict[str, Any]) -> tuple[Any, ...]:
    return TeamFile.model_validate({**TEAM, "waivers": rules}).waivers


RULE = {"kind": "no-deputy", "subject": "sam", "why": "mia knows"}
LAPSED = {**RULE, "until": "2025-12-31"}


def test_a_waiver_silences_its_finding_and_is_listed_with_its_why() -> None:
    found = own(people=person("sam", deputy=None))
    left = judged(found, waivers(RULE), NOW)
    assert left.findings == () and [(each.finding, each.why) for each in left.waived] == [(found[0], "mia knows")]


def test_a_waiver_that_expired_silences_nothing_and_is_a_finding_itself() -> None:
    found = own(people=person("sam", deputy=None))
    assert told(judged(found, waivers(LAPSED), NOW).findings) == {"no-deputy": ["sam"], "expired-waiver": ["no-deputy sam"]}
    both = judged(found, waivers(LAPSED, RULE), NOW)
    assert told(both.findings) == {"expired-waiver": ["no-deputy sam"]} and len(both.waived) == 1
    assert judged(found, waivers({**RULE, "until": "2026-01-02"}), NOW).findings == ()
    assert told(judged(found, waivers({**RULE, "until": "2026-01-01"}), NOW + timedelta()).findings)["expired-waiver"]


def test_a_waiver_that_matches_nothing_is_a_finding_and_names_the_nearest() -> None:
    found = own(people=person("sam", deputy=None))
    (idle,) = judged((), waivers(RULE), NOW).findings
    assert (idle.kind, idle.subject) == ("idle-waiver", "no-deputy sam")
    left = judged(found, waivers({**RULE, "subject": "samm"}), NOW).findings
    assert told(left) == {"no-deputy": ["sam"], "idle-waiver": ["no-deputy samm"]} and "'no-deputy sam'" in left[1].reason


@pytest.mark.parametrize("kind", ["idle-waiver", "expired-waiver"])
def test_a_stale_waiver_cannot_be_waived(kind: str) -> None:
    rule = {"kind": kind, "subject": "no-deputy sam", "why": "never mind"}
    assert set(told(judged((), waivers(LAPSED, rule), NOW).findings)) == {"expired-waiver", "idle-waiver"}


def test_the_team_of_the_model_is_the_declared_one() -> None:
    owned = TeamFile.model_validate(TEAM)
    assert model_of(owned).team == team_of(owned)
