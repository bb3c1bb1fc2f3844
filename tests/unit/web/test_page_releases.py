"""The releases room: who answers, the trial, every release, and the acts."""

from collections.abc import Callable
from pathlib import Path

from journeys.visitors import house
from starlette.testclient import TestClient
from unit.web.scene import SHARE

from baton.delivery.reading import Question
from baton.web.evidence import amount, short_of, stands

Open = Callable[..., TestClient]
TRIAL = "release-000000000003"
LIVE = "release-000000000002"


def test_who_answers_and_what_is_on_trial(console: Open, scene: Path) -> None:
    page = console(scene, "cleo").get("/releases").text
    assert "Traffic now" in page and f"{SHARE:.0%}".replace("%", " %") in page
    assert "On trial: version 3" in page and "Evidence on errors" in page and "Not decided yet" in page
    assert 'data-live="/releases/now"' in page and f'href="/releases/{TRIAL}"' in page
    assert "Champion against the frozen first model" in page and "3 releases" in page
    assert page.index("All releases") < page.index("What people can do"), "few releases leave room beside the acts"
    assert 'style="' not in page and "<style" not in page


def test_the_part_that_lives_is_a_fragment(console: Open, scene: Path) -> None:
    part = console(scene, "cleo").get("/releases/now", headers={"x-fragment": "1"}).text
    assert "Traffic now" in part and "<html" not in part


def test_a_release_tells_its_story(console: Open, scene: Path) -> None:
    page = console(scene, "cleo").get(f"/releases/{TRIAL}").text
    assert "Stages" in page and "Every look" in page and "nothing is decided yet" in page and "What happened" in page
    assert "Nobody had to sign" in page


ODD = (
    ("/releases/release-none", 404),
    ("/releases?status=odd", 422),
    (f"/releases?before={'x' * 300}", 422),
    ("/releases?before=nowhere", 200),
    ("/releases?status=retired", 200),
    ("/releases?at=yesterday", 422),
    ("/releases?at=2024-01-10T00:00:00Z", 200),
    ("/releases/%3Cscript%3E", 404),
)


def test_odd_addresses_are_told(console: Open, scene: Path) -> None:
    desk = console(scene, "cleo")
    for address, status in ODD:
        answer = desk.get(address)
        assert (address, answer.status_code) == (address, status)
        assert "<script>" not in answer.text


def test_the_past_is_read_only_and_knows_no_later_trial(console: Open, scene: Path) -> None:
    page = console(scene, "cleo").get("/releases?at=2024-02-20T00:00:00Z").text
    assert "On trial" not in page and "This is the past" in page and 'action="/releases/halt"' not in page
    assert console(scene, "cleo").get(f"/releases/{TRIAL}?at=2024-02-20T00:00:00Z").status_code == 404


def test_acts_are_offered_to_who_may_and_tell_what_they_do(console: Open, scene: Path) -> None:
    assert "Version 3 ends its trial at once, and version 2 keeps answering" in console(scene, "cleo").get("/releases").text
    desk = console(scene, "ben")
    page = desk.get("/releases").text
    assert 'action="/releases/roll-back"' not in page and "Not yours to do" in page and "cleo may." in page
    assert 'action="/releases/freeze"' in page
    assert desk.post("/releases/roll-back", data={"csrf": "proof", "reason": "no"}).status_code == 403


def test_a_reason_is_asked_for_beside_the_form(console: Open, own_scene: Path) -> None:
    desk = console(own_scene, "cleo")
    answer = desk.post("/releases/freeze", data={"csrf": "proof", "reason": " ", "days": "2"})
    assert answer.status_code == 422 and "a reason is missing" in answer.text and 'action="/releases/freeze"' in answer.text
    answer = desk.post("/releases/freeze", data={"csrf": "proof", "reason": "<b>storm</b>", "days": "900"})
    assert answer.status_code == 422 and "it needs an end" in answer.text and "&lt;b&gt;storm" in answer.text


