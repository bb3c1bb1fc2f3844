"""How a simulated person conducts themselves in a replay: when they would answer, and what they would send back.

Pure: from the declared behaviour and the instant they were asked.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from baton.team.person import Absence

if TYPE_CHECKING:
    from baton.project.behaviour import Behaviour

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HORIZON = timedelta(days=120)
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}


def absences(behaviour: Behaviour) -> tuple[Absence, ...]:
    """The declared absences, as the team knows them."""
    return tuple(Absence(each.since, each.until, "declared in the policy") for each in behaviour.away)


def answers_at(behaviour: Behaviour, asked: datetime) -> datetime | None:
    """When a person who was asked at an instant answers: after `answers` of working time, absences and silences not counted.

    None when they never do, or not within 120 days.
    """
    if behaviour.answers is None:
        return None
    left, now = behaviour.answers, asked
    for begins, ends in _working(behaviour, asked):
        now = max(begins, asked)
        if ends - now >= left:
            return now + left
        left -= max(ends - now, timedelta())
    return None


def _working(behaviour: Behaviour, since: datetime) -> list[tuple[datetime, datetime]]:
    """Stretches of time that count, in order, from `since` on."""
    spans = [(since, since + HORIZON)] if behaviour.hours is None else _office(behaviour, since)
    for gap in (*behaviour.away, *behaviour.silent):
        spans = [piece for span in spans for piece in _without(span, gap.since, gap.until)]
    return [span for span in spans if span[1] > since]


def _office(behaviour: Behaviour, since: datetime) -> list[tuple[datetime, datetime]]:
    days, _, hours = (behaviour.hours or "").partition(" ")
    first, last = (DAYS.index(name) for name in days.split("-"))
    wanted = {(first + step) % 7 for step in range((last - first) % 7 + 1)}
    zone, (opens, closes) = ZoneInfo(behaviour.zone), hours.split("-")
    begin = since.astimezone(zone).date()
    dates = (begin + timedelta(days=number) for number in range(-1, HORIZON.days))
    return [(_local(day, opens, zone), _local(day, closes, zone)) for day in dates if day.weekday() in wanted]


def _local(day: date, clock: str, zone: ZoneInfo) -> datetime:
    hour, minute = (int(part) for part in clock.split(":"))
    over, hour = divmod(hour, 24)
    return datetime.combine(day + timedelta(days=over), time(hour, minute), zone).astimezone(UTC)


def _without(span: tuple[datetime, datetime], since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    pieces = [(span[0], min(span[1], since)), (max(span[0], until), span[1])]
    return [piece for piece in pieces if piece[0] < piece[1]]


def objection(behaviour: Behaviour, edge: str, evidence: Mapping[str, Any]) -> str:
    """Why this person sends an offer back: the reason of the first rule whose condition the evidence meets; empty when none."""
    rules = (rule for rule in behaviour.declines if rule.edge == edge)
    return next((rule.reason for rule in rules if _meets(rule.when, evidence)), "")


def _meets(condition: str, evidence: Mapping[str, Any]) -> bool:
    found = re.fullmatch(r"([a-z_][a-z0-9_.]*) *(<=|>=|==|<|>) *(-?[0-9.]+)", condition)
    value: Any = evidence
    for part in found[1].split(".") if found else ():
        value = value.get(part) if isinstance(value, Mapping) else None
    return found is not None and isinstance(value, int | float) and _COMPARE[found[2]](value, float(found[3]))
