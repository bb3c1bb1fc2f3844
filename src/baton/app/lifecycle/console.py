"""The console as a child process of `baton up`: started before the first tick, so that people see it happen."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from baton.app.lifecycle.server import READY_WITHIN, require_free
from baton.app.visit import welcome
from baton.kernel.errors import Unavailable

REST: Final = 300
"""The most glances between two attempts to start a console that does not come up."""


class Console:
    """Starts the console on a loopback port, 0 for a free one, waits until it listens, and ends it.

    `interactive` when a person at a terminal reads what is said.
    """

    def __init__(self, project: Path, workspace: Path, port: int, *, interactive: bool = False) -> None:
        self._project, self._workspace, self._interactive = project, workspace, interactive
        self._port_file, self._log = workspace / "console.port", workspace / "console.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._pause = self._rest = 0
        self.port = port

    def require_port(self) -> None:
        """Raise Unavailable when somebody else has the given port."""
        require_free(self.port, "the console", "--port")

    def start(self) -> None:
        """Start it and wait for its port, which it keeps. Raises Unavailable with its last words when it does not come up."""
        self._port_file.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        began = time.monotonic()
        while not self._port_file.exists():
            if self._process.poll() is not None or time.monotonic() - began > READY_WITHIN:
                raise Unavailable(
                    "the console did not start", where=str(self._log), why=self._last_words(), fix="read the log, or --no-console"
                )
            time.sleep(0.01)
        self.port = int(self._port_file.read_text())

    def tend(self, say: Callable[[str], None]) -> None:
        """Called at every glance: start it again when it ended. What fails is told once and tried again ever more seldom, for the
        loop goes on without it."""
        if self.alive() or self._rest:
            self._rest = max(self._rest - 1, 0)
            return
        if not self._pause:
            say("the console ended; starting it again")
        try:
            self.start()
            self._pause = 0
        except Unavailable as error:
            if not self._pause:
                say(f"the console will be tried again: {error}")
            self._pause = self._rest = min(max(2 * self._pause, 1), REST)

    def _command(self) -> list[str]:
        named = {
            "--project": self._project,
            "--workspace": self._workspace,
            "--port": self.port,
            "--port-file": self._port_file,
            "--die-with-parent": os.getpid(),
        }
        return [sys.executable, "-m", "baton.web", "--no-link", *(str(text) for pair in named.items() for text in pair)]

    def _last_words(self) -> str:
        return self._log.read_bytes()[-600:].decode(errors="replace").strip() if self._log.exists() else "no output"

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def address(self) -> str:
        """What a person opens; with a one-time link for whoever holds the files, while nobody has an identity."""
        return welcome(self._workspace, f"http://127.0.0.1:{self.port}", interactive=self._interactive)

    def stop(self) -> None:
        """Ask it to end; kill it when it does not."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
