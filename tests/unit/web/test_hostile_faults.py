"""What breaks while the console runs: pages go on and say so, and nothing is recorded that would be lost."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from baton.app.archive.__main__ import _described
from baton.app.archive.archive import Archive
from baton.app.bootstrap import open_artifacts, open_desk
from baton.app.latchkey import Latchkey
from baton.app.views.seal import bundle_file
from baton.kernel.errors import Corrupt, Unavailable
from baton.registry.version import ModelVersion

Open = Callable[..., TestClient]
ACT, TYPED = "/inbox/handoff-00000000000a/accept", {"reason": "words that were typed"}


@pytest.mark.parametrize("wrong", [b"project: [\n", b"\xff\xfe\x00", b"", None])
def test_a_mistake_in_the_project_stops_acts_and_no_page(own_scene: Path, console: Open, wrong: bytes | None) -> None:
    here, file = console(own_scene, "cleo"), own_scene / "baton.yaml"
    right = file.read_bytes()
    assert "Read only." not in here.get("/").text
    file.unlink() if wrong is None else file.write_bytes(wrong)
    for path in ("/", "/inbox", "/team", "/models", "/releases", "/ledger"):
        told = here.get(path)
        assert (told.status_code, "Read only." in told.text, "cannot be read" in told.text) == (200, True, True), path
    refused = here.post(ACT, data=TYPED)
    assert refused.status_code == 503 and "words that were typed" in refused.text
    file.write_bytes(right)
    assert "Read only." not in here.get("/").text
    assert here.post(ACT, data=TYPED).status_code == 303


def test_what_was_declared_before_holds_until_it_is_mended(own_scene: Path) -> None:
    with open_desk(own_scene, own_scene / ".baton") as desk:
        owned, definition = desk.declared(), desk.definition()
        (own_scene / "baton.yaml").write_text("project: [\n")
        assert desk.declared() == owned and desk.definition() == definition and definition is not None


def test_an_exchanged_database_takes_no_act(own_scene: Path, console: Open) -> None:
    here, file = console(own_scene, "cleo"), own_scene / ".baton" / "state.db"
    assert here.get("/").status_code == 200
    shutil.copy(file, file.with_name("restored"))
    file.with_name("restored").replace(file)
    assert "was exchanged" in here.get("/inbox").text
    refused = here.post(ACT, data=TYPED)
    assert refused.status_code == 503 and "words that were typed" in refused.text


def test_rules_of_a_source_that_nobody_declared(scene: Path, console: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Archive, "ask", lambda *_, **__: {"days": []})
    assert console(scene, "ann").get("/data/nothing/rules").status_code == 200


def test_an_act_that_is_offered_no_more_says_what_happened(own_scene: Path, console: Open) -> None:
    refused = console(own_scene, "cleo").post("/releases/resume", data=TYPED)
    assert refused.status_code == 409
    assert 'role="alert"' in refused.text and "words that were typed" in refused.text


def test_what_was_done_is_told_by_this_console_only(own_scene: Path, console: Open) -> None:
    here = console(own_scene, "cleo")
    done = here.post(ACT, data=TYPED)
    assert done.status_code == 303 and done.headers["set-cookie"].startswith("baton-flash-0=")
    assert "You took" in here.get("/inbox").text


def test_a_full_disk_is_no_surprise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(28, "No space left on device")

    def fsync(_: int) -> None:
        raise full

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(Unavailable, match="cannot be written"):
        Latchkey(tmp_path).draw(datetime(2026, 1, 1, tzinfo=UTC))
    told = _described(full, "document")
    assert (told["code"], told["why"]) == ("unavailable", "No space left on device")


def test_a_bundle_that_is_another_file_is_not_given_away(own_scene: Path) -> None:
    with open_desk(own_scene, own_scene / ".baton") as desk:
        digest = open_artifacts(desk.workspace).put(b"a bundle")
        open_artifacts(desk.workspace).seal(digest, b"a seal")
        known = desk.state.get(ModelVersion, "version-2")
        assert known is not None
        version = replace(known, bundle=digest)
        assert bundle_file(desk.workspace, version)[1] == b"a seal"
        (desk.workspace.artifacts / digest).chmod(0o600)
        (desk.workspace.artifacts / digest).write_bytes(b"another file")
        with pytest.raises(Corrupt, match="not what was stored"):
            bundle_file(desk.workspace, version)
