"""Approvals and overrides in the loop, on the project that `baton new` makes: a real training, real people's acts, no server."""

from pathlib import Path

import pytest
from journeys.life import AT, DAY, HOUR, living
from journeys.trained import train_once

from baton.app import answers, overrides
from baton.app.lifecycle import overriding
from baton.app.lifecycle.turn import Turn
from baton.app.seat import seat
from baton.app.views.inbox import waiting
from baton.delivery.release import Release
from baton.incidents.proposal import Proposal
from baton.kernel.errors import Conflict, Corrupt, InvalidInput, InvalidProject, NotFound, Refused, Unavailable
from baton.ledger.draft import Draft
from baton.ledger.fact import Act
from baton.team.approval import Approval
from baton.team.handoff import Handoff
from baton.team.override import Override
from baton.team.task import Task


@pytest.fixture(autouse=True)
def trained(monkeypatch: pytest.MonkeyPatch) -> None:
    train_once("biopsies", monkeypatch)


def test_a_promotion_waits_for_two_people_who_did_not_train_it(tmp_path: Path) -> None:
    with living(tmp_path / "p") as life:
        life.day()
        (asked,) = life.all(Approval)
        assert (life.turn().status, life.turn().waits_for, life.all(Release)) == ("packaged", asked.id, [])
        assert (asked.action, asked.status, asked.need, asked.authors) == ("promote", "requested", 2, ("ann",))
        (item,) = waiting(life.house.folder, life.house.workspace.folder, "cleo")
        assert (item["type"], item["id"], item["missing"], item["waits_on"]) == ("approval", asked.id, 2, ["cleo", "ben"])
        assert waiting(life.house.folder, life.house.workspace.folder, "ann") == []
        life.after(HOUR)
        assert len(life.all(Approval)) == 1, "asked once"

        with pytest.raises(Refused, match="ann may not approve") as caught:
            life.act("ann", answers.approve, asked.id)
        assert "own work" in caught.value.why
        assert "1 more person" in life.act("cleo", answers.approve, asked.id)
        with pytest.raises(Conflict, match="cleo has approved"):
            life.act("cleo", answers.approve, asked.id)
        life.after(HOUR)
        assert life.all(Release) == []
        assert "granted, approved by cleo and ben" in life.act("ben", answers.approve, asked.id, "slices look fine")
        life.after(HOUR)
        assert [release.status for release in life.all(Release)] == ["live"] and life.routes() >= 1
        signed = life.house.state.facts(kind="approval.granted")[-1]
        assert (signed.actor, signed.payload) == ("ben", {"how": "named"}) and signed.reason.startswith("slices look fine")


def test_a_refused_promotion_ends_the_turn(tmp_path: Path) -> None:
    with living(tmp_path / "p") as life:
        life.day()
        with pytest.raises(NotFound, match="no request for approval"):
            life.act("ben", answers.refuse, "approval-nothing", "no")
        life.act("ben", answers.refuse, life.all(Approval)[0].id, "the slices look bad")
        life.after(HOUR)
        assert (life.turn().status, life.all(Release)) == ("failed", [])
        assert "ben: the slices look bad" in life.turn().outcome


def test_the_policy_approved_beforehand_lets_promotions_through_until_it_expires(tmp_path: Path) -> None:
    with living(tmp_path / "p", approvals="approvals: {need: 2, valid: 30d}") as life:
        life.act("cleo", answers.approve, "rollout")
        assert "granted" in life.act("ben", answers.approve, "rollout")
        life.day()
        assert [release.status for release in life.all(Release)] == ["live"] and len(life.all(Approval)) == 1
        life.after(30 * DAY)
        assert [(each.status, each.reason) for each in life.all(Approval)] == [
            ("expired", "its time was over at 2024-03-31T00:00:00Z")
        ]
        assert "1 more person" in life.act("cleo", answers.approve, "rollout"), "it can be approved anew"


def test_declared_in_the_file_it_is_approved_and_the_fact_says_how(tmp_path: Path) -> None:
    with living(tmp_path / "p", approvals="approvals: {rollout: file}") as life:
        life.day()
        (granted,) = life.all(Approval)
        assert (granted.action, granted.status, granted.note) == ("rollout", "granted", "nobody signed it by name")
        assert [release.status for release in life.all(Release)] == ["live"]


