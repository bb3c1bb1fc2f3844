"""Releases: every move from every status, every step of a policy, the routes of every state."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from baton.delivery.release import MOVES, Cast, Release, advanced, cast_of, moved, routing_for, start
from baton.delivery.routing import Watch
from baton.kernel.errors import Conflict
from baton.project.definition import GuardRule, Rollout, RolloutStep, StandIn

AT = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = Rollout(
    steps=(RolloutStep(kind="shadow"), RolloutStep(kind="canary", share=0.1), RolloutStep(kind="canary", share=0.5, hold=2 * DAY))
)
ALLOWED = {
    "shadow": {"shadow", "canary", "live", "rolled-back"},
    "canary": {"canary", "live", "rolled-back"},
    "arm": {"live", "ended", "rolled-back"},
    "live": {"kept", "retired", "rolled-back"},
    "kept": {"live", "retired"},
    "retired": {"live"},
    "rolled-back": set[str](),
    "ended": set[str](),
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
    made = routing_for("flights", 5, Cast(one, two, baseline=zero), POLICY, watched=False)
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


def test_strategies_without_stages_are_live_at_once() -> None:
    for strategy in ("all-at-once", "blue-green"):
        made = start("r", 2, "b", "turn-1", AT, Rollout.model_validate({"strategy": strategy}), first=False)
        assert (made.status, made.share, made.step) == ("live", 1.0, 0)


def test_a_challenger_scores_silently_and_goes_live_from_there() -> None:
    policy = Rollout(strategy="champion-challenger")
    made = start("r", 2, "b", "turn-1", AT, policy, first=False)
    assert (made.status, made.share) == ("shadow", 0.0)
    assert advanced(made, policy, AT + DAY, "better").status == "live"


def test_the_version_before_stays_loaded_while_it_is_kept_and_stands_in() -> None:
    live, kept = release("live", id="rel-2", version=2), release("kept", id="rel-1", version=1)
    cast = cast_of([kept, live], Rollout(strategy="blue-green", baseline=False))
    made = routing_for("flights", 5, cast, Rollout(strategy="blue-green"), watched=True)
    assert [(route.variant, route.version) for route in made.routes] == [("live", 2), ("fallback", 1)]
    older = replace(kept, id="rel-0", version=0, since=AT - DAY)
    assert cast_of([older, kept, live], Rollout()).standby == kept, "of several, the one that was kept last"
    retired = replace(kept, status="retired")
    assert cast_of([retired, live], Rollout(strategy="blue-green")).standby is None
    assert cast_of([retired, live], Rollout(fallback="previous")).standby == retired


def test_a_declared_answer_and_the_watch_go_into_the_routing() -> None:
    policy = Rollout(
        steps=POLICY.steps,
        fallback=StandIn(answer=0.2),
        guard=GuardRule.model_validate({"slow": ["50ms", "200ms"]}),
        where={"carrier": ("AA",)},
    )
    trial = release("canary", id="rel-2", version=2, share=0.1, step=1)
    cast = Cast(release("live", id="rel-1", version=1), trial)
    made = routing_for("flights", 5, cast, policy, watched=True)
    canary = made.find("canary")
    assert canary is not None and (canary.step, canary.share, canary.where) == (1, 0.1, {"carrier": ("AA",)})
    assert made.default == 0.2
    assert made.watch == Watch(0.05 * 3 / 6, (50_000, 200_000)), "six questions share alpha, three are the server's"
    assert routing_for("flights", 5, cast, policy, watched=False).watch is None


def test_an_arm_that_went_keeps_its_place_so_that_nobody_is_drawn_anew() -> None:
    live = release("live", id="rel-0", version=1)
    one = release("arm", id="rel-1", version=2, share=0.2, variant="bold", group="g")
    gone = release("rolled-back", id="rel-2", version=3, share=0.0, variant="calm", group="g")
    made = routing_for("flights", 5, cast_of([live, gone, one], Rollout(baseline=False)), Rollout(), watched=False)
    assert [(route.variant, route.share) for route in made.routes] == [("live", 1.0), ("calm", 0.0), ("bold", 0.2)]
    over = cast_of([live, gone, replace(one, status="ended")], Rollout(baseline=False))
    assert over.arms == ()
