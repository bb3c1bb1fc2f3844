"""The replayed year as people look at it in a browser: one walk for each question that a console owes an answer to."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from browser import Visitor, chromium, visitor
from journeys.visitors import House, console
from playwright.sync_api import Page, expect

from baton.app.views.tables import ask
from baton.app.visit import fresh_link

HIGH = {"width": 1280, "height": 3000}
"""High enough that every part of a page is seen, and so loaded."""
RED = "2023-07"
"""A month that missed what was promised of its Brier score."""
FILM = ("2023-03-05", "2023-04-01", "2023-05-01", "2023-05-20", "2023-06-20", "2023-07-05", "2023-07-25", "2023-08-15", "2023-09-10", "2023-10-10",
        "2023-11-20", "2023-12-20")  # fmt: skip
"""Twelve days on which the film is stopped."""
BUSY = ("status of 503", "status of 504")
"""What a part answers, and says on the page, when the archive has no time for it: on a busy machine no fault of the page."""


@dataclass(frozen=True)
class Kept(House):
    """A project whose workspace lies elsewhere."""

    place: Path

    @property
    def workspace(self) -> Path:
        return self.place


@contextmanager
def looked_at(project: Path, workspace: Path) -> Iterator[Visitor]:
    """The keeper of a replayed year before its console, who expects no complaint of the browser."""
    with (
        chromium() as browser,
        console(Kept(project, workspace)) as running,
        visitor(browser, f"http://127.0.0.1:{running.port}", viewport=HIGH, accept_downloads=True) as mine,
    ):
        mine.page.set_default_timeout(30_000)
        mine.go(fresh_link(workspace))
        yield mine
        serious = [each for each in mine.complaints if not any(status in each for status in BUSY)]
        assert serious == [], "\n".join(serious)


def rows(workspace: Path, sql: str) -> list[dict[str, Any]]:
    """What the tables say, asked without the console."""
    found: pa.Table = ask(workspace, sql, max_rows=1_000_000)
    told: list[dict[str, Any]] = found.to_pylist()
    return told


def percent(text: str) -> float:
    """A share as a page writes it."""
    return float(text.replace(" %", "").replace(" %", "").replace("%", "")) / 100


def from_a_red_month_to_a_row(mine: Visitor, workspace: Path) -> None:
    """Month, slice, rows and row: three clicks from the mark, and at each what the tables say."""
    page = mine.page
    mine.go("/monitoring")
    clicks = Clicks(page)
    clicks.on(page.get_by_role("link", name=RED, exact=True).first)
    expect(page.get_by_text("It misses what was promised: brier")).to_be_visible()
    slices = page.get_by_role("region", name="By slice").or_(page.locator("section#slices"))
    named = slices.get_by_role("row").filter(has=page.get_by_role("rowheader"))
    worst = named.filter(has_text="worse").first
    expect(worst).to_be_visible()
    carrier = worst.get_by_role("rowheader").get_by_role("link").inner_text().split()[0]
    (known,) = rows(workspace, _SLICE.format(carrier=carrier))
    told = [cell.strip() for cell in worst.get_by_role("cell").all_inner_texts()]
    assert int(told[0].replace(",", "")) == known["predictions"]
    assert percent(told[1]) == pytest.approx(known["labelled"] / known["predictions"], abs=0.006)
    assert float(told[2]) == pytest.approx(known["brier"], abs=0.00006)
    clicks.on(worst.get_by_role("rowheader").get_by_role("link"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{known['predictions']:,} predictions")
    first = page.get_by_role("table").first.get_by_role("row").nth(1)
    entity = first.get_by_role("link").first.inner_text()
    (farthest,) = rows(workspace, _FARTHEST.format(carrier=carrier))
    shown = percent(first.get_by_role("cell").filter(has_text="%").first.inner_text())
    assert shown == pytest.approx(farthest["score"], abs=0.0006)
    clicks.on(first.get_by_role("link").first)
    expect(page.get_by_role("main")).to_contain_text(entity)
    (row,) = rows(workspace, f"SELECT p.*, l.label FROM ({_LIVE}) p JOIN labels l USING (flight_id) WHERE flight_id = '{entity}'")
    main = page.get_by_role("main").inner_text()
    assert f"{row['score'] * 100:.1f}" in main and str(row["model_version"]) in main
    assert clicks.count == 3


class Clicks:
    """Counts how often somebody clicks."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    def on(self, what: Any) -> None:
        self.count += 1
        what.click()


_LIVE = "SELECT * FROM predictions WHERE variant <> 'shadow'"
_SLICE = (
    f"SELECT count(*) AS predictions, count(l.label) AS labelled, avg((p.score - l.label) * (p.score - l.label)) AS brier "
    f"FROM ({_LIVE}) p LEFT JOIN labels l USING (flight_id) WHERE strftime(p.decided_at, '%Y-%m') = '{RED}' AND p.carrier = '{{carrier}}'"
)
_FARTHEST = (
    f"SELECT p.score FROM ({_LIVE}) p JOIN labels l USING (flight_id) WHERE strftime(p.decided_at, '%Y-%m') = '{RED}' "
    "AND p.carrier = '{carrier}' ORDER BY abs(p.score - l.label) DESC LIMIT 1"
)


