"""Releases: who answers now, the release on trial with its evidence as it grows, every release there was, and what people may do."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from fastapi import Response
from markupsafe import Markup

from baton.app import overrides, rollback
from baton.app.seat import Seat
from baton.app.views import release as view
from baton.app.views import traffic as flow
from baton.app.views.comparison import arms
from baton.app.views.monitoring import bounds_of, gained, months, without
from baton.delivery.release import MOVES, Release
from baton.delivery.weighing import Weighing
from baton.kernel.errors import InvalidInput
from baton.ledger.fact import Fact
from baton.web import pager, wording
from baton.web.act import Trouble, attempted
from baton.web.draw.canvas import fits
from baton.web.draw.mark import Stretch, Threshold
from baton.web.draw.series import Line, series
from baton.web.draw.share import Part, share
from baton.web.draw.timeline import Lane, lanes
from baton.web.evidence import readings, short_of
from baton.web.levers import DAYS, levers, nameless
from baton.web.marks import went_live
from baton.web.page import Look, Page

PAGE = 25
DRAWN = 12
"""The newest releases that are drawn over time."""
FEW = 4
"""With no more releases than these the charts are lower than what people can do, and the list stands below them."""
_STATUS = {"live": "good", "canary": "warn", "shadow": "info", "kept": "idle", "arm": "s4"}


def releases(look: Look) -> Response:
    """The page."""
    return look.show("releases.html", **_page(look), trouble=None)


def now(look: Look) -> Response:
    """Who answers, and the release on trial: what changes while one looks."""
    return look.fragment("releases/now.html", now=_now(look))


def release(look: Look) -> Response:
    """One release: its stages, the evidence on it, who decided."""
    found = view.found(look.records, look.text("id"))
    facts = view.told_of(look.ledger, found, look.moment)
    looks = view.weighings(look.ledger, found, look.moment)
    return look.show(
        "releases/release.html",
        release=found,
        facts=facts,
        looks=looks,
        stages=_stages(look, found, facts),
        readings=readings(view.weighing_of(look.records, found)),
        grown=_grown(looks, _margin(look)),
        lane=fits(lambda width: _lanes(look, [(found, facts)], f"{found.id} in traffic", width)),
        signed=view.signed(look.records, found, facts),
        asked=view.promotion(look.records, found),
        short_of=short_of,
        headline=_headline(look, found, looks[-1]) if looks else "",
        siblings=[each for each in arms(look.records).get(found.group, []) if each.id != found.id] if found.group else [],
        owner=look.owner("deploy"),
    )


def _page(look: Look) -> dict[str, Any]:
    status, before = look.choice("status", ("", *MOVES)), look.text("before")
    rows, total, after = view.listed(look.records, status, before, PAGE)
    told = [(each, view.told_of(look.ledger, each, look.moment, 40)) for each in _drawn(look)]
    shown, charted = _now(look), _months(look)
    answering: flow.Traffic = shown["traffic"]
    return {
        "now": shown,
        "shares": {part.release.id: part.share for part in answering.answering},
        "acts": levers(look),
        "nameless": nameless(look),
        "rows": rows,
        "total": total,
        "pager": pager.by_record(
            lambda last: look.here(before=last), f"{len(rows)} of {wording.plural(total, 'release')}", after, before
        ),
        "before": before,
        "wanted": status,
        "statuses": tuple(MOVES),
        "lanes": fits(lambda width: _lanes(look, told, "Releases in traffic", width)) if told else None,
        "drawn": min(len(told), DRAWN),
        "all": sum(look.records.counts(Release).values()),
        "months": charted,
        "beside": charted is None or len(told) <= FEW,
        "groups": arms(look.records),
    }


def _drawn(look: Look) -> list[Release]:
    """The newest releases, and those that answer for all or did before, however old."""
    newest = look.records.latest(Release, limit=DRAWN)
    return [*newest, *(each for each in look.records.latest(Release, status=("live", "kept"), limit=2) if each not in newest)]


def _now(look: Look) -> dict[str, Any]:
    policy = look.definition.rollout if look.definition is not None else None
    found = flow.traffic(look.records, policy)
    trial = view.on_trial(look.records)
    return {
        "traffic": found,
        "split": fits(lambda width: _split(look, found, width)) if found.answering else None,
        "trial": _trial(look, trial) if trial is not None else None,
    }


def _split(look: Look, found: flow.Traffic, width: int) -> Markup:
    tones = (
        {"live": "good", "canary": "warn"}
        if found.halt is None
        else dict.fromkeys((each.name for each in found.answering), "idle")
    )
    parts = [
        Part(
            each.name, each.share, tones.get(each.name, f"s{place % 6 + 1}"), look.url(f"/releases/{each.release.id}"), each.words
        )
        for place, each in enumerate(found.answering)
    ]
    return share(parts, title="Who answers now", unit="%", width=width)


def _trial(look: Look, trial: Release) -> dict[str, object]:
    facts, weighing = view.told_of(look.ledger, trial, look.moment), view.weighing_of(look.records, trial)
    return {
        "release": trial,
        "weighing": weighing,
        "stages": _stages(look, trial, facts),
        "readings": readings(weighing),
        "grown": _grown(view.weighings(look.ledger, trial, look.moment), _margin(look)),
        "asked": view.promotion(look.records, trial),
        "headline": _headline(look, trial, weighing) if weighing is not None else "",
    }


def _headline(look: Look, release: Release, weighing: Weighing) -> str:
    """The readings of a trial in a line; an arm is not on trial, its comparison has words of its own."""
    if release.group:
        return ""
    rival = view.rival(look.records, look.ledger, release, weighing.at, look.moment)
    return view.headline(weighing, f"version {rival.version}" if rival is not None else "the live version")


def _stages(look: Look, release: Release, facts: Sequence[Fact]) -> list[view.Stage]:
    return view.ramp(release, look.definition.rollout, facts) if look.definition is not None and not release.group else []


def _margin(look: Look) -> float | None:
    return look.definition.rollout.margin if look.definition is not None else None


def _grown(looks: Sequence[Weighing], margin: float | None) -> Markup | None:
    """How the difference in quality was known better with every look."""
    known = [
        (each.at, reading.interval)
        for each in looks
        for reading in each.readings
        if reading.name == "quality" and reading.interval is not None and reading.interval.estimate is not None
    ]
    if len(known) < 2:
        return None
    line = Line(
        "difference",
        [(at, made.estimate) for at, made in known],
        "s1",
        interval=[(at, made.low, made.high) for at, made in known],
    )
    limits = [Threshold(margin, "may be worse by this much")] if margin else []
    return fits(
        lambda width: series([line], title="Difference in Brier score to the live version", marks=limits, width=width, height=200)
    )


def _lanes(look: Look, told: Sequence[tuple[Release, Sequence[Fact]]], title: str, width: int) -> Markup:
    rows = [
        Lane(
            f"version {each.version}" + (f" ({each.variant})" if each.variant else ""),
            [
                Stretch(
                    part.since,
                    part.until,
                    part.status + (f" {wording.percent(part.share, 0)}" if part.status in ("canary", "arm") else ""),
                    _STATUS[part.status],
                )
                for part in view.stretches(facts)
                if part.status in _STATUS
            ],
            look.url(f"/releases/{each.id}"),
        )
        for each, facts in told
    ]
    return lanes(rows, title=title, last=look.at, width=width)


def _months(look: Look) -> dict[str, object] | None:
    """The versions that served against the first one, which was kept as it was."""
    known = months(look.records, 13)
    if len(known) < 2:
        return None
    points = [(bounds_of(each.month).since, each) for each in known]
    lines = [
        Line("served", [(at, each.auc) for at, each in points], "s1"),
        Line("the first, frozen", [(at, each.frozen_auc) for at, each in points], "s6", dashed=True),
    ]
    currency = look.currency
    rows = [
        (
            each.month,
            wording.number(each.auc, 3),
            wording.number(each.frozen_auc, 3),
            wording.money(each.value, currency),
            wording.money(each.frozen_value, currency),
        )
        for each in known
    ]
    picture = fits(
        lambda width: series(lines, title="AUC of the month, served and frozen", marks=went_live(look), width=width, height=230)
    )
    worth = gained(without(known)) or 0.0
    return {
        "picture": picture,
        "rows": rows,
        "worth": f"{wording.money(abs(worth), currency)} {'more' if worth >= 0 else 'less'}",
        "count": len(known),
    }


def roll_back(look: Look) -> Response:
    """End the trial, or go back a version."""
    return _acted(look, lambda here, reason: rollback.go_back(here, reason, look.field("shown", 100)))


def promote(look: Look) -> Response:
    """Ask that the release on trial serves all traffic early."""
    return _acted(
        look, lambda here, reason: overrides.override(here, "promote", look.field("shown", 100), reason, here.now + _lasts(look))
    )


def halt(look: Look) -> Response:
    """Pull the kill switch."""
    return _acted(
        look, lambda here, reason: overrides.halt(here, reason, here.now + _lasts(look) if look.field("days") else None)
    )


def resume(look: Look) -> Response:
    """End the halt."""
    return _acted(look, overrides.resume)


def freeze(look: Look) -> Response:
    """Ask for a freeze."""
    return _acted(look, lambda here, reason: overrides.override(here, "freeze", "", reason, here.now + _lasts(look)))


def gate(look: Look) -> Response:
    """Ask that a candidate passes in spite of the gate."""
    return _acted(
        look, lambda here, reason: overrides.override(here, "gate", look.field("subject", 100), reason, here.now + _lasts(look))
    )


def _lasts(look: Look) -> timedelta:
    days = look.field("days", 10)
    if days not in DAYS:
        raise InvalidInput("it needs an end", where="how long", fix=f"one of {', '.join(DAYS)} days")
    return timedelta(days=int(days))


def _acted(look: Look, do: Callable[[Seat, str], str]) -> Response:
    """Do it and tell; what cannot be done is told beside its form, with what was typed."""

    def act() -> Response:
        reason = look.field("reason")
        if not reason:
            raise InvalidInput("a reason is missing", where="why", why="it goes on the record, and others read it", fix="say why")
        return look.done(look.url("/releases"), do(look.seat(), reason))

    def again(status: int, trouble: Trouble) -> Response:
        return look.show("releases.html", status, **_page(look), trouble=trouble)

    return attempted(look, act, again)


PAGES = (
    Page("GET", "/releases", "read", releases),
    Page("GET", "/releases/now", "read", now),
    Page("GET", "/releases/{id}", "read", release),
    Page("POST", "/releases/roll-back", "release.roll-back", roll_back),
    Page("POST", "/releases/promote", "override.ask", promote),
    Page("POST", "/releases/halt", "release.halt", halt),
    Page("POST", "/releases/resume", "release.resume", resume),
    Page("POST", "/releases/freeze", "override.ask", freeze),
    Page("POST", "/releases/gate", "override.ask", gate),
)