def test_a_freeze_is_asked_for_once_and_waits_for_others(console: Open, own_scene: Path) -> None:
    desk = console(own_scene, "cleo")
    asked = desk.post("/releases/freeze", data={"csrf": "proof", "reason": "a storm", "days": "2"})
    assert asked.status_code == 303 and asked.headers["location"] == "/releases"
    assert "<strong>Freeze</strong>" in desk.get("/releases").text
    again = desk.post("/releases/freeze", data={"csrf": "proof", "reason": "a storm", "days": "2"})
    assert again.status_code == 409 and 'role="alert"' in again.text


def test_a_promotion_by_hand_is_asked_for_once_about_the_trial_that_was_shown(console: Open, own_scene: Path) -> None:
    desk = console(own_scene, "cleo")
    page = desk.get("/releases").text
    assert 'action="/releases/promote"' in page and "Harm proved before then ends its trial all the same" in page
    wrong = desk.post("/releases/promote", data={"csrf": "proof", "reason": "needed", "days": "2", "shown": LIVE})
    assert wrong.status_code == 404 and f"no release &#39;{LIVE}&#39; is on trial" in wrong.text
    asked = desk.post("/releases/promote", data={"csrf": "proof", "reason": "needed <b>", "days": "2", "shown": TRIAL})
    assert asked.status_code == 303
    page = desk.get("/releases").text
    assert "cleo asked for it: needed &lt;b&gt;" in page and 'action="/releases/promote"' not in page
    again = desk.post("/releases/promote", data={"csrf": "proof", "reason": "needed", "days": "2", "shown": TRIAL})
    assert again.status_code == 409 and "asked already" in again.text


def test_a_folder_with_only_a_team_has_nothing_to_halt(console: Open, tmp_path: Path) -> None:
    desk = console(house(tmp_path / "shop").project, "ann")
    page = desk.get("/releases").text
    assert "No model is served from this folder" in page and 'action="/releases/halt"' not in page
    answer = desk.post("/releases/halt", data={"csrf": "proof", "reason": "smoke"})
    assert answer.status_code == 404 and "no model is served from here" in answer.text


def test_a_page_shown_again_after_a_failed_act_leads_on_from_itself(console: Open, own_scene: Path) -> None:
    answer = console(own_scene, "cleo").post("/releases/freeze?status=retired", data={"csrf": "proof", "reason": "", "days": "2"})
    assert answer.status_code == 422 and 'class="time" action="/releases"' in answer.text


def test_halt_and_resume(console: Open, own_scene: Path) -> None:
    desk = console(own_scene, "cleo")
    assert desk.post("/releases/halt", data={"csrf": "proof", "reason": "smoke", "days": ""}).status_code == 303
    page = desk.get("/releases").text
    assert "Halted: no version answers" in page and "smoke" in page and 'action="/releases/resume"' in page
    assert desk.post("/releases/halt", data={"csrf": "proof", "reason": "smoke", "days": ""}).status_code == 409
    assert desk.post("/releases/resume", data={"csrf": "proof", "reason": "a drill"}).status_code == 303
    assert "Halted" not in desk.get("/releases").text


def test_a_roll_back_ends_what_was_shown_and_nothing_else(console: Open, own_scene: Path) -> None:
    desk = console(own_scene, "cleo")
    wrong = desk.post("/releases/roll-back", data={"csrf": "proof", "reason": "complaints", "shown": LIVE})
    assert wrong.status_code == 409 and "not what you were shown" in wrong.text
    done = desk.post("/releases/roll-back", data={"csrf": "proof", "reason": "complaints", "shown": TRIAL})
    assert done.status_code == 303
    page = desk.get("/releases").text
    assert "No release is on trial" in page and "Version 2 answers no more, and version 1 answers for all again" in page
    twice = desk.post("/releases/roll-back", data={"csrf": "proof", "reason": "complaints", "shown": TRIAL})
    assert twice.status_code == 409, "the same form sent twice does not take the live version out"


