"""The past under attack: what an address says of time, acts sent to it, and nothing of what was recorded later."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from unit.web.scene import DAY, NOON

from baton.app.bootstrap import read_state
from baton.app.views.record import head_at, inclusion
from baton.backends.state.sql import open_sqlite
from baton.kernel.clock import iso
from baton.ledger.draft import Draft
from baton.ledger.fact import Act
from baton.team.person import Person, left
from baton.web.pages import pages

Open = Callable[..., TestClient]
THEN = NOON - 20 * DAY


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1899-12-31", "2200-01-01", "2023-06-30T23:59:60Z", "x"]
)
def test_an_instant_from_which_no_days_can_be_counted_is_none(scene: Path, console: Open, at: str) -> None:
    here = console(scene, "ann")
    for path in ("/", "/analysis", "/features-list", "/ledger", "/team?tab=flow"):
        told = here.get(path, params={"at": at})
        assert (told.status_code, "no instant" in told.text) == (422, True), path


@pytest.mark.parametrize("number", ["--1", "-", "1-", "+1", "²", "٣", "1_0", "0x1", "9" * 30])
def test_what_only_looks_like_a_number_is_none(scene: Path, console: Open, number: str) -> None:
    for path, name in (("/incidents", "after"), ("/ledger", "before"), ("/inbox", "from")):
        assert console(scene, "ann").get(path, params={name: number}).status_code == 422


def test_no_act_is_done_in_the_past(own_scene: Path, console: Open) -> None:
    here = console(own_scene, "cleo")
    with read_state(own_scene / ".baton") as (_, state):
        head = state.head()
        for page in pages():
            if page.method == "POST":
                told = here.post(
                    re.sub(r"{\w+}", "handoff-00000000000a", page.path), params={"at": iso(THEN)}, data={"reason": "x"}
                )
                assert told.status_code == 403, page.path
        assert state.head() == head


def test_the_head_of_the_past_is_that_of_the_facts_known_then(scene: Path, console: Open) -> None:
    with read_state(scene / ".baton") as (_, state):
        known = [fact for fact in state.facts() if fact.recorded_at <= THEN]
        head, present = head_at(state, THEN), state.head()
        assert (head.size, head_at(state, None)) == (len(known), present) and 0 < head.size < present.size
        assert head_at(state, NOON - 900 * DAY).size == 0
        told = inclusion(state, 3, THEN)
        assert told.holds and (told.size, told.root) == (head.size, head.root)
    here = console(scene, "ann")
    for path in ("/ledger", f"/ledger/{head.size}", "/ledger/3/proof"):
        page = here.get(path, params={"at": iso(THEN)}).text
        assert str(head.size) in page and f">{present.size} fact" not in page and f"of {present.size}<" not in page, path
        assert present.root not in page
    assert "Fact after" not in here.get(f"/ledger/{head.size}", params={"at": iso(THEN)}).text
    assert here.get("/ledger/verify", params={"at": iso(THEN)}).status_code == 403


def test_who_joined_later_may_look_at_the_past_and_who_left_may_not(own_scene: Path, console: Open) -> None:
    state = open_sqlite(own_scene / ".baton" / "state.db")
    draft = Draft(state)
    ben = draft.get(Person, "ben")
    assert ben is not None
    draft.record(Act("ben", "", NOON), left(ben), "left", "moved on")
    draft.commit({}, expect={})
    state.close()
    assert console(own_scene, "ben").get("/", params={"at": iso(THEN)}).status_code == 403
    assert console(own_scene, "ann").get("/", params={"at": iso(THEN)}).status_code == 200
