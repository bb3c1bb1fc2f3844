"""Releases as they are told: stages, stretches of time, who answers, what a roll-back would do."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from baton.app.views import release as view
from baton.app.views.comparison import arms
from baton.app.views.traffic import returning, traffic, turned_away
from baton.backends.state.sql import open_sqlite
from baton.delivery.reading import Arm, Decided, Question, Reading
from baton.delivery.release import Release, cast_of
from baton.delivery.weighing import Weighing
from baton.kernel.errors import NotFound
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act, Record
from baton.ledger.ports import State
from baton.project.definition import Rollout, StandIn
from baton.registry.version import ModelVersion
from baton.team.approval import Approval, Signature
from baton.team.override import Override

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST = Release("release-1", 1, "1" * 64, "live", BEGIN, BEGIN, 2, 1.0, live_at=BEGIN)
SHADOW = Release("release-2", 2, "2" * 64, "shadow", BEGIN + 10 * DAY, BEGIN + 10 * DAY)
CANARY = replace(SHADOW, status="canary", since=BEGIN + 11 * DAY, step=1, share=0.2)
Put = Callable[..., None]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    found = open_sqlite(tmp_path / "state.db", create=True)
    yield found
    found.close()


@pytest.fixture
def put(state: State) -> Put:
    def recorded(record: Record, verb: str, day: float, **told: object) -> None:
        draft = Draft(state)
        draft.record(Act(SYSTEM, "", BEGIN + day * DAY), record, verb, f"{verb} for a reason", **told)
        draft.commit({}, expect={})

    return recorded


def trial(put: Put) -> None:
    put(FIRST, "started", 0)
    put(SHADOW, "started", 10)
    put(CANARY, "advanced", 11, share=0.2)


def test_a_canary_takes_its_share_and_scores_the_rest(state: State, put: Put) -> None:
    trial(put)
    found = traffic(state, Rollout())
    assert [(each.name, each.release.id, each.share) for each in found.answering] == [
        ("live", "release-1", 0.8),
        ("canary", "release-2", 0.2),
    ]
    assert [each.name for each in found.silent] == ["challenger"]
    assert found.halt is None and found.standby is None and found.default is None


def test_arms_share_with_live_and_the_frozen_first_one_is_told(state: State, put: Put) -> None:
    put(replace(FIRST, status="retired", share=0.0, since=BEGIN + DAY), "retired", 0)
    put(replace(FIRST, id="release-3", version=3, since=BEGIN + DAY), "promoted", 1)
    for place, name in enumerate(("bold", "calm")):
        put(
            Release(
                f"release-arm-{name}", 4 + place, "4" * 64, "arm", BEGIN, BEGIN, share=0.25, variant=name, group="comparison-1"
            ),
            "started",
            2,
        )
    found = traffic(state, Rollout(fallback="previous"))
    assert [(each.name, each.share) for each in found.answering] == [("live", 0.5), ("bold", 0.25), ("calm", 0.25)]
    assert [each.name for each in found.silent] == ["baseline"]
    assert found.standby is not None and found.standby.release.id == "release-1"
    assert {name: len(arms) for name, arms in arms(state).items()} == {"comparison-1": 2}


def test_a_halt_and_the_declared_answer_are_told(state: State, put: Put) -> None:
    trial(put)
    put(Override("override-1", "holding", "halt", "anything", "incident", "cleo", "smoke", BEGIN, None, since=BEGIN), "held", 12)
    put(Override("override-2", "asked", "freeze", "anything", "deploy", "ann", "a storm", BEGIN, BEGIN + 20 * DAY), "asked", 12)
    found = traffic(state, Rollout(fallback=StandIn(answer=0.25), where={"carrier": ("AA", "UA")}))
    assert found.halt is not None and found.halt.reason == "smoke"
    assert [each.id for each in found.overrides] == ["override-2"]
    assert found.default == 0.25 and found.where == "carrier: AA, UA"


def test_the_stand_in_is_the_one_that_the_routing_names(state: State, put: Put) -> None:
    put(replace(FIRST, id="release-3", version=3), "promoted", 0)
    for number in (2, 1):
        put(replace(FIRST, id=f"release-{number}", version=number, status="kept", since=BEGIN + number * DAY), "kept", number)
    found, cast = traffic(state, Rollout()).standby, cast_of(state.all(Release), Rollout())
    assert found is not None and found.release == cast.standby and found.words == "version 2 is kept warm"


def test_nobody_answers_before_the_first_model(state: State) -> None:
    found = traffic(state, None)
    assert not found.answering and returning(state) is None and view.on_trial(state) is None and turned_away(state) == []


def test_a_roll_back_ends_the_trial_first_and_then_goes_back(state: State, put: Put) -> None:
    trial(put)
    found = returning(state)
    assert found is not None and (found.ended.id, found.back.id) == ("release-2", "release-1")
    put(replace(CANARY, status="live", share=1.0, live_at=BEGIN + 12 * DAY), "promoted", 12)
    put(replace(FIRST, status="retired", share=0.0, since=BEGIN + 12 * DAY), "retired", 12)
    found = returning(state)
    assert found is not None and (found.ended.id, found.back.id) == ("release-2", "release-1")
    gone = ModelVersion("version-1", 1, "deleted", "linear", BEGIN, BEGIN, {})
    put(gone, "deleted", 13)
    assert returning(state) is None


def test_stages_are_done_now_and_next(state: State, put: Put) -> None:
    trial(put)
    facts = view.told_of(state, CANARY, None)
    stages = view.ramp(CANARY, Rollout(), facts)
    assert [(each.kind, each.state) for each in stages] == [("shadow", "done"), ("canary", "now"), ("live", "next")]
    assert stages[1].until == CANARY.since + DAY
    gone = replace(CANARY, status="rolled-back", share=0.0, since=BEGIN + 12 * DAY)
    put(gone, "rolled-back", 12)
    stages = view.ramp(gone, Rollout(), view.told_of(state, gone, None))
    assert [each.state for each in stages] == ["done", "done", "never"]


def test_stretches_end_where_the_next_begins(state: State, put: Put) -> None:
    trial(put)
    put(replace(CANARY, status="live", share=1.0, since=BEGIN + 12 * DAY, live_at=BEGIN + 12 * DAY), "promoted", 12)
    facts = view.told_of(state, CANARY, None)
    assert [(each.status, each.since, each.until) for each in view.stretches(facts)] == [
        ("shadow", BEGIN + 10 * DAY, BEGIN + 11 * DAY),
        ("canary", BEGIN + 11 * DAY, BEGIN + 12 * DAY),
        ("live", BEGIN + 12 * DAY, None),
    ]
    assert view.served(facts) == [(BEGIN + 12 * DAY, None)]
    assert view.stretches([]) == []


def test_the_past_knows_only_what_was_recorded(state: State, put: Put) -> None:
    trial(put)
    assert [fact.kind for fact in view.told_of(state, CANARY, BEGIN + 10.5 * DAY)] == ["release.started"]
    assert view.found(state.as_of(BEGIN + 10.5 * DAY), "release-2").status == "shadow"
    with pytest.raises(NotFound):
        view.found(state.as_of(BEGIN + DAY), "release-2")


def test_the_list_is_bounded_and_says_how_many(state: State, put: Put) -> None:
    for number in range(7):
        put(replace(SHADOW, id=f"release-{number}", version=number + 1, status="rolled-back"), "rolled-back", number)
    page, total, after = view.listed(state, limit=3)
    assert [each.id for each in page] == ["release-6", "release-5", "release-4"] and total == 7 and after == "release-4"
    page, _, after = view.listed(state, before="release-1", limit=3)
    assert [each.id for each in page] == ["release-0"] and not after
    assert view.listed(state, "live") == ([], 0, "")


def test_who_signed_is_named_by_the_promotion_or_was_in_force(state: State, put: Put) -> None:
    policy = Approval(
        "approval-1", "granted", "rollout", "made", "d", "deploy", "the policy", "baton", BEGIN, 2,
        given=(Signature("ann", "ml-engineer", BEGIN, "yes"),), decided_at=BEGIN, expires_at=BEGIN + 30 * DAY,
    )  # fmt: skip
    put(policy, "granted", 0)
    put(FIRST, "started", 0)
    assert view.signed(state, FIRST, view.told_of(state, FIRST, None)) == policy
    late = replace(FIRST, id="release-9", live_at=BEGIN + 40 * DAY)
    put(late, "promoted", 40, approval="approval-1")
    assert view.signed(state, late, view.told_of(state, late, None)) == policy
    assert view.signed(state, late, []) is None
    assert view.signed(state, SHADOW, []) is None


def test_a_trial_was_compared_with_whoever_answered_for_all_then(state: State, put: Put) -> None:
    trial(put)
    found = view.rival(state, state, CANARY, BEGIN + 12 * DAY, None)
    assert found is not None and found.id == FIRST.id
    assert view.rival(state, state, FIRST, BEGIN, None) is None


def asked(name: str, decided: Decided, events: int = 0, proof: str = "Is it shown to be no worse?") -> Reading:
    question = Question(proof, 1.0, 20.0)
    return Reading(name, question, question, (Arm("canary", 100, events), Arm("control", 400, 9)), None, decided, "")


def looked(*readings: Reading, stage: str = "canary", labelled: int = 80) -> Weighing:
    return Weighing("release-2", "hold", 2, stage, 1, BEGIN, 100, labelled, readings, "")


def test_a_look_is_summed_up_in_plain_words() -> None:
    proved = looked(asked("split", "open"), asked("quality", "no worse"), asked("failures", "no worse"), asked("outcome", "open"))
    assert view.headline(proved, "version 1") == (
        "As good as version 1, proved. No failures. Too few wrong answers yet to tell outcomes apart; that does not hold it back."
    )
    worse = looked(asked("quality", "harm"), asked("failures", "no worse", 3), asked("outcome", "harm"))
    assert view.headline(worse, "version 1") == (
        "Worse than version 1, proved. Fails no more often, proved. More wrong answers than version 1, proved."
    )
    better = asked("quality", "no worse", proof="Is it shown to be better in Brier score?")
    assert (
        view.headline(looked(better, asked("outcome", "open"), stage="shadow"), "version 1") == "Better than version 1, proved."
    )
    assert "None of its own answers has a label yet" in view.headline(looked(asked("outcome", "open"), labelled=0), "version 1")
    broken = looked(asked("split", "void"), asked("outcome", "void"), asked("slow", "open"))
    assert view.headline(broken, "version 1").endswith("cannot be compared. Slow: open.")
