"""Monitoring's pages: from a red month to the slice, to the rows, to one row; everything at an instant."""

import html
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from journeys import archived
from starlette.testclient import TestClient

from baton.app.archive.archivist import Archivist
from baton.app.archive.question import answered
from baton.app.bootstrap import open_artifacts
from baton.app.declared import load_owned
from baton.app.lifecycle.people import declare
from baton.app.workspace import existing
from baton.backends.state.sql import open_sqlite
from baton.delivery.release import Release
from baton.incidents.incident import Incident
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.monitoring.day import Day
from baton.monitoring.month import Month
from baton.registry.version import ModelVersion

Open = Callable[..., TestClient]
DAYS = 62
KEPT = {
    "low": {"amount": 40.0},
    "high": {"amount": 150.0},
    "edges": {"amount": [80.0, 100.0, 120.0]},
    "shares": {"amount": [0.25] * 4},
}


class Here:
    """The archive, answered in this process."""

    def __init__(self, project: Path, workspace: Any) -> None:
        self._archivist = Archivist(project, workspace)

    def ask(self, question: str, /, **plain: Any) -> Any:
        plain = msgspec.json.decode(msgspec.json.encode(plain))
        return msgspec.json.decode(msgspec.json.encode(answered(self._archivist, question, plain)))

    def warm(self) -> None:
        """It is."""

    def close(self) -> None:
        """It holds nothing."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose tables hold two months, with days, months, a version live and an incident on record."""
    project = archived.project(tmp_path_factory.mktemp("served"))
    workspace = existing(project / ".baton")
    candidate = open_artifacts(workspace, create=True).put(msgspec.json.encode({"reference": KEPT}))
    state = open_sqlite(workspace.state, create=True)
    draft = Draft(state)
    declare(draft, load_owned(project).owned, archived.BEGIN)
    record(draft, candidate)
    draft.commit({"day": "2026-05-02T00:00:00Z"}, expect={})
    state.measure("predict.p99.ms", 7.5, archived.BEGIN + 2 * timedelta(days=1))
    state.measure("predict.errors", 1, archived.BEGIN + 2 * timedelta(days=1))
    state.close()
    return project


def record(draft: Draft, candidate: str) -> None:
    begin = archived.BEGIN
    act = Act(SYSTEM, "", begin)
    version = ModelVersion(
        "version-2",
        2,
        "live",
        "lightgbm",
        begin,
        begin,
        {"auc": 0.8},
        lineage={"candidate": candidate},
        importance={"amount": 0.9},
    )
    draft.record(act, version, "live", "serves")
    draft.record(act, Release("release-2", 2, "b" * 64, "live", begin, begin, 2, 1.0, live_at=begin), "promoted", "serves")
    for count in range(DAYS):
        day = begin + count * timedelta(days=1)
        judged = count < DAYS - 2
        told = Day(
            f"{day:%Y-%m-%d}", "judged" if judged else "served", day, 24, 24, (2,), {"amount": 0.3 if count == 40 else 0.02}, {"amount": 0.1},
            0.4, 21 if judged else 0, 0.02 if judged else None, 0.2 if judged else None,
        )  # fmt: skip
        draft.record(Act(SYSTEM, "", day + timedelta(days=1)), told, told.status, "")
    for month, status, auc in (("2026-03", "closed", 0.65), ("2026-04", "open", 0.75)):
        made = Month(month, status, month, 744, 670, auc, 0.2, 0.4, 100.0, 0.5, 0.25, 60.0)
        draft.record(Act(SYSTEM, "", datetime.fromisoformat(f"{month}-28T00:00:00Z")), made, status, "")
    at = begin + timedelta(days=41)
    cause = "inputs left <b>the range</b>"
    draft.record(
        Act(SYSTEM, "", at),
        Incident("incident-1", "open", 3, "novelty", "version 2", cause, "", at, at, {"outside": {"amount": 0.3}}),
        "opened",
        cause,
    )


