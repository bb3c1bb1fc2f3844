"""Incidents: the list, and one of them: why it happened, on whom it waits, what was done, and what it would have cost without."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from fastapi import Response
from markupsafe import Markup

from baton.app import answers
from baton.app.views import incidents as view
from baton.app.views import timeline as events
from baton.app.views.monitoring import without
from baton.app.views.review import review as reviewed
from baton.incidents.incident import Incident
from baton.kernel.clock import iso
from baton.kernel.errors import InvalidInput, NotFound
from baton.kernel.suggest import did_you_mean
from baton.monitoring.month import Month
from baton.team.handoff import Handoff
from baton.web import pager
from baton.web.act import Trouble, attempted
from baton.web.download import MARKDOWN, written
from baton.web.draw.canvas import fits
from baton.web.draw.mark import Event, Stretch, Threshold
from baton.web.draw.series import Line, series
from baton.web.draw.timeline import Happening, timeline
from baton.web.page import Look, Page
from baton.web.places import place_of

MANY = 25
STATUS = ("", "unresolved", "open", "mitigating", "resolved")
PERIODS = ("", "7", "30", "90", "365")


def incidents(look: Look) -> Response:
    """The list."""
    days = look.choice("days", PERIODS)
    wanted = view.Wanted(
        status=look.choice("status", STATUS),
        severity=look.text("severity"),
        signal=look.text("signal"),
        subject=look.text("subject"),
        since=look.at - timedelta(days=int(days)) if days else look.instant("since"),
        until=look.instant("until"),
    )
    after = look.number("after", 0, 0, 100_000)
    told = view.listed(look.records, wanted, after, MANY)
    more = f" of the newest {told.read:,}" if told.read >= view.MOST else ""
    return look.show(
        "incidents.html",
        told=told,
        wanted=wanted,
        days=days,
        periods=PERIODS,
        statuses=STATUS,
        severities=view.SEVERITIES,
        unresolved=sum(told.status.get(each, 0) for each in view.OPEN),
        all=sum(told.status.values()),
        lasted=lambda each: view.lasted(each, look.at),
        filtered=any((wanted.status, wanted.severity, wanted.signal, wanted.subject, days)),
        pager=pager.by_place(lambda place: look.here(after=place), after, MANY, told.total, more),
    )


def incident(look: Look) -> Response:
    """The page of one."""
    return look.show("incidents/incident.html", **_page(look, _found(look)), trouble=None)


def _page(look: Look, found: Incident) -> dict[str, Any]:
    way, rounds = view.done(look.records, found), view.handoffs(look.records, found)
    told = events.timeline(look.ledger, found, way, rounds, look.moment)
    months = without(view.afterwards(look.records, found)) if view.number_of(found) is not None else []
    monitor = look.definition.monitor if look.definition is not None else None
    return {
        "incident": found,
        "words": view.why(found, monitor),
        "signal": view.SIGNALS.get(found.signal, found.signal),
        "severity": view.SEVERITIES.get(found.severity, ""),
        "seen": _seen(look, found),
        "lasted": view.lasted(found, look.at),
        "now": _now(look, found, rounds),
        "reach": view.reach(look.records, found, look.definition, look.at),
        "done": way,
        "without": months,
        "gained": sum(each.value for each in months if each.value is not None),
        "currency": look.currency,
        "told": told,
        "picture": _pictured(look, told),
        "evidence": _evidence(look, found),
        "roll_back": look.may("release.roll-back") if found.status != "resolved" and view.number_of(found) is not None else None,
    }


def now(look: Look) -> Response:
    """On whom it waits: what changes while one looks."""
    found = _found(look)
    return look.fragment(
        "incidents/now.html", now=_now(look, found, view.handoffs(look.records, found)), incident=found, trouble=None
    )


def review(look: Look) -> Response:
    """The review as a file, with what the ledger knows filled in."""
    found = _found(look)
    way, rounds = view.done(look.records, found), view.handoffs(look.records, found)
    told = events.timeline(look.ledger, found, way, rounds, look.moment)
    touched = view.reach(look.records, found, look.definition, look.at)
    words = view.why(found, look.definition.monitor if look.definition is not None else None)
    return written(reviewed(found, told, touched, way, words, look.at), f"review-{found.id}.md", MARKDOWN)


def _acting(act: Callable[[Look, Handoff], str]) -> Callable[[Look], Response]:
    """An answer to an incident's hand-off: given, back to its page; else the page again, with what went wrong and what was typed."""

    def answered(look: Look) -> Response:
        found = _found(look)

        def done() -> Response:
            look.desk.move()
            return look.done(look.url(_url(found)), act(look, _waiting(look, found)))

        def again(status: int, trouble: Trouble) -> Response:
            return look.show("incidents/incident.html", status, **_page(look, found), trouble=trouble)

        return attempted(look, done, again)

    return answered