def why_the_last_incident_happened(mine: Visitor, status: dict[str, Any]) -> None:
    """Its cause, its evidence, who owned it, and what mended it."""
    last = max(status["incidents"], key=lambda each: each["opened_at"])
    page = mine.page
    mine.go("/")
    page.get_by_role("navigation", name="Rooms").get_by_role("link", name="Incidents").click()
    page.get_by_role("table").get_by_role("row").nth(1).get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(re.escape(last["id"])))
    main = page.get_by_role("main")
    for words in ("Why it happened", "The evidence reached", last["owner"], last["mended_by"]):
        expect(main).to_contain_text(words)
    expect(main.get_by_role("img").first).to_be_visible()
    main.get_by_role("link", name="Review as Markdown").scroll_into_view_if_needed()
    with page.expect_download() as taken:
        main.get_by_role("link", name="Review as Markdown").click()
    assert last["id"] in Path(taken.value.path()).read_text() or last["cause"] in Path(taken.value.path()).read_text()


def what_it_were_without_retraining(mine: Visitor, status: dict[str, Any]) -> None:
    """The worth of retraining is the sum over months of what served less what the frozen model would have come to."""
    more = sum(month["value"] - month["frozen_value"] for month in status["months"] if month["status"] == "closed")
    mine.go("/product")
    card = mine.page.get_by_role("link").filter(has_text="More than without retraining")
    expect(card).to_contain_text(f"{more:,.0f}")
    card.click()
    without = mine.page.locator("#without")
    expect(without).to_be_in_viewport()
    expect(without).to_contain_text(f"{more:,.0f}")


def one_day_is_what_the_command_line_says_of_it(mine: Visitor, then: dict[str, Any]) -> None:
    """The live version and the open incidents of a day that is over."""
    (live,) = [each for each in then["releases"] if each["status"] == "live"]
    unresolved = [each for each in then["incidents"] if each["status"] != "resolved"]
    at = f"?at={then['at']}"
    mine.go(f"/releases{at}")
    expect(mine.page.get_by_role("main")).to_contain_text(f"version {live['version']} answers for")
    rows_of = mine.page.get_by_role("table").last.get_by_role("row")
    expect(rows_of).to_have_count(1 + len(then["releases"]))
    mine.go(f"/incidents{at}")
    expect(mine.page.get_by_role("link").filter(has_text="Not resolved")).to_contain_text(str(len(unresolved)))
    told = mine.page.get_by_role("table").get_by_role("row")
    expect(told).to_have_count(1 + len(then["incidents"]))
    expect(mine.page.get_by_text("You look at")).to_be_visible()
    expect(mine.page.get_by_role("button", name="Accept")).to_have_count(0)


def the_film_of_the_year(mine: Visitor) -> None:
    """The slider over twelve days: one version after the other, and never back."""
    page, seen = mine.page, list[int]()
    mine.go("/releases")
    slider, main = page.get_by_role("slider", name="Day shown"), page.get_by_role("main")
    first = slider.evaluate("range => range.form.dataset.first.slice(0, 10)")
    for day in FILM:
        place = page.evaluate("([first, day]) => (Date.parse(day) - Date.parse(first)) / 86400000", [first, day])
        slider.fill(str(round(place)))
        expect(page.get_by_text(f"You look at {day}")).to_be_visible()
        expect(main).to_contain_text(re.compile(r"version \d+ answers for"))
        found = re.search(r"version (\d+) answers for", main.inner_text())
        assert found is not None
        seen.append(int(found[1]))
    assert seen == sorted(seen) and len(set(seen)) >= 5, seen
    page.get_by_role("link", name="Back to the present").first.click()
    expect(page.get_by_text("You look at")).to_have_count(0)


def the_report_is_a_file_that_holds_the_question(mine: Visitor, question: str) -> None:
    """As PDF, of a page or more."""
    mine.go("/product")
    with mine.page.expect_download() as taken:
        mine.page.get_by_role("link", name="Report as PDF").click()
    made = Path(taken.value.path()).read_bytes()
    assert made.startswith(b"%PDF-") and len(made) > 5_000
    assert question.encode() in made, "the question is what it tells of itself"


def rows_as_a_file_are_the_rows(mine: Visitor, workspace: Path) -> None:
    """What is behind a week's numbers, as CSV."""
    mine.go("/analysis/rows?from=2023-07-01&to=2023-07-07&column=carrier&value=OO")
    main = mine.page.get_by_role("main")
    known = rows(
        workspace,
        f"SELECT flight_id, score FROM ({_LIVE}) p WHERE carrier = 'OO' AND decided_at >= '2023-07-01' AND decided_at < '2023-07-08'",
    )
    expect(main).to_contain_text(f"{len(known):,} rows")
    with mine.page.expect_download() as taken:
        main.get_by_role("link", name="CSV").click()
    found = list(csv.DictReader(io.StringIO(Path(taken.value.path()).read_text())))
    assert {each["flight_id"]: pytest.approx(float(each["score"]), abs=1e-9) for each in found} == {
        each["flight_id"]: each["score"] for each in known
    }


def a_query_is_answered(mine: Visitor, workspace: Path) -> None:
    """SQL over the tables; a wrong one is told where it is wrong; nothing can be changed by one."""
    mine.go("/analysis/sql")
    box = mine.page.get_by_label("Query")
    box.fill("SELECT count(*) AS many FROM predictions")
    mine.page.get_by_role("button", name="Run").click()
    (known,) = rows(workspace, "SELECT count(*) AS many FROM predictions")
    expect(mine.page.get_by_role("table").first).to_contain_text(re.compile(f"{known['many']:,}|{known['many']}"))
    mine.page.get_by_label("Query").fill("SELECT nothing_such FROM predictions")
    mine.page.get_by_role("button", name="Run").click()
    expect(mine.page.get_by_text("nothing_such").last).to_be_visible()
    expect(mine.page.get_by_label("Query")).to_have_value("SELECT nothing_such FROM predictions")
    mine.complaints.clear()  # the browser notes the status of an answer that tells of a mistake
