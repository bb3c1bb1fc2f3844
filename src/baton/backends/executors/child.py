"""A child process that answers one request in JSON and ends: a long job runs there and gives its memory back."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from baton.kernel.errors import Refused, Unavailable

PATIENCE = 5.0


class Child:
    """`python -m module arguments…`, a process of its own for every request, one at a time.

    It reads a JSON line, answers with one and ends. When its input closes, its caller is gone: it has to end then too.
    """

    def __init__(self, module: str, arguments: tuple[str, ...]) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._process: subprocess.Popen[str] | None = None

    def warm(self) -> None:
        """Start it now, so that its imports happen while the caller does something else."""
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            # Idle worker threads may spin only for moments: on a shared machine endless spinning slows a fit up to ten times.
            calm = {**os.environ, "GOMP_SPINCOUNT": "10000"}
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=calm)

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and wait for its answer; the child has ended then.

        Raises Refused or, when trying again may help, Unavailable with the child's own words; Unavailable also when it dies
        (interrupted, out of memory, killed).
        """
        self.warm()
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = ""
        try:
            with suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps(request) + "\n")
                self._process.stdin.flush()
                line = self._process.stdout.readline()
        finally:
            code = self.close()
        if not line.endswith("\n"):
            raise self._died(code)
        told: dict[str, Any] = json.loads(line)
        if "error" in told:
            error = told["error"]
            kind = Unavailable if error.get("retryable") else Refused
            raise kind(error["what"], where=error["where"], why=error["why"], fix=error["fix"])
        answer: dict[str, Any] = told["ok"]
        return answer

    def _died(self, code: int) -> Unavailable:
        interrupted = code == -signal.SIGINT
        return Unavailable(
            "the job was interrupted" if interrupted else f"the job's process ended with code {code}",
            where=" ".join(self._command[1:3]),
            why="it was stopped from the keyboard" if interrupted else "it was killed, or ran out of memory",
            fix="start again: it goes on where it stopped",
        )

    def close(self) -> int:
        """End the child, if it runs, not waiting for long; returns its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        try:
            return process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
