"""Rollouts: every case of a decision; no data, no advance; nothing is assumed that is not proved."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from baton.delivery.reading import Arm, Decided, Question, Reading
from baton.delivery.release import Release
from baton.delivery.rollout import Evidence, decide, weighed
from baton.project.definition import Rollout, RolloutStep

AT = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = Rollout(
    steps=(RolloutStep(kind="shadow"), RolloutStep(kind="canary", share=0.1), RolloutStep(kind="canary", share=0.5)),
    latest=7 * DAY,
)


def release(status: str = "shadow", **changed: Any) -> Release:
    return replace(Release("rel-1", 2, "b" * 64, status, AT, AT, step=0 if status == "shadow" else 1), **changed)


def reading(name: str, decided: Decided) -> Reading:
    return Reading(name, Question("?", 1.0, 20.0), None, (Arm("a", 1, 0),), None, decided, f"{name} is {decided}.")


def found(labelled: int = 0, **decided: Decided) -> Evidence:
    return Evidence(tuple(reading(name, each) for name, each in decided.items()), 2 * labelled, labelled)


PROVED = found(quality="no worse", failures="no worse")
CASES: dict[str, tuple[str, Evidence, timedelta, str, str]] = {
    "nothing seen": ("shadow", Evidence(), 2 * DAY, "hold", "nothing was seen yet"),
    "proved but early": ("shadow", PROVED, DAY - timedelta(seconds=1), "hold", "holds shadow until 2023-01-02T00:00:00Z"),
    "proved in time": ("shadow", PROVED, DAY, "advance", "quality is no worse."),
    "open is not proved": ("shadow", found(quality="open", failures="no worse"), DAY, "hold", "quality is open."),
    "failures open": ("shadow", found(quality="no worse", failures="open"), DAY, "hold", "failures is open."),
    "harm within the hold": ("shadow", found(quality="harm", failures="open"), timedelta(0), "roll-back", "quality is harm."),
    "harm though proved": ("shadow", found(quality="no worse", failures="harm"), DAY, "roll-back", "failures is harm."),
    "canary without answers": ("canary", PROVED, 3 * DAY, "hold", "no data, no advance"),
    "canary proved": ("canary", found(9, quality="no worse", failures="no worse", split="open", outcome="open"), DAY, "advance", ""),
    "outcome harm": ("canary", found(9, quality="no worse", failures="no worse", split="open", outcome="harm"), DAY, "roll-back", "outcome is harm"),
    "broken split": ("canary", found(9, quality="no worse", failures="no worse", split="void", outcome="void"), DAY, "hold", "split is void"),
    "broken split and failures": ("canary", found(9, failures="harm", split="void"), DAY, "roll-back", "failures is harm"),
    "broken split for long": ("canary", found(9, quality="no worse", failures="no worse", split="void"), 99 * DAY, "hold", "split is void"),
    "overdue": ("shadow", found(quality="open", failures="no worse"), 7 * DAY, "roll-back", "not proved within 7d of shadow"),
    "just not overdue": ("shadow", found(quality="open", failures="no worse"), 7 * DAY - timedelta(seconds=1), "hold", "quality is open"),
    "no data for long": ("shadow", Evidence(), 7 * DAY, "roll-back", "nothing was seen yet"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_case_of_a_decision(case: str) -> None:
    status, evidence, since, move, said = CASES[case]
    decision = decide(release(status), POLICY, evidence, AT + since)
    assert (decision.move, said in decision.reason) == (move, True), decision.reason


def test_what_is_overdue_may_wait_for_a_person() -> None:
    policy = POLICY.model_copy(update={"overdue": "hold"})
    decision = decide(release(), policy, found(quality="open", failures="no worse"), AT + 8 * DAY)
    assert decision.move == "hold" and "waits for a person" in decision.reason and "baton rollback" in decision.reason


def test_a_challenger_is_never_overdue() -> None:
    policy = Rollout(strategy="champion-challenger")
    assert decide(release(), policy, found(quality="open", failures="no worse"), AT + 900 * DAY).move == "hold"
    assert decide(release(), policy, PROVED, AT + 900 * DAY).move == "advance"


def test_a_policy_that_was_shortened_meanwhile_ends_the_hold() -> None:
    assert decide(release("canary", step=9), POLICY, replace(PROVED, labelled=1), AT).move == "advance"


def test_a_look_keeps_what_decided() -> None:
    evidence = found(quality="harm", failures="open")
    look = weighed(release(), evidence, decide(release(), POLICY, evidence, AT), AT)
    assert (look.id, look.status, look.because, look.readings) == ("rel-1", "roll-back", ("quality",), evidence.readings)
