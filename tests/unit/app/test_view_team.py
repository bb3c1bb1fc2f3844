"""The team as pages read it: bounded, at any instant, and a proposed matrix as a change of the project's file."""

import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from baton.app.declared import load_owned
from baton.app.views import amendment, flow
from baton.app.views import team as view
from baton.backends.state.sql import open_sqlite
from baton.delivery.release import Release
from baton.incidents.incident import Incident
from baton.kernel.errors import InvalidInput
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.project.ownership import TeamFile
from baton.project.template import create
from baton.team.charter import team_of
from baton.team.handoff import Handoff
from baton.team.raci import DEFAULT

NOON = datetime(2024, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
GIT = shutil.which("git") or ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create("made", tmp_path / "made")
    return tmp_path / "made"


def proposed(folder: Path, rows: Mapping[str, Mapping[str, str]]) -> amendment.Amendment:
    owned = load_owned(folder).owned
    return amendment.amendment(folder, owned, team_of(owned), rows, NOON)


def write(folder: Path, section: str) -> None:
    path = folder / "baton.yaml"
    path.write_text(path.read_text().replace("\napprovals:", f"\n{section}\napprovals:", 1))


SRE = {**DEFAULT["deploy"], "sre": "A", "mlops-engineer": "R"}


@pytest.mark.parametrize("section", [
    "", "raci:\n  train: {data-scientist: RA}  # hers alone\n", "raci:\n  deploy: {mlops-engineer: RA}\n  # after\n\n",
    "raci: {train: {data-scientist: RA}}\n", "raci:\n  deploy:\n    mlops-engineer: RA\n  train:\n    data scientist: RA\n",
])  # fmt: skip
@pytest.mark.skipif(not GIT, reason="git is not installed")
def test_the_change_applies_and_reads_as_it_was_proposed(folder: Path, section: str) -> None:
    write(folder, section)
    before = (folder / "baton.yaml").read_text()
    found = proposed(folder, {"deploy": SRE})
    assert not found.mistakes
    subprocess.run([GIT, "init", "-q", str(folder)], check=True)
    subprocess.run([GIT, "apply", "-"], input=found.diff.encode(), cwd=folder, check=True)
    after = load_owned(folder).owned
    assert after.raci["deploy"] == {role: letters for role, letters in SRE.items() if letters}
    assert {**after.raci, "deploy": None} == {**load_then(folder, before).raci, "deploy": None}
    kept = [line for line in before.splitlines() if "#" in line and "raci" not in line]
    assert all(line in (folder / "baton.yaml").read_text().splitlines() for line in kept)


def load_then(folder: Path, text: str) -> TeamFile:
    path = folder / "baton.yaml"
    now = path.read_text()
    path.write_text(text)
    owned = load_owned(folder).owned
    path.write_text(now)
    return owned


def test_a_row_that_is_the_default_again_is_taken_out(folder: Path) -> None:
    write(folder, "raci:\n  deploy: {sre: RA}\n")
    found = proposed(folder, {"deploy": DEFAULT["deploy"]})
    assert "-raci:" in found.diff
    assert "+" not in "".join(line[:1] for line in found.diff.splitlines()[2:])


def test_a_file_without_a_last_line_break_can_be_changed(folder: Path) -> None:
    path = folder / "baton.yaml"
    path.write_text(path.read_text().rstrip("\n") + "\nraci:\n  train: {data-scientist: RA}")
    assert "\\ No newline at end of file" in proposed(folder, {"deploy": SRE}).diff


def test_who_would_answer_is_told(folder: Path) -> None:
    found = proposed(folder, {"train": {"ml-engineer": "RA", "data-scientist": "R"}})
    assert [(each.phase, each.before, each.after) for each in found.shifts] == [("train", "ann (owner)", "ben (owner)")]


@pytest.mark.parametrize(("row", "words"), [
    ({"sre": "R"}, "accountable"), ({"sre": "A", "ml-engineer": "A"}, "accountable"), ({"devops-engineer": "RA"}, "devops-engineer"),
])  # fmt: skip
def test_a_matrix_without_exactly_one_accountable_is_a_mistake(folder: Path, row: dict[str, str], words: str) -> None:
    found = proposed(folder, {"deploy": row})
    assert words in " ".join(each.what for each in found.mistakes)
    assert found.diff == ""


def test_the_matrix_as_it_is_changes_nothing(folder: Path) -> None:
    found = proposed(folder, DEFAULT)
    assert (found.changed, found.diff, found.shifts) == ((), "", ())


@pytest.mark.parametrize("rows", [{"nothing": {"sre": "A"}}, {"deploy": {"sre": "X"}}])
def test_an_unknown_phase_or_letter_is_refused(folder: Path, rows: dict[str, dict[str, str]]) -> None:
    with pytest.raises(InvalidInput, match="is no"):
        proposed(folder, rows)


def test_rows_go_through_an_address_and_back() -> None:
    rows = {"deploy": {"sre": "A", "ml-engineer": "R"}, "train": {"data-scientist": "RA"}}
    assert amendment.unpacked(amendment.packed(rows)) == rows
    with pytest.raises(InvalidInput):
        amendment.unpacked("nonsense")


def handoff(number: int, at: datetime, **changed: object) -> Handoff:
    told = {
        "id": f"handoff-{number:012d}", "status": "accepted", "edge": "bundle", "subject": f"turn-{number}", "payload": "model",
        "given_in": "package", "taken_in": "deploy", "giver": "ben", "receiver": "cleo", "waiting_on": "cleo", "accept": "person",
        "within": DAY, "offered_at": at, "since": at, "deadline": at + DAY, "answered_by": "cleo", "answered_at": at + DAY / 4,
    }  # fmt: skip
    return Handoff(**{**told, **changed})  # type: ignore[arg-type]


def test_flows_count_what_became_of_offers_within_a_period(tmp_path: Path) -> None:
    state = open_sqlite(tmp_path / "state.db", create=True)
    draft = Draft(state)
    for made in (
        handoff(1, NOON - 200 * DAY),
        handoff(2, NOON - 9 * DAY),
        handoff(3, NOON - 8 * DAY, status="declined", level=1),
        handoff(4, NOON - 7 * DAY, answered_by="policy", answered_at=NOON - 7 * DAY),
        handoff(5, NOON - DAY, status="offered", answered_by="", answered_at=None),
    ):
        draft.record(Act(SYSTEM, "", made.offered_at), made, "offered", "made")
    draft.commit({}, expect={})
    found = flow.flows(state, NOON, 90)
    edge = found.edges[0]
    assert (found.read, found.total, found.whole) == (4, 5, True)
    assert (edge.offered, edge.accepted, edge.declined, edge.escalated, edge.open, edge.by_people) == (4, 2, 1, 1, 1, 2)
    assert edge.waited.median == DAY / 4
    assert found.automatic == pytest.approx(1 / 3)
    assert flow.flows(state, NOON, None).read == 5
    state.close()


def test_delivery_of_a_year_by_months(tmp_path: Path) -> None:
    state = open_sqlite(tmp_path / "state.db", create=True)
    draft, at = Draft(state), NOON - 40 * DAY
    for number, status in enumerate(("live", "rolled-back")):
        made = Release(f"release-{number}", number, "b", status, at, at, live_at=at + DAY if status == "live" else None)
        draft.record(Act(SYSTEM, "", at), made, "started", "made")
    mended = Incident("incident-1", "resolved", 1, "s", "v", "c", "ann", at, at, resolved_at=at + 2 * DAY)
    draft.record(Act(SYSTEM, "", at), mended, "resolved", "made")
    draft.commit({}, expect={})
    year, months = flow.delivery(state, NOON)
    assert (year.deployments, year.failed, year.failure_rate, year.restore.median) == (1, 1, 0.5, 2 * DAY)
    assert len(months) == flow.MONTHS
    assert [each.deployments for each in months[-3:]] == [1, 0, 0]
    state.close()


def test_a_contact_is_masked_but_for_its_kind() -> None:
    assert view.masked("mailto:ann@shop.example") == "mailto:…"
    assert view.masked("nonsense") == "…"
