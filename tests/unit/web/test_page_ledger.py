"""The ledger's pages: facts by cursor and filter, one fact with its proof, what is taken away, a ledger that was tampered with."""

import csv
import io
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from baton.app.archive import ledger as question
from baton.app.archive.archive import LONG
from baton.app.archive.archivist import Archivist
from baton.app.archive.lane import ANSWER, Lane, Reply
from baton.app.archive.question import answered
from baton.app.bootstrap import read_state
from baton.app.views import record as view
from baton.app.workspace import existing
from baton.ledger.ports import Head
from baton.web.pages import ledger

Open = Callable[..., TestClient]


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would go to the archive's process, answered in this one."""
    seen: list[str] = []

    def ask(lane: Lane, request: bytes, seconds: float) -> Reply:
        project, folder, *_ = lane._arguments
        told: dict[str, Any] = msgspec.json.decode(request)
        seen.append(told["question"])
        archivist = Archivist(Path(project), existing(Path(folder)))
        return Reply(ANSWER, msgspec.json.encode(answered(archivist, told["question"], told["plain"])))

    monkeypatch.setattr(Lane, "ask", ask)
    return seen


def damage(project: Path, sql: str) -> None:
    """Change the database behind the ledger's back."""
    database = sqlite3.connect(project / ".baton" / "state.db")
    database.execute(sql)
    database.commit()
    database.close()


@pytest.mark.parametrize(("address", "words"), [
    ("/ledger", "the witness file holds the same head"), ("/ledger?kind=incident", "incident opened"), ("/ledger?actor=ann", "handoff accepted"),
    ("/ledger?subject=release-000000000003", "release advanced"), ("/ledger?subject=nothing", "No fact fits"), ("/ledger?kind=incident.resolved", "incident resolved"),
    ("/ledger/1", "What it changed"), ("/ledger/1/proof", "The proof holds"), ("/ledger/verify", "The ledger is whole"),
])  # fmt: skip
def test_pages_tell_what_they_are_for(scene: Path, console: Open, address: str, words: str) -> None:
    answer = console(scene, "ann").get(address)
    assert answer.status_code == 200
    assert words in answer.text
    assert "<script>alert" not in answer.text and " style=" not in answer.text


@pytest.mark.parametrize(("address", "status"), [
    ("/ledger/0", 404), ("/ledger/99999", 404), ("/ledger/x", 422), ("/ledger/-1", 422), ("/ledger?before=0", 422), ("/ledger/export?form=xls", 422),
    ("/ledger/99999/proof", 404),
])  # fmt: skip
def test_addresses_that_lead_nowhere(scene: Path, console: Open, address: str, status: int) -> None:
    assert console(scene, "ann").get(address).status_code == status


def test_pages_follow_each_other_without_a_gap(scene: Path, console: Open) -> None:
    page, address, seen = console(scene), "/ledger", []
    for _ in range(10):
        text = page.get(address).text
        seen += [int(each) for each in re.findall(r'class="seq[^>]*>(\d+)<', text)]
        following = re.search(r'href="(/ledger\?before=\d+)">Earlier', text)
        if following is None:
            break
        address = following[1]
    assert len(seen) > 50 and seen == list(range(len(seen), 0, -1))


def test_the_past_ends_at_its_instant(scene: Path, console: Open) -> None:
    text = console(scene).get("/ledger?at=2024-01-15T00:00:00Z").text
    assert "2024-02" not in text.split('<ol class="ledger">')[1].split("</ol>")[0]
    with read_state(scene / ".baton") as (_, state):
        last = state.head().size
    assert console(scene).get(f"/ledger/{last}?at=2024-01-01T00:00:00Z").status_code == 404


def test_what_fits_is_taken_away(scene: Path, console: Open) -> None:
    page = console(scene)
    lines = [json.loads(line) for line in page.get("/ledger/export?form=jsonl&kind=incident").text.splitlines()]
    assert {each["subject_kind"] for each in lines} == {"incident"} and lines[0]["seq"] > lines[-1]["seq"]
    answer = page.get("/ledger/export?form=csv&kind=incident")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [int(row["seq"]) for row in rows] == [each["seq"] for each in lines]
    assert "ledger-newest-100000.csv" in answer.headers["content-disposition"]


