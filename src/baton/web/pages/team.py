"""The team: who answers for what, the matrix and how to change it, how results flow, what happens when somebody goes, one person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from fastapi import Response

from baton.app import coming
from baton.app.views import amendment, flow, linting, story
from baton.app.views import team as view
from baton.app.views.inbox import waits
from baton.kernel.errors import NotFound
from baton.project.phase import PHASES
from baton.team.charter import Charter
from baton.team.metrics import Spread
from baton.team.permission import decide
from baton.team.person import Absence
from baton.web import wording
from baton.web.act import Trouble, attempted
from baton.web.download import written
from baton.web.draw.bars import Bar, columns
from baton.web.draw.canvas import fits
from baton.web.draw.graph import Edge, Node, graph
from baton.web.page import Look, Page
from baton.web.pages.inbox import delegation, ending

TABS: Final = ("", "matrix", "flow", "delivery", "coverage")
PERIODS: Final[dict[str, tuple[str, int | None]]] = {
    "": ("90 days", 90), "30": ("30 days", 30), "365": ("a year", 365), "all": ("all time", None)
}  # fmt: skip
PERSONS: Final = 50
"""The most people of whom one can ask what their going would mean."""


def team(look: Look) -> Response:
    """The page, by its tab; or what of it changes while one looks."""
    if look.choice("part", ("", "now")):
        return look.fragment("team/now.html", **_now(look))
    tab = look.choice("tab", TABS)
    told = {"": _now, "matrix": _matrix, "flow": _flow, "delivery": _delivery, "coverage": _coverage}[tab](look)
    return look.show("team.html", tab=tab, recorded=bool(look.records.all(Charter, limit=1)), **told)


def _now(look: Look) -> dict[str, Any]:
    known = view.coverage(look.records, look.team, look.at)
    return {
        "covers": known.phases,
        "loads": known.people,
        "gone": view.away(look.team, look.at),
        "counts": waits(look.records),
        "persons": {person.id: person for person in look.team.active},
    }


def _matrix(look: Look) -> dict[str, Any]:
    edits = bool(look.choice("edit", ("", "1"))) and look.moment is None
    return {
        "roles": view.columns(look.team),
        "rows": view.matrix(look.team),
        "edits": edits,
        "letters": amendment.LETTERS,
        "found": linting.own(look.desk.project)["findings"] if look.moment is None else [],
    }


def _flow(look: Look) -> dict[str, Any]:
    period = look.choice("days", tuple(PERIODS))
    found = flow.flows(look.records, look.at, PERIODS[period][1])
    return {
        "flows": found,
        "periods": {name: told for name, (told, _) in PERIODS.items()},
        "period": period,
        "picture": _picture(found),
    }


def _picture(found: flow.Flows) -> object:
    ends = [*(each.giver for each in found.edges), *(each.receiver for each in found.edges)]
    owed = {phase: sum(each.open for each in found.edges if each.receiver == phase) for phase in PHASES}
    nodes = [
        Node(phase, phase, f"{owed[phase]} waiting" if owed[phase] else "", "warn" if owed[phase] else "")
        for phase in PHASES
        if phase in ends
    ]
    edges = [Edge(each.giver, each.receiver, _label(each), float(each.offered), _tone(each)) for each in found.edges]
    return fits(lambda width: graph(nodes, edges, title="Hand-offs between phases", width=width)) if edges else ""


def _label(each: flow.Flow) -> str:
    waited = f", {wording.span(each.waited.median)}" if each.waited.median else ""
    return f"{each.edge} {each.offered:,}{waited}"


def _tone(each: flow.Flow) -> str:
    """Bad where one of ten is dropped, warn where one of five comes back or moves on."""
    if each.lapsed * 10 >= each.offered:
        return "bad"
    return "warn" if (each.declined + each.escalated) * 5 >= each.offered else ""


def _delivery(look: Look) -> dict[str, Any]:
    year, months = flow.delivery(look.records, look.at)
    automatic = flow.flows(look.records, look.at, 365).automatic
    return {
        "year": year,
        "months": months,
        "automatic": automatic,
        "made": _columns(months, "Deployments a month", "", lambda each: float(each.deployments)),
        "lead": _columns(months, "Lead time, median", "h", lambda each: _hours(each.lead)),
        "restored": _columns(months, "Time to restore, median", "h", lambda each: _hours(each.restore)),
    }


def _columns(months: Iterable[flow.Month], title: str, unit: str, value: Callable[[flow.Month], float | None]) -> object:
    rows = [Bar(f"{each.begins:%b}" if each.begins else "", (value(each),)) for each in months]
    return fits(lambda width: columns(rows, title=title, unit=unit, width=width))


def _hours(found: Spread) -> float | None:
    return None if found.median is None else found.median.total_seconds() / 3600


def _coverage(look: Look) -> dict[str, Any]:
    gone = [name for name in dict.fromkeys(look.request.query_params.getlist("gone")) if name][:PERSONS]
    known = view.coverage(look.records, look.team, look.at)
    return {
        "covers": known.phases,
        "loads": known.people,
        "declared": any(person.skills for person in look.team.active),
        "stages": {skill: view.stage_for(skill) for cover in known.phases for skill in cover.lacks},
        "without": gone,
        "consequences": view.departure(look.records, look.team, look.at, gone),
    }


def propose(look: Look) -> Response:
    """A matrix that somebody proposes: what it would change, and the change of the file. Nothing is written."""
    rows = {
        phase: {role: look.field(f"{phase}.{role}", 2) for role in view.columns(look.team) if look.field(f"{phase}.{role}", 2)}
        for phase in look.team.matrix
    }
    found = amendment.amendment(look.desk.project, look.owned, look.team, rows, look.at)
    kept = amendment.packed({phase: rows[phase] for phase in found.changed})
    return look.show(
        "team/amendment.html", found=found, roles=view.columns(look.team), rows=rows, letters=amendment.LETTERS, kept=kept
    )


def matrix_diff(look: Look) -> Response:
    """The change of the project's file as `git apply` reads it. Raises NotFound when there is none."""
    rows = amendment.unpacked(look.text("rows", most=4000))
    found = amendment.amendment(look.desk.project, look.owned, look.team, rows, look.at)
    if not found.diff:
        raise NotFound("nothing would change", fix="propose another matrix: /team?tab=matrix")
    return written(found.diff, "matrix.diff")


