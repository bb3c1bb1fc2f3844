"""Several server processes on one port: each accepts for itself, the kernel shares out the connections (SO_REUSEPORT).

The parent only holds the port and its children: it answers nothing, and a child that dies is replaced. Killed itself, it
takes them with it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from baton.inference.server import announce, reserve
from baton.kernel.errors import Unavailable

MOST, ALONE = 16, (0, 1)
LISTENS = "listening on "
_QUICKLY, _PATIENCE, _STOPPING = 2.0, 30.0, 15.0


class Workers:
    """The children of one server. `command` is what starts one, without its slot and port."""

    def __init__(self, command: Sequence[str], count: int) -> None:
        self._command, self._count = list(command), count
        self._children: dict[int, subprocess.Popen[str]] = {}
        self._started: dict[int, float] = {}
        self._stopping = False

    def run(self, host: str, port: int, port_file: Path | None) -> int:
        """Start them, tell the port, replace who dies; returns the exit status once told to stop.

        Raises Unavailable when one does not come up, or the port is somebody else's.
        """
        held = reserve(host, port)
        self._address = host, held.getsockname()[1]
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGHUP, lambda *_: self._tell(signal.SIGHUP))
        try:
            heard = [self._start(slot) for slot in range(self._count)]
            self._await(heard)
            announce(held, port_file)
            self._watch()
        finally:
            self._end()
            held.close()
        return 0

    def _start(self, slot: int) -> threading.Event:
        """Start a child; the event comes when it listens, or has ended without."""
        host, port = self._address
        own = ["--host", host, "--port", str(port), "--slot", f"{slot}/{self._count}", "--die-with-parent", str(os.getpid())]
        self._started[slot] = time.monotonic()
        child = self._children[slot] = subprocess.Popen([*self._command, *own], stdout=subprocess.PIPE, text=True)
        heard = threading.Event()
        threading.Thread(target=_listen, args=(child, heard), daemon=True).start()
        return heard

    def _watch(self) -> None:
        """Replace a child that ends; one that ended at once is tried again more slowly."""
        while not self._stopping:
            for slot, child in list(self._children.items()):
                rested = time.monotonic() - self._started[slot] > (0.0 if child.returncode == -signal.SIGKILL else _QUICKLY)
                if child.poll() is not None and rested and not self._stopping:
                    print(f"worker {slot} ended with status {child.returncode} and is replaced", file=sys.stderr, flush=True)
                    self._start(slot)
            time.sleep(0.02)

    def _await(self, heard: Sequence[threading.Event]) -> None:
        """Wait until all children listen. Raises Unavailable when one ends instead, or takes too long."""
        for slot, event in enumerate(heard):
            came = event.wait(_PATIENCE)
            if self._stopping:
                return
            if not came or self._children[slot].poll() is not None:
                raise Unavailable(f"worker {slot} of the model server did not start", fix="read its last words above")

    def _stop(self, *_: object) -> None:
        self._stopping = True
        self._tell(signal.SIGTERM)

    def _tell(self, number: signal.Signals) -> None:
        for child in self._children.values():
            if child.poll() is None:
                child.send_signal(number)

    def _end(self) -> None:
        """Let them finish what they are at; whoever does not is killed."""
        self._stopping = True
        self._tell(signal.SIGTERM)
        until = time.monotonic() + _STOPPING
        for child in self._children.values():
            try:
                child.wait(max(until - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def read_slot(text: str) -> tuple[int, int]:
    """A worker's place among all of its port, and their number, as the parent writes them: `1/4`. Raises ValueError."""
    number, _, count = text.partition("/")
    return int(number), int(count)


def _listen(child: "subprocess.Popen[str]", heard: threading.Event) -> None:
    """Hear a child out; a pipe nobody reads would stop its writer one day."""
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith(LISTENS):
            heard.set()
    heard.set()
