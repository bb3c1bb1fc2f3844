"""Incidents' pages: the list, one of them, taking and sending back its hand-off, its review."""

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from unit.web.scene import hand_over

Open = Callable[..., TestClient]
OPEN, MENDED = "/incidents/incident-000000000002", "/incidents/incident-000000000001"


@pytest.mark.parametrize(("address", "words"), [
    ("/incidents", "Not resolved"), ("/incidents?status=resolved", "1 – 1 of 1"), ("/incidents?severity=1", "too low"), ("/incidents?signal=novelty", "No incident fits"),
    ("/incidents?days=7", "1 – 1 of 1"), ("/incidents?subject=version+1", "1 – 1 of 1"), (OPEN, "Why it happened"), (OPEN, "6.0 points too low"),
    (MENDED, "serves all traffic since"), (MENDED, "What it touched"), (f"{OPEN}/now", "On whom it waits"), (f"{MENDED}/now", "Who held it"), (f"{MENDED}/review.md", "## Timeline"),
])  # fmt: skip
def test_pages_tell_what_they_are_for(scene: Path, console: Open, address: str, words: str) -> None:
    answer = console(scene, "ann").get(address)
    assert answer.status_code == 200
    assert words in answer.text
    assert "<script>alert" not in answer.text and " style=" not in answer.text


@pytest.mark.parametrize(("address", "status"), [
    ("/incidents/nothing", 404), ("/incidents?status=asleep", 422), ("/incidents?days=8", 422), ("/incidents?after=-1", 422),
    (f"{OPEN}?at=2024-01-20", 404), ("/incidents/nothing/review.md", 404),
])  # fmt: skip
def test_addresses_that_lead_nowhere(scene: Path, console: Open, address: str, status: int) -> None:
    assert console(scene, "ann").get(address).status_code == status


def test_open_ones_stand_before_mended_ones(scene: Path, console: Open) -> None:
    page = console(scene).get("/incidents").text
    assert page.index("incident-000000000002") < page.index("incident-000000000001")


def test_the_past_knows_only_what_was_known(scene: Path, console: Open) -> None:
    page = console(scene, "ann").get(f"{MENDED}?at=2024-01-28T00:00:00Z").text
    assert "incident resolved" not in page and "so far" not in page and "open for" in page


def test_the_review_is_a_file(scene: Path, console: Open) -> None:
    answer = console(scene).get(f"{MENDED}/review.md")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="review-incident-000000000001.md"'


def test_whoever_it_waits_on_takes_it(own_scene: Path, console: Open) -> None:
    hand_over(own_scene)
    ann, cleo = console(own_scene, "ann"), console(own_scene, "cleo")
    assert "Take it" in ann.get(OPEN).text
    assert "Take it" not in cleo.get(OPEN).text and "does not wait on cleo" in cleo.get(OPEN).text
    assert "Take it" not in ann.get(f"{OPEN}?at=2024-02-29T12:00:00Z").text, "the past can be read only"
    assert cleo.post(f"{OPEN}/accept", data={"csrf": "proof"}).status_code == 403
    answer = ann.post(f"{OPEN}/accept", data={"csrf": "proof", "reason": "mine"})
    assert (answer.status_code, answer.headers["location"]) == (303, OPEN)
    assert "Take it" not in ann.get(OPEN).text
    assert ann.post(f"{OPEN}/accept", data={"csrf": "proof"}).status_code == 409, "the second of two is told so"


def test_sending_it_back_needs_a_reason(own_scene: Path, console: Open) -> None:
    hand_over(own_scene)
    ann = console(own_scene, "ann")
    answer = ann.post(f"{OPEN}/decline", data={"csrf": "proof", "reason": " "})
    assert answer.status_code == 422 and "say what is to be mended" in answer.text and "Send it back" in answer.text
    assert ann.post(f"{OPEN}/decline", data={"csrf": "proof", "reason": "no cause is named"}).status_code == 303
    assert "no cause is named" in ann.get(OPEN).text


def test_one_that_was_handed_to_nobody_cannot_be_taken(own_scene: Path, console: Open) -> None:
    assert console(own_scene, "ann").post(f"{OPEN}/accept", data={"csrf": "proof"}).status_code == 404


def test_an_answer_that_fails_keeps_what_was_typed(own_scene: Path, console: Open) -> None:
    hand_over(own_scene)
    ann = console(own_scene, "ann")
    words = "x" * 2100
    answer = ann.post(f"{OPEN}/decline", data={"csrf": "proof", "reason": words})
    assert answer.status_code == 422 and f'name="reason" maxlength="2000" value="{words}"' in answer.text
    assert ann.post(f"{OPEN}/accept", data={"csrf": "proof"}).status_code == 303
    late = ann.post(f"{OPEN}/decline", data={"csrf": "proof", "reason": "no cause <b>"})
    assert late.status_code == 409 and "What you typed as reason" in late.text and "no cause &lt;b&gt;" in late.text


def test_the_first_model_is_compared_over_whole_months_and_said_so(scene: Path, console: Open) -> None:
    page = console(scene, "ann").get(MENDED).text
    assert "Had nobody ever retrained" in page and "the first model, never retrained, would have been" in page
    assert "What mending this incident alone was worth is not known" in page
