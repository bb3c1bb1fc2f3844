"""`baton delete`: two people, then the ledger, then the bytes; and never what answers or may answer again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from click.testing import CliRunner

from baton.app.bootstrap import open_artifacts, read_state
from baton.app.declared import load_owned
from baton.app.lifecycle.people import declare
from baton.app.new import from_template
from baton.app.workspace import Workspace, create, existing
from baton.backends.state.sql import open_sqlite
from baton.cli.main import door
from baton.delivery.release import Release
from baton.kernel.errors import BatonError, Conflict, InvalidInput, NotFound, Refused
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act, Record
from baton.ledger.verify import verify
from baton.registry.version import ModelVersion
from baton.team.approval import Approval
from baton.team.handoff import Handoff

AT = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)
STATUSES = {1: "retired", 2: "retired", 3: "retired", 4: "live", 5: "rejected", 6: "packaged"}
R = TypeVar("R", bound=Record)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Six versions: the baseline, two retired ones, the live one, one that was rejected, one on its way."""
    folder = tmp_path / "bio"
    from_template("bio", folder)
    made = create(folder / ".baton", "wall")
    store = open_artifacts(made, create=True)
    state = open_sqlite(made.state, create=True)
    draft, act = Draft(state), Act(SYSTEM, "", AT)
    declare(draft, load_owned(folder).owned, AT)
    for number, status in STATUSES.items():
        bundle, native = (
            store.put(b"bundle %d" % number),
            store.put(b"shared by 1 and 2" if number < 3 else b"native %d" % number),
        )
        store.seal(bundle, b"sealed")
        lineage = {"people": {"train": "ann", "evaluate": "ann"}}
        version = ModelVersion(f"version-{number}", number, status, "linear", AT, AT, {}, bundle, native, lineage=lineage)
        draft.record(act, version, "registered", "for the test")
        if status in ("live", "retired"):
            since = AT + number * DAY
            draft.record(act, Release(f"release-{number}", number, bundle, status, since, since), "started", "for the test")
    draft.commit({}, {})
    state.close()
    return folder


def run(project: Path, *arguments: str) -> str:
    """What a command prints; raises what it raises."""
    told = CliRunner().invoke(door, ["--project", str(project), *arguments], standalone_mode=False)
    if isinstance(told.exception, BatonError):
        raise told.exception
    assert told.exception is None, told.output
    return told.output


def delete(project: Path, version: str, name: str, reason: str = "the customer's data had to go") -> str:
    return run(project, "delete", version, "--as", name, "--reason", reason)


def recorded(project: Path, kind: type[R]) -> list[R]:
    with read_state(project / ".baton") as (_, state):
        assert verify(state).faults == ()
        return state.all(kind)


def stored(project: Path) -> set[bytes]:
    workspace: Workspace = existing(project / ".baton")
    return {each.read_bytes() for each in workspace.artifacts.iterdir() if not each.name.endswith(".sig")}


def test_two_people_who_did_not_train_it_delete_a_version(project: Path) -> None:
    before = stored(project)
    told = delete(project, "2", "ben")
    (asked,) = recorded(project, Approval)
    assert (asked.action, asked.status, asked.authors) == ("delete", "requested", ("ann",))
    assert "1 more must approve" in told and f" approve {asked.id}" in told and f"--project {project} delete 2" in told
    assert stored(project) == before
    assert "1 more must approve" in delete(project, "2", "ben"), "whoever asks again is not counted twice"
    with pytest.raises(Refused, match="ann may not approve"):
        run(project, "approve", asked.id, "--as", "ann")
    run(project, "approve", asked.id, "--as", "cleo")
    assert stored(project) == before, "approving deletes nothing by itself"

    assert "version 2 is deleted: 1 file removed" in delete(project, "version-2", "ben")
    assert before - stored(project) == {b"bundle 2"}, "what another version has too stays"
    assert [each.status for each in recorded(project, ModelVersion)][1] == "deleted"
    assert recorded(project, Approval)[0].status == "withdrawn", "it is used up"
    assert "0 files removed" in delete(project, "2", "ben")
    with pytest.raises(Refused, match="cleo may not delete the files of a version"):
        delete(project, "5", "cleo")


def test_killed_before_the_bytes_went_the_next_call_removes_them(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    delete(project, "5", "ben")
    run(project, "approve", recorded(project, Approval)[0].id, "--as", "cleo")
    monkeypatch.setattr("baton.app.deletion._remove", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises((AssertionError, KeyboardInterrupt)):
        delete(project, "5", "ben")
    monkeypatch.undo()
    assert recorded(project, ModelVersion)[4].status == "deleted" and b"bundle 5" in stored(project)
    assert "2 files removed" in delete(project, "5", "ben")
    assert not {b"bundle 5", b"native 5"} & stored(project)


def test_what_answers_or_may_answer_again_is_not_deleted(project: Path) -> None:
    for version, error, words in (
        ("1", Refused, "baseline"),
        ("3", Refused, "a rollback would bring back"),
        ("4", Conflict, "is live"),
        ("6", Conflict, "is packaged"),
        ("7", NotFound, "no version '7'"),
    ):
        with pytest.raises(error, match=words):
            delete(project, version, "ben")
    with pytest.raises(InvalidInput, match="needs a reason"):
        delete(project, "5", "ben", " ")
    assert recorded(project, Approval) == []


def test_what_waits_to_be_taken_is_not_deleted(project: Path) -> None:
    made = existing(project / ".baton")
    (bundle,) = {each.bundle for each in recorded(project, ModelVersion) if each.version == 5}
    state = open_sqlite(made.state, create=False)
    draft = Draft(state)
    waits = Handoff(
        "handoff-5", "offered", "bundle", "five", "a bundle", "package", "deploy", "ben", "cleo", "cleo", "person", DAY, AT, AT,
        datetime(2099, 1, 1, tzinfo=UTC), pin={"file:model": bundle},
    )  # fmt: skip
    draft.record(Act(SYSTEM, "", AT), waits, "offered", "for the test")
    draft.commit({}, {})
    state.close()
    with pytest.raises(Conflict, match="waits to be taken: handoff-5"):
        delete(project, "5", "ben")


def test_a_rollback_passes_over_a_deleted_version(project: Path) -> None:
    delete(project, "2", "ben")
    run(project, "approve", recorded(project, Approval)[0].id, "--as", "cleo")
    delete(project, "2", "ben")
    assert "version 3 answers" in run(project, "rollback", "--as", "cleo", "--reason", "4 is wrong")
    assert "version 1 answers" in run(project, "rollback", "--as", "cleo", "--reason", "3 is wrong too")
