"""Releases as plain values: where each stands, what was asked of it, and the evidence as it grew."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from baton.app.bootstrap import read_state
from baton.app.views.newest import newest
from baton.delivery.picture import evidence_picture
from baton.delivery.reading import Reading
from baton.delivery.release import TRIAL, WAITING, Release
from baton.delivery.strategy import stages
from baton.delivery.terms import FAILURES, OUTCOME, QUALITY, SPLIT
from baton.delivery.weighing import Weighing
from baton.kernel.errors import NotFound
from baton.kernel.suggest import did_you_mean
from baton.ledger.fact import Fact
from baton.ledger.ports import LedgerReader, StateReader
from baton.project.definition import Rollout
from baton.team.approval import Approval

LONGEST = 60
"""The most looks at one release that are told."""
NEAREST = 40
"""The newest releases among which the one that a trial was compared with is looked for."""


def releases(folder: Path) -> list[dict[str, Any]]:
    """Every release, newest first, without its readings."""
    with read_state(folder) as (_, state):
        found = [_plain(state, release) for release in reversed(state.all(Release))]
    return [{**release, "readings": len(release["readings"])} for release in found]


def release(folder: Path, name: str | None) -> dict[str, Any]:
    """One release with all its readings: the one named, else the newest on trial, else the newest. Raises NotFound."""
    with read_state(folder) as (_, state):
        return _plain(state, _named(state.all(Release), name))


def picture(folder: Path, name: str | None, reading: str | None) -> str:
    """The evidence on a release as an SVG: of the reading named, else of the one that decided, else of the first."""
    with read_state(folder) as (_, state):
        found = _named(state.all(Release), name)
        weighing = state.get(Weighing, found.group or found.id)
    if weighing is None or not weighing.readings:
        raise NotFound(
            f"nothing was weighed of {found.id} yet", why="evidence comes with the next daily step", fix="baton status"
        )
    drawn = _drawn(weighing, reading)
    proves = weighing.status == "advance" and drawn.proof is not None
    return evidence_picture(drawn, drawn.proof if proves else None)


def _named(found: list[Release], name: str | None) -> Release:
    if name is None:
        newest = [*(each for each in found if each.status in TRIAL), *reversed(found)]
        if newest:
            return newest[0]
        raise NotFound("there is no release yet", why="the first one starts when a first model is trained", fix="baton status")
    named = next((each for each in found if name in (each.id, str(each.version))), None)
    if named is None:
        raise NotFound(f"there is no release {name!r}", fix=did_you_mean(name, [each.id for each in found]))
    return named


def _drawn(weighing: Weighing, name: str | None) -> Reading:
    names = [each.name for each in weighing.readings]
    wanted = name or next((each for each in weighing.because if each in names), names[0])
    if wanted not in names:
        raise NotFound(f"there is no reading {wanted!r}", fix=did_you_mean(wanted, names))
    return weighing.readings[names.index(wanted)]


def _plain(state: StateReader, found: Release) -> dict[str, Any]:
    weighing = state.get(Weighing, found.group or found.id)
    told: dict[str, Any] = msgspec.to_builtins(found)
    look: dict[str, Any] = msgspec.to_builtins(weighing) if weighing is not None else {}
    return {
        **told,
        "weighed_at": look.get("at"),
        "move": look.get("status"),
        "because": look.get("because", []),
        "why": look.get("reason", ""),
        "readings": look.get("readings", []),
    }


@dataclass(frozen=True, slots=True)
class Stretch:
    """A release in one status from an instant on; `until` is None while it lasts, `share` what it answered for."""

    status: str
    share: float
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the ramp of a release: `state` is done, now, next or never."""

    kind: str
    share: float
    state: str
    since: datetime | None = None
    until: datetime | None = None


def found(records: StateReader, name: str) -> Release:
    """The release of that id. Raises NotFound with the nearest one."""
    release = records.get(Release, name)
    if release is None:
        known = [each.id for each in records.latest(Release, limit=200)]
        raise NotFound(
            f"there is no release '{name}'", where="the address", why=did_you_mean(name, known), fix="baton release list"
        )
    return release


def listed(records: StateReader, status: str = "", before: str = "", limit: int = 25) -> tuple[list[Release], int, str]:
    """Releases, newest first, those after the release `before`; how many there are in all, and what to go on after (or empty)."""
    wanted = (status,) if status else ()
    page = records.latest(Release, before=before, status=wanted, limit=limit + 1)
    total = sum(records.counts(Release, status=wanted).values())
    return page[:limit], total, page[limit - 1].id if len(page) > limit else ""


def on_trial(records: StateReader) -> Release | None:
    """The release on trial, None when there is none."""
    return newest(records, Release, status=TRIAL)


def rival(records: StateReader, ledger: LedgerReader, release: Release, at: datetime, until: datetime | None) -> Release | None:
    """The release that answered for all at an instant and that another one was compared with; None when the record does not tell."""
    earlier = [each for each in records.latest(Release, limit=NEAREST) if each.live_at is not None and each.id != release.id]
    for each in sorted(earlier, key=lambda one: one.live_at or at, reverse=True):
        if any(since <= at and (end is None or at <= end) for since, end in served(told_of(ledger, each, until))):
            return each
    return None


def headline(weighing: Weighing, rival: str) -> str:
    """What a look at a release says of every question, in a line of plain words; `rival` is what it is compared with."""
    return " ".join(said for each in weighing.readings if (said := _said(each, weighing, rival)))


