"""Credentials in a file: the common suite, who may read it, processes that are killed while they write, and passwords."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from baton.backends.credentials.files import FileCredentials
from baton.backends.credentials.passwords import Argon2Passwords, drawn
from baton.kernel.errors import Corrupt
from baton.team.identity import Account, joined
from baton.testing.credentials_suite import CredentialsSuite


class FilePlace:
    """A folder with the file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "credentials.json"

    def open(self) -> FileCredentials:
        return FileCredentials(self.path)

    def bytes(self) -> Iterator[bytes]:
        return (path.read_bytes() for path in self.path.parent.iterdir())


@pytest.fixture
def place(tmp_path: Path) -> FilePlace:
    return FilePlace(tmp_path)


class TestFile(CredentialsSuite):
    """All of the suite on a file."""


def test_only_its_owner_reads_it_whatever_the_mask(place: FilePlace) -> None:
    before = os.umask(0)
    try:
        place.open().change(lambda book: joined(book, Account("ann", "person")))
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in place.path.parent.iterdir()] == [0o600, 0o600]


def test_a_left_over_of_a_killed_write_is_no_hindrance_and_is_not_read(place: FilePlace) -> None:
    place.open().change(lambda book: joined(book, Account("ann", "person")))
    place.path.with_name("credentials.json.new").write_text("{torn")
    assert set(place.open().change(lambda book: joined(book, Account("ben", "person"))).accounts) == {"ann", "ben"}


@pytest.mark.parametrize("content", [b"", b"{", b'{"accounts": []}', b'{"accounts": {"a": {"name": "a"}}}', b"\x00"])
def test_a_damaged_file_is_said_to_be_and_never_taken_for_empty(place: FilePlace, content: bytes) -> None:
    place.path.write_bytes(content)
    place.path.chmod(0o600)
    with pytest.raises(Corrupt, match="credentials cannot be read"):
        place.open().read()
    with pytest.raises(Corrupt):
        place.open().change(lambda book: joined(book, Account("ann", "person")))
    assert place.path.read_bytes() == content


def test_killed_at_any_write_the_book_is_whole(place: FilePlace) -> None:
    """The writer kills itself before each rename in turn: what is there is the book before."""
    script = f"""
import os, signal
from pathlib import Path
from baton.backends.credentials.files import FileCredentials
from baton.team.identity import Account, joined
replace = Path.replace
def kill(self, target):
    os.kill(os.getpid(), signal.SIGKILL)
Path.replace = kill
FileCredentials(Path({str(place.path)!r})).change(lambda book: joined(book, Account("zoe", "person")))
"""
    before = place.open().change(lambda book: joined(book, Account("ann", "person")))
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
        assert place.open().read() == before
    assert place.open().change(lambda book: joined(book, Account("ben", "person"))).named


def test_processes_side_by_side_lose_nothing(place: FilePlace) -> None:
    script = f"""
import sys
from pathlib import Path
from baton.backends.credentials.files import FileCredentials
from baton.team.identity import Account, joined
for each in range(20):
    FileCredentials(Path({str(place.path)!r})).change(lambda book: joined(book, Account(f"{{sys.argv[1]}}{{each}}", "person")))
"""
    running = [subprocess.Popen([sys.executable, "-c", script, name]) for name in "abc"]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert len(place.open().read().accounts) == 60


def test_a_password_is_hashed_with_argon2_and_salted() -> None:
    passwords = Argon2Passwords()
    one, other = passwords.hashed("correct horse battery"), passwords.hashed("correct horse battery")
    assert one.startswith("$argon2id$") and one != other and "horse" not in one
    assert passwords.fits(one, "correct horse battery") and not passwords.fits(one, "correct horse")
    assert not passwords.fits("", "") and not passwords.fits("", "anything") and not passwords.fits("no hash", "anything")


def test_secrets_are_drawn_anew() -> None:
    assert len({drawn() for _ in range(100)}) == 100 and all(len(drawn()) >= 43 for _ in range(10))
