"""The model server as a child process, and the one client that the loop speaks to it with."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from baton.kernel.clock import iso, micros
from baton.kernel.errors import Unavailable
from baton.project.definition import Definition, Serving

READY_WITHIN = 30.0


class ModelServer:
    """Starts the server on a free loopback port (or a given one), waits until it listens, and ends it."""

    def __init__(self, workspace: Path, *, replay: bool, port: int = 0, options: Sequence[str] = ()) -> None:
        self._port_file = workspace / "serve.port"
        self._log = workspace / "serve.log"
        self._command = [
            sys.executable, "-m", "baton.inference", "--workspace", str(workspace), "--port", str(port), "--port-file", str(self._port_file), "--die-with-parent", str(os.getpid()),
        ] + (["--replay"] if replay else []) + list(options)  # fmt: skip
        self._wanted = port
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._told = 0
        self.port = 0

    def require_port(self) -> None:
        """Raise Unavailable when somebody else has the given port."""
        require_free(self._wanted, "the model server", "--serving-port")

    def start(self) -> None:
        """Start it and wait for its port. Raises Unavailable with the server's last words when it does not come up."""
        self._port_file.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self._told = 0
        began = time.monotonic()
        while not self._port_file.exists():
            if self._process.poll() is not None or time.monotonic() - began > READY_WITHIN:
                raise Unavailable(
                    "the model server did not start",
                    where=str(self._log),
                    why=self._last_words(),
                    fix="read the log",
                )
            time.sleep(0.01)
        self.port = int(self._port_file.read_text())

    def _last_words(self) -> str:
        return self._log.read_bytes()[-600:].decode(errors="replace").strip() if self._log.exists() else "no output"

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, bytes]:
        """One request on a kept connection; reconnects once when the server closed it. Raises Unavailable."""
        for attempt in (1, 2):
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                headers = {"content-type": "application/json"}
                self._connection.request(method, path, None if body is None else json.dumps(body), headers)
                answer = self._connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                self._connection = None
                if attempt == 2:
                    raise Unavailable(
                        "the model server does not answer",
                        where=f"127.0.0.1:{self.port}",
                        why=f"{error}; {self._last_words()}",
                        fix="start again: it goes on where it stopped",
                    ) from error
        raise AssertionError

    def reload(self) -> None:
        """Have the server, if it runs, take the newest routing file now. Raises Unavailable when it keeps the old one."""
        if not self.alive():
            return
        status, body = self.request("POST", "/reload")
        if status != 200:
            told = refusal(body)
            raise Unavailable(
                "the model server kept its old routing",
                where=f"status {status}",
                why=told["message"],
                fix=told["fix"] or "read serve.log in the workspace",
            )

    def problem(self) -> dict[str, str] | None:
        """Why the running server cannot serve (`message`, `fix`); None when it can."""
        status, body = self.request("GET", "/ready")
        return None if status == 200 else refusal(body)

    def errors(self) -> int:
        """How many requests for predictions the running server answered with a status of 500 or more since this was last
        asked. What a server had counted when it ended, and nobody had asked for, is lost."""
        total = self._counted("baton_responses_total", 'route="/predict"', 'code="5')
        told, self._told = self._told, total
        return max(total - told, 0)

    def _counted(self, counter: str, *labels: str) -> int:
        """The sum of a counter over its lines that carry the labels; 0 when the server does not run."""
        if not self.alive():
            return 0
        lines = self.request("GET", "/metrics")[1].decode().splitlines()
        wanted = (line for line in lines if line.startswith(counter + "{") and all(label in line for label in labels))
        return sum(int(float(line.rsplit(" ", 1)[1])) for line in wanted)

    def ask_now(self, entities: Sequence[str], at: datetime) -> None:
        """Ask for predictions as of the server's own present; `at` is the tick that asks."""
        self._ask({"entities": list(entities), "missing": "skip"}, at)

    def ask(self, entities: Sequence[str], at: datetime) -> None:
        """Ask for predictions as of a decision time, against the features of that very instant."""
        self._ask({"entities": list(entities), "decided_at": iso(at), "watermark": micros(at)}, at)

    def _ask(self, body: Mapping[str, Any], at: datetime) -> None:
        status, answer = self.request("POST", "/predict", body)
        if status != 200:
            told = refusal(answer)
            raise Unavailable(
                "the model server refused a request of the loop",
                where=f"{iso(at)}, status {status}",
                why=told["message"],
                fix=told["fix"] or "read serve.log in the workspace",
            )

    def stop(self) -> None:
        """Ask it to drain and end; kill it when it does not."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def require_free(port: int, whose: str, option: str) -> None:
    """Raise Unavailable when a port of this machine is somebody else's; 0 is always free."""
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", port))
        except OSError as error:
            raise Unavailable(
                f"{whose} cannot have port {port}",
                where="127.0.0.1",
                why=error.strerror or str(error),
                fix=f"stop whoever has it, or choose another one: {option} N (0 takes a free one)",
            ) from error


def serving_options(definition: Definition, *, replay: bool = False) -> list[str]:
    """What the server is started with so that it behaves as the project declares; nothing for what is the default."""
    declared, usual = (_options(each) for each in (definition.serving, Serving()))
    wanted = {name: value for name, value in declared.items() if value != usual[name]}
    if replay:
        wanted.pop("--workers", None)
    return [text for name, value in wanted.items() for text in (name, str(value))]


def _options(serving: Serving) -> dict[str, object]:
    log = serving.log
    return {
        "--workers": serving.workers,
        "--wait-ms": serving.wait_ms,
        "--log-sync": log.sync,
        "--log-most": log.most,
        "--log-when-full": log.when_full,
    }


def refusal(body: bytes) -> dict[str, str]:
    """`message` and `fix` of an answer that refuses; its own words when it has another form."""
    try:
        told = json.loads(body)["error"]
        return {name: str(told.get(name, "")) for name in ("message", "fix")}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"message": body[:500].decode(errors="replace"), "fix": ""}