def test_in_a_team_of_one_declaring_it_is_approving_it_and_four_eyes_cannot_be_had(tmp_path: Path) -> None:
    roles = "product-manager, data-scientist, data-engineer, ml-engineer, mlops-engineer, sre"
    everybody = {
        "  - {name: ann, roles: [product-manager, data-scientist], deputy: ben}": f"  - {{name: ann, roles: [{roles}]}}",
        "  - {name: ben, roles: [data-engineer, ml-engineer], deputy: cleo}\n": "",
        "  - {name: cleo, roles: [mlops-engineer, sre], deputy: ben}\n": "",
    }
    with living(tmp_path / "p", **everybody) as life:
        life.day()
        (granted,) = life.all(Approval)
        assert [each.by for each in granted.given] == ["ann"] and "four eyes cannot be had" in granted.note
        assert [release.status for release in life.all(Release)] == ["live"]


def test_a_gate_is_overridden_by_people_who_did_not_train_and_only_once(tmp_path: Path) -> None:
    gate = {"- {metric: auc, at_least: 0.95}\n    - {metric: brier": "- {metric: auc, at_least: 0.99999}\n    - {metric: brier"}
    with living(tmp_path / "p", approvals="approvals: {rollout: file}", **gate) as life:
        life.day()
        assert life.turn().status == "failed" and "auc" in life.turn().outcome
        with pytest.raises(NotFound, match="no turn 'turn-7'"):
            life.act("cleo", overrides.override, "gate", "turn-7", "why", AT + DAY)
        with pytest.raises(InvalidInput, match="gate of which turn"):
            life.act("cleo", overrides.override, "gate", "", "why", AT + DAY)
        told = life.act("cleo", overrides.override, "gate", "turn-1", "the hold-out is too small for this bound", AT + DAY)
        assert "1 more must approve" in told
        with pytest.raises(Conflict, match="is asked already"):
            life.act("ben", overrides.override, "gate", "turn-1", "me too", AT + DAY)
        life.after(HOUR)
        assert life.turn().status == "failed"
        life.act("ben", answers.approve, life.all(Approval)[-1].id)
        assert life.all(Override)[0].status == "holding"
        life.after(HOUR)
        assert [release.status for release in life.all(Release)] == ["live"] and len(life.all(Turn)) == 1
        first, second = (each for each in life.all(Handoff) if each.edge == "candidate")
        assert (first.status, second.status, second.round) == ("declined", "accepted", 2)
        assert second.evidence["override"] == life.all(Override)[0].id
        assert (life.all(Override)[0].status, life.all(Override)[0].outcome) == ("ended", "used: version 1 registered")


def test_the_author_asks_and_does_not_count(tmp_path: Path) -> None:
    gate = {"- {metric: auc, at_least: 0.95}\n    - {metric: brier": "- {metric: auc, at_least: 0.99999}\n    - {metric: brier"}
    with living(tmp_path / "p", **gate) as life:
        life.day()
        assert "2 more must approve" in life.act("ann", overrides.override, "gate", "turn-1", "it is fine", AT + DAY)
        with pytest.raises(Refused, match="ann may not approve"):
            life.act("ann", answers.approve, life.all(Approval)[-1].id)
        life.after(DAY)
        assert life.all(Override)[0].status == "refused" and life.all(Approval)[-1].status == "withdrawn"
        lapsed = life.house.state.facts(kind="override.refused")[-1]
        assert (lapsed.effective_at, lapsed.reason) == (AT + DAY, "nobody approved it in time")


def test_a_freeze_stops_promotions_and_reverts_by_itself(tmp_path: Path) -> None:
    with living(tmp_path / "p", approvals="approvals: {rollout: file}") as life:
        life.act("cleo", overrides.override, "freeze", "", "launch week", AT + 2 * DAY)
        life.act("ben", answers.approve, life.all(Approval)[-1].id)
        life.day()
        assert life.all(Turn) == [] and life.all(Release) == []
        life.now += DAY
        life.day()
        assert life.all(Turn) == []
        assert life.loop.people_due == AT + 2 * DAY
        life.now += DAY
        life.day()
        (freeze,) = life.all(Override)
        assert (freeze.status, freeze.ended_at, freeze.outcome) == ("ended", AT + 2 * DAY, "its time is over")
        assert [release.status for release in life.all(Release)] == ["live"]


