"""The analyst's corner: any part of the predictions in numbers and pictures, against the time before, and the same on paper."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from fastapi import Response

from baton.app.views import analysis as view
from baton.app.views.criterion import agreed, met
from baton.app.views.present import stands_at
from baton.kernel.clock import iso
from baton.kernel.errors import NotFound
from baton.project.definition import Definition
from baton.web import wording
from baton.web.download import sent
from baton.web.figures import Figure, Numbers, counted, divided_by, numbers_of, on_record, recorded
from baton.web.filters import around, filtered, refuse
from baton.web.page import Look, Page, of_predictions
from baton.web.statics import picture_style

COUNTED = ("observed", "auc", "value")
"""Cards that only the tables know."""
ON_RECORD = ("brier", "auc")
"""Figures of all traffic that the record knows."""
_SAID: dict[str, tuple[str, Callable[[Any], str]]] = {
    "predictions": ("Predictions", wording.number),
    "score": ("Mean score", wording.percent),
    "observed": ("Came true", wording.percent),
    "arrived": ("Labels arrived", wording.percent),
    "auc": ("AUC", lambda value: wording.number(value, 3)),
    "brier": ("Brier score", lambda value: wording.number(value, 4)),
}


def analysis(look: Look) -> Response:
    """The dashboard. What the record knows is there at once; what only the tables know follows."""
    if look.definition is None:
        return look.show("analysis.html", definition=None)
    there, asked = filtered(look)
    values: dict[str, Any] = {"cards": [], "figures": []}
    if not asked.cut and not asked.problems:
        values = {"cards": _cards_on_record(look, there, asked), "figures": on_record(look, there, asked)}
    begun = stands_at(look.ledger) is not None
    return look.show("analysis.html", definition=look.definition, begun=begun, **around(look, there, asked), **values)


def figures(look: Look) -> Response:
    """All of it for a version or a segment: out of the tables."""
    there, asked, found = _found(look)
    cards = _cards(look, numbers_of(found["now"]), _before(found), _flows(look, there, asked))
    return look.fragment("analysis/figures.html", cards=cards, figures=counted(look, there, asked, found), asked=asked)


def parts(look: Look) -> Response:
    """How the traffic divides: by segment, version and decision."""
    there, asked, found = _found(look)
    drawn = counted(look, there, asked, found)
    return look.fragment(
        "analysis/figures.html", cards=[], figures=[each for each in drawn if each.name not in ON_RECORD], asked=asked
    )


def card(look: Look) -> Response:
    """One number that only the tables know."""
    name = look.choice("name", COUNTED)
    _, _, found = _found(look)
    cards = _cards(look, numbers_of(found["now"]), _before(found), None)
    return look.fragment("analysis/card.html", card=next(each for each in cards if each["id"] == name))


def paper(look: Look) -> Response:
    """The dashboard on paper."""
    return _saved(look, "pdf")


def image(look: Look) -> Response:
    """The dashboard as one picture."""
    return _saved(look, "png")


def _found(look: Look) -> tuple[view.Known, view.Asked, dict[str, Any]]:
    """What the archive counts for an address. Raises InvalidInput for one that contradicts itself."""
    there, asked = filtered(look)
    refuse(asked)
    plain = {**asked.plain(), "until": look.until, "by": divided_by(there, asked), "part": asked.part, "compared": asked.compared}
    return there, asked, look.archive.ask("analysed", **plain)


def _before(found: dict[str, Any]) -> Numbers | None:
    return numbers_of(found["before"]) if found["before"] is not None else None


def _flows(look: Look, there: view.Known, asked: view.Asked) -> tuple[view.Measured, view.Measured | None]:
    """The days on record of the time, and of the time before it."""
    spans = [(asked.since, asked.until), (asked.since - asked.days * view.DAY, asked.since)][: 2 if asked.compared else 1]
    days = [view.within(there.days, *each) for each in spans]
    flows = view.flows(look.ledger, days[0] + (days[1] if len(days) > 1 else []), look.at)
    made = []
    for (first, last), each in zip(spans, days, strict=True):
        ids = [flow for flow in flows if first.isoformat() <= flow.day < last.isoformat()]
        made.append(view.measured(each, ids))
    return made[0], made[1] if len(made) > 1 else None


def _cards_on_record(look: Look, there: view.Known, asked: view.Asked) -> list[dict[str, Any]]:
    now, before = _flows(look, there, asked)
    cards = _cards(look, recorded(now), recorded(before) if before is not None else None, (now, before))
    for each in cards:
        each["lazy"] = f"/analysis/card/{each['id']}" if each["id"] in COUNTED else ""
    return cards


def _cards(
    look: Look, now: Numbers, before: Numbers | None, flows: tuple[view.Measured, view.Measured | None] | None
) -> list[dict[str, Any]]:
    definition, made = look.definition, []
    for name, (title, say) in _SAID.items():
        value, was = getattr(now, name), getattr(before, name) if before is not None else None
        wanted = agreed(definition, name)
        tone = "" if wanted is None or value is None else "good" if met(wanted, value) else "bad"
        made.append(_card(name, title, say(value), _against(say, was, before is not None), tone))
    currency = look.currency
    worth = partial(wording.money, currency=currency)
    was = before.money if before is not None else None
    told = "; ".join(filter(None, (f"labelled until {wording.day(look.at)}", _against(worth, was, before is not None))))
    made.append(_card("value", "Value", worth(now.money), told))
    if flows is not None:
        made += _service(*flows)
    return made


def _service(now: view.Measured, before: view.Measured | None) -> list[dict[str, Any]]:
    """What is measured of all traffic, whatever is filtered."""
    errors, p99 = (before.errors, before.p99) if before is not None else (None, None)
    compared = before is not None
    made = [
        _card("errors", "Errors", wording.number(now.errors), _against(wording.number, errors, compared)),
        _card("p99", "p99, median day", wording.short(now.p99), _against(wording.short, p99, compared)),
    ]
    made[1]["unit"] = "ms" if now.p99 is not None else ""
    return made


def _card(id: str, name: str, value: str, told: str, tone: str = "") -> dict[str, Any]:
    return {"id": id, "name": name, "value": value, "unit": "", "told": told, "tone": tone, "lazy": ""}


def _against(say: Callable[[Any], str], was: float | None, compared: bool) -> str:
    return "" if not compared else f"before: {say(was)}" if was is not None else "before: nothing known"


def _saved(look: Look, form: str) -> Response:
    if look.definition is None:
        raise NotFound("there is nothing to save", why="this folder has only a team", fix="baton new NAME makes a project")
    there, asked, found = _found(look)
    flows = _flows(look, there, asked)
    cards = _cards(look, numbers_of(found["now"]), _before(found), flows)
    data = _sheet(look, look.definition, asked, cards, counted(look, there, asked, found))
    made = look.archive.export("dashboard", data=data, style=picture_style(), form=form)
    return sent(made, f"{look.owned.project}-analysis-{asked.since}-{asked.until - view.DAY}.{form}")


def _sheet(
    look: Look, definition: Definition, asked: view.Asked, cards: Iterable[dict[str, Any]], drawn: Iterable[Figure]
) -> dict[str, Any]:
    """The page's content as plain texts, for whoever sets it."""
    head = look.head
    chosen = [
        f"version {asked.version}" if asked.version else "",
        f"{asked.column} {asked.value}" if asked.column and asked.value else "",
    ]
    return {
        "title": "Analysis" + "".join(f", {each}" for each in chosen if each),
        "project": look.owned.project,
        "question": definition.problem.question[:5000],
        "at": iso(look.at),
        "period": f"{asked.since} to {asked.until - view.DAY}",
        "figures": [{"title": each["name"], "value": each["value"], "unit": each["unit"], "note": each["told"], "tone": each["tone"]} for each in cards],
        "pictures": [{"svg": str(each.draw(720)), "title": each.title[:300], "caption": "" if each.name == "segments" else each.note} for each in drawn],
        "by": look.person,
        "head": {"size": head.size, "root": head.root},
    }  # fmt: skip


PAGES = (
    Page("GET", "/analysis", "read", analysis),
    Page("GET", "/analysis/figures", "read", of_predictions(figures)),
    Page("GET", "/analysis/parts", "read", of_predictions(parts)),
    Page("GET", "/analysis/card/{name}", "read", of_predictions(card)),
    Page("GET", "/analysis.pdf", "read", paper),
    Page("GET", "/analysis.png", "read", image),
)
