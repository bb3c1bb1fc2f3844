"""What people do in the console, in real browsers before a console in a process of its own: answers, approvals, releases, each with
its fact in the ledger under the name of who did it."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from browser import Visitor, answer_with, chromium, opened, visitor
from journeys.visitors import PASSWORD, House, Running, console
from playwright.sync_api import Browser, Page, expect
from unit.web.scene import DAY, MARKUP, NOON, furnish, hand_over

from baton.app import coming
from baton.app.seat import seat_of
from baton.app.workspace import existing, keep_witness
from baton.backends.state.sql import open_sqlite
from baton.delivery.release import Release
from baton.ledger.draft import Draft
from baton.ledger.fact import Act, Fact
from baton.team.actor import Actor
from baton.team.approval import Approval
from baton.team.consultation import Consultation
from baton.team.handoff import Check, Handoff
from baton.team.person import Delegation
from baton.team.task import Task

SECOND = 1000
"""Milliseconds within which an open page shows what was recorded elsewhere."""


@dataclass
class Shop:
    """A console over the scene, in which ann, ben and cleo sign in with their passwords."""

    house: House
    running: Running
    browser: Browser
    open: ExitStack
    people: dict[str, Visitor] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.running.port}"

    @contextmanager
    def visit(self, name: str) -> Iterator[Visitor]:
        """Somebody who is signed in, before a page of their own; they sign in once, by the page, in a browser of their own."""
        if name not in self.people:
            self.people[name] = mine = self.open.enter_context(visitor(self.browser, self.origin))
            mine.go("/")
            mine.sign_in(name, PASSWORD)
            expect(mine.page.get_by_role("navigation", name="Rooms")).to_be_visible()
        context = self.people[name].context
        page = context.new_page()
        try:
            yield Visitor(context, page, self.people[name].complaints)
        finally:
            page.close()

    def record(self, *records: Any, by: str = "ben", role: str = "ml-engineer", verb: str = "offered") -> None:
        """Put something on record, as another process would."""
        state = open_sqlite(self.house.workspace / "state.db")
        try:
            draft = Draft(state)
            for each in records:
                draft.record(Act(by, role, NOON), each, verb, "for a test")
            keep_witness(existing(self.house.workspace), draft.commit({}, expect={}))
        finally:
            state.close()

    def offer(self, digit: str, payload: str, to: str = "ann", giver: str = "ben") -> str:
        """A result that waits on somebody for two days; returns where its page is."""
        id = f"handoff-{digit * 12}"
        edge = ("bundle", "package", "deploy") if to == "cleo" else ("report", "monitor", "define")
        self.record(
            Handoff(
                id, "offered", edge[0], f"subject {digit}", payload, edge[1], edge[2], giver, to, to, "person", 4 * DAY, NOON, NOON,
                NOON + 2 * DAY, {"auc": 0.95}, (Check("parity", True, "2e-07"),),
            )
        )  # fmt: skip
        return f"/inbox/{id}"

    def get(self, kind: type[Any], id: str) -> Any:
        state = open_sqlite(self.house.workspace / "state.db")
        try:
            return state.get(kind, id)
        finally:
            state.close()

    def all(self, kind: type[Any]) -> list[Any]:
        state = open_sqlite(self.house.workspace / "state.db")
        try:
            return list(state.all(kind))
        finally:
            state.close()

    def last(self, kind: str) -> Fact:
        """The latest fact of a kind."""
        state = open_sqlite(self.house.workspace / "state.db")
        try:
            return next(fact for fact in state.recent(kind=kind, limit=1))
        finally:
            state.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    here = House(furnish(tmp_path_factory.mktemp("acts") / "made"))
    with chromium() as browser:
        here.settle("ann", "ben", "cleo")
        with console(here) as running, ExitStack() as open:
            yield Shop(here, running, browser, open)


def badge(page: Page) -> int:
    """What the menu says waits on whoever looks."""
    link = page.get_by_role("navigation", name="Rooms").get_by_role("link", name="Inbox")
    expect(link).to_contain_text(re.compile(r"\d"))
    return int("".join(sign for sign in link.inner_text() if sign.isdigit()))


def told(page: Page, words: str) -> None:
    """What was done is said at the top of the page."""
    expect(page.get_by_role("status").filter(has_text=words)).to_be_visible()


def item(page: Page, payload: str) -> Any:
    """One thing of the list."""
    return page.get_by_role("article").filter(has=page.get_by_role("heading", name=payload, exact=True))


def test_a_hand_off_that_is_sent_back_needs_words_and_becomes_a_task_of_its_giver(shop: Shop) -> None:
    place = shop.offer("1", "a report to send back")
    with shop.visit("ann") as ann:
        ann.go("/inbox")
        form = item(ann.page, "a report to send back")
        answer_with(form, "Decline")
        expect(ann.page).to_have_url(f"{shop.origin}/inbox")
        assert form.locator("textarea:visible").evaluate("box => box.validity.valueMissing"), (
            "the browser says that words are missing"
        )
        form.locator("textarea:visible").evaluate("box => box.removeAttribute('required')")
        form.locator("textarea:visible").fill("   ")
        form.locator("details[open]").get_by_role("button", name="Decline").click()
        expect(ann.page.get_by_role("alert")).to_contain_text("words are missing")
        answer_with(ann.page, "Decline", f"the March rows are missing {MARKUP}")
        told(ann.page, "back to ben")
    handoff = shop.get(Handoff, place.removeprefix("/inbox/"))
    assert (handoff.status, handoff.answered_by) == ("declined", "ann") and MARKUP in handoff.reason
    task = next(each for each in shop.all(Task) if each.cause == handoff.id)
    assert (task.owner, task.status) == ("ben", "open")
    with shop.visit("ben") as ben:
        ben.go("/inbox")
        expect(ben.page.get_by_role("main")).to_contain_text("the March rows are missing <script>alert('x')</script>")
        ben.go(f"/inbox/{task.id}")
        answer_with(ben.page, "Done", "March is there now")
        told(ben.page, "done by ben")


def test_of_two_who_answer_the_second_is_told_who_was_first_and_loses_nothing(shop: Shop) -> None:
    place = shop.offer("2", "a report for one of two", giver="cleo")
    with seat_of(shop.house.project, shop.house.workspace, Actor("ann", how="password")) as seat:
        coming.delegate(seat, "ann", lambda now: Delegation("ben", now, now + DAY, (), "subject 2", "either of us"))
    with shop.visit("ann") as ann, shop.visit("ben") as ben:
        for each in (ann, ben):
            each.go(place)
        opened(ben.page, "Accept")
        typed = "I have read it to the end,\nevery table of it"
        ben.page.locator("details[open]").get_by_role("textbox").fill(typed)
        answer_with(ann.page, "Accept", "fine")
        told(ann.page, "a report for one of two")
        ben.page.locator("details[open]").get_by_role("button", name="Accept").click()
        alert = ben.page.get_by_role("alert")
        expect(alert).to_contain_text("ann")
        expect(alert.get_by_role("textbox")).to_have_value(typed)
    assert shop.get(Handoff, place.removeprefix("/inbox/")).answered_by == "ann"


def test_what_needs_four_eyes_is_asked_for_by_one_and_granted_by_another(shop: Shop) -> None:
    with shop.visit("cleo") as cleo, shop.visit("ann") as ann:
        cleo.go("/releases")
        answer_with(cleo.page.get_by_role("main"), "Freeze", f"the auditors are here {MARKUP}")
        told(cleo.page, "asked")
        expect(cleo.page.get_by_role("main")).to_contain_text("Freeze is asked for by cleo")
        asked = next(each for each in shop.all(Approval) if each.requested_by == "cleo" and "auditors" in each.what)
        cleo.go(f"/inbox/{asked.id}")
        expect(cleo.page.get_by_role("main")).to_contain_text("cleo has approved it already")
        ann.go("/inbox")
        expect(ann.page.get_by_role("main")).to_contain_text("the auditors are here <script>")
        ann.go(f"/inbox/{asked.id}")
        answer_with(ann.page, "Approve", "I know about them")
        told(ann.page, "granted")
        expect(cleo.page.get_by_role("main")).to_contain_text("I know about them")
        cleo.go("/releases")
        expect(cleo.page.get_by_role("main")).to_contain_text("Freeze holds by cleo")
    found = shop.get(Approval, asked.id)
    assert found.status == "granted" and [each.by for each in found.given] == ["cleo", "ann"]
    assert shop.last("approval.granted").actor == "ann"


def test_who_was_asked_says_what_they_think(shop: Shop) -> None:
    about = shop.offer("a", "a report that is consulted on").removeprefix("/inbox/")
    asked = Consultation(
        "consultation-aaaaaaaaaaaa", "open", about, "ingest", "Is the feed late?", ("ann",), 1, NOON + DAY, "proceed", NOON
    )
    shop.record(asked, verb="opened")
    with shop.visit("ann") as ann:
        ann.go(f"/inbox/{asked.id}")
        form = opened(ann.page, "Comment")
        form.get_by_label("object").check()
        form.get_by_role("button", name="Comment").click()
        expect(ann.page.get_by_role("alert")).to_be_visible()
        expect(ann.page.get_by_label("object")).to_be_checked()
        answer_with(ann.page, "Comment", "it has been late all week")
        told(ann.page, "object")
        ann.go(f"/inbox/{asked.id}")
        expect(ann.page.get_by_role("main")).to_contain_text("it has been late all week")
    assert shop.get(Consultation, asked.id).outcome == "stop"


def test_a_task_is_finished_with_what_was_done(shop: Shop) -> None:
    shop.record(
        Task("task-333333333333", "open", "ben", "features", "look at the third thing", "nothing", "data", NOON), verb="opened"
    )
    with shop.visit("ben") as ben:
        ben.go("/inbox")
        before = badge(ben.page)
        answer_with(item(ben.page, "look at the third thing"), "Done", "looked, and it is fine")
        told(ben.page, "done")
        expect(item(ben.page, "look at the third thing")).to_have_count(0)
        assert badge(ben.page) == before - 1
    done = shop.get(Task, "task-333333333333")
    assert (done.status, done.done_by, done.outcome) == ("done", "ben", "looked, and it is fine")


def test_a_duty_is_given_to_somebody_for_a_time(shop: Shop) -> None:
    place = shop.offer("4", "a release to give away", "cleo")
    with shop.visit("cleo") as cleo, shop.visit("ben") as ben:
        cleo.go(place)
        opened(cleo.page, "Delegate")
        form = cleo.page.locator("details[open]")
        form.get_by_role("combobox", name="To").select_option("ben")
        form.get_by_label("Until").fill("whenever")
        form.get_by_role("textbox", name="A word").fill("off for a day")
        form.get_by_role("button", name="Delegate").click()
        expect(cleo.page.get_by_role("alert")).to_contain_text("'whenever' is no end")
        form = cleo.page.locator("details[open]")
        expect(form.get_by_role("textbox", name="A word")).to_have_value("off for a day")
        expect(form.get_by_role("combobox", name="To")).to_have_value("ben")
        form.get_by_label("Until").fill("1d")
        form.get_by_role("button", name="Delegate").click()
        told(cleo.page, "ben")
        ben.go(place)
        expect(ben.page.locator("summary", has_text="Decline")).to_be_visible()
        ben.go("/team/cleo")
        expect(ben.page.get_by_role("main")).to_contain_text(re.compile("until 2024-03-02.*off for a day"))


def test_what_somebody_does_is_seen_at_once_where_somebody_else_looks(shop: Shop) -> None:
    with shop.visit("ann") as ann, shop.visit("ben") as ben:
        ann.go("/inbox")
        before = badge(ann.page)
        ann.page.evaluate("window.was_here = true")
        place = shop.offer("5", "what came while ann looked")
        expect(item(ann.page, "what came while ann looked")).to_be_visible(timeout=SECOND)
        rooms = ann.page.get_by_role("navigation", name="Rooms")
        expect(rooms.get_by_role("link", name="Inbox")).to_contain_text(str(before + 1), timeout=SECOND)
        ben.go(place)
        ben.page.evaluate("window.was_here = true")
        answer_with(item(ann.page, "what came while ann looked"), "Accept", "taken")
        told(ann.page, "what came while ann looked")
        expect(ben.page.get_by_role("main")).to_contain_text("accepted", timeout=SECOND)
        assert ben.page.evaluate("window.was_here"), "without loading the page again"
        assert shop.last("handoff.accepted").actor == "ann"


def test_what_somebody_types_is_not_taken_away_by_what_comes_meanwhile(shop: Shop) -> None:
    shop.offer("6", "the one that is being answered")
    with shop.visit("ann") as ann:
        ann.go("/inbox")
        form = item(ann.page, "the one that is being answered")
        form.locator("summary", has_text="Accept").click()
        form.locator("textarea:visible").fill("half a sent")
        before = badge(ann.page)
        shop.offer("7", "what comes meanwhile")
        rooms = ann.page.get_by_role("navigation", name="Rooms")
        expect(rooms.get_by_role("link", name="Inbox")).to_contain_text(str(before + 1))
        expect(form.locator("textarea:visible")).to_have_value("half a sent")


def test_what_is_recorded_now_never_comes_into_a_page_of_the_past(shop: Shop) -> None:
    with shop.visit("ann") as ann:
        ann.go("/")
        slider, live = ann.page.get_by_role("slider", name="Day shown"), ann.page.locator("[data-live]")
        expect(live).not_to_have_count(0)
        slider.fill("40")
        expect(ann.page.get_by_role("status").filter(has_text="You look at 2024-02-10")).to_be_visible()
        expect(ann.page.locator(".crumbs")).to_contain_text("2024-02-10")
        expect(live).to_have_count(0)
        shop.offer("d", "what nobody knew in February")
        slider.fill(str(slider.get_attribute("max")))
        expect(live).not_to_have_count(0)
        before = badge(ann.page)
        shop.offer("e", "what comes while one is back")
        rooms = ann.page.get_by_role("navigation", name="Rooms")
        expect(rooms.get_by_role("link", name="Inbox")).to_contain_text(str(before + 1), timeout=5 * SECOND)


def test_tabs_that_nobody_sees_keep_no_connection(shop: Shop) -> None:
    """A browser opens six connections to one console: with a stream in each of eight tabs no page would come any more."""
    hide = "() => { Object.defineProperty(document, 'hidden', { value: true }); document.dispatchEvent(new Event('visibilitychange')); }"
    with shop.visit("ann") as ann:
        tabs = [ann.context.new_page() for _ in range(8)]
        for tab in tabs:
            tab.goto("/inbox")
            expect(tab.get_by_role("main")).to_be_visible()
            tab.evaluate(hide)
        for tab in tabs:
            tab.close()


def test_what_is_typed_into_an_open_incident_stays_while_others_act(shop: Shop) -> None:
    with shop.visit("ann") as ann:
        hand_over(shop.house.project)
        ann.go("/incidents/incident-000000000002")
        word = ann.page.get_by_label("Word to it")
        word.fill("half a sent")
        ann.page.get_by_role("heading", level=1).click()
        expect(word).not_to_be_focused()
        before = badge(ann.page)
        shop.offer("f", "what comes meanwhile to ann")
        rooms = ann.page.get_by_role("navigation", name="Rooms")
        expect(rooms.get_by_role("link", name="Inbox")).to_contain_text(str(before + 1), timeout=5 * SECOND)
        expect(word).to_have_value("half a sent")


def test_beside_its_evidence_two_promote_a_trial_and_one_ends_it_and_traffic_is_halted_and_resumed(shop: Shop) -> None:
    with shop.visit("cleo") as cleo, shop.visit("ann") as ann:
        cleo.go("/releases")
        answer_with(cleo.page.get_by_role("main"), "Promote", f"the live one is wrong {MARKUP}")
        told(cleo.page, "asked")
        expect(cleo.page.get_by_role("main")).to_contain_text("cleo asked for it: the live one is wrong <")
        request = shop.last("override.asked")
        assert (request.actor, (request.state or {})["subject"]) == ("cleo", "release-000000000003")
        ann.go(f"/inbox/{(request.state or {})['approval']}")
        answer_with(ann.page, "Approve", "seen the complaints")
        told(ann.page, "granted")
        assert (shop.last("override.held").subject, shop.last("approval.granted").actor) == (request.subject, "ann")
        cleo.go("/releases")
        cleo.go("/releases")
        reading = cleo.page.get_by_role("article", name="Reading: errors")
        expect(reading).to_contain_text("Not decided yet")
        expect(reading.get_by_role("img")).to_be_visible()
        expect(cleo.page.get_by_role("main")).to_contain_text("Version 3 ends its trial at once")
        answer_with(cleo.page.get_by_role("main"), "Roll back", f"the ward complains {MARKUP}")
        told(cleo.page, "is rolled back; version 2 answers")
        expect(cleo.page.get_by_role("main")).to_contain_text("No release is on trial")
        answer_with(cleo.page.get_by_role("main"), "Halt everything", "scores of zero everywhere")
        expect(cleo.page.get_by_role("heading", name="Halted: no version answers")).to_be_visible()
        answer_with(cleo.page.get_by_role("main"), "Resume", "the feed is mended")
        expect(cleo.page.get_by_role("heading", name="Halted: no version answers")).to_have_count(0)
    assert shop.get(Release, "release-000000000003").status == "rolled-back"
    back = shop.last("release.rolled-back")
    assert back.actor == "cleo" and MARKUP in back.reason
    reviews = [each for each in shop.all(Task) if each.not_by == "cleo" and each.status == "open"]
    assert any("rolled back version 3" in each.what for each in reviews) and all(each.owner != "cleo" for each in reviews)


def test_what_was_typed_when_the_session_ended_is_sent_after_signing_in(shop: Shop) -> None:
    place = shop.offer("8", "the one answered too late")
    typed = 'two lines\nand "quotes" </textarea><script>alert(1)</script>'
    with shop.visit("ann") as ann:
        ann.go(place)
        opened(ann.page, "Decline")
        ann.page.locator("details[open]").get_by_role("textbox").fill(typed)
        ann.context.clear_cookies()
        ann.page.locator("details[open]").get_by_role("button", name="Decline").click()
        expect(ann.page.get_by_role("heading", name="What you typed is kept")).to_be_visible()
        ann.sign_in("ann", PASSWORD)
        expect(ann.page.get_by_label("reason")).to_have_value(typed)
        assert shop.get(Handoff, place.removeprefix("/inbox/")).open, "nothing is sent before a click"
        ann.page.get_by_role("button", name="Send it now").click()
        told(ann.page, "back to ben")
        assert not [each for each in ann.complaints if "dialog" in each]
    assert shop.get(Handoff, place.removeprefix("/inbox/")).reason.replace("\r", "") == typed


def test_while_somebody_else_holds_the_database_pages_read_and_nothing_typed_is_lost(shop: Shop) -> None:
    place = shop.offer("9", "the one that waits for the database")
    with shop.visit("ann") as ann, shop.visit("ben") as ben, closing(sqlite3.connect(shop.house.workspace / "state.db")) as other:
        ann.go(place)
        opened(ann.page, "Accept")
        ann.page.locator("details[open]").get_by_role("textbox").fill("typed while it was locked")
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        try:
            ann.page.locator("details[open]").get_by_role("button", name="Accept").click(no_wait_after=True)
            for room in ("/", "/inbox", "/team"):
                assert ben.go(room).status == 200
            alert = ann.page.get_by_role("alert").first
            expect(alert).to_contain_text("another process holds it")
            expect(alert).not_to_contain_text("typed as back")
            expect(ann.page.get_by_text("typed while it was locked")).to_be_visible()
        finally:
            other.execute("ROLLBACK")
    assert shop.get(Handoff, place.removeprefix("/inbox/")).open