def test_the_kill_switch_needs_one_person_and_another_reviews_it(tmp_path: Path) -> None:
    with living(tmp_path / "p", approvals="approvals: {rollout: file}") as life:
        life.day()
        routes = life.routes()
        assert routes >= 1 and life.serves()
        assert "503" in life.act("cleo", overrides.halt, "wrong prices", AT + DAY)
        assert life.routes() == 0
        with pytest.raises(Conflict, match="halted already"):
            life.act("ann", overrides.halt, "me too")
        (task,) = life.all(Task)
        assert (task.owner, task.not_by, "wrong prices" in task.what) == ("ann", "cleo", True)
        with pytest.raises(Refused, match="is ann's"):
            life.act("cleo", answers.finish, task.id, "fine")
        assert "done" in life.act("ann", answers.finish, task.id, "the feed was wrong; it is mended")
        life.after(HOUR)
        assert life.routes() == 0 and not life.serves()
        assert "answers again" in life.act("ann", overrides.resume, "prices are right again")
        assert life.routes() == routes
        with pytest.raises(Conflict, match="nothing is halted"):
            life.act("ann", overrides.resume, "again")
        life.act("cleo", overrides.halt, "and again", life.now + HOUR)
        life.after(2 * HOUR)
        assert life.routes() == routes and life.serves(), "it reverts by itself"
        assert [each.status for each in life.all(Override)] == ["ended", "ended"]


def test_an_override_whose_time_passed_while_no_loop_ran_stands_in_nobodys_way(tmp_path: Path) -> None:
    with living(tmp_path / "p", approvals="approvals: {rollout: file}") as life:
        life.act("cleo", overrides.override, "freeze", "", "launch week", AT + HOUR)
        asked = life.all(Approval)[-1].id
        life.act("cleo", overrides.halt, "wrong prices", AT + HOUR)
        life.now += DAY
        with pytest.raises(Conflict, match="already withdrawn"):
            life.act("ben", answers.approve, asked)
        life.act("ben", overrides.override, "freeze", "", "another week", life.now + DAY)
        life.act("ann", overrides.halt, "wrong again")
        life.after(HOUR)
        assert [each.status for each in life.all(Override)] == ["refused", "ended", "asked", "holding"]
        assert life.routes() == 0, "what the second one halts stays so"


def test_of_two_who_pull_the_kill_switch_at_once_one_is_first(tmp_path: Path) -> None:
    with living(tmp_path / "p") as life, seat(life.house.folder, life.house.workspace.folder, "ann") as ann:
        with seat(life.house.folder, life.house.workspace.folder, "cleo") as cleo:
            for here in (ann, cleo):
                overriding.halt(here.office, here.actor.name, "wrong prices", None)
            cleo.commit()
        with pytest.raises(Conflict, match="another override has changed meanwhile"):
            ann.commit()
        assert len(life.all(Override)) == 1


def test_a_lost_file_of_a_source_keeps_nobody_from_the_kill_switch(tmp_path: Path) -> None:
    with living(tmp_path / "p") as life:
        life.day()
        (life.house.folder / "data" / "biopsies.csv").unlink()
        assert "503" in life.act("cleo", overrides.halt, "wrong prices")
        assert "answers again" in life.act("ann", overrides.resume, "the file is on its way")
        life.act("cleo", answers.approve, "rollout")


