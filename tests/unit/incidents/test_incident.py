"""Incidents move as drawn; a retraining waits for its cooldown and its budget."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.incidents.incident import MOVES, Incident, moved
from baton.incidents.proposal import YEAR, Proposal, brake
from baton.incidents.proposal import moved as moved_proposal
from baton.kernel.errors import Conflict
from baton.project.definition import Retraining

AT = datetime(2023, 6, 1, tzinfo=UTC)
DAY, TICK = timedelta(days=1), timedelta(microseconds=1)
OPEN = Incident("incident-1", "open", 2, "calibration", "release-1", "scores too high", "ann", AT, AT)
ALLOWED = {"open": {"mitigating", "resolved"}, "mitigating": {"resolved", "open"}, "resolved": set[str]()}
POLICY = Retraining(cooldown=21 * DAY, budget=3)


@pytest.mark.parametrize(("before", "after"), list(product(ALLOWED, [*ALLOWED, "closed"])))
def test_every_move_is_allowed_or_refused(before: str, after: str) -> None:
    one = replace(OPEN, status=before)
    if after not in ALLOWED[before]:
        with pytest.raises(Conflict, match=f"is {before} and cannot become {after}"):
            moved(one, after, AT + DAY)
        return
    other = moved(one, after, AT + DAY, mended_by="release-2")
    assert (other.status, other.since, other.opened_at, other.mended_by) == (after, AT + DAY, AT, "release-2")
    assert other.resolved_at == (AT + DAY if after == "resolved" else None)


def test_the_table_is_this_one() -> None:
    assert {status: set(moves) for status, moves in MOVES.items()} == ALLOWED


STEPS = {("waiting", "approved"), ("waiting", "failed"), ("approved", "done"), ("approved", "failed"), ("failed", "approved")}


@pytest.mark.parametrize(("before", "after"), list(product(("waiting", "approved", "done", "failed"), repeat=2)))
def test_every_move_of_a_proposal_is_allowed_or_refused(before: str, after: str) -> None:
    one = Proposal("proposal-1", before, "incident-1", "scores too high", AT)
    if (before, after) not in STEPS:
        with pytest.raises(Conflict, match=f"is {before} and cannot become {after}"):
            moved_proposal(one, after)
        return
    assert moved_proposal(one, after, brake="told") == replace(one, status=after, brake="told")


def started(*ago: timedelta) -> list[Proposal]:
    return [
        Proposal(f"proposal-{place}", "done", "incident-1", "", AT - span, started_at=AT - span) for place, span in enumerate(ago)
    ]


IDLE = Proposal("proposal-9", "waiting", "incident-1", "", AT)


@pytest.mark.parametrize(
    ("earlier", "said"),
    [
        ([], ""),
        ([IDLE] * 9, ""),
        (started(21 * DAY), ""),
        (started(21 * DAY - TICK), "cooldown until 2023-06-01T00:00:00.000001Z"),
        (started(timedelta(0)), "cooldown until 2023-06-22T00:00:00Z"),
        (started(30 * DAY, 20 * DAY), "cooldown until 2023-06-02T00:00:00Z"),
        (started(20 * DAY, 30 * DAY), "cooldown until 2023-06-02T00:00:00Z"),
        (started(100 * DAY, 60 * DAY), ""),
        (started(100 * DAY, 60 * DAY, 30 * DAY), "budget spent: 3 retrainings in 365 days"),
        (started(YEAR - TICK, 60 * DAY, 30 * DAY), "budget spent: 3 retrainings in 365 days"),
        (started(YEAR, 60 * DAY, 30 * DAY), ""),
        ([*started(YEAR + DAY, YEAR, 60 * DAY, 30 * DAY), IDLE], ""),
    ],
)
def test_the_brake_at_its_edges(earlier: list[Proposal], said: str) -> None:
    assert brake(POLICY, earlier, AT) == said


def test_a_budget_of_nothing_and_a_cooldown_of_nothing() -> None:
    assert brake(Retraining(budget=0), [], AT) == "budget spent: 0 retrainings in 365 days"
    assert brake(Retraining(cooldown=timedelta(0), budget=2), started(timedelta(0)), AT) == ""


@settings(deadline=None, max_examples=80)
@given(st.lists(st.integers(0, 4), min_size=50, max_size=400), st.integers(0, 4), st.integers(0, 30))
def test_whoever_obeys_the_brake_keeps_budget_and_cooldown(steps: list[int], budget: int, cooldown: int) -> None:
    policy, made, now = Retraining(budget=budget, cooldown=cooldown * DAY), list[Proposal](), AT
    for step in steps:
        now += step * DAY
        if not brake(policy, made, now):
            made.append(replace(IDLE, started_at=now))
    at = [proposal.started_at for proposal in made if proposal.started_at is not None]
    assert all(later - earlier >= cooldown * DAY for earlier, later in pairwise(at))
    assert all(sum(begin <= moment < begin + YEAR for moment in at) <= budget for begin in at)
