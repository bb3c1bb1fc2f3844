"""The inbox: what waits on whom and what becomes of it, answered in place by whoever may."""

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from unit.web.scene import DAY, NOON

from baton.backends.state.sql import open_sqlite
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.team.consultation import Consultation

Open = Callable[..., TestClient]
LATE, MINE, TAKEN = "handoff-00000000000a", "handoff-00000000000b", "handoff-00000000000c"
APPROVAL, ASKED, TASK = "approval-00000000000a", "consultation-00000000000a", "task-00000000000a"


def test_what_waits_on_a_person_is_told_with_deadline_checks_and_what_happens_then(scene: Path, console: Open) -> None:
    text = console(scene, "ann").get("/inbox").text
    assert "What waits on you" in text
    assert MINE in text
    assert LATE not in text
    assert "due in 2 d" in text
    assert 'If nobody answers: <span class="break">it goes to cleo</span>' in text
    assert "passed: " in text
    assert "parity" in text


def test_everybody_s_inbox_begins_with_what_is_late_and_escapes_what_it_shows(scene: Path, console: Open) -> None:
    page = console(scene).get("/inbox")
    assert page.status_code == 200
    text = page.text
    assert text.index(LATE) < text.index(ASKED) < text.index(MINE) < text.index(APPROVAL)
    assert "late, due 1 d ago" in text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize(
    ("type", "id", "other"), [("task", TASK, MINE), ("approval", APPROVAL, TASK), ("handoff", MINE, APPROVAL)]
)
def test_one_type_alone(scene: Path, console: Open, type: str, id: str, other: str) -> None:
    text = console(scene).get(f"/inbox?whose=all&type={type}").text
    assert f"/inbox/{id}" in text
    assert f"/inbox/{other}" not in text


@pytest.mark.parametrize(("address", "status"), [
    ("/inbox?type=nothing", 422), ("/inbox?whose=nobody", 404), ("/inbox?from=-1", 422), ("/inbox?from=x", 422), ("/inbox/handoff-0", 404),
    ("/inbox/nothing", 404), ("/inbox/person-ann", 404), ("/inbox?tab=history&before=x", 422), ("/inbox/handoff-0/state", 404),
])  # fmt: skip
def test_addresses_that_lead_nowhere(scene: Path, console: Open, address: str, status: int) -> None:
    assert console(scene, "ann").get(address).status_code == status


def test_the_badge_counts_what_waits_on_whoever_looks(scene: Path, console: Open) -> None:
    assert ">3</span>" in console(scene, "ann").get("/inbox/badge", headers={"x-fragment": "1"}).text
    assert console(scene).get("/inbox/badge", headers={"x-fragment": "1"}).text.strip() == ""
    assert 'data-lazy="/inbox/badge"' in console(scene, "ann").get("/inbox").text


def test_nothing_waits_tells_who_is_waited_for(scene: Path, console: Open) -> None:
    text = console(scene, "ann").get("/inbox?type=task").text
    assert "Nothing waits on you" in text
    text = console(scene, "ann").get("/inbox?at=2024-01-05").text
    assert "Nothing waits on you" in text


@pytest.mark.parametrize(("id", "words"), [
    (LATE, "packaged model ready for deployment"), (TAKEN, "looks right"), (APPROVAL, "2 more people must"), (ASKED, "1 voice settles it"),
    (TASK, "mend what was sent back"),
])  # fmt: skip
def test_one_thing_with_its_story(scene: Path, console: Open, id: str, words: str) -> None:
    text = console(scene, "ann").get(f"/inbox/{id}").text
    assert words in text
    assert "How it came to this" in text
    assert "<script>alert" not in text
    assert console(scene, "ann").get(f"/inbox/{id}/state").status_code == 200


def test_one_thing_leads_to_what_it_is_about(scene: Path, console: Open) -> None:
    here = console(scene, "ann")
    assert 'href="/monitoring"' in here.get(f"/inbox/{MINE}").text
    assert 'href="/models/3"' in here.get(f"/inbox/{APPROVAL}").text
    assert f'href="/inbox/{TAKEN}"' in here.get(f"/inbox/{TASK}").text
    assert f'href="/inbox/{TAKEN}"' in here.get(f"/inbox/{MINE}").text


def test_what_one_may_not_is_told_and_not_offered(scene: Path, console: Open) -> None:
    text = console(scene, "ben").get(f"/inbox/{MINE}").text
    assert "/accept" not in text
    assert "it waits on ann, not on ben" in text
    assert "choose as whom you act" in console(scene).get(f"/inbox/{MINE}").text


def test_the_past_offers_no_act(scene: Path, console: Open) -> None:
    text = console(scene, "ann").get(f"/inbox/{MINE}?at=2024-02-29T12:00:00Z").text
    assert "/accept" not in text


