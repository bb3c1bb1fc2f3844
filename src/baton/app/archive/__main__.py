"""The archive's own process: `python -m baton.app.archive`, started by `lane.Lane`. It ends with its parent, or when idle.

A frame holds a question; the reply is an answer or an error, and never longer than the caller takes.
"""

import os
import select
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from baton.app.archive.lane import ANSWER, ERROR, LONGEST_ANSWER, MEMORY
from baton.kernel.cell import enter, receive, send
from baton.kernel.errors import BatonError, InvalidProject, Refused, Unavailable, without_values

_LONGEST_QUESTION = 64 << 20


def main() -> None:
    """Answer questions, one after the other."""
    parent, _, arguments = enter(sys.argv[1:])
    # Arrow's own allocator reserves address space by the gigabyte, which the limit on it would count.
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    threading.Thread(target=_end_with, args=(parent.fileno(),), daemon=True).start()
    from baton.app.archive.archivist import Archivist
    from baton.app.archive.question import answered
    from baton.app.workspace import existing

    project, folder, idle = Path(arguments[0]), Path(arguments[1]), float(arguments[2])
    archivist: Archivist | None = None
    with suppress(BatonError):  # whoever asks is told; until then the libraries are loaded while nobody waits
        archivist = Archivist(project, existing(folder))
        if not _asked(parent, 0):
            archivist.load()
    while _asked(parent, idle):
        _, body = receive(parent, _LONGEST_QUESTION)
        kind, told = ANSWER, b""
        name = "?"
        try:
            request = msgspec.json.decode(body)
            name = request["question"]
            archivist = archivist or Archivist(project, existing(folder))
            told = _bounded(answered(archivist, name, request["plain"], request["path"]))
        except Exception as error:  # noqa: BLE001  whatever it is, the caller must get an answer
            kind, told = ERROR, msgspec.json.encode(_described(error, name))
        send(parent, kind, told)


def _asked(parent: socket.socket, idle: float) -> bool:
    """Whether another question came before it was quiet for too long."""
    return bool(select.select([parent], [], [], idle)[0])


def _end_with(descriptor: int) -> None:
    """Whoever asks is gone: end, whatever is under way."""
    watch = select.poll()
    watch.register(descriptor, 0)
    watch.poll()
    os._exit(1)


def _bounded(answer: Any) -> bytes:
    told = msgspec.json.encode(answer)
    if len(told) > LONGEST_ANSWER:
        raise Refused(
            "the answer is too long to show",
            why=f"{len(told) / 1e6:.1f} MB, at most {LONGEST_ANSWER >> 20} MiB",
            fix="ask for fewer rows or columns, or download it as a file",
        )
    return told


def _described(error: Exception, question: str) -> dict[str, Any]:
    if isinstance(error, MemoryError):
        error = Unavailable("the question needs too much memory", why=f"at most {MEMORY >> 30} GiB", fix="ask for less")
    if isinstance(error, OSError) and error.strerror:
        error = Unavailable(
            "the archive cannot read or write a file", where=question, why=error.strerror, fix="free some space on the disk"
        )
    if not isinstance(error, BatonError):
        error = BatonError("the archive could not answer", where=question, why=without_values(error), fix="tell Baton's makers")
    told = {"code": error.code, "what": error.what, "where": error.where, "why": error.why, "fix": error.fix}
    if isinstance(error, InvalidProject):
        return {**told, "mistakes": [asdict(mistake) for mistake in error.mistakes]}
    return told


if __name__ == "__main__":
    with suppress(OSError):  # the other end is gone: nobody is left to tell
        main()
