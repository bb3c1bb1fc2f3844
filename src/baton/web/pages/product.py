"""The product page: in ten seconds, what the model is for, whether it keeps its promises, what it is worth and what stands against it."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from fastapi import Response
from markupsafe import Markup

from baton.app.views import product as view
from baton.app.views.criterion import places, told
from baton.app.views.monitoring import bounds_of, months
from baton.app.views.present import stands_at
from baton.kernel.clock import iso
from baton.kernel.errors import NotFound
from baton.monitoring.day import Day
from baton.monitoring.month import Month
from baton.project.definition import Definition
from baton.web import wording
from baton.web.download import sent
from baton.web.draw.canvas import WIDE, fits
from baton.web.draw.mark import Stretch
from baton.web.draw.series import Line, series
from baton.web.draw.timeline import Lane, lanes
from baton.web.marks import limits, went_live
from baton.web.page import Look, Page
from baton.web.statics import picture_style

Stage = view.Stage
TONES: dict[str, str] = {"kept": "good", "slipped": "warn", "missed": "bad", "": ""}
"""The colour of a promise, by how it stands."""
TITLES = {"auc": "AUC against what was agreed", "brier": "Brier score against what was agreed"}


def product(look: Look) -> Response:
    """The page; a folder without a project says how one is made."""
    if look.definition is None:
        return look.show("product.html", definition=None)
    return look.show("product.html", **_told(look, look.definition))


def report(look: Look) -> Response:
    """The same as a document for people who never open a console."""
    if look.definition is None:
        raise NotFound("there is no project to report on", why="this folder has only a team", fix="baton new NAME makes one")
    data = _paper(look, look.definition)
    made = look.archive.export("document", kind="report", form="pdf", data=data, style=picture_style())
    return sent(made, f"{look.owned.project}-{look.at:%Y-%m-%d}.pdf")


def _told(look: Look, definition: Definition) -> dict[str, Any]:
    known, stages = months(look.records), view.stages(look.records)
    promised, worth = view.promises(definition.problem, known), view.worth(known, look.ledger, look.moment)
    risks = view.risks(look.records, look.at, promised)
    return {
        "definition": definition,
        "months": known,
        "served": bool(known or look.records.latest(Day, limit=1)),
        "begun": stands_at(look.ledger) is not None,
        "promises": [
            (each, told(each.metric), wording.number(each.latest, places(each.metric)), TONES[each.standing]) for each in promised
        ],
        "worth": worth,
        "told_at": _judged(worth),
        "steps": view.under_way(look.records),
        "risks": risks,
        "against": _against(risks),
        "quality": [(TITLES[name], fits(partial(_quality, look, known, name))) for name in _metrics(definition)],
        "value": fits(partial(_value, definition, known)),
        "turns": _turns(look, stages),
        "stages": stages[::-1],
        "currency": definition.problem.value.currency,
    }


def _judged(worth: view.Worth) -> str:
    """Until when value is counted: months are judged with the labels known then, not from day to day."""
    return f"as judged on {wording.day(worth.judged_at)}" if worth.judged_at is not None else "of the months judged"


def _against(risks: list[view.Step]) -> str:
    return "good" if not risks else "bad" if any(each.tone == "bad" for each in risks) else "warn"


def _metrics(definition: Definition) -> list[str]:
    """The metrics of success that are measured month by month."""
    return [each for each in dict.fromkeys(one.metric for one in definition.problem.success) if each in ("auc", "brier")]


def _points(known: list[Month], name: str) -> list[tuple[datetime, float | None]]:
    return [(bounds_of(each.month).since, getattr(each, name)) for each in known]


def _quality(look: Look, known: list[Month], name: str, width: int) -> Markup:
    lines = [
        Line("live", _points(known, name), "s1"),
        Line("first model", _points(known, f"frozen_{name}"), "s6", dashed=True),
    ]
    title = {"auc": "AUC by month", "brier": "Brier score by month (lower is better)"}[name]
    return series(lines, title=title, marks=[*limits(look, name), *went_live(look)], width=width)


def _value(definition: Definition, known: list[Month], width: int) -> Markup:
    unit = wording.sign(definition.problem.value.currency)
    live, first = 0.0, 0.0
    totals: list[tuple[datetime, float | None]] = []
    frozen: list[tuple[datetime, float | None]] = []
    for each in known:
        live, first = live + (each.value or 0.0), first + (each.frozen_value or 0.0)
        totals.append((bounds_of(each.month).since, live))
        frozen.append((bounds_of(each.month).since, first))
    lines = [Line("live", totals, "s1"), Line("first model", frozen, "s6", dashed=True)]
    return series(lines, title="Value so far, month by month", unit=unit, within=(0, None), width=width)


def _turns(look: Look, stages: list[Stage]) -> Markup:
    rows = [
        Lane(
            f"turn {each.turn.number}",
            [
                Stretch(
                    each.turn.started_at,
                    each.ended,
                    each.turn.reason,
                    _tone(each),
                    look.url(f"/models/{each.turn.version}") if each.turn.version else None,
                )
            ],
        )
        for each in stages
    ]
    last = look.at + timedelta(days=1)
    return fits(lambda width: lanes(rows, title="Turns of the loop, from their start to live", last=last, width=width))


def _tone(stage: Stage) -> str:
    return {"failed": "bad", "done": "good"}.get(stage.turn.status, "info")


def _paper(look: Look, definition: Definition) -> dict[str, Any]:
    """The report's content as plain texts and pictures, as `app/archive/document.py` takes it: it sets texts, and reads none as markup."""
    known = months(look.records)
    worth, currency = view.worth(known, look.ledger, look.moment), definition.problem.value.currency
    promised = view.promises(definition.problem, known)
    risks, head = view.risks(look.records, look.at, promised), look.head
    return {
        "title": f"{look.owned.project}: what the model is worth",
        "project": look.owned.project,
        "question": definition.problem.question[:5000],
        "at": iso(look.at),
        "period": f"{known[0].month} to {known[-1].month}" if known else "",
        "summary": _summary(definition),
        "criteria": [_criterion(each) for each in promised],
        "figures": [
            _figure("Value so far", wording.money(worth.total, currency), note=_judged(worth) if known else ""),
            _figure("Over no retraining", wording.money(worth.gained, currency), "good" if (worth.gained or 0) > 0 else ""),
            _figure("Predictions", wording.number(worth.predictions)),
            _figure("Stands against it", wording.number(len(risks)), _against(risks)),
        ],
        "pictures": [{"svg": str(svg), "title": title} for title, svg in _pictures(look, definition, known)],
        "value": _sheet(known, currency),
        "incidents": [_event(each, each.tone) for each in risks],
        "timeline": [_event(each, "") for each in view.under_way(look.records)],
        "by": look.person,
        "head": {"size": head.size, "root": head.root},
    }