def test_a_brake_is_let_go_once(tmp_path: Path) -> None:
    with living(tmp_path / "p", approvals="approvals: {rollout: file}") as life:
        life.day()
        draft, act = Draft(life.house.state), Act("baton", "", life.now)
        draft.record(act, Proposal("proposal-0", "done", "", "drift", AT - DAY, started_at=AT - DAY), "made", "drift")
        draft.record(act, Proposal("proposal-1", "waiting", "", "drift again", AT), "made", "drift again")
        draft.commit({}, {})
        life.now += DAY
        life.day()
        assert life.all(Proposal)[1].brake.startswith("cooldown until 2024-03-21") and len(life.all(Turn)) == 1
        told = life.act("cleo", overrides.override, "brake", "proposal-1", "the season turned", life.now + 3 * DAY)
        assert "brake (proposal-1): retrain now" in told
        life.act("ben", answers.approve, life.all(Approval)[-1].id)
        life.now += DAY
        life.day()
        assert (len(life.all(Turn)), life.all(Proposal)[1].status) == (2, "approved")
        assert (life.all(Override)[0].status, life.all(Override)[0].outcome) == ("ended", "used: turn-2 started")
        with pytest.raises(NotFound, match="no proposal"):
            life.act("cleo", overrides.override, "brake", "proposal-9", "why", life.now + DAY)
        with pytest.raises(InvalidInput, match="about everything"):
            life.act("cleo", overrides.override, "freeze", "turn-1", "why", life.now + DAY)


def test_a_mistake_in_the_file_keeps_nobody_from_the_kill_switch(tmp_path: Path) -> None:
    with living(tmp_path / "p", approvals="approvals: {rollout: file}") as life:
        life.day()
        file = life.house.folder / "baton.yaml"
        right = file.read_text()
        routes = life.routes()
        file.write_text(right + "nonsense: 1\n")
        assert "503" in life.act("cleo", overrides.halt, "wrong prices")
        assert life.routes() == 0
        with pytest.raises(InvalidProject):
            life.act("cleo", overrides.resume, "right again")
        assert overriding.halted(life.house.state) is not None, "nothing half done"
        file.write_text(right)
        life.act("cleo", overrides.resume, "right again")
        assert life.routes() == routes


def test_when_the_routing_cannot_be_written_it_is_said_what_is_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with living(tmp_path / "p", approvals="approvals: {rollout: file}") as life:
        life.day()

        def full(path: Path, data: bytes) -> None:
            raise OSError(28, "No space left on device")

        with (
            monkeypatch.context() as patched,
            pytest.raises(Unavailable, match="on record, but the server does not know") as told,
        ):
            patched.setattr("baton.app.lifecycle.routing.replace_file", full)
            life.act("cleo", overrides.halt, "wrong prices")
        assert "No space left" in told.value.why and overriding.halted(life.house.state) is not None
        life.after(HOUR)
        assert life.routes() == 0, "the loop writes it"
        (life.house.workspace.keys).rename(tmp_path / "keys")
        with pytest.raises(Corrupt):
            life.act("cleo", overrides.resume, "right again")
        assert overriding.halted(life.house.state) is not None, "nothing is recorded that cannot follow"
        (tmp_path / "keys").rename(life.house.workspace.keys)


@pytest.mark.parametrize("give_up", [False, True])
def test_what_a_person_declined_waits_for_its_task(tmp_path: Path, give_up: bool) -> None:
    person = {"waivers: #": "handoffs: {candidate: {accept: person}}\n\nwaivers: #"}
    with living(tmp_path / "p", approvals="approvals: {rollout: file}", **person) as life:
        life.day()
        (handoff,) = (each for each in life.all(Handoff) if each.open)
        assert (handoff.edge, handoff.waiting_on, life.turn().waits_for) == ("candidate", "ben", handoff.id)
        life.act("ben", answers.decline, handoff.id, "no model card")
        life.after(HOUR)
        (task,) = life.all(Task)
        assert (life.turn().status, life.turn().waits_for, task.owner) == ("evaluated", task.id, "ann")
        life.now += DAY
        life.day()
        assert life.turn().status == "evaluated" and len(life.all(Turn)) == 1
        if give_up:
            life.act("ann", answers.finish, task.id, "not worth it", give_up=True)
            life.after(HOUR)
            assert life.turn().status == "failed" and "given up by ann: not worth it" in life.turn().outcome
            return
        told = life.act("ann", answers.finish, task.id, "card written")
        assert "is offered again" in told
        anew = next(each for each in life.all(Handoff) if each.open)
        assert (anew.round, anew.evidence["mended"], anew.waiting_on) == (2, "card written", "ben")
        life.after(HOUR)
        assert life.turn().waits_for == anew.id
        life.act("ben", answers.accept, anew.id)
        life.after(HOUR)
        assert [release.status for release in life.all(Release)] == ["live"]
