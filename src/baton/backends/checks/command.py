"""Commands as checks: no shell, a time limit over all that they start, and of the output its digest and its end."""

import hashlib
import os
import selectors
import signal
import subprocess
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from baton.kernel.clock import stopwatch
from baton.kernel.errors import InvalidInput
from baton.team.ports import Ran

TAIL = 2000
PIECE = 1 << 16
GRACE = 1.0
SHELL = {"|", "||", "&&", ";", "&", ">", ">>", "<", "2>&1"}


class Commands:
    """Implements `team.ports.Checks`; commands run in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, arguments: tuple[str, ...], within: timedelta) -> Ran:
        """Run it to its end, or until its time is over: then it and all it started are killed."""
        if SHELL & set(arguments):
            raise InvalidInput(
                f"'{' '.join(arguments)}' is written for a shell",
                where="--check",
                why="commands run without one: what a name expands to must not depend on where it runs",
                fix="put it into a script of the project, and name the script",
            )
        try:
            process = subprocess.Popen(
                arguments,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"'{arguments[0]}' cannot be started",
                where="--check",
                why=str(error),
                fix="install it, or name it by its path from the project's folder",
            ) from error
        try:
            output, size, tail, ended = _read(process, within.total_seconds())
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
        return Ran(status if ended else None, output, size, _shown(tail))


def _read(process: "subprocess.Popen[bytes]", seconds: float) -> tuple[str, int, bytes, bool]:
    """Everything written until the process ends; what it left running may keep the pipe open no longer than a moment."""
    assert process.stdout is not None
    elapsed, seen, size, tail, limit = stopwatch(), hashlib.sha256(), 0, b"", seconds
    with selectors.DefaultSelector() as ready, process.stdout as pipe:
        ready.register(pipe, selectors.EVENT_READ)
        while (left := limit - elapsed()) > 0:
            if ready.select(min(left, 0.05)):
                piece = os.read(pipe.fileno(), PIECE)
                if not piece:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(max(left, 0.0))
                    break
                seen.update(piece)
                size, tail = size + len(piece), (tail + piece)[-4 * TAIL :]
            elif process.poll() is not None and limit == seconds:
                limit = min(seconds, elapsed() + GRACE)
    return seen.hexdigest(), size, tail, process.poll() is not None


def _shown(tail: bytes) -> str:
    """The end of the output as text that a terminal may be given: no control characters but line ends."""
    text = tail.decode("utf-8", "replace")
    return "".join(sign for sign in text if sign.isprintable() or sign == "\n")[-TAIL:].strip()
