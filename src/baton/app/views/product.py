"""What the model is worth: the question, what was agreed as success against what is, value by month, what is proposed and where it waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from baton.app.lifecycle.turn import OPEN, Turn
from baton.app.views.criterion import Standing, bound, margin, met, standing, told
from baton.app.views.incidents import OPEN as UNRESOLVED
from baton.app.views.monitoring import bounds_of, gained, without
from baton.delivery.release import TRIAL, Release
from baton.incidents.incident import Incident
from baton.incidents.proposal import Proposal
from baton.ledger.ports import LedgerReader, StateReader
from baton.monitoring.month import Month
from baton.team.approval import Approval
from baton.team.handoff import Handoff

if TYPE_CHECKING:
    from baton.project.definition import Criterion, Problem

TURNS = 24


@dataclass(frozen=True, slots=True)
class Promise:
    """One criterion of success: its metric and limit in words, what the latest month with labels shows, and which months broke it.

    `standing` is judged by `criterion.standing`, empty while nothing has been measured; `broken` are months, oldest first, of `months`
    measured. `margin` is how far the latest month is on the good side of the limit.
    """

    metric: str
    limit: str
    at_least: float | None
    at_most: float | None
    latest: float | None
    month: str
    standing: Standing
    broken: tuple[str, ...]
    months: int
    margin: float | None

    @property
    def count(self) -> str:
        """How many of the months measured kept it, in words."""
        return f"kept in {self.months - len(self.broken)} of {self.months} month{'s' if self.months != 1 else ''}"


@dataclass(frozen=True, slots=True)
class Worth:
    """Value over the months told: in all, of the latest month, and more than the first model, left alone, would have brought.

    `judged_at` is when the latest month was last judged: labels and predictions that came since are not in it.
    """

    total: float | None
    latest: float | None
    month: str
    gained: float | None
    predictions: int
    judged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing under way, proposed or in the way: what it is, where it stands, on whom it waits, since when, and its page.

    `waits_on` is empty where nobody is named, None where it waits on no single person. `tone` is bad or warn for what is in the way.
    """

    what: str
    status: str
    waits_on: str | None
    since: datetime
    page: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """A turn of the loop over time: from its start to when its version went live, or to its end without one."""

    turn: Turn
    live_at: datetime | None
    ended: datetime | None


def promises(problem: Problem, known: Sequence[Month]) -> list[Promise]:
    """Every criterion of success against the months measured by it."""
    return [_promise(criterion, known) for criterion in problem.success]


def _promise(criterion: Criterion, known: Sequence[Month]) -> Promise:
    measured = [(each, value) for each in known if (value := getattr(each, criterion.metric, None)) is not None]
    month, latest = (measured[-1][0].month, measured[-1][1]) if measured else ("", None)
    return Promise(
        criterion.metric,
        bound(criterion),
        criterion.at_least,
        criterion.at_most,
        latest,
        month,
        standing(criterion, [value for _, value in measured]),
        tuple(each.month for each, value in measured if not met(criterion, value)),
        len(measured),
        None if latest is None else margin(criterion, latest),
    )


def worth(known: Sequence[Month], ledger: LedgerReader, until: datetime | None = None) -> Worth:
    """The value of the months told; `until` is the instant that is looked at when it is one of the past."""
    judged = ledger.recent(subject=known[-1].id, kind="month.", until=until, limit=1) if known else []
    valued = [each for each in known if each.value is not None]
    return Worth(
        sum(each.value or 0.0 for each in valued) if valued else None,
        valued[-1].value if valued else None,
        valued[-1].month if valued else "",
        gained(without(known)),
        sum(each.predictions for each in known),
        judged[0].effective_at if judged else None,
    )


def under_way(records: StateReader, limit: int = 20) -> list[Step]:
    """What is proposed or going on, and where it waits: proposals, turns, releases on trial, approvals, results not yet taken."""
    steps = [
        *(Step(f"retraining: {each.reason}", f"held back: {each.brake}" if each.brake else "proposed", "", each.made_at, f"/incidents/{each.incident}")
          for each in records.latest(Proposal, status=("waiting",), limit=limit)),
        *(Step(f"turn {each.number}: {each.reason}", each.status, each.waits_for, each.since, f"/models/{each.version}" if each.version else "/models")
          for each in records.latest(Turn, status=OPEN, limit=limit)),
        *(Step(f"version {each.version} on trial", each.status, "", each.since, f"/releases/{each.id}")
          for each in records.latest(Release, status=TRIAL, limit=limit)),
        *(Step(each.what, "needs approval", "", each.requested_at, f"/inbox/{each.id}")
          for each in records.latest(Approval, status=("requested",), limit=limit)),
        *(Step(f"{each.payload} ({each.subject})", "offered", each.waiting_on, each.since, f"/inbox/{each.id}")
          for each in records.earliest(Handoff, "deadline", status=("offered",), limit=limit)),
    ]  # fmt: skip
    return sorted(steps, key=lambda step: step.since)[:limit]


def stages(records: StateReader) -> list[Stage]:
    """The latest turns, oldest first, with when what they made went live."""
    releases = {each.id: each for each in records.latest(Release, limit=200)}
    found = []
    for turn in reversed(records.latest(Turn, limit=TURNS)):
        release = releases.get(turn.release)
        live_at = release.live_at if release is not None else None
        found.append(Stage(turn, live_at, None if turn.status in OPEN else max(turn.since, live_at or turn.since)))
    return found


def risks(records: StateReader, at: datetime, promised: Sequence[Promise] = ()) -> list[Step]:
    """What stands against it: open incidents, the worst first, results whose time is over, and promises that months broke."""
    wrong = sorted(records.latest(Incident, status=UNRESOLVED, limit=50), key=lambda each: (each.severity, each.opened_at))
    late = [each for each in records.earliest(Handoff, "deadline", status=("offered",), limit=20) if each.deadline < at]
    return [
        *(Step(each.cause, each.status, each.owner, each.opened_at, f"/incidents/{each.id}", "bad") for each in wrong[:10]),
        *(
            Step(f"late: {each.payload} ({each.subject})", "late", each.waiting_on, each.deadline, f"/inbox/{each.id}", "bad")
            for each in late
        ),
        *(_break(each) for each in promised if each.broken),
    ]


def _break(promise: Promise) -> Step:
    """A promise that months broke: as old as the last of them."""
    last, missed = promise.broken[-1], promise.standing == "missed"
    return Step(
        f"{told(promise.metric)}: {promise.limit} was agreed, {promise.count}; not in {', '.join(promise.broken[-12:])}",
        "missed" if missed else "kept again",
        None,
        bounds_of(last).since,
        f"/monitoring/month/{last}",
        "bad" if missed else "warn",
    )
