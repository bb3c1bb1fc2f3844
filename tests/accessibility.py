"""What a page owes to everybody, judged by axe: WCAG 2 A and AA, every part loaded, in light and in dark."""

from collections.abc import Iterator
from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
    "resultTypes": ["violations"],
    "preload": False,
}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "resultTypes": ["violations"], "preload": False}
MANY = 3
"""Elements that are named per rule: the others are of the same kind."""


def violations(page: Page) -> list[str]:
    """One line per rule that the page breaks in light or in dark: which, on what, and why. In the dark only colours differ."""
    page.emulate_media(color_scheme="light")
    found = _found(page, RULES)
    page.emulate_media(color_scheme="dark")
    return [*found, *(f"dark: {each}" for each in _found(page, COLOURS))]


def _found(page: Page, options: dict[str, Any]) -> list[str]:
    told: dict[str, Any] = Axe().run(page, options=options).response
    return [line for each in told["violations"] for line in _told(each)]


def _told(violation: dict[str, Any]) -> Iterator[str]:
    nodes = violation["nodes"]
    for node in nodes[:MANY]:
        why = "; ".join(check["message"] for check in (*node["any"], *node["all"], *node["none"]))
        yield f"{violation['id']} ({violation['impact']}): {' '.join(map(str, node['target']))}: {why} [{len(nodes)}x]"
