"""SQL over the tables as they are now: a query has an address, its answer a picture and a file."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import Response
from markupsafe import Markup

from baton.kernel.errors import BatonError, InvalidInput
from baton.web.download import sent
from baton.web.draw.bars import Bar, bars
from baton.web.draw.canvas import fits
from baton.web.draw.series import Line, series
from baton.web.failure import STATUS
from baton.web.page import Look, Page
from baton.web.pages.logged import FORMS

LONGEST = 4000
"""The most signs of a query that an address holds."""
MOST_SHOWN = 1000
"""Rows of an answer that are shown."""
MOST_BARS = 40
_NUMBERS = ("int", "uint", "float", "double", "decimal")


def sql(look: Look) -> Response:
    """A query, its address, and the tables that there are."""
    text, problem = _query(look)
    return look.show("analysis/sql.html", text=text, problem=problem, examples=_examples(look), most=LONGEST, rows=MOST_SHOWN)


def sql_result(look: Look) -> Response:
    """What the query answers, or what the engine says against it."""
    text, problem = _query(look)
    if problem or not text or look.moment is not None:
        problem = problem or ("SQL reads the tables as they are now: go back to the present." if text else "There is no query.")
        return look.fragment("analysis/refused.html", 400, what=problem, why="", fix="")
    try:
        found = look.archive.ask("sql", text=text, limit=MOST_SHOWN)
    except BatonError as error:
        return look.fragment("analysis/refused.html", STATUS.get(error.code, 500), what=error.what, why=error.why, fix=error.fix)
    return look.fragment("analysis/result.html", found=found, picture=_pictured(found), text=text)


def sql_file(look: Look) -> Response:
    """The whole answer as a file."""
    form = look.choice("form", FORMS)
    text, problem = _query(look)
    if problem or not text or look.moment is not None:
        raise InvalidInput(problem or "there is nothing to answer", where="the query", fix="write one SELECT, in the present")
    return sent(look.archive.export("download", text=text, form=form), f"{look.owned.project}-answer.{form}")


def tables(look: Look) -> Response:
    """The tables with their columns."""
    return look.fragment("analysis/tables.html", tables=look.archive.ask("tables", until=look.until)["tables"])


def _query(look: Look) -> tuple[str, str]:
    """The query as it was typed, and what stands against it."""
    text = look.request.query_params.get("q", "").replace("\r\n", "\n").strip()
    if len(text) > LONGEST:
        return text[:LONGEST], f"The query has {len(text):,} signs, and an address holds {LONGEST:,}: shorten it."
    if any(not (sign.isprintable() or sign in "\n\t") for sign in text):
        return "".join(
            sign for sign in text if sign.isprintable() or sign in "\n\t"
        ), "The query holds signs that cannot be shown: take them out."
    return text, ""


def _examples(look: Look) -> list[tuple[str, str]]:
    definition = look.definition
    key = definition.entity.key if definition is not None else "entity"
    first = next(iter(definition.gates.slices), "") if definition is not None else ""
    by = f'"{first}"' if first else "variant"
    return [
        ("Predictions by week", "SELECT date_trunc('week', decided_at) AS week, count(*) AS predictions\nFROM predictions\nWHERE variant <> 'shadow'\nGROUP BY 1\nORDER BY 1"),
        (f"Mean score by {first or 'variant'}", f"SELECT {by}, avg(score) AS score\nFROM predictions\nWHERE variant <> 'shadow'\nGROUP BY 1\nORDER BY 2 DESC\nLIMIT 20"),
        ("Furthest from the truth", f'SELECT p."{key}", p.decided_at, p.score, l.label\nFROM predictions p JOIN labels l ON p."{key}" = l."{key}"\nWHERE p.variant <> \'shadow\'\nORDER BY abs(p.score - l.label) DESC\nLIMIT 20'),
        ("How late labels come", f'SELECT date_trunc(\'week\', p.decided_at) AS week, avg(epoch(l.known_at - p.decided_at)) / 3600 AS hours\nFROM predictions p JOIN labels l ON p."{key}" = l."{key}"\nGROUP BY 1\nORDER BY 1'),
    ]  # fmt: skip


def _pictured(found: dict[str, Any]) -> Markup | None:
    """A picture of an answer with one column of texts or instants and one to three of numbers."""
    kinds = [str(each["type"]) for each in found["columns"]]
    numeric = [place for place, kind in enumerate(kinds) if kind.startswith(_NUMBERS)]
    others = [place for place in range(len(kinds)) if place not in numeric]
    if len(others) != 1 or not 1 <= len(numeric) <= 3 or len(found["rows"]) < 2:
        return None
    kind, names = kinds[others[0]], [str(found["columns"][place]["name"]) for place in numeric]
    told = [(row[others[0]], [_finite(row[place]) for place in numeric]) for row in found["rows"] if row[others[0]] is not None]
    if kind.startswith(("timestamp", "date")):
        return _lined(told, names)
    if "string" not in kind or len(told) > MOST_BARS:
        return None
    drawn = [Bar(str(name)[:60], values) for name, values in told]
    return fits(lambda width: bars(drawn, title="The answer", names=names if len(names) > 1 else (), width=width))


def _finite(value: object) -> float | None:
    """A number that can be drawn: what is beyond 2^53 comes as text."""
    return float(value) if isinstance(value, int | float) and abs(value) < 1e300 else None


def _lined(told: Sequence[tuple[Any, list[float | None]]], names: Sequence[str]) -> Markup | None:
    try:
        points = sorted(((_instant(str(at)), values) for at, values in told), key=lambda point: point[0])
    except ValueError:
        return None
    lines = [Line(name[:40], [(at, values[place]) for at, values in points]) for place, name in enumerate(names)]
    return fits(lambda width: series(lines, title="The answer", width=width))


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


PAGES = (
    Page("GET", "/analysis/sql", "read", sql),
    Page("GET", "/analysis/sql/result", "read", sql_result),
    Page("GET", "/analysis/sql/file/{form}", "read", sql_file),
    Page("GET", "/analysis/sql/tables", "read", tables),
)