def _accept(look: Look, waits: Handoff) -> str:
    return answers.accept(look.seat(), waits.id, look.field("reason"))


def _decline(look: Look, waits: Handoff) -> str:
    reason = look.field("reason")
    if not reason:
        raise InvalidInput("words are missing", where="the form", fix="say what is to be mended: the giver reads it")
    return answers.decline(look.seat(), waits.id, reason)


def _url(found: Incident) -> str:
    return place_of("incident", found.id)


def _found(look: Look) -> Incident:
    id = look.text("id")
    found = look.records.get(Incident, id)
    if found is None:
        near = [each.id for each in look.records.latest(Incident, limit=200)]
        raise NotFound(
            f"there is no incident '{id}'" + (" at that time" if look.moment else ""),
            where="incidents",
            why=did_you_mean(id, near),
            fix="choose one of the list",
        )
    return found


def _waiting(look: Look, found: Incident) -> Handoff:
    rounds = view.handoffs(look.records, found)
    if not rounds:
        raise NotFound(f"{found.id} was handed over to nobody", where="incidents", fix="see who owns it, and ask them")
    return rounds[0]


def _now(look: Look, found: Incident, rounds: Sequence[Handoff]) -> dict[str, object]:
    clock = view.clock(look.team, rounds[0], look.at) if rounds else None
    able = clock is not None and clock.open and (look.person in clock.able if look.person else True)
    verdict = look.may("handoff.answer", clock.handoff.taken_in, clock.handoff.subject) if clock is not None and able else None
    keeper = not look.person and look.moment is None
    return {
        "clock": clock,
        "able": able and verdict is not None and (verdict.allowed or keeper),
        "verdict": verdict,
        "url": _url(found),
    }


def _seen(look: Look, found: Incident) -> list[tuple[str, str]]:
    """Where to look into monitoring, at the instant at which it was opened."""
    at, since = iso(found.opened_at), view.since_of(found)
    last = (found.opened_at - timedelta(days=1)).date().isoformat()
    links = [
        (
            name,
            look.url(
                f"/monitoring/feature/{quote(name, safe='')}",
                day=since.date().isoformat(),
                until=last if last > since.date().isoformat() else None,
                at=at,
            ),
        )
        for name in view.features_of(found)
    ]
    # the month is on record from its first Monday on: maybe not yet when the incident was opened
    if found.signal == "calibration" and look.records.get(Month, f"{since:%Y-%m}") is not None:
        links.append((f"{since:%B %Y} in monitoring", look.url(f"/monitoring/month/{since:%Y-%m}")))
    return [*links, ("Monitoring as it was then", look.url("/monitoring", at=at))]


def _evidence(look: Look, found: Incident) -> Markup | str:
    """What the detectors watched, from before the evidence grew until after it was mended."""
    days, monitor = view.around(look.records, found, look.at), look.definition.monitor if look.definition is not None else None
    names = view.features_of(found)
    if found.signal == "novelty" and names:
        lines = [Line(name, [(day.day, day.outside.get(name)) for day in days]) for name in names]
        title, limits = (
            "Share of rows outside the training range, by day",
            [Threshold(monitor.novelty, "tolerated")] if monitor else [],
        )
    elif found.signal == "calibration":
        lines = [Line("score − truth", [(day.day, day.error) for day in days])]
        title, sign = "How far scores were off on average, by day", -1 if float(found.evidence.get("error", 0.0)) < 0 else 1
        limits = [Threshold(sign * monitor.calibration, "tolerated")] if monitor else []
    else:
        return ""
    if not any(value is not None for line in lines for _, value in line.points):
        return ""
    marks: list[Event | Stretch | Threshold] = [Stretch(found.opened_at, found.resolved_at, "incident", "bad"), *limits]
    marks.append(Event(view.since_of(found), "since", "warn"))
    return fits(lambda width: series(lines, title=title, unit="%", marks=marks, width=width, height=210))


def _pictured(look: Look, told: list[events.Told]) -> Markup | str:
    if not told:
        return ""
    shown = [Happening(each.at, each.who, each.what, each.tone, look.url(f"/ledger/{each.seq}")) for each in told[:60]]
    return fits(lambda width: timeline(shown, title="What happened, in order", width=width), 1080, 360)


PAGES = (
    Page("GET", "/incidents", "read", incidents),
    Page("GET", "/incidents/{id}", "read", incident),
    Page("GET", "/incidents/{id}/now", "read", now),
    Page("GET", "/incidents/{id}/review.md", "read", review),
    Page("POST", "/incidents/{id}/accept", "handoff.answer", _acting(_accept)),
    Page("POST", "/incidents/{id}/decline", "handoff.answer", _acting(_decline)),
)
