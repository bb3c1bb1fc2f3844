"""The room of data: where every source stands, and one source with its contract, its rejected rows, its shape, versions and rows."""

from typing import Any

from fastapi import Response

from baton.app.archive.clause import TESTS
from baton.app.views import sources as view
from baton.data.standing import UNREADABLE
from baton.kernel.errors import InvalidInput, NotFound
from baton.kernel.suggest import did_you_mean
from baton.project.tablename import TABLES
from baton.web import pager, wording
from baton.web.download import sent
from baton.web.draw.bars import Bar, columns
from baton.web.draw.bins import bins
from baton.web.draw.canvas import fits
from baton.web.draw.spark import spark
from baton.web.page import Look, Page

TABS = ("contract", "landings", "quarantine", "profile", "versions", "rows")
OWN_TABS = ("profile", "versions", "rows")
A_PAGE = 50
VERSIONS = 50
WORDS_OF_TESTS = {
    "=": "is", "!=": "is not", "<": "below", "<=": "at most", ">": "above", ">=": "at least", "contains": "contains", "starts": "starts with",
    "empty": "is missing", "given": "is there",
}  # fmt: skip
SHAPES = {"number": "number", "time": "instant", "text": "text", "flag": "true or false", "other": "other"}


def data(look: Look) -> Response:
    """All sources."""
    return look.show("data.html", **_sources(look))


def listing(look: Look) -> Response:
    """The list alone: it changes while one looks."""
    return look.fragment("data/sources.html", **_sources(look))


def _sources(look: Look) -> dict[str, Any]:
    found, total = view.sources(look.ledger, look.records, look.definition, look.at, look.moment)
    owners = {phase: look.owner(phase) for phase in ("ingest", "validate")}
    pictures = {
        each.name: spark(each.course, title=f"Rows of {each.name}, landing by landing") for each in found if len(each.course) > 1
    }
    return {"found": found, "total": total, "owners": owners, "pictures": pictures}


def tables(look: Look) -> Response:
    """Every table of the workspace, with what it holds."""
    return look.fragment("data/tables.html", tables=look.archive.ask("tables", until=look.until)["tables"])


def source(look: Look) -> Response:
    """One source, or one of Baton's own tables."""
    name = look.text("source")
    if view.is_table(name):
        tab = look.choice("tab", OWN_TABS)
        return look.show("data/source.html", name=name, tab=tab, tabs=OWN_TABS, source=None, **_tab(look, name, tab))
    found = view.source(look.ledger, look.records, look.definition, name, look.at, look.moment)
    if found is None:
        declared = look.definition.sources if look.definition is not None else {}
        raise NotFound(f"there is no source '{name}'", where="/data", fix=did_you_mean(name, [*declared, *TABLES]))
    tab = look.choice("tab", TABS)
    return look.show(
        "data/source.html", name=name, tab=tab, tabs=TABS, source=found, owner=look.owner("validate"), **_tab(look, name, tab)
    )


def _tab(look: Look, name: str, tab: str) -> dict[str, Any]:
    """What a tab shows at once; tables are asked for by the fragment that follows."""
    if tab == "contract":
        return _contract(look, name)
    if tab == "landings":
        return _landings(look, name)
    fragment = {key: value for key, value in look.request.query_params.items() if key not in ("tab", "at")}
    return {"fragment": look.url(f"/data/{name}/{tab}", **fragment)}


def _contract(look: Look, name: str) -> dict[str, Any]:
    declared = look.definition.sources.get(name) if look.definition is not None else None
    promise = view.promise(look.desk.project, name, declared) if declared is not None else None
    known, _ = view.landings(look.ledger, name, look.moment, limit=400)
    last = next((each for each in known if each.status != UNREADABLE), None)
    return {
        "promise": promise,
        "last": last,
        "broken": [each for each in known if each.status == "broken"],
        "landed": len(known),
        "broken_by": view.broken_by,
    }


def _landings(look: Look, name: str) -> dict[str, Any]:
    before = look.number("before", 0, 0, 10**15) or None
    known, more = view.landings(look.ledger, name, look.moment, A_PAGE, before)
    course, _ = view.landings(look.ledger, name, look.moment, 120)
    bars = [Bar(wording.day(each.at), (float(each.landed), float(each.rejected))) for each in reversed(course)]
    picture = (
        fits(
            lambda width: columns(
                bars, title=f"Rows of {name} by landing", names=("landed", "rejected"), stacked=True, width=width, height=180
            )
        )
        if bars
        else ""
    )
    page = pager.by_record(lambda seq: look.here(before=seq), "", known[-1].seq if more else None, before)
    return {"landings": known, "pager": page, "picture": picture}