def test_an_export_is_bounded_and_read_in_pieces(scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with read_state(scene / ".baton") as (_, state):
        size = state.head().size
        assert len(list(view.every(state, view.Sought(), 7))) == 7
        everything = [fact.seq for fact in view.every(state, view.Sought(), 100_000)]
        assert everything == list(range(size, 0, -1))


def test_no_cell_is_a_formula(console: Open, scene: Path) -> None:
    from baton.web.pages.ledger import _cell

    assert [_cell(each) for each in ("=1+1", "@x", "-2", "plain", 7)] == ["'=1+1", "'@x", "'-2", "plain", 7]


def test_a_changed_fact_is_found_out(own_scene: Path, console: Open) -> None:
    damage(own_scene, "UPDATE facts SET reason = 'nothing happened' WHERE seq = 5")
    page = console(own_scene)
    assert "The proof does not hold" in page.get("/ledger/5/proof").text
    assert "The proof holds" in page.get("/ledger/6/proof").text
    assert "fact 5" in page.get("/ledger/verify").text


def test_a_fact_that_is_gone_has_no_proof(own_scene: Path) -> None:
    damage(own_scene, "DELETE FROM facts WHERE seq = 5")
    with read_state(own_scene / ".baton") as (_, state):
        assert not view.inclusion(state, 5).holds
        assert not view.inclusion(state, 6).holds, "it stands elsewhere than it did"


def test_every_fact_has_a_proof(scene: Path) -> None:
    with read_state(scene / ".baton") as (_, state):
        size = state.head().size
        assert all(view.inclusion(state, seq).holds for seq in {1, 2, size // 2, size - 1, size})


def test_everything_is_verified_once_until_something_changes(own_scene: Path, console: Open, asked: list[str]) -> None:
    page = console(own_scene)
    page.get("/ledger")
    assert asked == [], "looking at the list verifies nothing"
    assert page.get("/ledger/verify").text == page.get("/ledger/verify").text
    assert asked == ["verification"] and "verification" in LONG
    damage(own_scene, "UPDATE records SET body = replace(body, 'ann', 'eve') WHERE kind = 'handoff'")
    assert "differs from what its last fact says" in page.get("/ledger/verify").text
    witness = own_scene / ".baton" / "ledger.head"
    witness.write_text(witness.read_text().replace('"root": "', '"root": "0'))
    page.get("/ledger/verify")
    assert len(asked) == 3


def test_so_many_faults_are_shown_and_all_counted(own_scene: Path, console: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question, "MOST_FAULTS", 2)
    damage(own_scene, "UPDATE facts SET reason = '<b>x' WHERE seq <= 5")
    text = console(own_scene).get("/ledger/verify").text
    assert text.count("was changed after it was recorded") == 2 and re.search(r"\d more:", text) and "<b>" not in text


def test_a_verification_loads_no_table_library(scene: Path) -> None:
    code = """
import sys
from pathlib import Path
from baton.app.archive.archivist import Archivist
from baton.app.archive.question import answered
from baton.app.workspace import existing
folder = Path(sys.argv[1])
print(answered(Archivist(folder, existing(folder / ".baton")), "verification", {"seen": ""})["count"])
print(sorted({"pyarrow", "duckdb", "deltalake", "pandas", "sqlalchemy"} & sys.modules.keys()))
"""
    told = subprocess.run([sys.executable, "-c", code, str(scene)], capture_output=True, check=True, text=True)
    assert told.stdout.split() == ["0", "[]"]


def test_the_witness_is_held_against_the_log(scene: Path) -> None:
    with read_state(scene / ".baton") as (_, state):
        head = state.head()
        assert view.witnessed(state, head).agrees
        assert not view.witnessed(state, None).agrees
        assert "cut off" in view.witnessed(state, Head(head.size + 1, head.root)).words
        assert not view.witnessed(state, Head(head.size, "0" * 64)).agrees


@pytest.mark.parametrize("address", ["/ledger/verify", "/ledger/5/proof"])
def test_too_long_a_ledger_is_not_read_while_one_waits(
    scene: Path, console: Open, asked: list[str], monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr("baton.web.pages.ledger.WHOLE", 3)
    assert "baton ledger verify" in console(scene).get(address).text
    assert asked == []


def test_every_kind_that_is_recorded_can_be_asked_for() -> None:
    source = Path(ledger.__file__).parents[2]
    kinds = {kind for file in source.rglob("*.py") for kind in re.findall(r'KIND: ClassVar\[str\] = "(\w+)"', file.read_text())}
    assert set(ledger.KINDS) == kinds and list(ledger.KINDS) == sorted(kinds)