def test_a_gate_is_overridden_for_a_turn_that_failed_there_only(console: Open, own_scene: Path) -> None:
    desk = console(own_scene, "cleo")
    assert 'action="/releases/gate"' not in desk.get("/releases").text
    answer = desk.post("/releases/gate", data={"csrf": "proof", "reason": "needed", "days": "2", "subject": "turn-99"})
    assert answer.status_code == 404


def test_amounts_of_evidence_are_short() -> None:
    assert [amount(value) for value in (0.2591, 8.752, 1123.7, 2.2e62, 1e6)] == ["0.259", "8.75", "1,124", "2.2·10⁶²", "1·10⁶"]
    assert amount(9.99e9) == "1·10¹⁰"


def test_evidence_says_one_number_and_what_it_came_to_before() -> None:
    assert stands(Question("?", 0.2281, 80.0, ((1, 0.3133), (2, 0.2281)))) == "0.228 of 80 (at most 0.313 so far)"
    assert stands(Question("?", 12.0, 20.0, ((1, 31.0), (2, 12.0)))) == "12 of 20 (reached earlier: 31)"
    assert stands(Question("?", 2.6e14, 20.0)) == short_of(Question("?", 2.6e14, 20.0)) == "far past 20"
    assert stands(Question("?", 0.5, 20.0)) == "0.5 of 20" and short_of(Question("?", 0.5, 20.0)) == "0.5"


def test_each_act_names_who_may_and_nobody_gets_no_button(console: Open, scene: Path) -> None:
    page = console(scene).get("/releases").text
    hint, acts = page.index("choose as whom you act"), page.index('<ul class="doings">')
    assert hint < acts and 'action="/releases/halt"' not in page and "may.</strong>" in page and "reviews it afterwards" in page
    mine = console(scene, "cleo").get("/releases").text
    assert (
        "choose as whom you act" not in mine
        and 'action="/releases/halt"' in mine
        and '<span class="when-open">Close</span>' in mine
    )


def test_a_release_is_called_by_its_version_and_summed_up(console: Open, scene: Path) -> None:
    page = console(scene, "cleo").get("/releases").text
    assert f'href="/releases/{TRIAL}">version 3</a>' in page and f">{TRIAL}</span>" in page
    assert '<p class="headline">' in console(scene, "cleo").get(f"/releases/{TRIAL}").text


def test_a_form_that_lacks_a_reason_is_told_so_and_keeps_the_rest(console: Open, own_scene: Path) -> None:
    desk = console(own_scene, "cleo")
    bare = desk.post("/releases/halt", data={"csrf": "proof"})
    assert bare.status_code == 422 and "a reason is missing" in bare.text
    answer = desk.post("/releases/halt", data={"csrf": "proof", "reason": "", "days": "7"}).text
    halting = answer[answer.index('<form method="post" action="/releases/halt"') :]
    assert '<option value="7" selected>7 days</option>' in halting[: halting.index("</form>")]
    assert answer.count(" selected>7 days") == 1, "other forms begin as they do"


def test_each_act_says_who_else_must_approve(console: Open, scene: Path) -> None:
    told = "Asking counts as your approval; it holds once ann or ben has approved, too."
    assert told.replace("ann or ben", "ben or ann") in (page := console(scene, "cleo").get("/releases").text) or told in page
    assert "It holds once 2 of" in (nobody := console(scene).get("/releases").text) and "of whom whoever asks is one" in nobody


def test_a_team_of_one_is_told_that_it_holds_at_once(console: Open, own_scene: Path) -> None:
    ann = console(own_scene, "ann")
    for name in ("ben", "cleo"):
        assert ann.post(f"/team/{name}/leave", data={"reason": "gone", "csrf": "proof"}).status_code == 303
    page = ann.get("/releases").text
    assert "It holds at once: nobody else may approve it." in page and "request goes to the inbox" not in page
    asked = ann.post("/releases/freeze", data={"csrf": "proof", "reason": "a storm", "days": "2"})
    assert asked.status_code == 303
    assert "<strong>Freeze</strong> holds" in ann.get("/releases").text
