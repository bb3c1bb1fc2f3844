"""Artifacts as files in one folder, each named by its SHA-256."""

import os
import re
import threading
from pathlib import Path

from baton.kernel.digest import digest_bytes
from baton.kernel.errors import Corrupt, InvalidInput, NotFound, Unavailable

_DIGEST = re.compile(r"[0-9a-f]{64}")


class FileArtifacts:
    """Content-addressed files: written aside, synced, renamed, and verified at every load."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        if create:
            folder.mkdir(parents=True, exist_ok=True)
        if not folder.is_dir():
            raise NotFound(
                "the artifact store does not exist", where=str(folder), fix="baton up creates it; or point to the right workspace"
            )
        self._folder = folder

    def put(self, data: bytes) -> str:
        """Store bytes; returns their digest. An artifact that rotted on disk is healed by putting it again."""
        digest = digest_bytes(data)
        target = self._folder / digest
        if not (target.is_file() and digest_bytes(target.read_bytes()) == digest):
            self._write(target, data)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of that digest, checked."""
        target = self._folder / _checked(digest)
        try:
            data = target.read_bytes()
        except FileNotFoundError as error:
            raise NotFound(
                f"no artifact {digest[:12]}… is stored",
                where=str(self._folder),
                fix="restore it from a copy of the workspace, or go back a version: baton rollback",
            ) from error
        except OSError as error:
            raise Unavailable(f"artifact {digest[:12]}… cannot be read", where=str(target), why=str(error)) from error
        if digest_bytes(data) != digest:
            raise Corrupt(
                f"artifact {digest[:12]}… is not what was stored",
                where=str(target),
                why="its SHA-256 differs",
                fix="restore it from a copy of the workspace, or go back a version: baton rollback",
            )
        return data

    def seal(self, digest: str, signature: bytes) -> None:
        """Keep a signature beside an artifact."""
        self._write(self._folder / f"{_checked(digest)}.sig", signature)

    def seal_of(self, digest: str) -> bytes:
        """The signature kept beside an artifact."""
        target = self._folder / f"{_checked(digest)}.sig"
        try:
            return target.read_bytes()
        except OSError as error:
            raise NotFound(
                f"artifact {digest[:12]}… has no seal",
                where=str(target),
                why="an unsigned bundle is never put in service",
                fix="restore it from a copy of the workspace, or go back a version: baton rollback",
            ) from error

    def exists(self, digest: str) -> bool:
        """Whether an artifact of that digest is stored."""
        return (self._folder / _checked(digest)).is_file()

    def remove(self, digest: str) -> bool:
        """Remove an artifact and its seal for good; whether it was stored. Safe to repeat."""
        there = self.exists(digest)
        for name in (f"{digest}.sig", digest):
            (self._folder / name).unlink(missing_ok=True)
        _sync_folder(self._folder)
        return there

    def _write(self, target: Path, data: bytes) -> None:
        aside = self._folder / f".{target.name}.{os.getpid()}.{threading.get_ident()}.part"
        try:
            _write_synced(aside, data)
            aside.replace(target)
            _sync_folder(self._folder)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise Unavailable(
                f"artifact {target.name[:12]}… cannot be stored",
                where=str(self._folder),
                why=str(error),
                fix="free some space and try again",
            ) from error


def _checked(digest: str) -> str:
    if _DIGEST.fullmatch(digest) is None:
        raise InvalidInput(
            "that is not an artifact's name",
            why="a name is 64 lower-case hex digits",
            fix="take the digest from 'baton status --json'",
        )
    return digest


def _write_synced(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
