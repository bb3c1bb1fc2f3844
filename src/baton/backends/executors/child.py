"""A child process that answers JSON lines: long jobs run there and give their memory back when it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from baton.kernel.errors import Refused, Unavailable

PATIENCE = 5.0


class Child:
    """`python -m module arguments…`, started at first need; one request at a time."""

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
        """Send a request and wait for its answer.

        Raises Refused or, when trying again may help, Unavailable with the child's own words; Unavailable also when it dies (out of memory, killed).
        """
        self.warm()
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = ""
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line.endswith("\n"):
            raise Unavailable(
                f"the job's process ended with code {self._end(self._process)}",
                where=" ".join(self._command[1:3]),
                why="it was killed, or ran out of memory",
                fix="start again: it goes on where it stopped",
            )
        told: dict[str, Any] = json.loads(line)
        if "error" in told:
            error = told["error"]
            kind = Unavailable if error.get("retryable") else Refused
            raise kind(error["what"], where=error["where"], why=error["why"], fix=error["fix"])
        answer: dict[str, Any] = told["ok"]
        return answer

    def close(self) -> None:
        """End the child, if it runs."""
        if self._process is not None:
            self._end(self._process)
        self._process = None

    def _end(self, process: "subprocess.Popen[str]") -> int:
        """Close the pipes and wait, not for long; returns the exit code."""
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        try:
            return process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
