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
_WHOLE = ("int", "uint")
_NUMBERS = (*_WHOLE, "float", "double", "decimal")
_INSTANTS = ("timestamp", "date")


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


def _pictured(found: dict[str, Any]) -> tuple[str, Markup] | None:
    """The answer's last column of numbers, drawn: what it is called, and the picture.

    Over its only column of instants, when there is no text, as a line; over its texts, joined, as bars. Where texts repeat, the whole
    numbers before the one that is drawn are joined to them, from the left, until they no longer do (a variant and its version). Columns
    of unlike numbers never share an axis, and nothing is drawn over labels or instants that repeat.
    """
    names, kinds = [str(each["name"]) for each in found["columns"]], [str(each["type"]) for each in found["columns"]]
    numeric = [place for place, kind in enumerate(kinds) if kind.startswith(_NUMBERS)]
    instants = [place for place, kind in enumerate(kinds) if kind.startswith(_INSTANTS)]
    texts = [place for place, kind in enumerate(kinds) if "string" in kind or kind == "bool"]
    if not numeric or len(found["rows"]) < 2 or len(numeric) + len(instants) + len(texts) < len(kinds):
        return None
    drawn = numeric[-1]
    if len(instants) == 1 and not texts:
        picture = _lined([(row[instants[0]], _finite(row[drawn])) for row in found["rows"]])
        return (f"{names[drawn]} over {names[instants[0]]}", picture) if picture is not None else None
    if not texts or instants or len(found["rows"]) > MOST_BARS:
        return None
    whole = [place for place in numeric if place < drawn and kinds[place].startswith(_WHOLE)]
    by = _telling(found["rows"], texts, whole)
    if not by:
        return None
    rows = [Bar(_joined(row, by), (_finite(row[drawn]),)) for row in found["rows"]]
    said = f"{names[drawn]} by {', '.join(names[place] for place in by)}"
    return said, fits(lambda width: bars(rows, title=f"The answer: {said}", width=width))


def _telling(rows: Sequence[Sequence[Any]], texts: Sequence[int], whole: Sequence[int]) -> list[int]:
    """The columns that tell the rows apart: the texts, with as few of the whole numbers as that needs; none when all do not."""
    for more in range(len(whole) + 1):
        by = [*texts, *whole[:more]]
        if len({_joined(row, by) for row in rows}) == len(rows):
            return by
    return []


def _joined(row: Sequence[Any], by: Sequence[int]) -> str:
    return ", ".join("–" if row[place] is None else str(row[place]) for place in by)[:60]


def _finite(value: object) -> float | None:
    """A number that can be drawn: what is beyond 2^53 comes as text."""
    return float(value) if isinstance(value, int | float) and abs(value) < 1e300 else None


def _lined(told: Sequence[tuple[Any, float | None]]) -> Markup | None:
    try:
        points = sorted(((_instant(str(at)), value) for at, value in told if at is not None), key=lambda point: point[0])
    except ValueError:
        return None
    if len({at for at, _ in points}) < max(len(points), 2):
        return None
    return fits(lambda width: series([Line("", points)], title="The answer", width=width))


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


PAGES = (
    Page("GET", "/analysis/sql", "read", sql),
    Page("GET", "/analysis/sql/result", "read", sql_result),
    Page("GET", "/analysis/sql/file/{form}", "read", sql_file),
    Page("GET", "/analysis/sql/tables", "read", tables),
)
