"""What the model is worth: promises by the months that kept them, what stands against it, until when value is counted, and an empty room."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from unit.web.scene import DAY, NOON

from baton.app.archive.archive import Archive, Download
from baton.app.views import product as view
from baton.app.workspace import create as workspace_at
from baton.app.workspace import existing, keep_witness
from baton.backends.state.sql import open_sqlite
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.ledger.ports import StateReader
from baton.monitoring.day import Day
from baton.monitoring.month import Month
from baton.project.template import create

Open = Callable[..., TestClient]


def shown(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<svg.*?</svg>", "", page)))


def told(folder: Path, *records: Any) -> Path:
    """A workspace with some more on record."""
    workspace = existing(folder / ".baton")
    state = open_sqlite(workspace.state)
    draft = Draft(state)
    for each in records:
        draft.record(Act(SYSTEM, "", NOON - 3 * DAY), each, "closed", "judged")
    keep_witness(workspace, draft.commit({}, expect={}))
    state.close()
    return folder


def month(name: str, auc: float) -> Month:
    return Month(name, "closed", name, 30000, 29000, auc, 0.08, 0.3, 45450.0, auc, 0.09, 40000.0)


def test_a_promise_that_every_month_kept_is_good(scene: Path, console: Open) -> None:
    page = console(scene, "ann").get("/product").text
    assert re.search(r'class="card good" [^>]*>\s*<span class="name">AUC<', page)
    assert "kept in 2 of 2 months" in page and "0.95 was agreed" not in page


def test_a_promise_that_earlier_months_broke_is_a_warning_and_stands_against_it(own_scene: Path, console: Open) -> None:
    page = console(told(own_scene, month("2023-12", 0.9), month("2023-11", 0.93)), "ann").get("/product").text
    assert re.search(r'class="card warn" [^>]*>\s*<span class="name">AUC<', page)
    assert "AUC: at least 0.95 was agreed, kept in 2 of 4 months; not in 2023-11, 2023-12" in page
    assert '<span class="chip warn">kept again</span>' in page and 'href="/monitoring/month/2023-12"' in page


def test_a_promise_that_the_last_month_broke_is_bad(own_scene: Path, console: Open) -> None:
    page = console(told(own_scene, month("2024-03", 0.9)), "ann").get("/product").text
    assert re.search(r'class="card bad" [^>]*>\s*<span class="name">AUC<', page) and "missed</span>" in page


def test_the_report_says_met_now_and_counts_what_was_broken(
    own_scene: Path, console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []

    def export(_: Archive, question: str, /, **plain: Any) -> Download:
        seen.append(plain["data"])
        return Download(io.BytesIO(b"the file"), 8, "application/pdf", "report.pdf")

    monkeypatch.setattr(Archive, "export", export)
    assert console(told(own_scene, month("2023-12", 0.9)), "ann").get("/product/report.pdf").status_code == 200
    (criterion,), figures = seen[0]["criteria"], {each["title"]: each for each in seen[0]["figures"]}
    assert (criterion["name"], criterion["standing"]) == ("AUC", "slipped")
    assert figures["Stands against it"]["value"] == "3" and figures["Value so far"]["note"].startswith("as judged on ")
    assert any("not in 2023-12" in each["what"] and each["tone"] == "warn" for each in seen[0]["incidents"])


def test_value_says_until_when_it_is_counted(scene: Path, console: Open) -> None:
    assert "as judged on 28 Feb 2024; latest 2024-02" in shown(console(scene, "ann").get("/product").text)
    assert "as judged on 28 Jan 2024; latest 2024-01" in shown(console(scene, "ann").get("/product?at=2024-02-10T00:00:00Z").text)


def test_an_empty_room_says_once_what_comes_and_what_to_do(tmp_path: Path, console: Open) -> None:
    folder = tmp_path / "young"
    create("young", folder)
    open_sqlite(workspace_at(folder / ".baton", "wall").state, create=True).close()
    for address in ("/product", "/analysis"):
        text = shown(console(folder).get(address).text)
        assert text.count("Nothing has been predicted yet: the first numbers come the day after a model has answered.") == 1
        assert "The loop has not begun: baton up" in text and "nothing yet" not in text.lower()


def test_a_room_with_predictions_says_when_the_first_month_is_judged(tmp_path: Path, console: Open) -> None:
    folder = tmp_path / "young"
    create("young", folder)
    open_sqlite(workspace_at(folder / ".baton", "wall").state, create=True).close()
    told(folder, Day("2024-02-27", "served", NOON - 3 * DAY, 5, 52, (1,)))
    text = shown(console(folder).get("/product").text)
    assert "Predictions are made; no month is judged yet." in text and "baton up" not in text


def test_the_turns_are_looked_up_once(scene: Path, console: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, stages = list[StateReader](), view.stages

    def counted(records: StateReader) -> list[view.Stage]:
        asked.append(records)
        return stages(records)

    monkeypatch.setattr(view, "stages", counted)
    assert console(scene, "ann").get("/product").status_code == 200 and len(asked) == 1
