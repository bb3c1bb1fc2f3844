"""Credentials in one file of the workspace, readable by its owner only, replaced whole, changed under a lock."""

import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec

from baton.kernel.errors import Corrupt, Unavailable
from baton.team.identity import Book

_LIMIT = 16 << 20


class FileCredentials:
    """Implements `team.ports.Credentials`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Book:
        """All of it as last kept."""
        try:
            with self._path.open("rb") as stream:
                self._require_private(os.fstat(stream.fileno()).st_mode)
                data = stream.read()
        except FileNotFoundError:
            return Book()
        except OSError as error:
            raise Unavailable(
                "the credentials cannot be read",
                where=str(self._path),
                why=str(error.strerror),
                fix="run as the workspace's owner",
            ) from error
        try:
            return msgspec.json.decode(data, type=Book)
        except msgspec.MsgspecError as error:
            raise Corrupt(
                "the credentials cannot be read",
                where=str(self._path),
                why=str(error),
                fix="restore the file from a copy; without it everybody must be invited anew",
            ) from error

    def _require_private(self, mode: int) -> None:
        if stat.S_IMODE(mode) & 0o077:
            raise Unavailable(
                "the credentials can be read by others",
                where=str(self._path),
                why="whoever reads them can try passwords at leisure",
                fix=f"chmod 600 {self._path}; then let everybody be invited anew if a stranger may have read them",
            )

    def change(self, to: Callable[[Book], Book]) -> Book:
        """Keep what `to` makes of the present book."""
        lock = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self.read()
            after = to(before)
            if after != before:
                self._replace(msgspec.json.format(msgspec.json.encode(after), indent=1))
            return after
        finally:
            os.close(lock)

    def _replace(self, data: bytes) -> None:
        if len(data) > _LIMIT:
            raise Unavailable("the credentials are too many", where=str(self._path), fix="revoke tokens: baton token list")
        beside = self._path.with_name(f"{self._path.name}.new")
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