def _said(reading: Reading, weighing: Weighing, rival: str) -> str:
    better = reading.proof is not None and "better" in reading.proof.words
    failed = any(arm.events for arm in reading.arms[:1])
    plain = {
        (QUALITY, "no worse"): f"{'Better than' if better else 'As good as'} {rival}, proved.",
        (QUALITY, "harm"): f"Worse than {rival}, proved.",
        (QUALITY, "open"): f"Not proved {'better than' if better else 'as good as'} {rival} yet.",
        (FAILURES, "no worse"): "Fails no more often, proved." if failed else "No failures.",
        (FAILURES, "harm"): f"It fails on rows that {rival} can score.",
        (FAILURES, "open"): "Too few rows yet to rule out failures.",
        (OUTCOME, "no worse"): f"No more wrong answers than {rival}, proved.",
        (OUTCOME, "harm"): f"More wrong answers than {rival}, proved.",
        (SPLIT, "open"): "",
        (SPLIT, "void"): "The traffic was not split as assigned, so answers cannot be compared.",
        (OUTCOME, "void"): "",
    }
    if (reading.name, reading.decided) in plain:
        return plain[reading.name, reading.decided]
    if reading.name != OUTCOME:
        return f"{reading.name[:1].upper()}{reading.name[1:]}: {reading.decided}."
    if weighing.stage != "canary":
        return ""
    if not weighing.labelled:
        return "None of its own answers has a label yet, and without one it does not go on."
    return "Too few wrong answers yet to tell outcomes apart; that does not hold it back."


def weighing_of(records: StateReader, release: Release) -> Weighing | None:
    """The latest look at a release, or at the comparison that it is an arm of."""
    return records.get(Weighing, release.group or release.id)


def weighings(ledger: LedgerReader, release: Release, until: datetime | None, limit: int = LONGEST) -> list[Weighing]:
    """The looks at a release as they were recorded, oldest first; of more than `limit` the latest ones."""
    facts = about(ledger, "weighing.", release.group or release.id, until, limit)
    return [msgspec.convert(fact.state, Weighing) for fact in reversed(facts) if fact.state is not None]


def told_of(ledger: LedgerReader, release: Release, until: datetime | None, limit: int = 200) -> list[Fact]:
    """What is on record about a release, oldest first."""
    return list(reversed(about(ledger, "release.", release.id, until, limit)))


def about(ledger: LedgerReader, kind: str, subject: str, until: datetime | None, limit: int) -> list[Fact]:
    """What is on record about one subject, newest first, as known at an instant."""
    return ledger.recent(kind=kind, subject=subject, until=until, limit=limit)


def stretches(facts: Sequence[Fact]) -> list[Stretch]:
    """How long a release stood in each status, out of the facts about it, oldest first; statuses that end it have no length."""
    seen: list[Stretch] = []
    for fact in facts:
        state = fact.state or {}
        status, share = str(state.get("status", "")), float(state.get("share", 0.0))
        if seen and (seen[-1].status, seen[-1].share) == (status, share):
            continue
        if seen and seen[-1].until is None:
            last = seen.pop()
            seen.append(Stretch(last.status, last.share, last.since, fact.effective_at))
        seen.append(Stretch(status, share, fact.effective_at, fact.effective_at if status in OVER else None))
    return seen


OVER = ("retired", "rolled-back", "ended")
"""The statuses of a release that is in no traffic."""


def served(facts: Sequence[Fact]) -> list[tuple[datetime, datetime | None]]:
    """The times in which a release answered for all, from and until (None: it still does)."""
    return [(each.since, each.until) for each in stretches(facts) if each.status == "live"]


def ramp(release: Release, policy: Rollout, facts: Sequence[Fact]) -> list[Stage]:
    """The stages of the policy as steps, those behind a release, the one it stands in and those to come."""
    lasted = [each for each in stretches(facts) if each.status in (*TRIAL, "live")]
    made = []
    for place, step in enumerate(stages(policy)):
        share = step.share if step.kind == "canary" else 0.0
        was = next((each for each in lasted if each.status == step.kind and abs(each.share - share) < 1e-9), None)
        now = release.status in TRIAL and release.step == place
        until = release.since + step.hold if now else was.until if was else None
        made.append(
            Stage(step.kind, share, _state(release, place, now=now, was=was is not None), was.since if was else None, until)
        )
    live = next((each for each in lasted if each.status == "live"), None)
    state = "now" if release.status == "live" else "done" if live else "never" if release.status in OVER else "next"
    made.append(Stage("live", 1.0, state, live.since if live else None, live.until if live else None))
    return made


def _state(release: Release, place: int, *, now: bool, was: bool) -> str:
    if now:
        return "now"
    if was:
        return "done"
    return "next" if release.status in TRIAL and place > release.step else "never"


def signed(records: StateReader, release: Release, facts: Sequence[Fact]) -> Approval | None:
    """The approval by which a release came to answer for all: the one that its promotion names, else the one in force then."""
    named = next((str(fact.payload["approval"]) for fact in reversed(facts) if fact.payload.get("approval")), "")
    if named:
        return records.get(Approval, named)
    if release.live_at is None:
        return None
    own = records.latest(Approval, where={"action": "promote", "subject": release.id}, limit=1)
    policy = records.latest(Approval, where={"action": "rollout"}, limit=20)
    return next((each for each in (*own, *policy) if _held(each, release.live_at)), None)


def _held(approval: Approval, at: datetime) -> bool:
    return (
        approval.decided_at is not None
        and approval.decided_at <= at
        and (approval.expires_at is None or at < approval.expires_at)
    )


def promotion(records: StateReader, release: Release) -> Approval | None:
    """The request that a release may answer for all, while people still have to say something to it."""
    asked = records.latest(Approval, status=("requested",), where={"action": "promote", "subject": release.id}, limit=1)
    return asked[0] if asked and release.status in WAITING else None
