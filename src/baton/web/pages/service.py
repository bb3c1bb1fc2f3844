"""Traffic: requests, failures against the promise, latency, and which version answered."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from fastapi import Response
from markupsafe import Markup

from baton.app.views import monitoring as view
from baton.kernel.clock import iso
from baton.web import wording
from baton.web.draw.bars import Bar, columns
from baton.web.draw.canvas import fits
from baton.web.draw.mark import Threshold
from baton.web.draw.series import Line, series
from baton.web.page import Look, Page, of_predictions
from baton.web.pages.monitoring import shown_of


def service(look: Look) -> Response:
    """Requests, failures, latency, and which version answered."""
    known = view.days(look.records)
    within = shown_of(look, known)
    told = view.service(look.ledger, known, look.at, within)
    budget = view.budget(told)
    monitor = look.definition.monitor if look.definition is not None else None
    limits = (
        [Threshold(monitor.latency_ms, "declared", "warn")] if monitor is not None and _near(told, monitor.latency_ms) else []
    )
    at = [(datetime.fromisoformat(each.day).replace(tzinfo=UTC), each) for each in told]

    def latency(width: int) -> Markup:
        lines = [
            Line("p99", [(day, each.p99_ms) for day, each in at]),
            Line("p50", [(day, each.p50_ms) for day, each in at], "s6"),
        ]
        return series(lines, title="Latency by day", unit="ms", marks=limits, within=(0, None), width=width, height=170)

    def burn(width: int) -> Markup:
        line = Line("", [(datetime.fromisoformat(day).replace(tzinfo=UTC), value) for day, value in budget.burn], "s2")
        return series(
            [line],
            title="Error budget burned by day",
            marks=[Threshold(1.0, "lasts 30 days at")],
            within=(0, None),
            width=width,
            height=150,
        )

    answered = (
        look.archive.ask("answered_by_day", since=iso(within.since), end=iso(within.until), until=look.until)
        if told
        else {"days": []}
    )
    return look.fragment(
        "monitoring/service.html",
        budget=budget,
        latency=fits(latency),
        burn=fits(burn),
        traffic=_traffic(answered),
        told=told,
        monitor=monitor,
    )


def _near(told: Sequence[object], limit: float) -> bool:
    """Whether a limit can be drawn without flattening what was measured."""
    return max((getattr(each, "p99_ms", None) or 0.0 for each in told), default=0.0) > limit / 5


def _traffic(answered: Mapping[str, list[dict[str, object]]]) -> Markup | str:
    rows, versions = answered["days"], answered.get("versions", [])
    if not rows:
        return ""
    bars = [Bar(wording.day(str(each["day"]))[:-5], each["counts"]) for each in rows]  # type: ignore[arg-type]
    names = [f"version {number}" for number in versions]

    def draw(width: int) -> Markup:
        title = "Predictions by day and version"
        return columns(
            bars[-(width // 3) :],
            title=title,
            names=names if len(names) > 1 else (),
            stacked=len(names) > 1,
            width=width,
            height=180,
        )

    return fits(draw)


PAGES = (Page("GET", "/monitoring/service", "read", of_predictions(service)),)
