"""The room of data: sources that land, break or are lost, their contracts, and what the archive answers, shown as text."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from unit.web.scene import MARKUP, NOON

from baton.app.archive.archive import Archive
from baton.app.workspace import create, existing, keep_witness
from baton.backends.state.sql import open_sqlite
from baton.data.standing import SourceState
from baton.incidents.incident import Incident
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act

Open = Callable[..., TestClient]
HOUR = timedelta(hours=1)
DAY = "2024-02-01T00:00:00Z"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What the archive was asked; it answers as if each table held one row with markup in it."""
    seen: list[tuple[str, dict[str, Any]]] = []
    rules = [{"source": "biopsies", "rule": f"mean_radius:minimum {MARKUP}", "rows": 120, "first": DAY, "last": DAY}]
    histogram = {"edges": [0.0, 1.0, 2.0], "counts": [3, 9]}
    profile = {"name": "mean_radius", "type": "DOUBLE", "shape": "number", "nulls": 1, "distinct": 2, "min": 0.1, "max": 9.5, "mean": 5.0, "quantiles": {"p50": 5.0}, "top": [{"value": MARKUP, "count": 3}], "histogram": histogram}  # fmt: skip
    version = {"version": 7, "written": DAY, "operation": "WRITE", "added": 3, "removed": 0, "rows": 400, "bytes": 1200, "known": DAY, "columns": {"added": ["new_one"], "removed": [], "retyped": []}}  # fmt: skip
    answers: dict[str, Any] = {
        "tables": {"tables": [{"name": "labels", "rows": 5, "columns": [], "versions": 1, "bytes": 10, "known": None}]},
        "broken_rules": {"days": [{"day": "2024-01-01T00:00:00Z", "rule": "mean_radius:minimum", "rows": 3}]},
        "quarantine": {"rows": [{"source": "biopsies", "key": MARKUP, "known_at": DAY, "rule": "r", "reason": "below 0", "row": {"a": MARKUP}}], "rules": rules, "total": 120},
        "profile": {"table": "biopsies", "rows": 12, "sampled": 12, "columns": [profile], "clock": None},
        "versions": {"table": "biopsies", "versions": [version], "total": 301},
        "difference": {"first": 2, "second": 7, "added": 44, "removed": 0, "bytes": 100, "files": 2, "known": None, "columns": {"added": ["new_one"], "removed": [], "retyped": []}},
        "rows": {"columns": [{"name": "sample", "type": "VARCHAR"}], "rows": [[MARKUP]], "total": 90, "after": 0},
        "plan": {"digest": "e" * 64, "features": [], "kinds": {}},
    }  # fmt: skip

    def ask(_: Archive, question: str, /, **plain: Any) -> Any:
        seen.append((question, plain))
        return answers[question]

    monkeypatch.setattr(Archive, "ask", ask)
    return seen


def stands(folder: Path, status: str, *reasons: str, incident: bool = False) -> None:
    """Let the scene's source stand otherwise."""
    workspace = existing(folder / ".baton")
    state = open_sqlite(workspace.state)
    draft = Draft(state)
    before = state.get(SourceState, "biopsies")
    assert before is not None
    after = replace(before, status=status, reasons=reasons)
    draft.record(Act(SYSTEM, "", NOON - HOUR), after, status, "; ".join(reasons))
    if incident:
        opened = Incident("incident-00000000dead", "open", 3, "source", "source biopsies", "lost", "ben", NOON, NOON)
        draft.record(Act(SYSTEM, "", NOON - HOUR), opened, "opened", "lost")
    keep_witness(workspace, draft.commit({}, expect={}))
    state.close()


def test_a_source_with_its_owner_its_rows_and_what_was_rejected(scene: Path, console: Open) -> None:
    page = console(scene, "ann").get("/data")
    assert page.status_code == 200
    assert 'href="/data/biopsies"' in page.text and "data/biopsies.csv" in page.text
    assert ">400<" in page.text and "0.74 %" in page.text and "lands" not in page.text.lower().split("<main")[0]
    assert 'data-lazy="/data-tables"' in page.text and "once" in page.text


def test_a_lost_source_is_red_and_leads_to_its_incident(own_scene: Path, console: Open) -> None:
    stands(own_scene, "unreadable", f"no file {MARKUP}", incident=True)
    for address in ("/data", "/data/biopsies"):
        page = console(own_scene).get(address)
        assert "cannot be read" in page.text and "/incidents/incident-00000000dead" in page.text
        assert MARKUP not in page.text and "no file &lt;script&gt;" in page.text


def test_the_past_knows_nothing_of_a_later_loss(own_scene: Path, console: Open) -> None:
    stands(own_scene, "unreadable", "no file", incident=True)
    page = console(own_scene).get(f"/data?at={DAY}")
    assert "cannot be read" not in page.text and ">kept<" in page.text


