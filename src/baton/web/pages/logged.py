"""Logged predictions: the rows behind the numbers of the analyst's corner, a page at a time and as a file."""

from typing import Any

from fastapi import Response

from baton.app.views import analysis as view
from baton.web import pager
from baton.web.download import sent
from baton.web.filters import around, filtered, refuse
from baton.web.page import Look, Page, of_predictions

ROWS = 50
SHOWN = 8
"""Columns of a row that are shown unless others are chosen."""
MOST_AFTER = 100_000_000
FORMS = ("csv", "parquet")


def rows(look: Look) -> Response:
    """The rows behind the filters."""
    if look.definition is None:
        return look.show("analysis/rows.html", definition=None)
    there, asked = filtered(look)
    return look.show("analysis/rows.html", definition=look.definition, **around(look, there, asked), **_listing(look))


def row_table(look: Look) -> Response:
    """A page of rows."""
    there, asked = filtered(look)
    refuse(asked)
    listing = _listing(look)
    entity = look.definition.entity.key if look.definition is not None else ""
    wanted = listing["show"] or [each for each in (entity, "decided_at", "model_version", "score", "label") if each]
    wanted += [] if listing["show"] else [each for each in there.columns if each not in view.OWN][: SHOWN - 5]
    plain = {**asked.plain(), "until": look.until, "limit": ROWS, "after": listing["after"], "columns": wanted}
    found = look.archive.ask("logged", **plain, order=[listing["sort"], listing["way"]])
    return look.fragment(
        "analysis/table.html",
        found=found,
        shown=wanted,
        pager=_pager(look, asked, listing, found),
        **listing,
        **around(look, there, asked),
    )


def row_file(look: Look) -> Response:
    """All the rows as a file."""
    form = look.choice("form", FORMS)
    _, asked = filtered(look)
    refuse(asked)
    made = look.archive.export(
        "download_logged", **asked.plain(), until=look.until, form=form, columns=_listing(look)["show"] or None
    )
    return sent(made, f"{look.owned.project}-predictions-{asked.since}-{asked.until - view.DAY}.{form}")


def _listing(look: Look) -> dict[str, Any]:
    """How rows are listed: columns in the address by name, with commas or once each."""
    given = ",".join(look.request.query_params.getlist("show"))[:4000]
    show = list(dict.fromkeys(name for name in (part.strip() for part in given.split(",")) if name and name.isprintable()))[:60]
    sort, way = look.text("sort") or "decided_at", look.choice("way", ("down", "up"))
    return {"show": show, "sort": sort, "way": way, "after": look.number("after", 0, 0, MOST_AFTER)}


def _pager(look: Look, asked: view.Asked, listing: dict[str, Any], found: dict[str, Any]) -> pager.Pager:
    sorted_by = {
        "sort": listing["sort"] if listing["sort"] != "decided_at" else "",
        "way": listing["way"] if listing["way"] != "down" else "",
    }
    kept = {**asked.query(), "show": ",".join(listing["show"]), **sorted_by}

    def address(place: int | str | None) -> str:
        return look.url("/analysis/rows", **kept, after=place)

    return pager.by_place(address, listing["after"], ROWS, found["total"])


PAGES = (
    Page("GET", "/analysis/rows", "read", rows),
    Page("GET", "/analysis/rows/table", "read", of_predictions(row_table)),
    Page("GET", "/analysis/rows/file/{form}", "read", row_file),
)
