"""The rooms of the console in a real browser, before a console in a process of its own: every page, at every width, in light and in
dark, by keyboard alone, without a script, and in the past."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urlsplit

import pytest
from accessibility import violations
from browser import PHONE, Visitor, answer_with, chromium, opened, visitor
from journeys.visitors import House, Running, console, house
from playwright.sync_api import Browser, Page, expect
from unit.web.scene import DAY, MARKUP, NOON, furnish

from baton.app import coming
from baton.app.seat import seat_of
from baton.app.visit import fresh_link
from baton.app.workspace import existing, keep_witness
from baton.backends.state.sql import open_sqlite
from baton.ledger.draft import Draft
from baton.ledger.fact import Act
from baton.team.actor import Actor
from baton.team.handoff import Check, Handoff
from baton.team.person import Absence

ROOMS = ("/", "/inbox", "/data", "/features", "/models", "/releases", "/monitoring", "/incidents", "/team", "/ledger", "/product", "/analysis")  # fmt: skip
INSIDE = ("/inbox/handoff-00000000000b", "/models/3", "/releases/release-000000000003", "/incidents/incident-000000000002", "/team/cleo",
          "/ledger/7", "/analysis/sql", "/features/mean_radius", "/monitoring/month/2024-02", "/data/biopsies")  # fmt: skip
AT_MOST = 80
"""Pages that are followed from the loop."""
ALIKE = 2
"""Pages of one kind that are opened: the others differ in their records only."""
HOLES = re.compile(r"\b(?:None|undefined|Undefined|NaN|nan|null|\[object Object\]|datetime\.|timedelta)\b|\{\{|\{%")
"""What nobody meant to show."""
FILES = re.compile(r"/(?:export|download|file/|report\.pdf|.*\.(?:md|pdf|png|csv|sig|diff|json)|bundle)(?:$|\?|/)|/bundle$")
"""Links that hand out a file."""
TALL = {"width": 1280, "height": 6000}


@dataclass(frozen=True)
class Shop:
    """A console over the scene, which belongs to the keeper of its files."""

    folder: Path
    running: Running
    browser: Browser

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.running.port}"

    @contextmanager
    def visit(self, name: str = "cleo", **looks: Any) -> Iterator[Visitor]:
        """Somebody who came by a link of their own, and acts as a person of the team."""
        size = looks.pop("viewport", None)
        with visitor(self.browser, self.origin, **looks) as mine:
            mine.go(fresh_link(self.folder / ".baton"))
            if name:
                mine.act_as(name)
            if size:
                mine.page.set_viewport_size(size)
            mine.complaints.clear()
            yield mine

    def offer(self, digit: str, payload: str) -> str:
        """A result that waits on cleo for two days; returns where its page is."""
        state, id = open_sqlite(self.folder / ".baton" / "state.db"), f"handoff-{digit * 12}"
        try:
            draft = Draft(state)
            made = Handoff(
                id, "offered", "bundle", f"subject {digit}", payload, "package", "deploy", "ben", "cleo", "cleo", "person",
                4 * DAY, NOON, NOON, NOON + 2 * DAY, {"auc": 0.95}, (Check("parity", True, "2e-07"),),
            )  # fmt: skip
            draft.record(Act("ben", "ml-engineer", NOON), made, "offered", "for a test")
            keep_witness(existing(self.folder / ".baton"), draft.commit({}, expect={}))
        finally:
            state.close()
        return f"/inbox/{id}"

    def answered(self, place: str) -> tuple[str, str]:
        """What became of a result, and by whom."""
        state = open_sqlite(self.folder / ".baton" / "state.db")
        try:
            found = state.get(Handoff, place.removeprefix("/inbox/"))
            assert found is not None
            return found.status, found.answered_by
        finally:
            state.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = furnish(tmp_path_factory.mktemp("rooms") / "made")
    with chromium() as browser, console(House(folder)) as running:
        yield Shop(folder, running, browser)


def articles(page: Page) -> Any:
    """The things of the inbox."""
    return page.get_by_role("region", name="What waits").get_by_role("article")


def test_from_the_link_of_the_start_to_what_is_late_to_its_fact_in_the_ledger(shop: Shop) -> None:
    with visitor(shop.browser, shop.origin) as mine:
        mine.go(shop.running.link)
        expect(mine.page).to_have_url(f"{shop.origin}/")
        expect(mine.page.get_by_role("heading", level=1)).to_have_text("Which biopsies should a pathologist look at first?")
        mine.act_as("cleo")
        mine.page.get_by_role("navigation", name="Rooms").get_by_role("link", name="Inbox").click()
        expect(mine.page.get_by_role("heading", level=1)).to_have_text("What waits on you")
        first = articles(mine.page).first
        expect(first).to_contain_text("late, due 1 d ago")
        expect(first).to_contain_text("version 3 <script>alert('x')</script>")
        expect(first).to_contain_text(re.compile(r"it goes to ann|If nobody answers"))
        badge = mine.page.get_by_role("navigation", name="Rooms").get_by_role("link", name="Inbox")
        expect(badge).to_contain_text(re.compile(r"\d"))
        before = int(re.sub(r"\D", "", badge.inner_text()))
        answer_with(first, "Accept", "the plan for nights is in place")
        expect(mine.page.get_by_role("status").filter(has_text="in cleo's hands now")).to_be_visible()
        expect(mine.page.get_by_text("late, due 1 d ago")).to_have_count(0)
        expect(badge).to_have_text(re.compile(rf"{before - 1}\s*$") if before > 1 else re.compile(r"^\s*Inbox\s*$"))
        mine.go("/ledger?subject=handoff-00000000000a")
        fact = mine.page.get_by_role("main").locator("li, tr").filter(has_text="the plan for nights is in place")
        expect(fact.first).to_contain_text("cleo")
        assert mine.complaints == []
    with visitor(shop.browser, shop.origin) as other:
        assert other.go(shop.running.link).status == 401, "a link is good once"


# --- every page -------------------------------------------------------------------------------------------------------


_LEADS = """all => all.filter(each => !each.parentElement.matches("[data-lazy]"))
    .map(each => new URL(each.getAttribute("href"), location).href)"""


def kind_of(address: str) -> str:
    """The page behind an address, whatever record it shows."""
    parts = urlsplit(address)
    path = re.sub(r"(?<=/)[a-z-]*[0-9][^/]*", "#", parts.path)
    return path + "?" + "&".join(sorted(part.partition("=")[0] for part in parts.query.split("&")))


def links(page: Page, origin: str) -> list[str]:
    """Where a page leads within the console."""
    found: list[str] = page.eval_on_selector_all("a[href]", _LEADS)
    return [urldefrag(each)[0].removeprefix(origin) for each in found if each.startswith(f"{origin}/") and not FILES.search(each)]


def test_every_page_that_the_loop_leads_to_is_whole_on_a_phone(shop: Shop) -> None:
    with shop.visit("ann", viewport={**PHONE, "height": 3000}) as ann:
        waits, seen, kinds, wrong = list(ROOMS), set(ROOMS), dict[str, int](), list[str]()
        ann.go("/")
        ann.page.locator("summary", has_text="Menu").click()
        expect(ann.page.get_by_role("navigation", name="Rooms").get_by_role("link", name="Ledger")).to_be_visible()
        opened_pages = 0
        while waits and opened_pages < AT_MOST:
            address = waits.pop(0)
            kinds[kind_of(address)] = kinds.get(kind_of(address), 0) + 1
            if kinds[kind_of(address)] > ALIKE:
                continue
            opened_pages += 1
            wrong += faults(ann, address)
            for each in links(ann.page, shop.origin):
                if each not in seen:
                    seen.add(each)
                    waits.append(each)
        assert not wrong, "\n".join(wrong)
        assert opened_pages > 40


def faults(mine: Visitor, address: str) -> list[str]:
    """What is wrong with one page."""
    mine.complaints.clear()
    answer = mine.go(address)
    mine.all_loaded()
    said = [f"answers {answer.status}"] if answer.status != 200 else []
    said += mine.complaints
    width = mine.page.evaluate("document.documentElement.scrollWidth")
    said += [f"is {width} wide"] if width > PHONE["width"] else []
    text = " ".join(mine.page.evaluate(_WORDS))
    said += [f"shows '{text[max(0, hole.start() - 30) : hole.end() + 30]}'" for hole in HOLES.finditer(text)]
    said += ["runs what somebody wrote"] if mine.page.locator("script:not([src])").count() else []
    said += [] if mine.page.get_by_role("heading", level=1).count() == 1 else ["has not one heading of its own"]
    return [f"{address} {each}" for each in said]


_WORDS = """() => {
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
    while (walk.nextNode()) {
        const inside = walk.currentNode.parentElement; // what is quoted, such as a record as JSON, is as it is
        if (!inside.closest("pre, code, textarea, script") && inside.checkVisibility()) found.push(walk.currentNode.data);
    }
    return found;
}"""


def test_markup_that_somebody_wrote_is_shown_as_they_wrote_it(shop: Shop) -> None:
    with shop.visit("ann") as ann:
        for address in ("/inbox?whose=all", "/inbox/approval-00000000000a", "/incidents/incident-000000000001", "/incidents"):
            ann.go(address)
            expect(ann.page.get_by_role("main")).to_contain_text(MARKUP)
        assert ann.complaints == []


def test_rooms_owe_nobody_anything(shop: Shop) -> None:
    """axe, in light and in dark."""
    wrong = []
    with shop.visit("ann", viewport=TALL) as ann:
        for address in (*ROOMS, *INSIDE):
            ann.go(address)
            ann.all_loaded()
            wrong += [f"{address}: {each}" for each in violations(ann.page)]
    assert not wrong, "\n".join(wrong)


# --- the past ---------------------------------------------------------------------------------------------------------


def test_the_slider_shows_an_earlier_day_in_which_nothing_can_be_done(shop: Shop) -> None:
    with shop.visit("cleo") as cleo:
        cleo.go("/releases")
        expect(cleo.page.get_by_role("main")).to_contain_text("On trial: version 3")
        expect(cleo.page.locator("summary", has_text="Roll back")).to_be_visible()
        slider = cleo.page.get_by_role("slider", name="Day shown")
        slider.fill("40")
        past = cleo.page.get_by_role("status").filter(has_text="You look at 2024-02-10")
        expect(past).to_be_visible()
        expect(cleo.page.get_by_role("main")).to_contain_text("No release is on trial")
        expect(cleo.page.get_by_role("main")).to_contain_text("version 2 answers for 100")
        expect(cleo.page.locator("summary", has_text="Roll back")).to_have_count(0)
        assert "at=2024-02-10" in cleo.page.url
        slider.fill("10")
        expect(cleo.page.get_by_role("main")).to_contain_text("No version is live yet")
        cleo.page.get_by_role("navigation", name="Rooms").get_by_role("link", name="Models").click()
        expect(cleo.page).to_have_url(re.compile(r"/models\?at=2024-01-11"))
        versions = cleo.page.get_by_role("table").first.get_by_role("row")
        expect(versions).to_have_count(2)
        cleo.page.get_by_role("link", name="Back to the present").first.click()
        expect(versions).to_have_count(4)
        expect(cleo.page.get_by_text("Back to the present")).to_have_count(0)
        assert cleo.complaints == []


@pytest.mark.parametrize("script", [True, False])
def test_a_record_of_some_hours_is_walked_by_the_minute(shop: Shop, tmp_path: Path, *, script: bool) -> None:
    """Three hours of record, of which the last half hour knows ann to be away."""
    young = house(tmp_path / "young", age=timedelta(hours=3))
    with seat_of(young.project, young.workspace, Actor("ann")) as here:
        earlier = replace(here, office=replace(here.office, now=here.now - timedelta(minutes=30)))
        coming.go_away(earlier, "ann", lambda at: Absence(at, at + 2 * DAY, "a walk in the hills"))
    with console(young) as running, visitor(shop.browser, f"http://127.0.0.1:{running.port}", java_script_enabled=script) as ann:
        ann.go(running.link)
        ann.go("/ledger")
        newest = ann.page.get_by_role("main")
        expect(newest).to_contain_text("a walk in the hills")
        moment = f"{here.now - timedelta(hours=1):%Y-%m-%dT%H:%M}"
        ann.page.get_by_label("Instant shown, UTC", exact=True).locator("visible=true").fill(moment)
        if script:
            slider = ann.page.get_by_role("slider", name="Instant shown")
            assert slider.get_attribute("max") in ("180", "181")
            expect(slider).to_have_value(re.compile("1(19|20|21)"))
        else:
            ann.page.get_by_role("search", name="Time machine").get_by_role("button", name="Show").click()
        expect(ann.page.get_by_text(f"You look at {moment.replace('T', ' ')}")).to_be_visible()
        expect(newest).not_to_contain_text("a walk in the hills")
        assert ann.complaints == []


def test_without_a_script_everything_is_there(shop: Shop) -> None:
    place = shop.offer("c", "what is accepted without a script")
    with visitor(shop.browser, shop.origin, java_script_enabled=False) as mine:
        mine.go(fresh_link(shop.folder / ".baton"))
        mine.page.get_by_label("Act as").select_option("cleo")
        mine.page.get_by_role("button", name="Change").click()
        expect(mine.page.get_by_role("heading", level=1)).to_contain_text("Which biopsies")
        expect(mine.page.get_by_role("main")).to_contain_text("monitor")
        mine.page.get_by_role("link", name="Inbox").first.click()
        offered = articles(mine.page).filter(has_text="what is accepted without a script")
        answer_with(offered, "Accept")
        expect(mine.page.get_by_role("status").filter(has_text="in cleo's hands now")).to_be_visible()
        mine.go("/releases")
        mine.page.get_by_label("Day shown").locator("visible=true").fill("2024-01-11")
        mine.page.get_by_role("search", name="Time machine").get_by_role("button", name="Show").click()
        expect(mine.page.get_by_text("You look at 2024-01-11")).to_be_visible()
        expect(mine.page.get_by_role("main")).to_contain_text("No version is live yet")
        for room in ("/monitoring", "/data/biopsies"):
            mine.go(room)
            part = mine.page.locator("[data-lazy] a[href]").first
            expect(part).to_be_visible()
            part.click()
            expect(mine.page.locator("body")).not_to_be_empty()
    assert shop.answered(place) == ("accepted", "cleo")


def test_with_the_keyboard_alone_one_gets_everywhere_and_sees_where_one_is(shop: Shop) -> None:
    place = shop.offer("d", "what is accepted by keyboard")
    with shop.visit("cleo") as cleo:
        cleo.go("/inbox")
        cleo.page.keyboard.press("Tab")
        skip = cleo.page.get_by_role("link", name="To the content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        cleo.page.keyboard.press("Enter")
        expect(cleo.page.get_by_role("main")).to_be_focused()
        tab_to(cleo.page, "what is accepted by keyboard")
        cleo.page.keyboard.press("Enter")
        expect(cleo.page).to_have_url(f"{shop.origin}{place}")
        tab_to(cleo.page, "Accept")
        cleo.page.keyboard.press("Enter")
        cleo.page.keyboard.press("Tab")
        cleo.page.keyboard.type("by hand")
        tab_to(cleo.page, "Accept")
        cleo.page.keyboard.press("Enter")
        expect(cleo.page.get_by_role("status").filter(has_text="in cleo's hands now")).to_be_visible()
    assert shop.answered(place) == ("accepted", "cleo")


def tab_to(page: Page, words: str, most: int = 80) -> None:
    """Go on by Tab until what is focused says the words; whatever is focused on the way can be seen to be."""
    for _ in range(most):
        page.keyboard.press("Tab")
        told = page.evaluate(_FOCUSED)
        assert told["seen"], f"nothing shows that this is focused: {told['markup']}"
        if told["text"].strip() == words:
            return
    pytest.fail(f"'{words}' is not reached by Tab")


_FOCUSED = """() => {
    const node = document.activeElement, look = getComputedStyle(node);
    const own = node === document.body || node.type === "date"; // the browser's own frame, and its own parts of a date
    const seen = own || (look.outlineStyle !== "none" && parseFloat(look.outlineWidth) > 0) || look.boxShadow !== "none";
    return {text: node.innerText ?? node.textContent ?? "", markup: node.outerHTML.slice(0, 200), seen};
}"""


def test_when_the_database_is_gone_every_page_says_so(tmp_path: Path, shop: Shop) -> None:
    folder = furnish(tmp_path / "made")
    with console(House(folder)) as running, visitor(shop.browser, f"http://127.0.0.1:{running.port}") as mine:
        mine.go(running.link)
        mine.act_as("ann")
        mine.go("/inbox/handoff-00000000000b")
        form = opened(mine.page, "Decline")
        form.get_by_role("textbox").fill("typed before it was gone")
        for name in ("state.db", "state.db-wal", "state.db-shm"):
            (folder / ".baton" / name).unlink(missing_ok=True)
        form.get_by_role("button", name="Decline").click()
        expect(mine.page.get_by_text("typed before it was gone")).to_be_visible()
        mine.go("/")
        expect(mine.page.get_by_role("alert").filter(has_text="The database of the workspace is gone")).to_be_visible()
        assert not (folder / ".baton" / "state.db").exists(), "no empty one takes its place"
