"""The home page: the loop, who holds the baton, the numbers that matter, what is new since one looked, what is late."""

from datetime import timedelta

from fastapi import Response
from markupsafe import Markup

from baton.app.views import loop as view
from baton.app.views import number
from baton.team.override import KINDS
from baton.web import wording
from baton.web.draw.canvas import fits
from baton.web.draw.ring import Station, ring, track
from baton.web.draw.spark import spark
from baton.web.page import Look, Page

PAGES_OF = {
    "define": "/product", "ingest": "/data", "validate": "/data", "features": "/features", "train": "/models", "evaluate": "/models",
    "register": "/models", "package": "/models", "deploy": "/releases", "monitor": "/monitoring", "incident": "/incidents",
    "retrain": "/incidents",
}  # fmt: skip
"""The room of each phase."""


def loop(look: Look) -> Response:
    """The page."""
    head = look.ledger.head().size
    kept = f"baton-seen-{look.request.url.port or 0}"  # a browser shows a cookie to every port of a machine
    seen = look.request.cookies.get(kept, "")
    after = int(seen) if seen.isascii() and seen.isdigit() and int(seen[:18]) <= head else 0
    answer = look.show("loop.html", now=_now(look), cards=_cards(look), news=_news(look, after), after=after)
    if look.moment is None:
        answer.set_cookie(kept, str(head), max_age=365 * 86400, httponly=True, samesite="lax", path="/")
    return answer


def now(look: Look) -> Response:
    """The ring and what is late: what changes while one looks."""
    return look.fragment("loop/now.html", now=_now(look))


def cards(look: Look) -> Response:
    """The numbers."""
    return look.fragment("loop/cards.html", cards=_cards(look))


def news(look: Look) -> Response:
    """The latest that people are told of."""
    after = look.number("after", 0, 0, 10**15)
    return look.fragment("loop/news.html", news=_news(look, after), after=after)


def _now(look: Look) -> dict[str, object]:
    waiting = view.waiting(look.records)
    glance = view.Glance(look.records, look.ledger, look.at, look.moment)
    standings = view.phases(glance, look.team, waiting)
    turns, under_way, words = view.turning(look.records)
    late, waits = view.late(look.records, waiting, look.at)
    running = next((each.phase for each in standings if each.tone == "info"), None) or _held(standings)
    stations = [
        Station(
            each.phase,
            each.tone,
            each.owner,
            wording.ago(each.since, look.at) if each.since else "",
            look.url(PAGES_OF[each.phase]),
            each.state,
        )
        for each in standings
    ]
    headline = f"{wording.plural(turns, 'turn')}" if turns else "no turn yet"

    def draw(width: int) -> Markup:
        kind = ring if width > 500 else track
        return kind(stations, title="The loop", headline=headline, words=words, running=running, width=width)

    return {
        "standings": standings,
        "picture": fits(draw),
        "late": late,
        "waits": waits,
        "turn": under_way,
        "rooms": PAGES_OF,
        "brief": view.brief(look.records, waiting, look.at),
        "pulse": view.pulse(glance, look.workspace.clock, _grain(look)),
        "meaning": {kind: words for kind, (_, words) in KINDS.items()},
        "currency": look.currency,
    }


def _grain(look: Look) -> timedelta | None:
    """How often the loop looks; None for a folder without a model."""
    if look.definition is None:
        return None
    return look.definition.decision.every if look.definition.decision is not None else timedelta(hours=1)


def _held(standings: list[view.Standing]) -> str | None:
    """While nothing runs, the baton is where somebody has to answer, else with the phase that watches."""
    waits = [each.phase for each in standings if each.tone in ("bad", "warn")]
    return (
        waits[0] if waits else next((each.phase for each in standings if each.phase == "monitor" and each.tone == "good"), None)
    )


def _cards(look: Look) -> list[dict[str, object]]:
    found = number.numbers(look.records, look.ledger, look.at, look.definition)
    return [_card(look, each) for each in found]


def _card(look: Look, each: number.Number) -> dict[str, object]:
    known = [value for value in each.course if value is not None]
    picture = spark(each.course, title=f"{each.name}, course") if len(known) > 1 else ""
    value, unit = _said(each)
    return {
        "name": each.name,
        "value": value,
        "unit": unit,
        "told": each.told,
        "tone": each.tone,
        "href": look.url(each.page),
        "picture": picture,
    }


def _said(each: number.Number) -> tuple[str, str]:
    if each.unit == "%":
        return wording.percent(each.value), ""
    if each.unit == "h":
        return wording.span(each.value), ""
    if each.unit in ("", "ms"):
        return wording.short(each.value), each.unit if each.value is not None else ""
    return wording.money(each.value, each.unit), ""


def _news(look: Look, after: int) -> dict[str, object]:
    fresh = view.news(look.ledger, look.moment, after) if after else []
    return {"fresh": fresh, "latest": fresh or view.news(look.ledger, look.moment)}


PAGES = (
    Page("GET", "/", "read", loop),
    Page("GET", "/loop/now", "read", now),
    Page("GET", "/loop/cards", "read", cards),
    Page("GET", "/loop/news", "read", news),
)
