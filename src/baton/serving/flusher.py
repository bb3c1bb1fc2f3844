"""The flusher: puts what was written on the disk, one group after the other.

Whatever queues while a sync runs is the next group, so a sync is shared by as many as come in its time, and nobody waits
for company.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path

sync_file: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
Synced = Callable[[OSError | None], None]


class Flusher:
    """A thread that syncs files and then tells those who wait for them; started by the first."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, Synced | None]] = []
        self._something = threading.Condition()
        self._thread: threading.Thread | None = None

    def put(self, handle: int, synced: Synced) -> None:
        """Call back, in the flusher's thread, once what is in the file now is on the disk, or with the error."""
        self._queue(handle, synced)

    def retire(self, handle: int) -> None:
        """Close a file after all that waits for it was told."""
        self._queue(handle, None)

    def _queue(self, handle: int, synced: Synced | None) -> None:
        with self._something:
            self._waiting.append((handle, synced))
            self._something.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="flusher", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._something:
                self._something.wait_for(lambda: self._waiting)
                group, self._waiting = self._waiting, []
            outcomes = {handle: _sync(handle) for handle in dict.fromkeys(handle for handle, _ in group)}
            for handle, synced in group:
                if synced is None:
                    os.close(handle)
                else:
                    synced(outcomes[handle])


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync(handle: int) -> OSError | None:
    try:
        sync_file(handle)
    except OSError as error:
        return error
    return None
