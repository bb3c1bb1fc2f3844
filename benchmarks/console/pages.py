"""What the console's pages take: server time, paint in Chromium, memory with twenty clients, and how soon news are shown.

    .venv/bin/python benchmarks/console/pages.py PROJECT [--rounds 30] [--loads 5] [--only server,browser,memory,live]

PROJECT is a folder with a replayed `.baton`, best one that `crowd.py` made; it is copied, and the copy is acted on. Needs Chromium.
Every page that holds no form's answer or file is asked for, with the first subject that other pages lead to, at present and as of the
middle of the record. Aims: first paint in 0.5 s and the page with all its parts in sight in 1 s, for whoever comes with an empty
cache; the console's process below 120 MB while twenty clients listen and read; a commit of another process shown within a second.

Beside it stands the floor: the same frame around the word "hello", stored, and answered by FastAPI on the same server settings. Its
figures are what this machine takes for FastAPI, sockets, style sheets and Chromium; what a page takes more is the console's own. The
peers of the console (MLflow's, Evidently's) hold other records and are not installed, so that a ratio to them would tell nothing.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from html import unescape
from http.client import HTTPException
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import urlsplit

from browser import Sight, arrives, browser, looked, signed_in
from served import Answer, Served, Visitor, floor, serving, weight

from baton.app.visit import fresh_link
from baton.app.workspace import DEFAULT
from baton.kernel.clock import iso, parse_instant
from baton.web.navigation import NAVIGATION
from baton.web.page import Page
from baton.web.pages import pages

PAINT_MS, WHOLE_MS, MEMORY_MIB, NEWS_MS = 500.0, 1000.0, 120e6 / (1 << 20), 1000.0
CLIENTS, READS, NEWS = 20, 5, 20
ROOMS = tuple(room.path for _, rooms in NAVIGATION for room in rooms)
_LINK = re.compile(r'(?:href|data-lazy|data-live)="(/[^"]*)"')
_LAZY = re.compile(r'data-lazy="([^"]+)"')
_LIVE = re.compile(r'data-live="([^"]+)"')
_PLACE = re.compile(r"\{\w+\}")


class Cost(NamedTuple):
    """What an address takes of the server: median, 95th percentile and processor time of one answer (ms), and its bytes."""

    median: float
    worst: float
    processor: float
    bytes: int
    whole: bool


class Known(NamedTuple):
    """Addresses by the pattern of their page or part, those that are whole pages, and the patterns to which nothing leads."""

    found: dict[str, str]
    whole: list[str]
    missing: list[str]


def addresses(visitor: Visitor) -> Known:
    """Every page by its pattern, with an address that pages lead to, and the patterns that none leads to."""
    wanted = {each.path: _pattern(each) for each in pages() if each.method == "GET"}
    found = {path: path for path in wanted if "{" not in path}
    known = dict.fromkeys(_links(visitor, ROOMS))
    known |= dict.fromkeys(_links(visitor, [_first(wanted[path], _subjects(known, found)) for path in wanted if "{" in path]))
    for path, pattern in wanted.items():
        # A part's own address bears what it needs; that of a room stays bare.
        address = _first(pattern, known if "{" not in path else _subjects(known, found))
        if address and path not in ROOMS:
            found[path] = address
    whole = [address for address in dict.fromkeys(found[path] for path in sorted(found)) if _is_page(visitor, address)]
    return Known(dict(sorted(found.items())), whole, sorted(wanted.keys() - found.keys()))


def _subjects(known: dict[str, None], fixed: dict[str, str]) -> dict[str, None]:
    """The addresses that are no page's or part's own."""
    return {each: None for each in known if urlsplit(each).path not in fixed}


def _pattern(page: Page) -> re.Pattern[str]:
    return re.compile(_PLACE.sub(r"[^/]+", page.path).replace(".", r"\."))


def _first(pattern: re.Pattern[str], known: dict[str, None]) -> str:
    """The address of most parameters among the first that match, for a bare one of a part is often incomplete."""
    fits = [each for each in known if pattern.fullmatch(urlsplit(each).path)]
    return max(fits[:20], key=lambda each: (len(urlsplit(each).query) > 0, -fits.index(each)), default="")


def _links(visitor: Visitor, of: Sequence[str]) -> Iterator[str]:
    for address in filter(None, of):
        body = visitor.get(address).body.decode(errors="replace")
        yield from (unescape(each) for each in _LINK.findall(body))


def middle(visitor: Visitor) -> str:
    """The day in the middle of what the ledger tells, as an instant."""
    found = re.search(rb'data-first="([^"]+)" data-last="([^"]+)"', visitor.get("/").body)
    assert found is not None, "the ledger is empty"
    first, last = (parse_instant(each.decode()) for each in found.groups())
    return iso((first + (last - first) / 2).replace(hour=0, minute=0, second=0, microsecond=0))


def as_of(address: str, moment: str) -> str:
    """An address as of an instant."""
    return f"{address}{'&' if '?' in address else '?'}at={moment}"


def cost(served: Served, visitor: Visitor, address: str, rounds: int) -> Cost | Answer:
    """What an address takes when it is asked for again and again; its answer when that is no text of a page."""
    first = visitor.get(address, part=True)
    if first.status != 200 or first.media != "text/html":
        return first
    before = served.spent()
    took = [visitor.get(address, part=True).seconds * 1000 for _ in range(rounds)]
    processor = (served.spent() - before) * 1000 / rounds
    return Cost(statistics.median(took), _high(took), processor, len(first.body), first.whole)


def _high(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, round(0.95 * len(values)))]


def tell_server(served: Served, bare: Served, cookie: str, known: "Known", rounds: int) -> None:
    """A line an address: at present and as of the middle of the record."""
    visitor = served.visitor(cookie)
    moment = middle(visitor)
    least = cost(bare, bare.visitor(), "/", rounds)
    assert isinstance(least, Cost)
    print(f"\nServer, {rounds} answers each: median, p95 and processor time of one in ms, and KiB  (· a part of a page)")
    print(f"{'':44}{'present':>30}{'as of ' + moment[:10]:>30}")
    print(f"{'floor: hello in the same frame':44}{_cost(least)}")
    totals: list[tuple[float, str]] = []
    for path, address in known.found.items():
        now = cost(served, visitor, address, rounds)
        if isinstance(now, Answer):
            told = now.media if now.status == 200 else re.sub(rb"<[^>]*>|\s+", b" ", now.body)[:70].decode(errors="replace")
            print(f"{path:44}{now.status:>8} {told}, {len(now.body) / 1024:.0f} KiB in {now.seconds * 1000:.0f} ms, once")
            continue
        then = cost(served, visitor, as_of(address, moment), rounds)
        past = _cost(then) if isinstance(then, Cost) else f"{then.status:>8}"
        print(f"{('' if now.whole else '· ') + path:44}{_cost(now)}{past}")
        totals.append((now.processor, path))
    print("most processor time: " + ", ".join(f"{path} {spent:.0f} ms" for spent, path in sorted(totals, reverse=True)[:8]))
    print(f"no page leads to: {', '.join(known.missing) or 'none'}")


def _cost(it: Cost) -> str:
    return f"{it.median:8.1f}{it.worst:8.1f}{it.processor:7.1f}{it.bytes / 1024:7.0f}"


def tell_browser(served: Served, bare: Served, cookie: str, known: "Known", loads: int) -> None:
    """A line a page in Chromium, each time with an empty cache."""
    visitor = served.visitor(cookie)
    moment, whole = middle(visitor), known.whole
    print(
        f"\nChromium with an empty cache, {loads} loads each, ms: first paint median (worst), all in sight median (worst; first ever)"
    )
    print(f"{'':44}{'paint':>16}{'whole':>24}{'parts':>6}{'KiB':>6}{'shift':>7}")
    slow: list[str] = []
    with browser() as opened:

        def line(name: str, of: Served, address: str) -> None:
            sights: list[Sight] = []
            for _ in range(loads):
                context = signed_in(opened, of, cookie)
                sights.append(looked(context, of, address))
                context.close()
            paints, wholes = [each.paint for each in sights], [each.whole for each in sights]
            over = statistics.median(paints) > PAINT_MS or statistics.median(wholes) > WHOLE_MS
            slow.extend([name] if over else [])
            last = sights[-1]
            print(
                f"{name[:62]:62}{statistics.median(paints):6.0f} ({max(paints):5.0f})"
                f"{statistics.median(wholes):8.0f} ({max(wholes):5.0f}; {wholes[0]:5.0f})"
                f"{last.parts:5}{last.bytes / 1024:6.0f}{last.shifted:7.3f}{'  slow' if over else ''}",
                flush=True,
            )

        for _ in range(2):
            line("floor: hello in the same frame", bare, "/")
        for address in whole:
            line(address, served, address)
        for address in whole:
            if visitor.get(as_of(address, moment)).status == 200:
                line(as_of(address, moment), served, as_of(address, moment))
    print(f"over {PAINT_MS:.0f} ms to paint or {WHOLE_MS:.0f} ms to be whole: {', '.join(slow) or 'none'}")


def _is_page(visitor: Visitor, address: str) -> bool:
    answer = visitor.get(address)
    return answer.status == 200 and answer.media == "text/html" and answer.whole


def tell_memory(served: Served, cookie: str, whole: Sequence[str]) -> None:
    """Twenty clients that listen, each reading five pages in turn: the console alone, and its archive beside it."""
    streams = [(each, each.listen()) for each in (served.visitor(cookie) for _ in range(CLIENTS))]
    print(f"\nMemory, MiB (aim: below {MEMORY_MIB:.0f})    RSS     PSS")
    _weigh(f"with {CLIENTS} streams open", served.weight())
    seen: list[tuple[float, float]] = []
    archive: list[tuple[float, float]] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            seen.append(served.weight())
            archive.extend(_weights(served.children()))

    def read(number: int) -> None:
        reader = served.visitor(cookie)
        for address in islice(cycle(whole), number * READS, (number + 1) * READS):
            body = reader.get(address).body.decode()
            for part in dict.fromkeys(unescape(each) for each in _LAZY.findall(body)):
                reader.get(part, part=True)
        reader.close()

    watcher = threading.Thread(target=watch)
    watcher.start()
    readers = [threading.Thread(target=read, args=(number,)) for number in range(CLIENTS)]
    began = time.perf_counter()
    for each in readers:
        each.start()
    for each in readers:
        each.join()
    took = time.perf_counter() - began
    time.sleep(2)
    over.set()
    watcher.join()
    peak = (max(rss for rss, _ in seen), max(pss for _, pss in seen))
    _weigh(f"at most, while {CLIENTS} read {READS} pages each", peak)
    _weigh("two seconds later", served.weight())
    if archive:
        _weigh("the archive beside it, at most", (max(rss for rss, _ in archive), max(pss for _, pss in archive)))
    print(f"  {CLIENTS * READS} pages with their parts in {took:.1f} s" + ("" if peak[1] < MEMORY_MIB else "  too much memory"))
    for visitor_, stream in streams:
        stream.close()
        visitor_.close()


def tell_heavy(served: Served, cookie: str, found: dict[str, str]) -> None:
    """Which addresses leave the console heavier, each asked for once by one client; the rest is left out."""
    visitor = served.visitor(cookie)
    visitor.get("/")
    before, _ = served.weight()
    print(f"\nWhat one look leaves behind, MiB of RSS over {before:.1f} (from 2 MiB up)")
    for path, address in found.items():
        visitor.get(address)
        after, _ = served.weight()
        if after - before >= 2:
            print(f"  {path:<42}{after - before:+8.1f}")
        before = after
    print(f"  {'in all':<42}{before:8.1f}")


def _weights(processes: list[int]) -> Iterator[tuple[float, float]]:
    for each in processes:
        try:
            yield weight(each)
        except (OSError, KeyError):
            continue


def _weigh(name: str, of: tuple[float, float]) -> None:
    print(f"  {name:<36}{of[0]:8.1f}{of[1]:8.1f}")


def tell_live(project: Path, served: Served, cookie: str) -> None:
    """How soon the loop shows what another process committed, with twenty more streams open."""
    alone, crowded = _arrivals(project, served, cookie)
    with _open_pages(served, cookie):
        among, _ = _arrivals(project, served, cookie)
    print(f"\nNews of another process on an open page in Chromium, ms (aim: {NEWS_MS:.0f})")
    for name, spans in (
        (f"{CLIENTS} streams beside it", alone),
        ("the same, right after another commit", crowded),
        (f"{CLIENTS} open pages beside it, each fetching its parts", among),
    ):
        late = sum(span == float("inf") for span in spans)
        lost = f"  {late} of {len(spans)} never shown" if late else ""
        print(f"  {name:<52} median {statistics.median(spans):6.0f}   worst {max(spans):6.0f}{lost}")


def _arrivals(project: Path, served: Served, cookie: str) -> tuple[list[float], list[float]]:
    """After how many milliseconds each of some news was shown: told alone, and told right after another."""
    streams = [(each, each.listen()) for each in (served.visitor(cookie) for _ in range(CLIENTS))]
    with browser() as opened, _teller(project) as tell:
        context = signed_in(opened, served, cookie)
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{served.port}/")
        page.wait_for_timeout(1500)
        alone, crowded = [], []
        for number in range(NEWS):
            alone.append(arrives(page, f"told to everybody at {time.time_ns()}", tell))
            page.wait_for_timeout(700 + 37 * number)
        for _ in range(NEWS // 2):
            tell(f"the first of two at {time.time_ns()}")
            time.sleep(0.45)
            crowded.append(arrives(page, f"the second of two at {time.time_ns()}", tell))
            page.wait_for_timeout(1500)
        context.close()
    for visitor, stream in streams:
        stream.close()
        visitor.close()
    return alone, crowded


@contextmanager
def _open_pages(served: Served, cookie: str) -> Iterator[None]:
    """So many loops open elsewhere: each hears of what was recorded and fetches its live parts, as the script does."""
    over = threading.Event()

    def open_page() -> None:
        ear, hand = served.visitor(cookie), served.visitor(cookie)
        parts = [unescape(each) for each in _LIVE.findall(hand.get("/").body.decode())]
        stream = ear.listen()
        # The server may be gone while it is listened to.
        with suppress(OSError, HTTPException):
            while not over.is_set():
                if stream.readline().startswith(b"event: recorded"):
                    for part in parts:
                        hand.get(part, part=True)
        ear.close()
        hand.close()

    for _ in range(CLIENTS):
        threading.Thread(target=open_page, daemon=True).start()
    time.sleep(2)
    yield
    over.set()


@contextmanager
def _teller(project: Path) -> Iterator["_Tell"]:
    command = [sys.executable, str(Path(__file__).with_name("teller.py")), str(project / DEFAULT)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield _Tell(process)
        assert process.stdin is not None
        process.stdin.close()


class _Tell:
    """Has the other process record some words; returns when it had committed them (Unix, ms)."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self, words: str) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{words}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def tell_start(project: Path, page: Path, rounds: int) -> None:
    """From nothing to the first answer."""
    ready, least, heavy = [], [], []
    for _ in range(rounds):
        with floor(page) as bare:
            least.append(bare.ready * 1000)
        with serving(project) as served:
            ready.append(served.ready * 1000)
            heavy.append(served.weight())
    print(f"\nStart to the first answer, {rounds} times, ms")
    for name, spans in (("floor: FastAPI, one page", least), ("console", ready)):
        print(f"  {name:<30} median {statistics.median(spans):6.0f}   from {min(spans):.0f} to {max(spans):.0f}")
    print(f"  memory when ready: RSS {statistics.median(each for each, _ in heavy):.1f} MiB")


