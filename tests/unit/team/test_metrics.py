"""Delivery metrics: told by hand for a small story, and by a slow loop for any."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.ledger.fact import Fact
from baton.team.metrics import delivery, spread

AT = datetime(2023, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def fact(kind: str, of: str, hours: float, actor: str = "baton", **state: Any) -> Fact:
    moment = AT + hours * HOUR
    return Fact(kind, kind.partition(".")[0], of, actor, "", moment, moment, "", {}, {"id": of, **state})


def handed(verb: str, hours: float, who: str, actor: str = "baton", status: str = "offered", **more: Any) -> Fact:
    state: Mapping[str, Any] = {"edge": "report", "subject": "month 1", "status": status, "waiting_on": who}
    return fact(f"handoff.{verb}", "h1", hours, actor, since=(AT + hours * HOUR).isoformat(), **{**state, **more})


STORY = [
    fact("turn.started", "turn-1", 0),
    fact("release.started", "r1", 10, status="shadow", turn="turn-1"),
    fact("release.promoted", "r1", 48, status="live", turn="turn-1"),
    handed("offered", 50, "priya"),
    handed("escalated", 60, "sam"),
    handed("declined", 63, "sam", "sam", "declined"),
    fact("incident.opened", "i1", 70),
    fact("turn.started", "turn-2", 71),
    fact("release.started", "r2", 80, status="shadow", turn="turn-2"),
    fact("release.rolled-back", "r2", 90, "ola", status="rolled-back", turn="turn-2"),
    fact("incident.resolved", "i1", 94),
    fact(
        "handoff.offered",
        "h2",
        100,
        edge="report",
        subject="month 1",
        status="offered",
        waiting_on="priya",
        since=(AT + 100 * HOUR).isoformat(),
    ),
    fact("handoff.accepted", "h2", 104, "priya", edge="report", subject="month 1", status="accepted", waiting_on="priya"),
]


def test_a_story_told_by_hand() -> None:
    told = delivery(STORY, AT, AT + 30 * DAY)
    assert (told.deployments, told.per_month, told.failure_rate) == (1, 1.0, 0.5)
    assert (told.lead_time.median, told.restore.median) == (48 * HOUR, 24 * HOUR)
    assert told.handoffs_automatic == 0.0 and told.steps_automatic == 5 / 6
    (flow,) = told.flows
    assert (flow.offered, flow.accepted, flow.by_people, flow.declined, flow.escalated, flow.lapsed) == (2, 1, 1, 1, 1, 0)
    assert flow.lead.median == 54 * HOUR
    assert {who: spans.count for who, spans in told.waiting.items()} == {"priya": 2, "sam": 1}
    assert told.waiting["priya"].median == 7 * HOUR and told.waiting["sam"].median == 3 * HOUR


def test_nothing_happened() -> None:
    told = delivery([], AT, AT + DAY)
    assert (told.deployments, told.failure_rate, told.handoffs_automatic, told.flows, dict(told.waiting)) == (
        0,
        None,
        None,
        (),
        {},
    )
    assert told.lead_time == told.restore == spread([])


def test_only_what_lies_in_the_stretch_counts_and_open_waits_run_to_its_end() -> None:
    told = delivery(STORY[:4], AT + 55 * HOUR, AT + 58 * HOUR)
    assert told.deployments == 0 and told.waiting["priya"].median == 3 * HOUR
    assert delivery(STORY, AT + 48 * HOUR, AT + 49 * HOUR).lead_time.median == 48 * HOUR


def test_a_wait_begins_only_when_the_consultation_is_settled() -> None:
    told = [
        handed("offered", 0, "priya", consultation="c"),
        handed("consulted", 5, "priya"),
        handed("accepted", 7, "priya", "priya", "accepted"),
    ]
    assert delivery(told, AT, AT + DAY).waiting["priya"].median == 2 * HOUR


@given(st.lists(st.integers(0, 10**6), max_size=30))
def test_a_spread_is_that_of_the_sorted_list(seconds: list[int]) -> None:
    told = spread([timedelta(seconds=each) for each in seconds])
    assert told.count == len(seconds)
    if not seconds:
        assert told.median is told.p90 is None
        return
    assert told.median is not None and told.p90 is not None
    assert told.median.total_seconds() == pytest.approx(median(seconds))
    place = 0.9 * (len(seconds) - 1)
    low = sorted(seconds)[int(place)]
    high = sorted(seconds)[min(int(place) + 1, len(seconds) - 1)]
    assert told.p90.total_seconds() == pytest.approx(low + (place - int(place)) * (high - low), abs=1e-3)
