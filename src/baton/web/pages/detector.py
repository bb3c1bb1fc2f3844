"""Detectors: what the live version's days prove so far, on the way to an alarm."""

from math import log

from fastapi import Response
from markupsafe import Markup

from baton.app.views import monitoring as view
from baton.web.draw.canvas import fits
from baton.web.draw.mark import Threshold
from baton.web.draw.series import Line, series
from baton.web.evidence import amount
from baton.web.page import Look, Page
from baton.web.pages.monitoring import feature_url


def detectors(look: Look) -> Response:
    """What the detectors say of the live version now."""
    definition = look.definition
    live, weighed = view.watching(look.records, view.days(look.records))
    if definition is None or live is None or not weighed:
        return look.fragment("monitoring/detectors.html", told=None, live=live, monitor=None)
    monitor = definition.monitor
    told = look.archive.ask(
        "weighed",
        errors=[day.error if day.status == "judged" else None for day in weighed],
        outside=[dict(day.outside) for day in weighed],
    )
    level = monitor.false_alarm_days
    names = (("together", "together", "s1"), ("calibration", "scores off", "s2"), ("novelty", "inputs new", "s3"))
    lines = [
        Line(label, [(day.day, _reached(at[name], level)) for day, at in zip(weighed, told["course"], strict=True)], tone)
        for name, label, tone in names
    ]

    def draw(width: int) -> Markup:
        limit = [Threshold(1.0, "alarm at")]
        return series(
            lines,
            title="Evidence on the way to an alarm, logarithmic",
            unit="%",
            marks=limit,
            within=(0, 1),
            width=width,
            height=190,
        )

    last = told["course"][-1]
    errors = [day.error for day in weighed[told["since_calibration"] or 0 :] if day.error is not None]
    return look.fragment(
        "monitoring/detectors.html",
        told=told,
        last=last,
        live=live,
        monitor=monitor,
        days=len(weighed),
        picture=fits(draw),
        reached=_reached(last["together"], level),
        off=sum(errors) / len(errors) if errors else None,
        since_off=weighed[told["since_calibration"]].day if told["since_calibration"] is not None else None,
        since_new=weighed[told["since_novelty"]].day if told["since_novelty"] is not None else None,
        settled=live.live_at + monitor.settle if live.live_at else None,
        feature=feature_url,
        amount=amount,
        newest=weighed[-1].day.date(),
    )


def _reached(evidence: float | None, level: float) -> float | None:
    """How far evidence has come to its level, on a logarithmic scale: 0 is none, 1 is an alarm."""
    return None if evidence is None else min(max(log(max(evidence, 1.0)) / log(level), 0.0), 1.25)


PAGES = (Page("GET", "/monitoring/detectors", "read", detectors),)
