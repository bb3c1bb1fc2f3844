"""A console as a process of its own, signed in to: what it answers, in what time, and what the process weighs."""

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from baton.app.workspace import DEFAULT

COMMAND = (sys.executable, "-m", "baton.web")
FLOOR = (sys.executable, str(Path(__file__).with_name("floor.py")))
PATIENCE = 60.0
_SCRIPT = re.compile(rb'name="csrf" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: status, kind of content, body, and after how many seconds its last byte was there."""

    status: int
    media: str
    body: bytes
    seconds: float

    @property
    def whole(self) -> bool:
        """Whether it is a page, not a part of one."""
        return self.body[:15].lower() == b"<!doctype html>"


class Visitor:
    """A browser without a screen: one connection that is kept, with the session's cookie. For one thread."""

    def __init__(self, port: int, cookie: str = "") -> None:
        self.cookie = cookie
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._port = port

    def get(self, address: str, *, part: bool = False) -> Answer:
        """What is at an address, as the script asks for it when it is a part of a page."""
        headers = {"Cookie": self.cookie} | ({"X-Fragment": "1"} if part else {})
        began = time.perf_counter()
        try:
            self._connection.request("GET", address, headers=headers)
            return self._read(began)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # The server lets go of a connection that was idle for some seconds.
            self._connection.close()
            began = time.perf_counter()
            self._connection.request("GET", address, headers=headers)
            return self._read(began)

    def sign_in(self, link: str) -> None:
        """Exchange a one-time link for a session."""
        self._connection.request("GET", link.partition(f":{self._port}")[2])
        response = self._connection.getresponse()
        response.read()
        self.cookie = "; ".join(each.partition(";")[0] for each in response.headers.get_all("set-cookie") or ())
        assert response.status == 303, f"the link was answered with {response.status}"

    def act_as(self, person: str) -> None:
        """From now on the keeper acts as a person of the team, so that pages offer what that person may do."""
        found = _SCRIPT.search(self.get("/").body)
        assert found is not None
        form = urlencode({"name": person, "next": "/", "csrf": found[1].decode()})
        headers = {
            "Cookie": self.cookie,
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://127.0.0.1:{self._port}",
        }
        self._connection.request("POST", "/sign-in/as", form, headers)
        response = self._connection.getresponse()
        response.read()
        assert response.status == 303, f"acting as {person} was answered with {response.status}"

    def listen(self) -> http.client.HTTPResponse:
        """The stream of events, open until `close`."""
        self._connection.request("GET", "/events", headers={"Cookie": self.cookie, "Accept": "text/event-stream"})
        response = self._connection.getresponse()
        assert response.status == 200, f"/events was answered with {response.status}"
        return response

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _read(self, began: float) -> Answer:
        response = self._connection.getresponse()
        body = response.read()
        media = response.headers.get("content-type", "").partition(";")[0]
        return Answer(response.status, media, body, time.perf_counter() - began)


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs: its process, its port, the link it printed, and after how many seconds it listened."""

    process: int
    port: int
    link: str
    ready: float

    def visitor(self, cookie: str = "") -> Visitor:
        """Somebody new who looks."""
        return Visitor(self.port, cookie)

    def spent(self) -> float:
        """Seconds of processor time that all threads which still live have had, this process alone."""
        ran = 0
        for each in Path(f"/proc/{self.process}/task").iterdir():
            with suppress(OSError):
                ran += int((each / "schedstat").read_text().split()[0])
        return ran / 1e9

    def weight(self) -> tuple[float, float]:
        """MiB of this process alone: resident (RSS), and with what it shares counted by its share (PSS)."""
        return weight(self.process)

    def children(self) -> list[int]:
        """The processes it started: the archive's."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == self.process:
                    found.append(int(entry.name))
        return found


def weight(process: int) -> tuple[float, float]:
    """MiB of a process: RSS and PSS."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    told = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines[1:] if line.endswith("kB")}
    return told["Rss"], told["Pss"]


@contextmanager
def serving(project: Path) -> Iterator[Served]:
    """The console of a project, from when it listens until the block ends."""
    told = project / DEFAULT / "bench.port"
    with _running(
        [*COMMAND, "--project", str(project), "--workspace", str(project / DEFAULT), "--port-file", str(told)], told
    ) as it:
        yield it


@contextmanager
def floor(page: Path) -> Iterator[Served]:
    """A server that answers one stored page and nothing else."""
    told = page.with_suffix(".port")
    with _running([*FLOOR, str(page), str(told)], told) as it:
        yield it


@contextmanager
def _running(command: list[str], told: Path) -> Iterator[Served]:
    told.unlink(missing_ok=True)
    said = told.with_suffix(".said")
    began = time.perf_counter()
    with said.open("w+b") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        try:
            port = _port(process, told, said, began)
            # Whoever comes first is answered once the server has begun to accept.
            Visitor(port).get("/sign-in")
            ready = time.perf_counter() - began
            link = re.search(r"http://\S+/sign-in\?once=\S+", said.read_text())
            yield Served(process.pid, port, link[0] if link else "", ready)
        finally:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()
            process.wait()


def _port(process: "subprocess.Popen[bytes]", told: Path, said: Path, began: float) -> int:
    while time.perf_counter() - began < PATIENCE:
        if told.exists() and (text := told.read_text().strip()):
            return int(text)
        if process.poll() is not None:
            raise SystemExit(f"it ended with {process.returncode} before it listened:\n{said.read_text()[-2000:]}")
        time.sleep(0.005)
    raise SystemExit(f"it did not listen within {PATIENCE:.0f} s; {os.fspath(said)} tells what it said")
