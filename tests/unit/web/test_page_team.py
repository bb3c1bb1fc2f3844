"""The team: who answers for what, another matrix as a change of the file, people who come and go."""

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from baton.team.raci import DEFAULT

Open = Callable[..., TestClient]


def cells(**changed: str) -> dict[str, str]:
    """The fields of the matrix's form; `deploy__sre="A"` changes a cell."""
    told = {f"{phase}.{role}": letters for phase, row in DEFAULT.items() for role, letters in row.items()}
    return {**told, **{name.replace("__", ".").replace("_", "-"): letters for name, letters in changed.items()}, "csrf": "proof"}


@pytest.mark.parametrize(("address", "words"), [
    ("/team", "Accountable now"), ("/team?part=now", "by the matrix"), ("/team?tab=matrix", "worn by"), ("/team?tab=flow&days=all", "bundle"),
    ("/team?tab=flow&days=30", "Edge by edge"), ("/team?tab=delivery", "Month by month"), ("/team?tab=coverage", "How many could do it"),
    ("/team?tab=coverage&gone=cleo", "Without cleo"), ("/team?tab=matrix&edit=1", 'name="deploy.sre"'), ("/team/ann", "Answers for, now"),
    ("/team?at=2024-02-01", "as the ledger knew it then"), ("/team/ann?at=2024-02-01", "product-manager"),
])  # fmt: skip
def test_pages_tell_what_they_are_for(scene: Path, console: Open, address: str, words: str) -> None:
    answer = console(scene, "ann").get(address)
    assert answer.status_code == 200
    assert words in answer.text
    assert "<script>alert" not in answer.text
    assert " style=" not in answer.text


@pytest.mark.parametrize(("address", "status"), [
    ("/team?tab=nothing", 422), ("/team/nobody", 404), ("/team?tab=coverage&gone=nobody", 404), ("/team?tab=flow&days=7", 422),
    ("/team/matrix.diff", 404), ("/team/matrix.diff?rows=nonsense", 422), ("/team/matrix.diff?rows=deploy:sre=X", 422),
])  # fmt: skip
def test_addresses_that_lead_nowhere(scene: Path, console: Open, address: str, status: int) -> None:
    assert console(scene, "ann").get(address).status_code == status


def test_the_matrix_says_who_wears_a_role(scene: Path, console: Open) -> None:
    text = console(scene).get("/team?tab=matrix").text
    assert 'data-tip="sre in deploy: cleo"' in text
    assert 'data-tip="devops-engineer in deploy: nobody wears it"' in text


def test_a_proposed_matrix_is_judged_and_becomes_a_change_to_apply(scene: Path, console: Open) -> None:
    here, before = console(scene, "ann"), (scene / "baton.yaml").read_text()
    text = here.post("/team/matrix", data=cells(train__ml_engineer="RA", train__data_scientist="R")).text
    assert "What this matrix would change" in text
    assert "ann (owner)" in text
    assert "ben (owner)" in text
    assert "+  train: {data-scientist: R, ml-engineer: RA" in text
    link = text.split('href="/team/matrix.diff')[1].split('"')[0].replace("&amp;", "&")
    diff = here.get(f"/team/matrix.diff{link}")
    assert diff.headers["content-type"].startswith("text/plain")
    assert diff.text.startswith("--- a/baton.yaml\n+++ b/baton.yaml\n")
    assert (scene / "baton.yaml").read_text() == before


def test_a_matrix_that_cannot_be_is_told_and_kept_in_the_form(scene: Path, console: Open) -> None:
    text = console(scene, "ann").post("/team/matrix", data=cells(deploy__sre="A")).text
    assert "This matrix cannot be" in text
    assert "matrix.diff" not in text
    assert '<option value="A" selected>A</option>' in text


def test_the_present_matrix_changes_nothing(scene: Path, console: Open) -> None:
    assert "This is the matrix as it is" in console(scene, "ann").post("/team/matrix", data=cells()).text


def test_people_say_that_they_are_away_and_back(own_scene: Path, console: Open) -> None:
    here = console(own_scene, "cleo")
    answer = here.post("/team/cleo/away", data={"until": "5d", "reason": "<b>rest</b>", "csrf": "proof"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/team/cleo")
    text = here.get("/team").text
    assert "&lt;b&gt;rest&lt;/b&gt;" in text
    assert "cleo is away" in text
    assert here.post("/team/cleo/back", data={"csrf": "proof"}).status_code == 303
    assert "cleo is away" not in here.get("/team").text


def test_a_form_that_does_not_fit_comes_back_with_what_was_typed(own_scene: Path, console: Open) -> None:
    here = console(own_scene, "cleo")
    answer = here.post("/team/cleo/away", data={"until": "soon", "reason": "my words", "csrf": "proof"})
    assert answer.status_code == 422
    assert 'value="soon"' in answer.text
    assert 'value="my words"' in answer.text
    answer = here.post("/team/cleo/delegate", data={"to": "ben", "until": "2d", "phases": "nothing", "csrf": "proof"})
    assert answer.status_code == 422


def test_duties_are_delegated_and_loops_refused(own_scene: Path, console: Open) -> None:
    cleo, ben = console(own_scene, "cleo"), console(own_scene, "ben")
    assert (
        cleo.post("/team/cleo/delegate", data={"to": "ben", "until": "2d", "phases": "deploy", "csrf": "proof"}).status_code
        == 303
    )
    assert "delegate" in cleo.get("/team").text
    answer = ben.post("/team/ben/delegate", data={"to": "cleo", "until": "2d", "phases": "deploy", "csrf": "proof"})
    assert answer.status_code == 409
    assert "would close a loop" in answer.text


def test_only_who_may_change_the_team_speaks_for_others(own_scene: Path, console: Open) -> None:
    cleo = console(own_scene, "cleo")
    assert "You cannot say that ann is away" in cleo.get("/team/ann").text
    assert cleo.post("/team/ann/away", data={"until": "2d", "csrf": "proof"}).status_code == 403
    assert console(own_scene, "ann").post("/team/cleo/away", data={"until": "2d", "csrf": "proof"}).status_code == 303


def test_somebody_leaves_and_what_waits_moves_on(own_scene: Path, console: Open) -> None:
    ann = console(own_scene, "ann")
    answer = ann.post("/team/cleo/leave", data={"reason": "new job", "csrf": "proof"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/team")
    assert ann.get("/team/cleo").status_code == 404
    assert ann.post("/team/cleo/back", data={"csrf": "proof"}).status_code == 303
    assert ann.get("/team/cleo").status_code == 200


def test_the_past_offers_no_act(scene: Path, console: Open) -> None:
    text = console(scene, "ann").get("/team/ann?at=2024-02-01").text
    assert "/team/ann/away" not in text
    assert "Propose a change" not in console(scene, "ann").get("/team?tab=matrix&at=2024-02-01").text


def test_deputies_are_told_beside_those_who_could_do_it(scene: Path, console: Open) -> None:
    text = console(scene, "ann").get("/team?tab=coverage").text
    assert "one: the phase stops when that person leaves" in text and "Also, while they are away" in text
