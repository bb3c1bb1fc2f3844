"""Hostile words: what somebody wrote is text wherever it goes, also in files that are taken away."""

import csv
import io
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from unit.web.scene import DAY, NOON

from baton.backends.state.sql import open_sqlite
from baton.incidents.incident import Incident
from baton.ledger.draft import Draft
from baton.ledger.fact import Act

Open = Callable[..., TestClient]
WORDS = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)", "](javascript:alert(1))", "{{7*7}}", "{% raw %}",
    "=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "</title></svg>", "\r\nSet-Cookie: a=b", "| a | b", "\u202eevil", "<!--", "]]>",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Marks(HTMLParser):
    """Marks that no page of ours has: scripts that are not a file of ours, handlers, styles, addresses elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.strange: list[object] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag in ("img", "iframe", "object", "style", "base") or (
            tag == "script" and not (known.get("src") or "").startswith("/static/")
        ):
            self.strange.append(tag)
        for name, value in attrs:
            leads = name in ("href", "src", "action") and not re.match(r"/(?!/)|#|\?|mailto:|$", value or "")
            if name.startswith("on") or name == "style" or leads:
                self.strange.append((tag, name, value))


def strange_marks(page: str) -> list[object]:
    """What is wrong with a page, as a browser would read it."""
    found = Marks()
    found.feed(page)
    return found.strange


@pytest.fixture(scope="module")
def written(scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene in which every text of an incident is hostile, for each of the words."""
    folder = shutil.copytree(scene, tmp_path_factory.mktemp("hostile") / "made")
    state = open_sqlite(folder / ".baton" / "state.db")
    draft, since = Draft(state), NOON - DAY
    for place, text in enumerate(WORDS):
        evidence = {text: text, "since": text, "features": [text], "columns": {text: 3.0}}
        incident = Incident(id_of(place), "open", 2, text, text, text, text, since, since, evidence)
        draft.record(Act(text, text, since), incident, "opened", text)
    draft.commit({}, expect={})
    state.close()
    return folder


def id_of(place: int) -> str:
    """The incident of one of the words."""
    return f"incident-f{place:011x}"


def test_nothing_written_is_markup(written: Path, console: Open) -> None:
    here = console(written, "ann")
    for path in (
        *(f"/incidents/{id_of(place)}" for place in range(len(WORDS))),
        "/incidents",
        "/ledger",
        "/",
        "/inbox?whose=all",
    ):
        page = here.get(path)
        assert page.status_code == 200 and "a=b" not in page.headers.get("set-cookie", ""), path
        assert strange_marks(page.text) == [], path
    for words in WORDS:
        assert strange_marks(here.get("/ledger", params={"actor": words}).text) == []


def test_a_review_is_text_in_its_table(written: Path, console: Open) -> None:
    here = console(written, "ann")
    for place in range(len(WORDS)):
        review = here.get(f"/incidents/{id_of(place)}/review.md").text
        assert not re.search(r"(?<!\\)<(script|img|/title|!--)|(?<!\\)\]\(", review)
        assert all(line.count("|") - line.count("\\|") in (0, 3, 4, 6) for line in review.splitlines())


def test_no_cell_is_a_formula(written: Path, console: Open) -> None:
    told = console(written, "ann").get("/ledger/export?form=csv").text
    assert not [cell for row in csv.reader(io.StringIO(told)) for cell in row if cell.startswith(FORMULA)]


@pytest.mark.parametrize(
    "referer", ["http://x//evil.com", "http://x/\\evil.com", "javascript:alert(1)", "http://[x", "//evil.com/a b"]
)
def test_the_way_back_leads_nowhere_else(own_scene: Path, console: Open, referer: str) -> None:
    told = console(own_scene, "cleo").post("/incidents/none/accept", data={"reason": "x"}, headers={"referer": referer})
    assert told.status_code == 404 and '<a class="button" href="/">Back</a>' in told.text


def test_what_a_cookie_says_was_done_is_text(scene: Path, console: Open) -> None:
    from base64 import urlsafe_b64encode

    here = console(scene, "ann")
    for value in (urlsafe_b64encode(WORDS[0].encode()).decode(), "%%%", "\xff", "a" * 9000):
        page = here.get("/team", headers=[(b"cookie", f"baton-flash-0={value}".encode("latin-1"))])
        assert page.status_code == 200 and "<script>alert" not in page.text
