"""The home page: who holds what, what is late and on whom, the numbers, what is new, and all of it as of an earlier instant."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.testclient import TestClient
from unit.web.scene import DAY, MARKUP, NOON

from baton.app.workspace import create as workspace_at
from baton.app.workspace import existing, keep_witness
from baton.backends.state.sql import open_sqlite
from baton.kernel.clock import iso
from baton.ledger.draft import Draft
from baton.ledger.fact import Act
from baton.project.phase import PHASES
from baton.project.template import create
from baton.team.override import Override

Open = Callable[..., TestClient]


def shown(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<svg.*?</svg>", "", page)))


def on_the_wall(folder: Path, stepped: datetime | None) -> Path:
    """A project whose loop runs on the wall clock and had its last daily step then, if it had any."""
    create("young", folder)
    state = open_sqlite(workspace_at(folder / ".baton", "wall").state, create=True)
    if stepped is not None:
        state.commit([], cursors={"day": iso(stepped)})
    state.close()
    return folder


def test_every_phase_with_its_owner_and_the_late_one_with_whom_it_waits_on(scene: Path, console: Open) -> None:
    page = console(scene, "ann").get("/")
    assert page.status_code == 200
    for phase in PHASES:
        assert f">{phase}</a>" in page.text
    assert "late: waits on cleo" in page.text
    assert "version 3 on trial as canary at 20%" not in page.text  # somebody has to answer there, which goes before
    assert "Which biopsies should a pathologist look at first?" in page.text


def test_markup_in_the_record_is_text(scene: Path, console: Open) -> None:
    page = console(scene, "ann").get("/")
    assert MARKUP not in page.text
    assert "&lt;script&gt;alert(" in page.text


def test_an_earlier_instant_shows_what_was_known_then(scene: Path, console: Open) -> None:
    page = console(scene, "ann").get("/?at=2024-01-20T00:00:00Z")
    assert "as the ledger knew it then" in page.text
    assert "late: waits on" not in page.text
    assert 'href="/inbox?at=2024-01-20T00%3A00%3A00Z"' in page.text
    assert "data-live" not in page.text


def test_what_is_new_since_one_looked(scene: Path, console: Open) -> None:
    browser = console(scene, "ann")
    first = browser.get("/")
    assert "What happened last" in first.text
    assert "nothing new since you looked" in browser.get("/").text
    before = console(scene, "ann").get("/", headers={"cookie": "baton-seen-0=3"})
    assert "New since you looked" in before.text


def test_an_instant_that_is_none_is_said(scene: Path, console: Open) -> None:
    page = console(scene, "ann").get("/?at=yesterday")
    assert page.status_code == 422
    assert "is no instant" in page.text and "2023-06-01T00:00:00Z" in page.text


def test_an_address_that_leads_nowhere(scene: Path, console: Open) -> None:
    page = console(scene, "ann").get("/nowhere/<b>")
    assert page.status_code == 404
    assert "there is no page at" in page.text and "<b>" not in page.text


def test_the_parts_have_addresses_of_their_own(scene: Path, console: Open) -> None:
    browser = console(scene, "ann")
    part = browser.get("/loop/cards", headers={"x-fragment": "1"}).text
    assert "Open incidents" in part and "<html" not in part
    whole = browser.get("/loop/cards").text
    assert "Open incidents" in whole and 'aria-label="Rooms"' in whole


def test_in_the_past_nobody_had_to_act(scene: Path, console: Open) -> None:
    text = shown(console(scene, "ann").get("/?at=2024-01-20T00:00:00Z").text)
    assert "nobody had to, then" in text and "replay stands" not in text and "goes on by itself" not in text


def test_a_loop_that_has_not_begun_says_what_runs_it(tmp_path: Path, console: Open) -> None:
    text = shown(console(on_the_wall(tmp_path / "young", None)).get("/").text)
    assert "The loop has not begun: it runs while baton up runs." in text and "goes on by itself" not in text
    assert "no traffic yet" in text and "not measured yet" in text and "nothing was asked yet" in text


def test_a_loop_that_has_stopped_is_said(tmp_path: Path, console: Open) -> None:
    text = shown(console(on_the_wall(tmp_path / "young", datetime.now(UTC) - 3 * DAY)).get("/").text)
    assert "The loop does not run: its last daily step was 3 d ago" in text and "goes on by itself" not in text


def test_a_loop_that_runs_goes_on_by_itself(tmp_path: Path, console: Open) -> None:
    text = shown(console(on_the_wall(tmp_path / "young", datetime.now(UTC) - timedelta(hours=2))).get("/").text)
    assert "nobody: the loop goes on by itself" in text and "does not run" not in text and "not begun" not in text


def test_a_freeze_that_holds_is_named(own_scene: Path, console: Open) -> None:
    workspace = existing(own_scene / ".baton")
    state = open_sqlite(workspace.state)
    draft = Draft(state)
    for id, until in (("override-a", NOON + DAY), ("override-b", NOON - DAY)):
        words = f"the fair, {id} {MARKUP}"
        freeze = Override(id, "holding", "freeze", "anything", "deploy", "cleo", words, NOON - 2 * DAY, until)
        draft.record(Act("cleo", "sre", NOON - 2 * DAY), freeze, "began", words)
    keep_witness(workspace, draft.commit({}, expect={}))
    state.close()
    page = console(own_scene, "ann").get("/loop/now", headers={"x-fragment": "1"}).text
    text = shown(page)
    assert "Freeze holds by cleo, until 2024-03-02: the fair, override-a" in text and "no promotion and no new turn" in text
    assert "override-b" not in text and MARKUP not in page


def test_a_broken_promise_of_latency_is_coloured(own_scene: Path, console: Open) -> None:
    before = console(own_scene, "ann").get("/loop/cards", headers={"x-fragment": "1"}).text
    assert re.search(r'class="card " [^>]*>\s*<span class="name">Latency p99<', before)
    state = open_sqlite(existing(own_scene / ".baton").state)
    state.measure("predict.p99.ms", 459.0, NOON)
    state.close()
    page = console(own_scene, "ann").get("/loop/cards", headers={"x-fragment": "1"}).text
    assert re.search(r'class="card bad" [^>]*>\s*<span class="name">Latency p99<', page)
    assert "last day; 250 ms declared" in page


def test_counts_are_told_as_people_say_them(scene: Path, console: Open) -> None:
    text = shown(console(scene, "ann").get("/").text)
    assert "1 source landed" in text and "97 % of labels arrived" in text and "0 of 600 failed in 30 days; 1 in 1,000 may" in text
    assert "; 1 version in all" in shown(console(scene, "ann").get("/loop/cards?at=2024-01-10T12:00:00Z").text)
