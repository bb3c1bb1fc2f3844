"""`baton loadtest` against real servers: a model server, and one that stalls."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from baton.app.load.loops import UNANSWERED, closed_loop, offered
from baton.app.load.target import Target
from baton.cli.main import door
from baton.kernel.errors import InvalidInput, NotFound, Refused, Unavailable
from baton.testing.server import ROW, Server, TinyWorkspace, running

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A model server with a token."""
    folder = tmp_path_factory.mktemp("workspace")
    TinyWorkspace(folder)
    with running(folder, env={"BATON_SERVE_TOKEN": "secret"}) as server:
        yield server


def typed(*words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "baton.cli", "loadtest", *words],
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, **env},
        timeout=60,
    )


def test_a_server_is_tested_from_its_own_description(server: Server) -> None:
    url = f"http://127.0.0.1:{server.port}/predict"
    steps = ["--seconds", "0.1", "--steps", "1,2,3,4,6,8", "--target", "100000", "--token-env", "MINE"]
    told = typed(url, *steps, "--objective", "2s", MINE="secret")
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("under way  ") == 6 and told.stdout.count("/s asked") == 5
    assert "capacity" in told.stdout and "X(N)" in told.stdout and "needed" in told.stdout


def test_a_file_of_bodies_is_sent_in_turn_and_the_report_is_json(server: Server, tmp_path: Path) -> None:
    bodies = tmp_path / "bodies.jsonl"
    bodies.write_text("".join(json.dumps({"inputs": {**ROW, "distance": n}}) + "\n" for n in range(5)))
    url, steps = f"http://127.0.0.1:{server.port}", ["--seconds", "0.05", "--steps", "1,4", "--token-env", "MINE", "--json"]
    told = typed(url, "--body", str(bodies), *steps, MINE="secret")
    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout)
    assert [step["connections"] for step in report["steps"]] == [1, 4] and report["law"] is None
    assert all(step["errors"] == 0 and step["rate"] > 0 for step in report["steps"])


def test_what_stops_it_before_it_starts(server: Server) -> None:
    url = f"http://127.0.0.1:{server.port}/predict"
    refused = typed(url, "--entities", "nobody", "--token-env", "MINE", MINE="secret")
    assert refused.returncode == 5 and "answers 404 Not Found" in refused.stderr
    for words, error, said in (
        ((url, "--entities", "f1"), Refused, "--token-env NAME"),
        ((url,), NotFound, "--body FILE"),
        (("http://model.example/predict", "--entities", "f1"), Refused, "--i-may-load-this-host"),
        ((url, "--steps", "1,5000", "--entities", "f1"), InvalidInput, "--steps 1,2,4"),
        ((url, "--token-env", "NOT_SET"), NotFound, "export NOT_SET="),
        ((url, "--objective", "fast"), InvalidInput, "50ms"),
    ):
        with pytest.raises(error) as caught:
            door.main(["loadtest", *words], standalone_mode=False)
        assert said in caught.value.fix


def test_an_interrupt_tells_what_was_found_so_far(server: Server) -> None:
    url = f"http://127.0.0.1:{server.port}/predict"
    command = [
        sys.executable,
        "-m",
        "baton.cli",
        "loadtest",
        url,
        "--token-env",
        "MINE",
        "--seconds",
        "0.5",
        "--entities",
        "f1,f2",
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "MINE": "secret", "PYTHONUNBUFFERED": "1"}
    )
    try:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130 and "under way" in told[-1] and "stopped: what was found so far" in rest


@contextmanager
def stalling(stall: float = 0.0, *, closing: bool = False) -> Iterator[Target]:
    """A server of one thread a connection that answers at once, but stands still altogether for a while.

    That begins a fifth of a second after the first request, however long the sender takes to make ready.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    began, held = list[float](), threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, suppress(OSError):
            while connection.recv(65536):
                began.append(time.perf_counter())
                at = began[-1] - began[0]
                if stall and 0.2 <= at < 0.2 + stall:
                    held.wait(0.2 + stall - at)
                if closing:
                    connection.sendall(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                    return
                connection.sendall(OK[:30])
                connection.sendall(OK[30:])

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield Target("127.0.0.1", listener.getsockname()[1], "/")
    finally:
        listener.close()


def test_a_stall_is_felt_by_all_who_would_have_come_during_it() -> None:
    """A closed loop of one sees a stall of half a second once; every request due meanwhile waited for it, and counts."""
    with stalling(0.5) as target:
        closed = closed_loop(target, [target.post(b"{}")], 1, 1.0)
    with stalling(0.5) as target:
        opened = offered(target, [target.post(b"{}")], 100.0, 1.0, 8)
    assert 1 <= closed.accepted.above(0.1) < 5 and closed.accepted.quantile(0.9) < 0.1
    assert opened.accepted.above(0.1) > 20 and opened.accepted.quantile(0.9) > 0.2
    assert opened.accepted.total == sum(opened.statuses.values())


def test_what_never_comes_back_counts() -> None:
    with stalling(30) as target:
        told = offered(target, [target.post(b"{}")], 50.0, 0.5, 2, patience=0.2)
    assert told.statuses[UNANSWERED] > 5
    assert told.others.quantile(0.5) > 0.2


def test_a_server_that_ends_each_connection_is_spoken_to_on_new_ones() -> None:
    with stalling(closing=True) as target:
        told = closed_loop(target, [target.post(b"{}")], 2, 0.2)
    assert told.accepted.total > 5 and set(told.statuses) == {200}


def test_nobody_there_is_told() -> None:
    with pytest.raises(Unavailable, match="takes no connection"):
        closed_loop(Target("127.0.0.1", 1, "/"), [b""], 1, 0.1)
