"""Bundle files: whole or absent, the seal beside them, and nothing but a regular file is read."""

import os
from pathlib import Path

import pytest

from baton.kernel.errors import Corrupt, InvalidInput, NotFound, Unavailable
from baton.registry.file import read_file, read_seal, seal_path, write_bundle


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "churn.bundle"
    write_bundle(path, b"data", b"\x01\xff")
    assert (read_file(path), read_seal(path)) == (b"data", b"\x01\xff")
    assert seal_path(path).read_text() == "01ff\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["churn.bundle", "churn.bundle.sig"]


def test_an_unsealed_one_takes_the_old_seal_away(tmp_path: Path) -> None:
    path = tmp_path / "churn.bundle"
    write_bundle(path, b"one", b"\x01")
    write_bundle(path, b"two", None)
    assert read_seal(path) is None


@pytest.mark.parametrize("text", ["xyz", "0", "é", "00" * 2000])
def test_a_seal_that_is_none_is_corrupt(tmp_path: Path, text: str) -> None:
    path = tmp_path / "churn.bundle"
    seal_path(path).write_text(text)
    with pytest.raises(Corrupt, match="seal cannot be read"):
        read_seal(path)


def test_only_files_of_the_right_name_and_size(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="does not end in"):
        write_bundle(tmp_path / "churn", b"", None)
    with pytest.raises(NotFound, match="folder"):
        write_bundle(tmp_path / "no" / "churn.bundle", b"", None)
    with pytest.raises(NotFound):
        read_file(tmp_path / "gone.bundle")
    with pytest.raises(Unavailable):
        read_file(tmp_path)
    (tmp_path / "big").write_bytes(b"x" * 11)
    with pytest.raises(InvalidInput, match="too large"):
        read_file(tmp_path / "big", 10)


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.onnx"
    os.mkfifo(pipe)
    with pytest.raises(InvalidInput, match="is no file"):
        read_file(pipe)