@pytest.fixture
def look(served: Path, console: Open, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr("baton.web.app.open_archive", Here)
    return console(served)


def links(text: str, pattern: str) -> list[str]:
    return [html.unescape(each) for each in re.findall(r'href="([^"]+)"', text) if re.search(pattern, each)]


def test_from_a_month_to_the_slice_to_the_rows_to_one_row(look: TestClient) -> None:
    page = look.get("/monitoring").text
    (month,) = set(links(page, r"^/monitoring/month/2026-03$"))
    assert "By slice" in look.get(month).text
    (slice_, *_) = links(look.get(f"{month}/slices?column=country").text, "/monitoring/rows")
    rows = look.get(slice_).text
    assert "predictions</h1>" in rows and "Next" in rows
    (row, *_) = links(rows, "/monitoring/row\\?")
    told = look.get(row).text
    assert "Score" in told and "amount" in told and "Came true" in told


def test_from_a_cell_of_the_heat_map_to_what_lies_outside(look: TestClient) -> None:
    told = look.get("/monitoring/heat").text
    assert "/monitoring/feature/amount?day=2026-04-10" in html.unescape(told)
    page = look.get("/monitoring/feature/amount?day=2026-04-10").text
    assert "30.0 %" in page and "/monitoring/feature/amount/spread" in page
    spread = look.get("/monitoring/feature/amount/spread?day=2026-04-10&until=2026-04-20").text
    (outside, *_) = links(spread, "where=beyond")
    assert "low=40.0" in outside and "high=150.0" in outside
    assert "outside 40 to 150" in look.get(outside).text


@pytest.mark.parametrize(("address", "words"), [
    ("/monitoring", "Without retraining"), ("/monitoring?days=30&by=drift", "30 days with traffic"), ("/monitoring/heat?days=all", "a cell is a day"),
    ("/monitoring/detectors", "evidence"), ("/monitoring/service?days=all", "of the budget is left"), ("/monitoring/month/2026-04/slices?column=amount", "worse"),
    ("/monitoring/month/2026-03/outcomes", "acted, came true"), ("/monitoring/feature/country/spread?day=2026-04-10", "first 14 days"),
    ("/monitoring/rows?day=2026-03-01&feature=amount&low=100&order=high", "amount at least 100"), ("/monitoring/rows?day=2026-03-01&feature=amount&where=missing", "p7"),
    ("/monitoring/rows?day=2020-01-01", "No prediction fits"), ("/monitoring?since=2026-03-05&until=2026-03-14", "10 days with traffic"),
])  # fmt: skip
def test_pages_tell_what_they_are_for(look: TestClient, address: str, words: str) -> None:
    answer = look.get(address)
    assert answer.status_code == 200
    assert words in answer.text
    assert " style=" not in answer.text and "<b>the range" not in answer.text


@pytest.mark.parametrize(("address", "status"), [
    ("/monitoring?days=7", 422), ("/monitoring?by=colour", 422), ("/monitoring/month/2026-13", 404), ("/monitoring/month/2020-01", 404),
    ("/monitoring/feature/nothing", 404), ("/monitoring/feature/amount?day=2026-04-10&until=2026-04-01", 422), ("/monitoring/rows?low=wide&feature=amount", 422),
    ("/monitoring/rows?low=nan&feature=amount", 422), ("/monitoring/rows?after=-1", 422), ("/monitoring/row?entity=nobody", 404), ("/monitoring?since=never", 422),
    ("/monitoring/feature/amount?day=2026-04-10&until=2029-04-01", 422),
])  # fmt: skip
def test_addresses_that_lead_nowhere(look: TestClient, address: str, status: int) -> None:
    assert look.get(address).status_code == status


def test_the_past_is_shown_as_it_was_then(look: TestClient) -> None:
    then = look.get("/monitoring?at=2026-03-10T00:00:00Z").text
    assert "2026-04" not in then.split("<main")[1].split("</main")[0]
    assert look.get("/monitoring/month/2026-04?at=2026-03-10T00:00:00Z").status_code == 404
    row = look.get("/monitoring/row?entity=p25&at=2026-03-03T00:00:00Z").text
    assert "not known yet" in row, "the label came two days after the decision"
    assert all("at=2026-03-10" in each for each in links(then, r"^/monitoring/(feature|month|rows)"))


def test_what_still_waits_for_labels_is_told(look: TestClient) -> None:
    page = look.get("/monitoring").text
    assert "labels still to come" in page and ">so far<" in page and "90 %" in page


def test_a_month_that_misses_its_promise_is_red(look: TestClient) -> None:
    page = look.get("/monitoring").text
    assert re.findall(r'class="redmark" href="([^"]+)">([^<]+)<', page) == [
        ("/monitoring/month/2026-03", "auc 0.650, promised at least 0.7")
    ]
    assert "It misses what was promised" in look.get("/monitoring/month/2026-03").text
    assert "It misses what was promised" not in look.get("/monitoring/month/2026-04").text


def test_what_misses_the_promise_says_so_by_day_and_by_slice(look: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for most, words, days in ((0.15, "Share of the miss", 31), (0.9, "Share above", 0)):
        monkeypatch.setattr("baton.web.pages.month._most", lambda look, most=most: most)
        page = look.get("/monitoring/month/2026-03").text
        assert f"{days} of 31 days above the promised Brier score of {most}" in page
        assert page.count(f">above {most}</span>") == days
        assert words in look.get("/monitoring/month/2026-03/slices?column=country").text


def test_before_the_first_answer_a_page_says_what_to_do(tmp_path: Path, console: Open) -> None:
    from baton.app.workspace import create as workspace_at
    from baton.project.template import create

    create("made", tmp_path / "made")
    open_sqlite(workspace_at(tmp_path / "made" / ".baton", "replay").state, create=True).close()
    page = console(tmp_path / "made")
    assert "Nothing has been served yet" in page.get("/monitoring").text
    assert page.get("/monitoring/feature/any").status_code == 404