def hello(visitor: Visitor, where: Path) -> Path:
    """The loop's page with one word in place of all it tells, stored."""
    text = visitor.get("/").body.decode()
    text = re.sub(r"(<main[^>]*>).*(</main>)", r"\1hello\2", text, flags=re.DOTALL).replace('data-events="/events"', "")
    where.write_text(text)
    return where


def main() -> None:
    """Copy, serve, ask, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("project", type=Path)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--loads", type=int, default=5)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--as", dest="person", default="")
    parser.add_argument("--only", default="start,server,browser,memory,live")
    asked = parser.parse_args()
    only = asked.only.split(",")
    with TemporaryDirectory(prefix="baton-pages-") as scratch:
        project = Path(scratch) / "project"
        shutil.copytree(asked.project, project, ignore=shutil.ignore_patterns("lock", "latchkey.json*", "bench.*"))
        page = Path(scratch) / "hello.html"
        with serving(project) as served:
            visitor = served.visitor()
            visitor.sign_in(served.link)
            if asked.person:
                visitor.act_as(asked.person)
            cookie = visitor.cookie
            known = addresses(visitor)
            hello(visitor, page)
            with floor(page) as bare:
                if "server" in only:
                    tell_server(served, bare, cookie, known, asked.rounds)
                if "browser" in only:
                    tell_browser(served, bare, cookie, known, asked.loads)
        if "memory" in only:
            # A process of its own, so that what was read before weighs nothing.
            with serving(project) as served:
                tell_memory(served, cookie_of(served, project), known.whole)
            with serving(project) as served:
                tell_heavy(served, cookie_of(served, project), known.found)
        if "live" in only:
            with serving(project) as served:
                tell_live(project, served, cookie_of(served, project))
        if "start" in only:
            tell_start(project, page, asked.starts)


def cookie_of(served: Served, project: Path) -> str:
    """A session at a console that was started again: the name of its cookie bears the port."""
    visitor = served.visitor()
    visitor.sign_in(fresh_link(project / DEFAULT))
    return visitor.cookie


if __name__ == "__main__":
    main()
