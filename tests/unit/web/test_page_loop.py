"""The home page: who holds what, what is late and on whom, the numbers, what is new, and all of it as of an earlier instant."""

from collections.abc import Callable
from pathlib import Path

from starlette.testclient import TestClient
from unit.web.scene import MARKUP

from baton.project.phase import PHASES

Open = Callable[..., TestClient]


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
