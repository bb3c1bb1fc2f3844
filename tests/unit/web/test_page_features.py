"""The room of features: what the record tells at once, what the feature file and the log add, all of it as text."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from unit.web.scene import MARKUP, NOON

from baton.app.archive.archive import Archive
from baton.app.workspace import existing, keep_witness
from baton.backends.state.sql import open_sqlite
from baton.incidents.incident import Incident
from baton.kernel.errors import InvalidProject, Mistake
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act

Open = Callable[..., TestClient]


def declared(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "form": "entity", "sources": ["biopsies"], "columns": [f"biopsies.{name}"], "key": [], "window": "", "aggregate": "",
        "ttl": None, "inputs": [], "code": f"entity(columns=['{name}'])", "line": 8, "says": "", "logged": "keep", **more,
    }  # fmt: skip


PLAN = {
    "digest": "e" * 64,
    "kinds": {"mean_radius": "number", "lab": "category"},
    "features": [
        declared("mean_radius"),
        declared("lab", logged="hash", says=MARKUP),
        declared("patient_age_mean_7d", form="window", key=["patient"], window="7d", aggregate="mean", columns=["biopsies.age"]),
        *(declared(f"more_{place:03}") for place in range(120)),
    ],
}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the archive answers, to be changed."""
    months = [
        {"month": f"2024-0{place}-01T00:00:00Z", "rows": 10, "missing": 0.1, "p10": 1.0, "p50": 2.0, "p90": 3.0}
        for place in (1, 2)
    ]
    known: dict[str, Any] = {
        "plan": PLAN,
        "missing": {"rows": 10, "missing": {"mean_radius": 0.25}},
        "months": {"feature": "mean_radius", "shape": "number", "values": [], "months": months},
        "beside_training": {"shape": "category", "labels": [MARKUP, "b"], "counts": [6, 3], "others": 1, "known": 2, "unknown": 6, "rows": 10, "missing": 0},
    }  # fmt: skip

    def ask(_: Archive, question: str, /, **__: Any) -> Any:
        if isinstance(known[question], Exception):
            raise known[question]
        return known[question]

    monkeypatch.setattr(Archive, "ask", ask)
    return known


def test_what_the_record_tells_needs_no_archive(scene: Path, console: Open) -> None:
    page = console(scene, "ann").get("/features")
    assert page.status_code == 200
    assert "Served as trained" in page.text and "2.0e-07" in page.text
    assert 'href="/features/mean_radius"' in page.text and "60.0 %" in page.text and "1–3" in page.text
    assert 'data-lazy="/features-list"' in page.text


def test_what_the_feature_file_adds_a_hundred_a_page(scene: Path, console: Open, answers: dict[str, Any]) -> None:
    page = console(scene).get("/features-list").text
    assert 'href="/data/biopsies"' in page and "by patient" in page and "personal" in page and "25.0 %" in page
    assert "1 – 100 of 124" in page and 'href="/features?order=view&amp;after=100"' in page
    assert page.count('<th scope="row">') == 100
    assert console(scene).get("/features-list?after=100").text.count('<th scope="row">') == 24


def test_search_and_order(scene: Path, console: Open, answers: dict[str, Any]) -> None:
    page = console(scene).get("/features-list?q=patient+mean").text
    assert "1 feature<" in page and "patient_" in page and "more_" not in page
    assert "No feature fits" in console(scene).get("/features-list?q=%3Cscript%3E").text
    assert console(scene).get("/features?order=size").status_code == 422


def test_a_feature_file_that_is_wrong_is_told_beside_what_is_known(scene: Path, console: Open, answers: dict[str, Any]) -> None:
    answers["plan"] = InvalidProject((Mistake("features.py", 9, f"NameError {MARKUP}"),))
    page = console(scene).get("/features-list").text
    assert "features.py:9 NameError &lt;script&gt;" in page and MARKUP not in page and "mean_radius" in page.replace("<wbr>", "")


def test_one_feature_with_its_weights_and_its_drift(scene: Path, console: Open) -> None:
    page = console(scene).get("/features/mean_radius").text
    assert "place 1 in the live version" in page and "version 3" in page and "Outside the range of training" in page
    assert "/data/lineage?of=feature%3Amean_radius" in page


def test_only_what_the_detectors_named_is_red(own_scene: Path, console: Open) -> None:
    quiet = console(own_scene, "ann").get("/features").text
    assert (
        "quiet" in quiet
        and 'class="chip bad">alarm' not in quiet
        and not re.search(r'<td class="num"><span class="(bad|warn)">', quiet)
    )
    workspace = existing(own_scene / ".baton")
    state = open_sqlite(workspace.state)
    draft = Draft(state)
    told = {"evidence": 1900.0, "level": 1825, "since": "2024-02-20", "outside": {"mean_radius": 0.4}}
    strayed = Incident("incident-00000000000f", "open", 2, "novelty", "version 2", "inputs left", "cleo", NOON, NOON, told)
    draft.record(Act(SYSTEM, "", NOON), strayed, "opened", "inputs left the range of training")
    keep_witness(workspace, draft.commit({}, expect={}))
    state.close()
    page = console(own_scene, "ann").get("/features").text
    assert page.count('<a href="/incidents/incident-00000000000f"><span class="chip bad">alarm') == 1
    assert "they named it in an incident that is open" in console(own_scene, "ann").get("/features/mean_radius").text


def test_an_earlier_instant_knows_fewer_versions(scene: Path, console: Open) -> None:
    page = console(scene).get("/features/mean_radius?at=2024-01-10T00:00:00Z").text
    assert "the only one that uses it" in page and "version 2" not in page


def test_the_definition_and_what_is_personal(scene: Path, console: Open, answers: dict[str, Any]) -> None:
    page = console(scene).get("/features/lab/definition").text
    assert "hashed" in page and MARKUP not in page and "line 8" in page
    assert (
        "mean of the rows known in the 7d before the decision"
        in console(scene).get("/features/patient_age_mean_7d/definition").text
    )


def test_months_and_training_beside_now(scene: Path, console: Open, answers: dict[str, Any]) -> None:
    months = console(scene).get("/features/mean_radius/months").text
    assert "the band holds the middle 80 %" in months and "Feb 2024" in months and "Missing" in months
    shape = console(scene).get("/features/mean_radius/shape").text
    assert "6 rows had one that it did not know" in shape and MARKUP not in shape


def test_a_feature_that_nobody_knows(scene: Path, console: Open, answers: dict[str, Any]) -> None:
    page = console(scene).get("/features/mean_radios")
    assert page.status_code == 404 and "mean_radius" in page.text
    assert console(scene).get("/features/lab").status_code == 200  # declared, and used by no version yet