def person(look: Look) -> Response:
    """One person of the team."""
    return look.show("team/person.html", **_portrait(look, look.text("name")))


def _portrait(look: Look, name: str) -> dict[str, Any]:
    found = view.portrait(look.records, look.team, look.at, name)
    mine = look.person == name
    verdict = look.may("team.self" if mine else "team.change")
    absences, delegations = view.current(found.person, look.at)
    sees = mine or _sees(look)
    return {
        "found": found,
        "mine": mine,
        "contacts": [each if sees else view.masked(each) for each in found.person.contacts],
        "hidden": bool(found.person.contacts) and not sees,
        "absences": absences,
        "delegations": delegations,
        "waits": waits(look.records).get(name, 0),
        "decided": story.answered(look.ledger, name, None, look.moment, 10),
        "may": verdict,
        "people": [each.id for each in look.team.active if each.id != name],
        "phases": PHASES,
        "trouble": None,
    }


def _sees(look: Look) -> bool:
    """Whether whoever looks may see how others are reached: who may act for them, at the present or in the past."""
    return look.actor.kind == "keeper" or decide(look.team_now, look.actor, "team.change", look.desk.now()).allowed


def _acting(act: Callable[[Look, str], str]) -> Callable[[Look], Response]:
    """An act about one person: done, back to their page; else the page again, with what went wrong and what was typed."""

    def answered(look: Look) -> Response:
        name = look.text("name")

        def done() -> Response:
            look.desk.move()
            return look.done("/team" if look.request.url.path.endswith("/leave") else f"/team/{name}", act(look, name))

        def again(status: int, trouble: Trouble) -> Response:
            return look.show("team/person.html", status, **{**_portrait(look, name), "trouble": trouble})

        return attempted(look, done, again)

    return answered


def _away(look: Look, name: str) -> str:
    def made(now: datetime) -> Absence:
        since = look.field("since", 40)
        return Absence(ending(since, now) if since else now, ending(look.field("until", 40), now), look.field("reason") or "away")

    return coming.go_away(look.seat(), name, made)


def _back(look: Look, name: str) -> str:
    return coming.come_back(look.seat(), name, look.field("reason"))


def _delegate(look: Look, name: str) -> str:
    return coming.delegate(look.seat(), name, lambda now: delegation(look, now))


def _leave(look: Look, name: str) -> str:
    return coming.leave(look.seat(), name, look.field("reason"))


PAGES = (
    Page("GET", "/team", "read", team),
    Page("POST", "/team/matrix", "read", propose),
    Page("GET", "/team/matrix.diff", "read", matrix_diff),
    Page("GET", "/team/{name}", "read", person),
    Page("POST", "/team/{name}/away", "team.self", _acting(_away)),
    Page("POST", "/team/{name}/back", "team.self", _acting(_back)),
    Page("POST", "/team/{name}/delegate", "team.self", _acting(_delegate)),
    Page("POST", "/team/{name}/leave", "team.self", _acting(_leave)),
)
