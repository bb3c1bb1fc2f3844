"""A contestant's server as a process: started, waited for, weighed and ended by its number."""

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contestants import Contestant

PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answered once: its process, its port, and after how many seconds it did."""

    process: int
    port: int
    ready: float

    def ask(self, path: str, asked: Any) -> Any:
        """The decoded answer; raises AssertionError when it is not 200."""
        status, body = post(self.port, path, json.dumps(asked).encode())
        assert status == 200, f"{status}: {body[:500]!r}"
        return json.loads(body)


@contextmanager
def running(contestant: Contestant, asked: Any) -> Iterator[Server]:
    """A server from its first answer until the block ends. What it printed is shown when it dies instead."""
    port, began = free_port(), time.perf_counter()
    launch = contestant.launch(port)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            launch.command, env={**os.environ, **launch.env}, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _wait(process, port, contestant.paths[0], json.dumps(asked).encode(), began)
            yield Server(process.pid, port, time.perf_counter() - began)
        except BaseException:
            said.seek(0)
            print(f"{contestant.name} said:\n{said.read().decode(errors='replace')[-3000:]}")
            raise
        finally:
            end(process)


def end(process: "subprocess.Popen[Any]") -> None:
    """Ask it to stop, wait, then end what is left of its session."""
    family = tree(process.pid)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(15)
    for each in family:
        with suppress(ProcessLookupError):
            if os.getpgid(each) == process.pid:
                os.kill(each, signal.SIGKILL)
    process.wait()


def post(port: int, path: str, body: bytes) -> tuple[int, bytes]:
    """Status and body of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def free_port() -> int:
    """A port nobody has, its neighbour free too."""
    while True:
        with socket.socket() as one, socket.socket() as next_one:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            with suppress(OSError, OverflowError):
                next_one.bind(("127.0.0.1", port + 1))
                return port


def tree(root: int) -> list[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            children.setdefault(int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
    found = [root]
    for each in found:
        found += children.get(each, ())
    return found


def weight(root: int) -> list[float]:
    """MiB of each process of a tree, pages that several share counted by their share (PSS)."""
    found = []
    for each in tree(root):
        with suppress(OSError):
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
            found.append(sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024)
    return found


def _wait(process: "subprocess.Popen[Any]", port: int, path: str, body: bytes, began: float) -> None:
    while time.perf_counter() - began < PATIENCE:
        assert process.poll() is None, f"it ended with {process.returncode} before it answered"
        with suppress(OSError, http.client.HTTPException):
            if post(port, path, body)[0] == 200:
                return
        time.sleep(0.02)
    raise AssertionError(f"no answer within {PATIENCE:.0f} s")
