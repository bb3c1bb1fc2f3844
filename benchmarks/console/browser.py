"""Pages in a real browser: when they are first painted, when all that is seen at first is there, and when news arrives."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright
from served import Served

CHROMIUM = "/usr/bin/chromium"
WIDE: ViewportSize = {"width": 1280, "height": 860}
QUIET = 150
"""Milliseconds without anything asked for after which a page is taken to be whole; they are not counted."""

_WATCH = """
(() => {
  const own = window.fetch, told = { open: 0, last: 0, begun: 0 };
  window.__told = told;
  window.fetch = async (...asked) => {
    told.open++; told.begun++;
    try {
      const answer = await own(...asked);
      const read = answer.text.bind(answer);
      answer.text = async () => { try { return await read(); } finally { done(); } };
      return answer;
    } catch (error) { done(); throw error; }
  };
  function done() { setTimeout(() => { told.open--; told.last = performance.now(); }, 0); }
})()
"""
# An element that was fetched anew holds no link of its own to show it any more.
_WHOLE = """
(quiet) => new Promise((resolve) => {
  const seen = () => [...document.querySelectorAll('[data-lazy]')].filter((each) => {
    const box = each.getBoundingClientRect();
    return box.top < innerHeight && box.bottom > 0;
  });
  const asked = () => new Set(performance.getEntriesByType('resource').map((each) => each.name));
  let since = performance.now();
  const look = () => {
    const now = performance.now(), entry = performance.getEntriesByType('navigation')[0], names = asked();
    const missing = seen().filter((each) => !names.has(new URL(each.dataset.lazy, location.href).href));
    const paint = performance.getEntriesByName('first-contentful-paint')[0];
    if (!paint || !entry.loadEventEnd || window.__told.open || missing.length) since = now;
    if (now - since < quiet && now < 30000) return setTimeout(look, 10);
    resolve({
      paint: paint ? paint.startTime : NaN, load: entry.loadEventEnd, first: entry.responseEnd,
      whole: Math.max(entry.loadEventEnd, window.__told.last, paint ? paint.startTime : NaN), parts: window.__told.begun,
      bytes: performance.getEntriesByType('resource').reduce((sum, each) => sum + each.encodedBodySize, entry.encodedBodySize),
      shifted: window.__shift || 0,
    });
  };
  look();
})
"""
_SHIFT = """
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) if (!each.hadRecentInput) window.__shift = (window.__shift || 0) + each.value;
}).observe({ type: 'layout-shift', buffered: true })
"""
_NEWS = """
(words) => new Promise((resolve) => {
  const there = () => document.querySelector('main').textContent.includes(words);
  if (there()) return resolve(Date.now());
  const watch = new MutationObserver(() => { if (there()) { watch.disconnect(); clearTimeout(late); resolve(Date.now()); } });
  watch.observe(document.querySelector('main'), { childList: true, subtree: true });
  const late = setTimeout(() => { watch.disconnect(); resolve(0); }, 10000);
})
"""


@dataclass(frozen=True, slots=True)
class Sight:
    """One page load, in milliseconds from the click: first byte complete, first paint, load event, all that is seen there.

    `parts` were fetched after it, `bytes` are those of all of it, `shifted` is the layout shift (CLS).
    """

    first: float
    paint: float
    load: float
    whole: float
    parts: int
    bytes: int
    shifted: float


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield opened
        finally:
            opened.close()


def signed_in(opened: Browser, served: Served, cookie: str) -> BrowserContext:
    """A browser's window with nothing in its cache, and a session."""
    context = opened.new_context(viewport=WIDE)
    pairs = (each.strip().partition("=") for each in cookie.split(";") if each.strip())
    context.add_cookies([{"name": name, "value": value, "url": f"http://127.0.0.1:{served.port}"} for name, _, value in pairs])
    context.add_init_script(_WATCH)
    context.add_init_script(_SHIFT)
    return context


def looked(context: BrowserContext, served: Served, address: str) -> Sight:
    """Open a page in a new tab until all that is seen is there."""
    page = context.new_page()
    try:
        answer = page.goto(f"http://127.0.0.1:{served.port}{address}", wait_until="commit")
        status = answer.status if answer is not None else 0
        assert status == 200, f"{address} was answered with {status}"
        told: dict[str, Any] = page.evaluate(_WHOLE, QUIET)
        return Sight(**told)
    finally:
        page.close()


def arrives(page: Page, words: str, tell: Callable[[str], float]) -> float:
    """Milliseconds from when another process committed the words until the page shows them; inf when it never does."""
    page.evaluate(f"(words) => {{ window.__news = ({_NEWS})(words) }}", words)
    committed = tell(words)
    shown = float(page.evaluate("() => window.__news"))
    return shown - committed if shown else float("inf")
