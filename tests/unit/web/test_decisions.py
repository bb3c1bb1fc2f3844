"""The console's acts over the API: the same use cases and rights, with a token instead of a form."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from unit.web.scene import MARKUP

from baton.app.bootstrap import read_state
from baton.delivery.release import Release
from baton.team.approval import Approval
from baton.team.override import Override
from baton.team.person import Person
from baton.team.task import Task

Open = Callable[..., TestClient]
TRIAL, LIVE = "release-000000000003", "release-000000000002"
UNTIL = "2024-03-09T00:00:00Z"


def asked(client: TestClient, method: str, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = client.request(method, path, json=body or None, headers={"authorization": "Bearer a-token"})
    told: dict[str, Any] = answer.json()
    return answer.status_code, told


def records(folder: Path, kind: type[Any]) -> list[Any]:
    with read_state(folder / ".baton") as (_, state):
        return state.all(kind)


def test_a_promotion_is_asked_for_by_one_and_approved_by_another(console: Open, own_scene: Path) -> None:
    cleo, ann = console(own_scene, "cleo"), console(own_scene, "ann")
    status, told = asked(cleo, "POST", "/api/overrides", kind="promote", subject=LIVE, reason="it is needed", until=UNTIL)
    assert (status, told["code"]) == (404, "not-found") and "on trial" in told["what"]
    status, told = asked(cleo, "POST", "/api/overrides", kind="promote", subject=TRIAL, reason=f"needed {MARKUP}", until=UNTIL)
    assert status == 200 and "1 more must approve" in told["told"]
    (wanted,) = (each for each in records(own_scene, Override) if each.kind == "promote")
    status, request = asked(ann, "GET", f"/api/approvals/{wanted.approval}")
    assert (status, request["status"], request["subject"]) == (200, "requested", wanted.id)
    assert asked(cleo, "POST", f"/api/approvals/{wanted.approval}/approve", reason="me again")[0] == 409
    status, told = asked(ann, "POST", f"/api/approvals/{wanted.approval}/approve", reason="seen it")
    assert status == 200 and "granted" in told["told"]
    assert next(each for each in records(own_scene, Override) if each.id == wanted.id).status == "holding"
    assert asked(ann, "POST", f"/api/approvals/{wanted.approval}/refuse", reason="no")[0] == 409


def test_a_roll_back_ends_the_release_that_was_named(console: Open, own_scene: Path) -> None:
    cleo = console(own_scene, "cleo")
    status, told = asked(cleo, "POST", "/api/releases/roll-back", reason="complaints", release=LIVE)
    assert (status, told["code"]) == (409, "conflict")
    status, told = asked(cleo, "POST", "/api/releases/roll-back", reason="complaints", release=TRIAL)
    assert status == 200 and "version 2 answers" in told["told"]
    status, page = asked(cleo, "GET", "/api/releases?limit=2")
    assert status == 200 and len(page["releases"]) == 2 and page["next"] == page["releases"][-1]["id"]
    rest = asked(cleo, "GET", f"/api/releases?limit=2&cursor={page['next']}")[1]
    found = {each["id"]: each["status"] for each in (*page["releases"], *rest["releases"])}
    assert found[TRIAL] == "rolled-back" and rest["next"] is None and len(found) == len(records(own_scene, Release))


def test_halt_and_resume(console: Open, own_scene: Path) -> None:
    cleo = console(own_scene, "cleo")
    assert "halted by cleo" in asked(cleo, "POST", "/api/releases/halt", reason="smoke")[1]["told"]
    assert asked(cleo, "POST", "/api/releases/halt", reason="smoke")[0] == 409
    (review,) = (each for each in records(own_scene, Task) if each.not_by == "cleo" and each.status == "open")
    status, told = asked(cleo, "POST", f"/api/tasks/{review.id}/finish", reason="fine")
    assert (status, told["code"]) == (403, "refused")
    owner = console(own_scene, review.owner)
    assert asked(owner, "GET", f"/api/tasks/{review.id}")[1]["what"] == review.what
    assert "done" in asked(owner, "POST", f"/api/tasks/{review.id}/finish", reason="it was a drill")[1]["told"]
    assert "answers again" in asked(cleo, "POST", "/api/releases/resume", reason="over")[1]["told"]


def test_people_go_come_back_and_delegate(console: Open, own_scene: Path) -> None:
    ben = console(own_scene, "ben")
    status, told = asked(ben, "POST", "/api/team/ben/away", until=UNTIL, reason="a walk")
    assert status == 200 and told["told"].startswith("ben is away from")
    assert "ben is back" in asked(ben, "POST", "/api/team/ben/back", reason="rained")[1]["told"]
    status, told = asked(
        ben, "POST", "/api/team/ben/delegate", to="cleo", until=UNTIL, phases=["ingest", "ingest"], reason="swap"
    )
    assert status == 200 and "ben delegates" in told["told"]
    (person,) = (each for each in records(own_scene, Person) if each.id == "ben")
    assert [(each.to, each.phases, each.reason) for each in person.delegations] == [("cleo", ("ingest",), "swap")]
    assert asked(ben, "POST", "/api/team/cleo/leave", reason="begone")[0] == 403
    assert asked(console(own_scene, "ann"), "POST", "/api/team/nobody/away", until=UNTIL)[0] == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/releases/roll-back", {}),
        ("/api/releases/roll-back", {"reason": ""}),
        ("/api/releases/roll-back", {"reason": "x" * 2001}),
        ("/api/releases/roll-back", {"reason": "a\x00b"}),
        ("/api/releases/halt", {"reason": "why", "until": "tomorrow"}),
        ("/api/releases/halt", {"reason": "why", "until": "2024-03-09T00:00:00"}),
        ("/api/releases/halt", {"reason": "why", "until": "9999-12-31T23:59:59Z"}),
        ("/api/releases/halt", {"reason": "why", "until": "2023-01-01T00:00:00Z"}),
        ("/api/overrides", {"kind": "halt", "reason": "why", "until": UNTIL}),
        ("/api/overrides", {"kind": "freeze", "subject": "turn-1", "reason": "why", "until": UNTIL}),
        ("/api/overrides", {"kind": "freeze", "reason": "  ", "until": UNTIL}),
        ("/api/releases/roll-back", {"reason": " \n"}),
        ("/api/releases/resume", {"reason": " "}),
        ("/api/releases/halt", {"reason": "why", "until": 1709942400}),
        ("/api/releases/halt", {"reason": "why", "until": "2199-12-31T23:59:59-23:59"}),
        ("/api/team/ben/delegate", {"to": "", "until": UNTIL}),
        ("/api/team/ben/delegate", {"to": "cleo", "until": UNTIL, "phases": ["lunch"]}),
        ("/api/team/ben/away", {"until": "2023-01-01T00:00:00Z"}),
        ("/api/tasks/task-nothing/finish", {"reason": "why"}),
        ("/api/approvals/handoff-000000000000/approve", {}),
    ],
)
def test_what_does_not_fit_is_told_and_nothing_is_recorded(console: Open, scene: Path, path: str, body: dict[str, Any]) -> None:
    before = [len(records(scene, kind)) for kind in (Override, Approval, Task)]
    client = console(scene, "ben" if "/ben/" in path else "cleo")
    status, told = asked(client, "POST", path, **(body or {"nothing": 1}))
    assert status == 422 and told["code"] == "invalid-input" and told["why"] + told["fix"]
    assert [len(records(scene, kind)) for kind in (Override, Approval, Task)] == before
