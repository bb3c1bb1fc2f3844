"""Promotion by hand: a release on trial serves all traffic before everything is proved, by four eyes, once."""

from pathlib import Path

import pytest
from journeys.life import AT, DAY, HOUR, Life, living
from journeys.trained import train_once

from baton.app import answers, overrides, rollback
from baton.app.lifecycle import approving
from baton.app.lifecycle.office import Office
from baton.app.lifecycle.people import recorded_team
from baton.app.lifecycle.tick import meet
from baton.delivery.release import Release
from baton.incidents.proposal import Proposal
from baton.kernel.errors import NotFound, Refused
from baton.ledger.draft import Draft
from baton.ledger.fact import Act
from baton.registry.version import ModelVersion
from baton.team.approval import Approval
from baton.team.override import Override


@pytest.fixture(autouse=True)
def trained(monkeypatch: pytest.MonkeyPatch) -> None:
    train_once("biopsies", monkeypatch)


def second_on_trial(life: Life) -> Release:
    """The first version is live, and a second one is on trial."""
    life.day()
    draft = Draft(life.house.state)
    draft.record(Act("baton", "", life.now), Proposal("proposal-1", "waiting", "", "drift", AT), "made", "drift")
    draft.commit({}, {})
    life.now += DAY
    life.day()
    live, trial = life.all(Release)
    assert (live.status, trial.status) == ("live", "shadow")
    return trial


def test_two_people_promote_what_is_on_trial_before_it_is_proved(tmp_path: Path) -> None:
    with living(tmp_path / "p", approvals="approvals: {rollout: file}") as life:
        with pytest.raises(NotFound, match="nothing to promote"):
            life.act("cleo", overrides.override, "promote", "", "why", AT + DAY)
        trial = second_on_trial(life)
        with pytest.raises(NotFound, match="no release 'release-9' is on trial"):
            life.act("cleo", overrides.override, "promote", "release-9", "why", life.now + DAY)
        told = life.act("cleo", overrides.override, "promote", "", "the live one is known to be wrong", life.now + 3 * DAY)
        assert f"promote ({trial.id})" in told and "1 more must approve (ben)" in told
        life.after(HOUR)
        assert [each.status for each in life.all(Release)] == ["live", "shadow"], "one person is not enough"
        request = life.all(Override)[0].approval
        with pytest.raises(Refused, match="ann's own work"):
            life.act("ann", answers.approve, request)
        life.act("cleo", overrides.override, "freeze", "", "launch day", life.now + DAY)
        life.act("ben", answers.approve, life.all(Override)[1].approval)
        life.act("ben", answers.approve, request)
        life.after(HOUR)
        assert [each.status for each in life.all(Release)] == ["live", "shadow"], "a freeze holds it"
        life.now += DAY
        life.day()
        before, after = life.all(Release)
        assert (before.status, after.status, after.share, life.turn().status) == ("retired", "live", 1.0, "done")
        (fact,) = life.house.state.facts(kind="release.promoted")
        assert fact.payload["approval"] == request and "the live one is known to be wrong" in fact.reason
        assert life.all(Override)[0].outcome == f"used: {trial.id} serves all traffic"


@pytest.mark.parametrize("approved", [False, True])
def test_a_promotion_by_hand_ends_with_the_trial(tmp_path: Path, approved: bool) -> None:
    with living(tmp_path / "p", approvals="approvals: {rollout: file}") as life:
        trial = second_on_trial(life)
        life.act("cleo", overrides.override, "promote", trial.id, "it is needed", life.now + 3 * DAY)
        if approved:
            life.act("ben", answers.approve, life.all(Override)[0].approval)
        life.act("cleo", rollback.go_back, "it answers nonsense")
        life.after(HOUR)
        (asked,) = life.all(Override)
        assert [each.status for each in life.all(Release)] == ["live", "rolled-back"]
        assert [each.status for each in life.all(ModelVersion)] == ["live", "rejected"]
        assert (asked.status, asked.outcome) == ("ended" if approved else "refused", f"{trial.id} is no longer on trial")
        assert all(not each.open for each in life.all(Approval))


def test_what_was_approved_after_a_step_began_waits_for_the_next(tmp_path: Path) -> None:
    """A step speaks of the instant it began at, however late it is done: nothing counts there that was said afterwards."""
    with living(tmp_path / "p", approvals="approvals: {rollout: file}") as life:
        second_on_trial(life)
        begun = life.now + HOUR
        life.now = begun + HOUR / 2
        life.act("cleo", overrides.override, "promote", "", "needed", life.now + DAY)
        life.act("ben", answers.approve, life.all(Override)[0].approval)
        meet(life.loop, begun)
        assert [each.status for each in life.all(Release)] == ["live", "shadow"]
        life.after(HOUR)
        assert [each.status for each in life.all(Release)] == ["retired", "live"]
        (over,) = life.all(Override)
        assert over.since is not None and over.ended_at is not None and over.since < over.ended_at


def test_nobody_is_asked_any_more_about_what_was_promoted_by_hand(tmp_path: Path) -> None:
    with living(tmp_path / "p", approvals="approvals: {rollout: file}") as life:
        trial = second_on_trial(life)
        draft = Draft(life.house.state)
        version = draft.get(ModelVersion, f"version-{trial.version}")
        assert version is not None
        office = Office(draft, recorded_team(draft, life.house.definition), life.house.definition, life.now)
        asked = approving.ask(office, approving.promotion(trial.id, version))
        draft.commit({}, {})
        life.act("cleo", overrides.override, "promote", "", "needed", life.now + DAY)
        life.act("ben", answers.approve, life.all(Override)[0].approval)
        life.after(HOUR)
        assert next(each for each in life.all(Approval) if each.id == asked.id).status == "withdrawn"


def test_a_halt_holds_a_promotion_by_hand(tmp_path: Path) -> None:
    with living(tmp_path / "p", approvals="approvals: {rollout: file}") as life:
        second_on_trial(life)
        life.act("cleo", overrides.override, "promote", "", "needed", life.now + 2 * DAY)
        life.act("ben", answers.approve, life.all(Override)[0].approval)
        life.act("cleo", overrides.halt, "wrong prices")
        life.after(HOUR)
        assert [each.status for each in life.all(Release)] == ["live", "shadow"]
        life.act("ann", overrides.resume, "right again")
        life.after(HOUR)
        assert [each.status for each in life.all(Release)] == ["retired", "live"]
