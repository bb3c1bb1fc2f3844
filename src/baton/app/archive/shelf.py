"""What the console keeps of the archive's work: answers that still hold, and files on their way out."""

import fcntl
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import IO

from baton.app.archive.lane import Reply
from baton.kernel.errors import Unavailable

MOST_ANSWERS = 64
MOST_BYTES = 8 << 20


class Shelf:
    """Answers by question and by the state of what they were read from; the least used go first. Safe for threads."""

    def __init__(self, project: Path, tables: Path) -> None:
        self._project, self._tables = project, tables
        self._lock = threading.Lock()
        self._answers: OrderedDict[bytes, Reply] = OrderedDict()
        self._bytes = 0

    def stamp(self) -> bytes:
        """What changes when a row is added to any table, or a rule of the project: cheap to tell, and nothing is opened."""
        parts = [f"{path}:{_changed(self._project / path)}" for path in ("baton.yaml", "team.yaml")]
        with suppress(FileNotFoundError):
            parts += sorted(f"{entry.name}:{_newest(entry.path)}" for entry in os.scandir(self._tables))
        return "|".join(parts).encode()

    def get(self, key: bytes) -> Reply | None:
        """The answer under a key, if it is still here."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def put(self, key: bytes, reply: Reply) -> None:
        """Keep an answer, and let others go until all fit."""
        with self._lock:
            self._drop(key)
            self._answers[key] = reply
            self._bytes += len(key) + len(reply.body)
            while len(self._answers) > MOST_ANSWERS or self._bytes > MOST_BYTES:
                self._drop(next(iter(self._answers)))

    def _drop(self, key: bytes) -> None:
        known = self._answers.pop(key, None)
        if known is not None:
            self._bytes -= len(key) + len(known.body)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _newest(table: str) -> str:
    """The newest version of a Delta table. Its log only grows, and names count up."""
    try:
        with os.scandir(f"{table}/_delta_log") as entries:
            return max((entry.name for entry in entries if entry.name.endswith(".json")), default="")
    except OSError:
        return ""


class Paper:
    """A file that the other process writes, held by a lock until it is taken."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self.path, self._stream, self._taken = path, stream, False

    def take(self) -> IO[bytes]:
        """The file, open at its beginning; from now on it is the caller's to close."""
        self._taken = True
        return self._stream

    def size(self) -> int:
        """How many bytes were written."""
        return os.fstat(self._stream.fileno()).st_size

    def end(self) -> None:
        """Take its name off the disk; its bytes go when the last one closes it."""
        self.path.unlink(missing_ok=True)
        if not self._taken:
            self._stream.close()


class Drawer:
    """The private folder where files are written before they go out. Safe for threads, and for several consoles."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sweep(self) -> None:
        """Remove what a killed process left: a file that somebody still waits for is locked, and stays."""
        with suppress(FileNotFoundError):
            for entry in list(os.scandir(self._folder)):
                with suppress(OSError), Path(entry.path).open("rb") as stream:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    Path(entry.path).unlink()

    @contextmanager
    def paper(self) -> Iterator[Paper]:
        """A new file, nameless when the block is left."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor, name = mkstemp(".part", dir=self._folder)
        except OSError as error:
            raise Unavailable("no file can be written", where=str(self._folder), why=error.strerror or str(error)) from error
        paper = Paper(Path(name), os.fdopen(descriptor, "rb"))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield paper
        finally:
            paper.end()
