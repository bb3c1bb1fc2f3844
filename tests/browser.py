"""A real browser for the tests of the console: Chromium, headless, started once for a module of tests.

Without one they are skipped and say so; where BATON_NEEDS_BROWSER is set, as on every change, they fail.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Error,
    Locator,
    Page,
    Response,
    expect,
    sync_playwright,
)

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 10_000
"""Milliseconds for which anything is waited for: a machine that does much else is slow, never wrong."""
PHONE = {"width": 390, "height": 844}
_ALL_LOADED = """() => [...document.querySelectorAll("[data-lazy]")].every(part => !part.checkVisibility() || !part.classList.contains("busy")
    && ![...part.children].some(child => child.getAttribute("href") === part.dataset.lazy))"""


def executable() -> str:
    """Where the browser is. Skips the test without one, or fails it where one is needed."""
    named = os.environ.get("BATON_BROWSER", "")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    words = "no browser: install chromium, or name one in BATON_BROWSER"
    if os.environ.get("BATON_NEEDS_BROWSER"):
        pytest.fail(words)
    pytest.skip(words)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, until the tests are done."""
    place = executable()
    with sync_playwright() as started:
        # its sandbox needs what a container rarely grants, and it sees nothing but our own pages
        browser = started.chromium.launch(executable_path=place, args=["--no-sandbox", "--disable-dev-shm-usage"])
        expect.set_options(timeout=PATIENCE)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """Somebody before the console in a browser of their own, and what that browser complained about."""

    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def go(self, address: str) -> Response:
        """Open an address of the console, and return what answered."""
        answer = self.page.goto(address)
        assert answer is not None, address
        return answer

    def act_as(self, name: str) -> None:
        """Act as somebody, as the keeper of a workspace without identities may."""
        chosen = self.page.get_by_label("Act as")
        chosen.select_option(name)
        expect(self.page.get_by_label("Act as").locator("option:checked")).to_have_text(name)
        expect(self.page.locator(".who-am-i")).to_contain_text(name)

    def sign_in(self, name: str, password: str) -> None:
        """With a name and a password, on the page that asks for them."""
        self.page.get_by_label("Name", exact=True).locator("visible=true").fill(name)
        self.page.get_by_label("Password", exact=True).locator("visible=true").fill(password)
        self.page.get_by_role("button", name="Sign in").locator("visible=true").click()

    def all_loaded(self) -> None:
        """Wait until every part that loads when it is seen has come; the window has to be high enough to see them."""
        try:
            self.page.wait_for_function(_ALL_LOADED, timeout=PATIENCE)
        except Error as error:
            parts = self.page.eval_on_selector_all("[data-lazy]", "all => all.map(each => each.dataset.lazy)")
            raise AssertionError(f"{self.page.url} has parts that do not come, among {parts}") from error


@contextmanager
def visitor(browser: Browser, origin: str, **looks: Any) -> Iterator[Visitor]:
    """A browser of somebody's own: no cookie of anybody else's. `looks` are Playwright's settings of a context."""
    context = browser.new_context(base_url=origin, **{"reduced_motion": "reduce", **looks})
    context.set_default_timeout(PATIENCE)
    try:
        mine = Visitor(context, context.new_page())
        context.on("console", lambda said: _heard(mine, said))
        context.on("weberror", lambda told: mine.complaints.append(str(told.error)))
        context.on("dialog", lambda asked: _dismissed(mine, asked))
        yield mine
    finally:
        context.close()


def _heard(mine: Visitor, said: ConsoleMessage) -> None:
    if said.type in ("error", "warning"):
        mine.complaints.append(f"{said.text} {said.location['url']}")


def _dismissed(mine: Visitor, asked: Dialog) -> None:
    mine.complaints.append(f"a dialog: {asked.message}")
    asked.dismiss()


def way(part: Locator | Page, name: str) -> Locator:
    """One of the ways to answer: the part that opens, with its form."""
    page = part.page if isinstance(part, Locator) else part
    return part.locator("details").filter(has=page.locator("summary").get_by_text(name, exact=True))


def opened(part: Locator | Page, name: str) -> Locator:
    """One of the ways to answer, open."""
    form = way(part, name)
    if form.get_attribute("open") is None:
        form.locator("summary").click()
    return form


def answer_with(part: Locator | Page, name: str, words: str | None = None) -> None:
    """Open one of the ways to answer, type words into its last field if there are any, and send it."""
    form = opened(part, name)
    if words is not None:
        form.get_by_role("textbox").last.fill(words)
    form.get_by_role("button", name=name, exact=True).click()
