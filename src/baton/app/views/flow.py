"""How results move between phases, and how well the team delivers: edges with waiting times, and the four key metrics over months.

Read from the newest records of each kind, so that a page costs the same however long the ledger is.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from baton.app.lifecycle.turn import Turn
from baton.delivery.release import Release
from baton.incidents.incident import Incident
from baton.ledger.fact import POLICY
from baton.ledger.ports import StateReader
from baton.team.handoff import Handoff
from baton.team.metrics import Spread, spread

READ: Final = 1500
"""So many of the newest hand-offs are counted."""
RELEASES: Final = 300
"""So many of the newest releases, turns and incidents are looked at."""
MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class Flow:
    """One edge in a stretch of time: how many results were offered along it and what became of them.

    `waited` is from the offer to the answer of a person or of policy; `by_people` how many a person answered.
    """

    edge: str
    giver: str
    receiver: str
    payload: str
    offered: int
    open: int
    accepted: int
    declined: int
    escalated: int
    lapsed: int
    by_people: int
    waited: Spread


@dataclass(frozen=True, slots=True)
class Flows:
    """Every edge, in the order of the phases; how many hand-offs were read, of how many in all; the share policy answered."""

    edges: tuple[Flow, ...]
    read: int
    total: int
    automatic: float | None
    whole: bool


@dataclass(frozen=True, slots=True)
class Month:
    """The metrics of one calendar month (UTC), or of all of them together when `begins` is None. Shares are None for nothing."""

    begins: datetime | None
    deployments: int
    started: int
    failed: int
    lead: Spread
    restore: Spread

    @property
    def failure_rate(self) -> float | None:
        """The share of the releases begun in it that were rolled back."""
        return self.failed / self.started if self.started else None


def flows(records: StateReader, at: datetime, days: int | None) -> Flows:
    """The edges over so many days before an instant; over all that is read when None."""
    found = records.latest(Handoff, limit=READ)
    total = sum(records.counts(Handoff).values())
    since = None if days is None else at - timedelta(days=days)
    inside = [each for each in found if since is None or each.offered_at >= since]
    whole = len(found) == total or (since is not None and bool(found) and found[-1].offered_at < since)
    by_edge: dict[tuple[str, str, str], list[Handoff]] = defaultdict(list)
    for each in inside:
        by_edge[each.edge, each.given_in, each.taken_in].append(each)
    answered = [each for each in inside if each.status in ("accepted", "declined")]
    automatic = sum(each.answered_by == POLICY for each in answered) / len(answered) if answered else None
    edges = sorted((_flow(key, known) for key, known in by_edge.items()), key=lambda each: (-each.offered, each.edge))
    return Flows(tuple(edges), len(inside), total, automatic, whole)


def _flow(key: tuple[str, str, str], known: Sequence[Handoff]) -> Flow:
    ended = [each for each in known if each.status in ("accepted", "declined") and each.answered_at is not None]
    statuses = [each.status for each in known]
    return Flow(
        *key,
        payload=known[0].payload,
        offered=len(known),
        open=statuses.count("offered"),
        accepted=statuses.count("accepted"),
        declined=statuses.count("declined"),
        escalated=sum(each.level > 0 for each in known),
        lapsed=statuses.count("lapsed"),
        by_people=sum(each.answered_by not in ("", POLICY) for each in ended),
        waited=spread([each.answered_at - each.offered_at for each in ended if each.answered_at is not None]),
    )


def delivery(records: StateReader, at: datetime) -> tuple[Month, tuple[Month, ...]]:
    """The four key metrics of a year, together and month by month, oldest first.

    After Forsgren, Humble and Kim, "Accelerate" (2018). A deployment is a release that came to serve all traffic; its change began
    with its turn; it failed when it was rolled back.
    """
    releases = records.latest(Release, limit=RELEASES)
    begun = {turn.id: turn.started_at for turn in records.latest(Turn, limit=RELEASES)}
    incidents = records.latest(Incident, limit=RELEASES)
    months = _months(at)
    told = tuple(_month(begins, ends, releases, begun, incidents) for begins, ends in zip(months, (*months[1:], at), strict=True))
    year = _month(months[0], at, releases, begun, incidents)
    return Month(None, year.deployments, year.started, year.failed, year.lead, year.restore), told


def _months(at: datetime) -> list[datetime]:
    """The beginnings of the last months up to an instant."""
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = [first]
    while len(found) < MONTHS:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found[::-1]


def _month(
    begins: datetime, ends: datetime, releases: Sequence[Release], begun: dict[str, datetime], incidents: Sequence[Incident]
) -> Month:
    live = [each for each in releases if each.live_at is not None and begins <= each.live_at < ends]
    started = [each for each in releases if begins <= each.started_at < ends]
    ended = [each for each in incidents if each.resolved_at is not None and begins <= each.resolved_at < ends]
    return Month(
        begins,
        len(live),
        len(started),
        sum(each.status == "rolled-back" for each in started),
        spread([each.live_at - begun[each.turn] for each in live if each.live_at is not None and each.turn in begun]),
        spread([each.resolved_at - each.opened_at for each in ended if each.resolved_at is not None]),
    )
