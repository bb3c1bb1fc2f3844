"""A child process that answers JSON lines: long jobs run there and give their memory back when it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from baton.kernel.errors import Refused, Unavailable


class Child:
    """`python -m module arguments…`, started at first need; one request at a time."""

    def __init__(self, module: str, arguments: tuple[str, ...]) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._process: subprocess.Popen[str] | None = None

    def warm(self) -> None:
        """Start it now, so that its imports happen while the caller does something else."""
        if self._process is None or self._process.poll() is not None:
            # Idle worker threads must sleep: spinning ones slow a shared machine by up to ten times.
            calm = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=calm)

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises Refused with the child's own words when it refuses, Unavailable when it dies (out of memory, killed).
        """
        self.warm()
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self._process.wait()
            raise Unavailable(
                f"the job's process ended with code {code}",
                where=" ".join(self._command[1:3]),
                why="it was killed, or ran out of memory",
                fix="start again: it goes on where it stopped",
            )
        told: dict[str, Any] = json.loads(line)
        if "error" in told:
            raise Refused(told["error"]["what"], where=told["error"]["where"], why=told["error"]["why"], fix=told["error"]["fix"])
        answer: dict[str, Any] = told["ok"]
        return answer

    def close(self) -> None:
        """End the child, if it runs."""
        if self._process is not None and self._process.poll() is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