def _summary(definition: Definition) -> str:
    names = " and ".join(definition.problem.stakeholders)
    return f"For {names}." if names else ""


def _criterion(each: view.Promise) -> dict[str, Any]:
    return {
        "name": told(each.metric),
        "wanted": each.limit,
        "found": wording.number(each.latest, places(each.metric)),
        "standing": each.standing,
        "note": f"{each.month}; {each.count}" if each.month else "",
    }


def _figure(title: str, value: str, tone: str = "", note: str = "") -> dict[str, str]:
    return {"title": title, "value": value, "tone": tone, "note": note}


def _event(each: view.Step, tone: str) -> dict[str, str]:
    return {
        "at": wording.day(each.since),
        "what": each.what[:5000],
        "who": (each.waits_on or "")[:300],
        "status": each.status,
        "tone": tone,
    }


def _sheet(known: list[Month], currency: str) -> dict[str, Any] | None:
    """The last twelve months as a table; None without any."""
    rows = [
        [
            each.month,
            wording.number(each.predictions),
            wording.number(each.auc, 3),
            wording.number(each.brier, 4),
            wording.percent(each.matured, 0),
            wording.money(each.value, currency),
            wording.money(None if each.value is None or each.frozen_value is None else each.value - each.frozen_value, currency),
        ]
        for each in known[-12:]
    ]
    names = ["Month", "Predictions", "AUC", "Brier", "Labels", "Value", "Over first model"]
    return {"columns": names, "rows": rows, "numbers": [1, 2, 3, 4, 5, 6], "note": f"Value in {currency}."} if rows else None


def _pictures(look: Look, definition: Definition, known: list[Month]) -> list[tuple[str, Markup]]:
    """What paper shows, as wide as a page."""
    if not known:
        return []
    drawn = [
        (f"{name.upper() if name == 'auc' else 'Brier score'} by month", _quality(look, known, name, WIDE))
        for name in _metrics(definition)
    ]
    return [("Value so far", _value(definition, known, WIDE)), *drawn]


PAGES = (
    Page("GET", "/product", "read", product),
    Page("GET", "/product/report.pdf", "read", report),
)