def quarantine(look: Look) -> Response:
    """Rejected rows of a source, with their reasons."""
    name, rule, after = look.text("source"), look.text("rule"), look.number("after", 0, 0, 10**9)
    found = look.archive.ask("quarantine", source=name, rule=rule, until=look.until, limit=A_PAGE, after=after)
    everything = found if not rule else look.archive.ask("quarantine", source=name, until=look.until, limit=1)
    return look.fragment(
        "data/quarantine.html",
        name=name,
        rule=rule,
        found=found,
        rules=everything["rules"],
        pager=_pager(look, "quarantine", after, found["total"]),
    )


def _pager(look: Look, tab: str, place: int, total: int, size: int = A_PAGE) -> pager.Pager:
    """Pages of the whole source: a link out of a fragment leads to no fragment."""
    asked = {key: value for key, value in look.request.query_params.items() if key not in ("at", "after", "tab")}
    path = f"/data/{look.text('source')}"
    return pager.by_place(lambda after: look.url(path, tab=tab, **asked, after=after), place, size, total)


def profile(look: Look) -> Response:
    """Every column: what it holds."""
    name = look.text("source")
    found = look.archive.ask("profile", table=name, until=look.until)
    pictures = {each["name"]: _small(each) for each in found["columns"]}
    return look.fragment("data/profile.html", name=name, found=found, pictures=pictures, shapes=SHAPES)


def _small(column: dict[str, Any]) -> Any:
    shown = column["histogram"]
    if not shown or not shown["counts"]:
        return ""
    edges = shown["edges"]
    return bins(shown["counts"], edges[0], edges[-1], title=f"Values of {column['name']}")


def versions(look: Look) -> Response:
    """The versions of a source's table, and what differs between two."""
    name, after = look.text("source"), look.number("after", 0, 0, 10**9)
    found = look.archive.ask("versions", table=name, until=look.until, limit=VERSIONS, after=after)
    first, second = look.number("a", -1, -1, 10**12), look.number("b", -1, -1, 10**12)
    difference = look.archive.ask("difference", table=name, first=first, second=second) if first >= 0 and second >= 0 else None
    landed, _ = view.landings(look.ledger, name, look.moment, limit=1000)
    digests = {each.version: each.digest for each in landed if each.digest}
    return look.fragment(
        "data/versions.html", name=name, found=found, difference=difference, digests=digests, a=first, b=second,
        pager=_pager(look, "versions", after, found["total"], VERSIONS),
    )  # fmt: skip


def rows(look: Look) -> Response:
    """Rows of a source's table, those that fit a condition."""
    name, after = look.text("source"), look.number("after", 0, 0, 10**7)
    column, test, value = look.text("column"), look.choice("test", tuple(WORDS_OF_TESTS)), look.text("value")
    where = _where(column, test, value)
    trouble = ""
    try:
        found = look.archive.ask("rows", table=name, where=where, until=look.until, limit=A_PAGE, after=after)
    except (InvalidInput, NotFound) as error:
        if not where:
            raise
        trouble = f"{error.what[:1].upper()}{error.what[1:]}. {error.fix}".strip()
        found = look.archive.ask("rows", table=name, until=look.until, limit=A_PAGE)
    query = {"column": column, "test": test if column else "", "value": value}
    return look.fragment(
        "data/rows.html", name=name, found=found, column=column, test=test, value=value, tests=WORDS_OF_TESTS, trouble=trouble, query=query,
        pager=_pager(look, "rows", after, found["total"]),
    )  # fmt: skip


def _where(column: str, test: str, value: str) -> list[tuple[str, str, str]]:
    if not column or (test not in ("empty", "given") and not value):
        return []
    assert test in TESTS
    return [(column, test, value)]


def download(look: Look) -> Response:
    """All rows that fit, as a file."""
    name, form = look.text("source"), look.choice("form", ("csv", "parquet"))
    where = _where(look.text("column"), look.choice("test", tuple(WORDS_OF_TESTS)), look.text("value"))
    made = look.archive.export("download_rows", table=name, form=form, where=where, until=look.until)
    return sent(made, made.name)


PAGES = (
    Page("GET", "/data", "read", data),
    Page("GET", "/data-sources", "read", listing),
    Page("GET", "/data-tables", "read", tables),
    Page("GET", "/data/{source}", "read", source),
    Page("GET", "/data/{source}/quarantine", "read", quarantine),
    Page("GET", "/data/{source}/profile", "read", profile),
    Page("GET", "/data/{source}/versions", "read", versions),
    Page("GET", "/data/{source}/rows", "read", rows),
    Page("GET", "/data/{source}/download", "read", download),
)
