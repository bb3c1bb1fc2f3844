"""Artifacts and keys: what was stored comes back whole, and nothing else passes."""

import os
import stat
from pathlib import Path

import pytest

from baton.backends.artifacts.files import FileArtifacts
from baton.backends.keys import PRIVATE, PUBLIC, open_keys, read_verifier
from baton.kernel.digest import digest_bytes
from baton.kernel.errors import BatonError, Corrupt, InvalidInput, NotFound, Refused, Unavailable


def test_bytes_come_back_by_their_digest(tmp_path: Path) -> None:
    store = FileArtifacts(tmp_path / "artifacts", create=True)
    names = [store.put(data) for data in (b"one", b"", b"one")]
    assert names[0] == names[2] == digest_bytes(b"one")
    assert [store.get(name) for name in names] == [b"one", b"", b"one"]
    assert store.exists(names[0]) and not store.exists(digest_bytes(b"two"))
    assert len(list((tmp_path / "artifacts").iterdir())) == 2


def test_what_is_removed_is_gone_with_its_seal(tmp_path: Path) -> None:
    store = FileArtifacts(tmp_path)
    name = store.put(b"one")
    store.seal(name, b"sealed")
    assert store.remove(name) and not store.remove(name)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InvalidInput):
        store.remove("../../etc/passwd")


def test_a_rotten_artifact_is_noticed_and_healed(tmp_path: Path) -> None:
    store = FileArtifacts(tmp_path)
    name = store.put(b"one")
    (tmp_path / name).write_bytes(b"two")
    with pytest.raises(Corrupt, match="not what was stored"):
        store.get(name)
    store.put(b"one")
    assert store.get(name) == b"one"


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n", "/" + "a" * 63])
def test_a_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    store = FileArtifacts(tmp_path)
    for ask in (store.get, store.exists):
        with pytest.raises(InvalidInput):
            ask(name)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        FileArtifacts(tmp_path / "nowhere")
    with pytest.raises(NotFound):
        FileArtifacts(tmp_path).get("0" * 64)
    assert not (tmp_path / "nowhere").exists()


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    store = FileArtifacts(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="cannot be stored"):
        store.put(b"one")
    assert list(tmp_path.iterdir()) == []


def test_keys_are_made_once_and_private(tmp_path: Path) -> None:
    keys = open_keys(tmp_path / "keys")
    assert stat.S_IMODE((tmp_path / "keys" / PRIVATE).stat().st_mode) == 0o600
    assert open_keys(tmp_path / "keys").verify(keys.seal(b"x"), b"x")
    assert len(list((tmp_path / "keys").iterdir())) == 2


def test_the_public_half_is_enough_to_check(tmp_path: Path) -> None:
    keys = open_keys(tmp_path)
    public = read_verifier(tmp_path / PUBLIC)
    assert public.verify(keys.seal(b"x"), b"x")
    assert not public.verify(keys.seal(b"x"), b"y")
    assert not public.verify(b"", b"x")
    (tmp_path / PUBLIC).unlink()
    open_keys(tmp_path)
    assert read_verifier(tmp_path / PUBLIC).verify(keys.seal(b"x"), b"x")


def test_a_lost_private_key_is_not_replaced(tmp_path: Path) -> None:
    open_keys(tmp_path)
    (tmp_path / PRIVATE).unlink()
    with pytest.raises(NotFound, match="gone"):
        open_keys(tmp_path)


def test_a_private_key_open_to_others_is_refused(tmp_path: Path) -> None:
    open_keys(tmp_path)
    (tmp_path / PRIVATE).chmod(0o640)
    with pytest.raises(Refused) as caught:
        open_keys(tmp_path)
    assert "chmod 600" in caught.value.fix


@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_broken_key_file_says_so(tmp_path: Path, content: bytes) -> None:
    for name in (PUBLIC, PRIVATE):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    with pytest.raises(BatonError) as public:
        read_verifier(tmp_path / PUBLIC)
    with pytest.raises(BatonError) as private:
        open_keys(tmp_path)
    assert public.value.fix and private.value.fix
    with pytest.raises(NotFound):
        read_verifier(tmp_path / "none.pem")