def test_the_contract_in_words_and_as_text(scene: Path, console: Open) -> None:
    page = console(scene).get("/data/biopsies")
    assert "is at least 0" in page.text and "is one of 0, 1" in page.text and "rows of a landing: above 0" in page.text
    assert "apiVersion: v3.1.0" in page.text and "the contract is broken" in page.text


def test_a_contract_with_mistakes_says_where(own_scene: Path, console: Open) -> None:
    file = own_scene / "contracts" / "biopsies.yaml"
    file.write_text(file.read_text().replace("logicalType: integer", "logicalType: intger"))
    page = console(own_scene).get("/data/biopsies")
    assert "The contract cannot be read" in page.text and "contracts/biopsies.yaml:" in page.text


def test_verdicts_by_rule(scene: Path, console: Open, asked: list[Any]) -> None:
    page = console(scene).get("/data/biopsies/rules")
    assert page.status_code == 200 and ">3</a>" in page.text and "Over time" in page.text
    assert asked[0] == ("broken_rules", {"source": "biopsies", "until": ""})


def test_rejected_rows_with_pages_that_lead_to_the_whole_page(scene: Path, console: Open, asked: list[Any]) -> None:
    page = console(scene).get("/data/biopsies/quarantine?after=50")
    assert MARKUP not in page.text and "51 – 100 of 120" in page.text
    assert 'href="/data/biopsies?tab=quarantine&amp;after=100"' in page.text
    assert asked[0][1]["limit"] == 50 and asked[0][1]["after"] == 50


def test_profile_versions_and_their_difference(scene: Path, console: Open, asked: list[Any]) -> None:
    browser = console(scene)
    assert "pic-bins" in browser.get("/data/biopsies/profile").text
    versions = browser.get("/data/biopsies/versions?a=2&b=7").text
    assert ">44<" in versions and "new_one" in versions and "1 – 50 of 301" in versions
    assert ("difference", {"table": "biopsies", "first": 2, "second": 7}) in asked


def test_rows_that_fit_a_condition_at_an_instant(scene: Path, console: Open, asked: list[Any]) -> None:
    page = console(scene).get(f"/data/biopsies/rows?column=sample&test=contains&value=s1&at={DAY}")
    assert MARKUP not in page.text and "1 – 50 of 90" in page.text and "form=csv" in page.text
    assert asked[0][1] == {"table": "biopsies", "where": [("sample", "contains", "s1")], "until": DAY, "limit": 50, "after": 0}


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/data/biopsie", 404, "biopsies"),
        ("/data/biopsies?tab=nothing", 422, "one of contract"),
        ("/data/biopsies/rows?test=like", 422, "is no test"),
        ("/data/biopsies/rows?after=-1", 422, "whole number"),
        ("/data/lineage/picture?of=version:99", 404, "nothing on record"),
        ("/data/lineage/picture?of=<b>", 404, "&lt;b&gt;"),
    ],
)
def test_wrong_addresses_say_what_is_right(
    scene: Path, console: Open, asked: list[Any], address: str, status: int, words: str
) -> None:
    page = console(scene).get(address)
    assert (page.status_code, words in page.text) == (status, True)
    assert "<b>" not in page.text


def test_lineage_leads_from_a_version_to_its_incidents_and_back(scene: Path, console: Open, asked: list[Any]) -> None:
    browser = console(scene)
    assert 'value="source:biopsies"' in browser.get("/data/lineage").text
    page = browser.get("/data/lineage/picture?of=version:2").text
    for told in ("training:2", "release:release-000000000002", "incident:incident-000000000002"):
        assert f"of={told.replace(':', '%3A')}" in page
    assert "asked for it" not in page and 'href="/models/2"' in page


def test_tables_that_baton_writes_have_no_contract(scene: Path, console: Open) -> None:
    page = console(scene).get("/data/predictions")
    assert "A table that Baton writes itself." in page.text and "tab=contract" not in page.text
    assert console(scene).get("/data/predictions?tab=contract").status_code == 422


def test_a_folder_with_only_a_team_says_how_to_begin(tmp_path: Path, console: Open) -> None:
    team = tmp_path / "team"
    team.mkdir()
    (team / "team.yaml").write_text(
        "project: churn\npeople:\n  - {name: ann, roles: [product-manager, data-scientist, data-engineer, ml-engineer, mlops-engineer, sre]}\n"
    )
    workspace = create(team / ".baton", "wall")
    open_sqlite(workspace.state, create=True).close()
    for address in ("/data", "/features"):
        page = console(team).get(address)
        assert page.status_code == 200 and "only a team" in page.text and "baton new NAME" in page.text
