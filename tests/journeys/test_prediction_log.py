"""The prediction log under blows: whoever writes is killed at random, and no answer that somebody got is lost or told twice."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import numpy as np
import pytest
from journeys.collected import Collector

from baton.testing.server import ROW, TinyWorkspace, running, spawn

WRITER = """
import os, sys, time
from pathlib import Path
from baton.serving.log import Keeping, SegmentLog
from baton.serving.prediction import PredictionBatch
folder, start, rows = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
log = SegmentLog(folder, start, size=200_000, keeping=Keeping(most=int(sys.argv[4]) or None))
for number in range(10_000_000):
    ids = [f"{start}-{number}-{row}" for row in range(rows)]
    log.append([PredictionBatch("p", number, 1, "r", "live", ids, ids, [0.5] * rows, {"text": ["x" * 50] * rows}, 9, 4)])
    os.write(1, f"{start}-{number}\\n".encode())
    if number % 20 == 0:
        time.sleep(0.01)
"""


def test_writers_killed_at_random_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Bare writers in bursts: each acknowledges by a line that outlives it."""
    collector, draw = Collector(tmp_path), np.random.default_rng(7)
    rows, kills, acknowledged = 3, 12, set[str]()
    for first in range(0, kills, 3):
        writers = []
        for start in range(first, first + 3):
            out = (tmp_path / f"told-{start}").open("wb")
            command = [sys.executable, "-c", WRITER, str(tmp_path / "segments"), str(start), str(rows), "0"]
            writers.append(subprocess.Popen(command, stdout=out))
            out.close()
        while not all((tmp_path / f"told-{start}").stat().st_size for start in range(first, first + 3)):
            time.sleep(0.01)
        for writer in writers:
            time.sleep(float(draw.uniform(0, 0.02)))
            collector.step()
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        for start in range(first, first + 3):
            whole = (tmp_path / f"told-{start}").read_text().split("\n")[:-1]
            acknowledged |= {f"{told}-{row}" for told in whole for row in range(rows)}
    collector.step()
    collected = Counter(collector.ids())
    assert acknowledged - collected.keys() == set()
    assert [name for name, count in collected.items() if count > 1] == []
    assert len(collected) - len(acknowledged) <= kills * rows, "at most one request of each was not yet told"
    assert list((tmp_path / "segments").iterdir()) == [], "nobody writes any more, and all is collected"


class Clients:
    """Threads that ask servers wherever they are now, and keep every answer they got."""

    def __init__(self, count: int) -> None:
        self.ports: dict[int, int] = {}
        self.answers: list[str] = []
        self.refused = Counter[int]()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,), daemon=True) for number in range(count)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _ask(self, number: int) -> None:
        draw = np.random.default_rng(number)
        connection: HTTPConnection | None = None
        while not self._stop.is_set():
            try:
                if connection is None:
                    ports = list(self.ports.values())
                    connection = HTTPConnection("127.0.0.1", ports[int(draw.integers(len(ports)))], timeout=5)
                many = int(draw.integers(1, 40))
                body = {"inputs": ROW} if draw.random() < 0.5 else {"entities": [f"f{row}" for row in range(many)]}
                connection.request("POST", "/predict", json.dumps(body), {"content-type": "application/json"})
                response = connection.getresponse()
                data = response.read()
                if response.status == 200:
                    self.answers.extend(row["prediction_id"] for row in json.loads(data)["predictions"])
                else:
                    self.refused[response.status] += 1
                time.sleep(0.004)
            except (OSError, HTTPException):
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.005)
        if connection is not None:
            connection.close()


def end(process: "subprocess.Popen[str]") -> None:
    """Wait for a process that was killed."""
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("sync", ["none", "group"])
@pytest.mark.parametrize("kills", [pytest.param(12, marks=pytest.mark.slow), pytest.param(100, marks=pytest.mark.campaign)])
def test_servers_killed_under_load(tmp_path: Path, sync: str, kills: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Real servers over one folder, many SIGKILLs, the collector beside them dying as well."""
    workspace, draw = TinyWorkspace(tmp_path), np.random.default_rng(11)
    workspace.route(("live", 1), ("canary", 2, 0.3), ("challenger", 3), ("shadow", 0), serial=2)
    collector, clients = Collector(tmp_path), Clients(6)
    servers: dict[int, subprocess.Popen[str]] = {}

    def start(number: int) -> None:
        process = servers[number] = spawn(tmp_path, "--slot", f"{number}/4", "--log-sync", sync)
        assert process.stdout is not None
        clients.ports[number] = int(process.stdout.readline().rsplit(":", 1)[1])

    for number in range(4):
        start(number)
    clients.start()
    began, collections = time.monotonic(), 0
    try:
        for _ in range(kills):
            time.sleep(float(draw.uniform(0, 0.3)))
            number = int(draw.integers(4))
            servers[number].send_signal(signal.SIGKILL)
            if draw.random() < 0.3:
                collections += 1
                collector.step()
            end(servers[number])
            start(number)
    finally:
        clients.stop()
        for process in servers.values():
            process.kill()
            end(process)
    took = time.monotonic() - began
    collector.step()
    collected = Counter(collector.ids())
    lost = set(clients.answers) - collected.keys()
    twice = [name for name, count in collected.items() if count > 1]
    with capsys.disabled():
        sys.stdout.write(
            f"\n  sync {sync}: {kills} kills in {took:.0f} s, {len(clients.answers)} predictions acknowledged, {len(collected)} in the "
            f"table, {len(lost)} lost, {len(twice)} twice, {collections} collections, {dict(clients.refused)} refused\n"
        )
    assert len(clients.answers) > 1000
    assert (lost, twice) == (set(), [])
    assert set(clients.refused) <= {503}
    assert list((tmp_path / "segments").glob("*.log")) == []


def test_a_full_log_refuses_predictions_and_nothing_else(tmp_path: Path) -> None:
    workspace = TinyWorkspace(tmp_path)
    with running(workspace.folder, "--log-most", "20000") as server:
        answered = 0
        while server.predict(inputs=ROW)[0] == 200:
            answered += 1
            assert answered < 1000
        body = server.error(503, "POST", "/predict", json.dumps({"inputs": ROW}).encode())
        assert body["code"] == "unavailable"
        assert "serving.log.most" in body["fix"]
        assert server.call("GET", "/health")[0] == 200
        assert f'baton_responses_total{{code="200",route="/predict"}} {answered}.0' in server.call("GET", "/metrics")[1]
        assert len(workspace.logged()) == answered > 10
        Collector(tmp_path / ".").step()
        time.sleep(0.06)
        assert server.predict(inputs=ROW)[0] == 200


def test_a_full_log_drops_and_counts_where_that_is_declared(tmp_path: Path) -> None:
    workspace = TinyWorkspace(tmp_path)
    with running(workspace.folder, "--log-most", "20000", "--log-when-full", "drop") as server:
        assert {server.predict(inputs=ROW)[0] for _ in range(200)} == {200}
        kept = len(workspace.logged())
        assert 10 < kept < 200
        assert f"baton_log_dropped_total {200 - kept}.0" in server.call("GET", "/metrics")[1]


def test_answers_that_wait_for_the_disk_come_and_are_logged(tmp_path: Path) -> None:
    workspace = TinyWorkspace(tmp_path)
    with running(workspace.folder, "--log-sync", "group") as server:
        for _ in range(5):
            assert server.predict(inputs=ROW)[0] == 200
            assert server.predict(entities=["f1", "f2"])[0] == 200
        assert len(workspace.logged()) == 15
