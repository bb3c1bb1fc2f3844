"""Releases and rollouts: every move from every status, every step of a policy, every case of a decision."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from baton.delivery.release import MOVES, Release, advanced, moved, routing_for, start
from baton.delivery.rollout import Evidence, decide
from baton.kernel.errors import Conflict
from baton.project.definition import Rollout, RolloutStep

AT = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = Rollout(
    steps=(RolloutStep(kind="shadow"), RolloutStep(kind="canary", share=0.1), RolloutStep(kind="canary", share=0.5, hold=2 * DAY))
)
ALLOWED = {
    "shadow": {"shadow", "canary", "live", "rolled-back"},
    "canary": {"canary", "live", "rolled-back"},
    "live": {"retired", "rolled-back"},
    "retired": {"live"},
    "rolled-back": set[str](),
}


def release(status: str = "shadow", step: int = 0, **changed: Any) -> Release:
    return replace(Release("rel-1", 2, "b" * 64, status, AT, AT, step=step), **changed)


@pytest.mark.parametrize(("before", "after"), list(product(ALLOWED, ALLOWED)))
def test_every_move_is_allowed_or_refused(before: str, after: str) -> None:
    one = release(before, live_at=AT - DAY, share=0.3)
    if after not in ALLOWED[before]:
        with pytest.raises(Conflict, match=f"is {before} and cannot become {after}") as caught:
            moved(one, after, AT + DAY, "why")
        assert (", ".join(sorted(ALLOWED[before])) or "nothing, this is an end") in caught.value.why
        return
    other = moved(one, after, AT + DAY, "why")
    assert (other.status, other.since, other.reason, other.started_at) == (after, AT + DAY, "why", AT)
    assert other.live_at == (AT + DAY if after == "live" else AT - DAY)
    assert other.share == (1.0 if after == "live" else 0.0)


def test_the_table_is_this_one() -> None:
    assert {status: set(moves) for status, moves in MOVES.items()} == ALLOWED


def test_the_first_release_is_live_at_once_and_so_is_one_without_steps() -> None:
    for made in (
        start("r", 1, "b", "turn-1", AT, POLICY, first=True),
        start("r", 1, "b", "turn-1", AT, Rollout(steps=()), first=False),
    ):
        assert (made.status, made.share, made.live_at, made.since) == ("live", 1.0, AT, AT)
    assert start("r", 1, "b", "turn-1", AT, POLICY, first=True).step == 3


def test_a_release_walks_the_policy_and_goes_live_after_its_last_step() -> None:
    made, walked = start("r", 2, "b", "turn-1", AT, POLICY, first=False), []
    for day in range(1, 5):
        walked.append((made.status, made.step, made.share))
        if made.status == "live":
            break
        made = advanced(made, POLICY, AT + day * DAY, f"day {day}")
    assert walked == [("shadow", 0, 0.0), ("canary", 1, 0.1), ("canary", 2, 0.5), ("live", 3, 1.0)]
    assert (made.live_at, made.since, made.started_at, made.reason) == (AT + 3 * DAY, AT + 3 * DAY, AT, "day 3")
    with pytest.raises(Conflict):
        advanced(made, POLICY, AT + 4 * DAY, "again")


def test_a_policy_may_begin_with_a_canary() -> None:
    made = start("r", 2, "b", "", AT, Rollout(steps=(RolloutStep(kind="canary", share=0.25),)), first=False)
    assert (made.status, made.share, made.live_at) == ("canary", 0.25, None)


@pytest.mark.parametrize(("live", "trial", "baseline"), list(product((False, True), (None, "shadow", "canary"), (False, True))))
def test_the_routes_of_every_state(live: bool, trial: str | None, baseline: bool) -> None:
    one = release("live", id="rel-live", version=1) if live else None
    two = release(trial, id="rel-trial", version=2, share=0.2) if trial else None
    zero = release("retired", id="rel-base", version=0) if baseline else None
    made = routing_for("flights", 5, one, two, zero)
    expected = []
    if live:
        expected = [
            "live",
            *(["challenger"] if trial else []),
            *(["canary"] if trial == "canary" else []),
            *(["shadow"] if baseline else []),
        ]
    assert [route.variant for route in made.routes] == expected
    assert (made.project, made.serial, made.salt) == ("flights", 5, "flights")
    shares = {route.variant: route.share for route in made.routes}
    assert shares.pop("canary", 0.2) == 0.2 and set(shares.values()) <= {1.0}
    releases = {"live": "rel-live", "challenger": "rel-trial", "canary": "rel-trial", "shadow": "rel-base"}
    assert all(route.release == releases[route.variant] for route in made.routes)


GOOD = Evidence(100, 0, 50, 0.004, -0.01, 0.01)
ROLLOUT = Rollout(steps=(RolloutStep(kind="shadow"),), margin=0.005)
CASES: dict[str, tuple[Evidence, timedelta, str, str]] = {
    "errors, at once": (replace(GOOD, errors=1), timedelta(0), "roll-back", "1 of 101 requests"),
    "errors though better": (replace(GOOD, errors=3, difference=-1.0), 3 * DAY, "roll-back", "3 of 103 requests"),
    "proven harm within the hold": (replace(GOOD, difference=0.02, low=0.0051), timedelta(0), "roll-back", "Brier worse by"),
    "harm just not proven": (replace(GOOD, difference=0.02, low=0.005), timedelta(0), "hold", "holds shadow until"),
    "good but early": (GOOD, DAY - timedelta(microseconds=1), "hold", "2023-01-02T00:00:00"),
    "good in time": (GOOD, DAY, "advance", "on 50 labelled rows"),
    "at the margin": (replace(GOOD, difference=0.005), DAY, "advance", "margin 0.005"),
    "better": (replace(GOOD, difference=-0.1, low=-0.2, high=-0.05), DAY, "advance", "-0.1000"),
    "no labels": (replace(GOOD, labelled=0, difference=None, low=None, high=None), DAY, "hold", "no data, no advance"),
    "no labels for long": (
        replace(GOOD, labelled=0, difference=None, low=None, high=None),
        100 * DAY,
        "hold",
        "no data, no advance",
    ),
    "no answers": (Evidence(0, 0, 0), 100 * DAY, "hold", "no data, no advance"),
    "above the margin so far": (
        replace(GOOD, difference=0.0051),
        7 * DAY - timedelta(microseconds=1),
        "hold",
        "above the margin",
    ),
    "above the margin for too long": (replace(GOOD, difference=0.0051), 7 * DAY, "roll-back", "in 7 days"),
}


@pytest.mark.parametrize("case", CASES)
def test_every_case_of_a_decision(case: str) -> None:
    evidence, since, move, said = CASES[case]
    decision = decide(release(), ROLLOUT, evidence, AT + since)
    assert decision.move == move and said in decision.reason


def test_a_policy_that_was_shortened_meanwhile_ends_the_hold() -> None:
    assert decide(release("canary", step=3), ROLLOUT, GOOD, AT).move == "advance"
    assert advanced(release("canary", step=3), ROLLOUT, AT, "x").status == "live"
    assert decide(release("canary", step=1), Rollout(steps=()), replace(GOOD, labelled=0, difference=None), AT).move == "hold"