def test_a_hand_off_is_taken_in_place(own_scene: Path, console: Open) -> None:
    here = console(own_scene, "ann")
    answer = here.post(f"/inbox/{MINE}/accept", data={"reason": "good", "back": "/inbox?type=handoff", "csrf": "proof"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox?type=handoff")
    text = here.get(f"/inbox/{MINE}").text
    assert "accepted" in text
    assert "good" in text
    assert MINE in here.get("/inbox?tab=history").text


def test_the_second_to_answer_is_told_who_was_first_and_keeps_the_words(own_scene: Path, console: Open) -> None:
    here = console(own_scene, "ann")
    here.post(f"/inbox/{MINE}/accept", data={"csrf": "proof"})
    answer = here.post(f"/inbox/{MINE}/decline", data={"reason": "my long words <b>", "csrf": "proof"})
    assert answer.status_code == 409
    assert "is already accepted" in answer.text
    assert "my long words &lt;b&gt;" in answer.text


def test_a_decline_without_a_reason_shows_the_form_again(own_scene: Path, console: Open) -> None:
    answer = console(own_scene, "ann").post(f"/inbox/{MINE}/decline", data={"reason": " ", "csrf": "proof"})
    assert answer.status_code == 422
    assert "say what is to be mended" in answer.text
    assert f'action="/inbox/{MINE}/decline"' in answer.text


def test_a_decline_gives_the_giver_a_task(own_scene: Path, console: Open) -> None:
    here = console(own_scene, "ann")
    assert here.post(f"/inbox/{MINE}/decline", data={"reason": "no AUC", "csrf": "proof"}).status_code == 303
    assert "no AUC" in console(own_scene, "ben").get("/inbox?type=task").text


def test_a_stranger_s_back_leads_home(own_scene: Path, console: Open) -> None:
    answer = console(own_scene, "ann").post(f"/inbox/{MINE}/accept", data={"back": "//evil.example/inbox", "csrf": "proof"})
    assert answer.headers["location"] == "/inbox"


def ask(folder: Path, asked: str, phase: str) -> None:
    state = open_sqlite(folder / ".baton" / "state.db")
    draft = Draft(state)
    question = Consultation(
        "consultation-00000000000b", "open", TAKEN, phase, "May it?", (asked,), 1, NOON + DAY, "proceed", NOON
    )
    draft.record(Act(SYSTEM, "", NOON), question, "opened", "asked")
    draft.commit({}, expect={})
    state.close()


def test_whoever_is_asked_comments(own_scene: Path, console: Open) -> None:
    ask(own_scene, "ann", "ingest")
    ann, asked = console(own_scene, "ann"), "/inbox/consultation-00000000000b"
    objected = ann.post(f"{asked}/comment", data={"stance": "object", "words": "", "csrf": "proof"})
    assert objected.status_code == 422
    assert "an objection needs words" in objected.text
    assert 'value="object" required checked' in objected.text
    assert ann.post(f"{asked}/comment", data={"stance": "agree", "words": "fits", "csrf": "proof"}).status_code == 303
    assert "nobody objects" in ann.get(asked).text


def test_approvals_and_tasks_are_answered(own_scene: Path, console: Open) -> None:
    ann, ben = console(own_scene, "ann"), console(own_scene, "ben")
    assert ann.post(f"/inbox/{APPROVAL}/approve", data={"words": "yes", "csrf": "proof"}).status_code == 303
    assert "ann has approved it already" in ann.get(f"/inbox/{APPROVAL}").text
    assert ben.post(f"/inbox/{APPROVAL}/refuse", data={"words": "no proof", "csrf": "proof"}).status_code == 303
    assert "no proof" in ben.get(f"/inbox/{APPROVAL}").text
    assert ben.post(f"/inbox/{TASK}/give-up", data={"words": "not worth it", "csrf": "proof"}).status_code == 303
    assert "given-up" in ben.get("/inbox?tab=history").text


def test_a_duty_is_delegated_from_the_item(own_scene: Path, console: Open) -> None:
    here = console(own_scene, "ann")
    wrong = here.post(f"/inbox/{MINE}/delegate", data={"to": "cleo", "until": "soon", "phases": "define", "csrf": "proof"})
    assert wrong.status_code == 422
    assert "&#39;soon&#39; is no end" in wrong.text
    assert (
        here.post(f"/inbox/{MINE}/delegate", data={"to": "cleo", "until": "2d", "phases": "define", "csrf": "proof"}).status_code
        == 303
    )
    assert MINE in console(own_scene, "cleo").get("/inbox").text


def test_nobody_answers_for_another(own_scene: Path, console: Open) -> None:
    answer = console(own_scene, "ben").post(f"/inbox/{MINE}/accept", data={"csrf": "proof"})
    assert answer.status_code == 403
    assert "waits on ann, not on ben" in answer.text


def test_an_answer_that_is_open_has_one_button_of_its_name(scene: Path, console: Open) -> None:
    text = console(scene, "ann").get(f"/inbox/{MINE}").text
    for name in ("Accept", "Decline"):
        assert f'<span class="when-shut">{name}</span><span class="when-open">Close</span></summary>' in text
        assert text.count(f">{name}</button>") == 1
