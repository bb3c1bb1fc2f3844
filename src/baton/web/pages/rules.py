"""Rules of a contract: which ones rows broke, at the last landing and day by day."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from fastapi import Response

from baton.app.views import sources as view
from baton.data.standing import UNREADABLE
from baton.kernel.clock import iso_micros, micros
from baton.web.draw import heat as heats
from baton.web.draw.canvas import fits
from baton.web.page import Look, Page

WEEKS = 53


def rules(look: Look) -> Response:
    """Which rules rows broke: at the last landing, and week by week."""
    name = look.text("source")
    declared = look.definition.sources.get(name) if look.definition is not None else None
    promise = view.promise(look.desk.project, name, declared) if declared is not None else None
    known, _ = view.landings(look.ledger, name, look.moment, limit=400)
    days = look.archive.ask("broken_rules", source=name, until=look.until)["days"]
    return look.fragment("data/rules.html", promise=promise, **_judged(look, name, promise, known, days))


def _judged(
    look: Look, name: str, promise: view.Promise | None, known: Sequence[view.Landing], days: list[dict[str, Any]]
) -> dict[str, Any]:
    counts: dict[tuple[str, date], float] = {}
    totals: dict[str, int] = {}
    for each in days:
        totals[each["rule"]] = totals.get(each["rule"], 0) + each["rows"]
        if each["day"]:
            counts[each["rule"], _date(each["day"])] = float(each["rows"])
    names = (
        list(dict.fromkeys([*(demand.name for demand in promise.demands if demand.strict), *totals])) if promise else list(totals)
    )
    measures = [demand.name for demand in promise.demands if not demand.strict] if promise else []
    told = _last(look, name, known)
    landed = [each for each in known if each.status != UNREADABLE]
    heat, kept = _heat(look, name, (names, measures), landed, counts)
    return {
        "totals": totals,
        "told": told,
        "last": landed[0] if landed else None,
        "broken_by": view.broken_by,
        "heat": heat,
        "kept": kept,
    }


def _last(look: Look, name: str, known: Sequence[view.Landing]) -> dict[str, int]:
    """Rejected rows by rule of the last landing: those that became known since the one before."""
    landed = [each for each in known if each.status != UNREADABLE][:2]
    if not landed or not landed[0].rejected:
        return {}
    # a landing holds what became known after the one before, up to its own instant
    since = iso_micros(micros(landed[1].at) + 1) if len(landed) > 1 else ""
    found = look.archive.ask("quarantine", source=name, since=since, end=iso_micros(micros(landed[0].at) + 1), limit=1)
    return {each["rule"]: each["rows"] for each in found["rules"]}


def _date(text: str) -> date:
    return datetime.fromisoformat(text).date()


def _heat(
    look: Look,
    name: str,
    rules: tuple[list[str], list[str]],
    landed: Sequence[view.Landing],
    counts: dict[tuple[str, date], float],
) -> tuple[Any, int]:
    """Broken rules by days, of a year: rejected rows; a measure out of bounds counts as one. And how many rules always held."""
    if not landed:
        return "", 0
    last, first = landed[0].at.date(), max(landed[-1].at.date(), landed[0].at.date() - timedelta(days=7 * WEEKS))
    days = [first + timedelta(days=place) for place in range((last - first).days + 1)]
    out = {each.at.date(): each for each in landed}
    strict = {rule: [counts.get((rule, day), 0.0) for day in days] for rule in rules[0]}
    whole = {
        what: [float(bool(view.broken_by(out[day].reasons, what))) if day in out else None for day in days] for what in rules[1]
    }
    broken = [
        heats.Row(rule, values, look.url(f"/data/{name}", tab="quarantine", rule=rule))
        for rule, values in strict.items()
        if any(values)
    ]
    broken += [heats.Row(what, values) for what, values in whole.items() if any(values)]
    kept = len(strict) + len(whole) - len(broken)
    if not broken:
        return "", kept
    steps = (1, 2, 5, 10, 50, 200)
    title = f"Rules that rows of {name} broke"
    return fits(lambda width: heats.heat(broken, days, title=title, unit="rows", steps=steps, width=width)), kept


PAGES = (Page("GET", "/data/{source}/rules", "read", rules),)
