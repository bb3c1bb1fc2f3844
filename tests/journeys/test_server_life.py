"""The model server's life: it starts or says why not, changes models under load, and dies without losing an answer."""

import json
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from baton.testing.server import JSON, TinyWorkspace, running, spawn

FORBIDDEN = (
    "sklearn",
    "lightgbm",
    "optuna",
    "duckdb",
    "pandas",
    "pyarrow",
    "sqlalchemy",
    "typer",
    "pydantic",
    "deltalake",
    "dbos",
    "grpc",
    "google.protobuf",
)


def refused(folder: Path, *options: str) -> str:
    """What a server that cannot start says."""
    process = spawn(folder, *options)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 2, said
    assert "fix:" in said and "Traceback" not in said
    return said


@pytest.fixture
def workspace(tmp_path: Path) -> TinyWorkspace:
    return TinyWorkspace(tmp_path)


def together(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def test_a_swap_under_load_never_mixes(workspace: TinyWorkspace) -> None:
    entities = [f"f{n}" for n in range(64)]
    body, seen, done = json.dumps({"entities": entities}).encode(), list[tuple[int, frozenset[int]]](), threading.Event()

    with running(workspace.folder) as server:

        def ask() -> None:
            connection = server.connect()
            while not done.is_set():
                connection.request("POST", "/predict", body, JSON)
                answer = json.loads(connection.getresponse().read())
                seen.append((answer["serial"], frozenset(item["model_version"] for item in answer["predictions"])))
            connection.close()

        def swap() -> None:
            for serial in range(2, 22):
                workspace.route(("live", serial % 4), serial=serial)
                status, told = server.call("POST", "/reload", b"")  # by then the server may have noticed by itself
                assert (status, told["serial"]) == (200, serial)
            done.set()

        swapper = threading.Thread(target=swap)
        swapper.start()
        together(3, ask)
        swapper.join(60)
    assert {serial for serial, _ in seen} >= set(range(5, 15))
    assert all(versions == {serial % 4} for serial, versions in seen)


def test_a_swap_is_noticed_without_being_told(workspace: TinyWorkspace) -> None:
    with running(workspace.folder) as server:
        workspace.route(("live", 2), serial=2)
        connection = server.connect()
        for _ in range(100_000):
            connection.request("GET", "/ready")
            if json.loads(connection.getresponse().read())["version"] == 2:
                break
        else:
            pytest.fail("the new routing was never put in service")
        connection.close()


def test_a_corrupt_bundle_keeps_the_last_good_one(workspace: TinyWorkspace) -> None:
    with running(workspace.folder) as server:
        (workspace.folder / "artifacts" / workspace.bundles[2]).write_bytes(b"rotten")
        workspace.route(("live", 2), serial=2)
        assert server.error(500, "POST", "/reload", b"")["code"] == "corrupt"
        assert server.predict(entities=["f1"])[1]["predictions"][0]["model_version"] == 1
        assert "not what was stored" in server.call("GET", "/ready")[1]["problem"]
        workspace.route(("live", 3), serial=3)
        assert server.call("POST", "/reload", b"")[0] == 200
        assert server.predict(entities=["f1"])[1]["predictions"][0]["model_version"] == 3


def test_without_a_live_model_it_runs_but_is_not_ready(workspace: TinyWorkspace) -> None:
    workspace.route()
    with running(workspace.folder) as server:
        assert server.call("GET", "/health")[0] == 200
        assert "baton up" in server.error(503, "GET", "/ready")["fix"]
        assert "no model is live" in server.error(503, "POST", "/predict", b'{"entities": ["f1"]}')["message"]
        workspace.route(("live", 1), serial=2)
        server.call("POST", "/reload", b"")
        assert server.call("GET", "/ready")[0] == 200


def test_a_killed_server_loses_no_answer(workspace: TinyWorkspace) -> None:
    told, many = list[str](), threading.Event()
    body = json.dumps({"entities": ["f1", "f2", "f3"]}).encode()
    with running(workspace.folder) as server:

        def ask() -> None:
            with closing(server.connect()) as connection, suppress(HTTPException, OSError):
                while True:
                    connection.request("POST", "/predict", body, JSON)
                    with connection.getresponse() as response:
                        answer = json.loads(response.read())
                    told.extend(item["prediction_id"] for item in answer["predictions"])
                    if len(told) > 600:
                        many.set()

        def kill() -> None:
            many.wait(30)
            server.process.kill()
            server.process.wait()

        killer = threading.Thread(target=kill)
        killer.start()
        together(3, ask)
        killer.join(30)
    assert len(told) > 600
    assert set(told) <= set(workspace.logged())


def test_a_full_disk_gives_503_and_not_a_lost_log(workspace: TinyWorkspace) -> None:
    entities = [f"f{n}" for n in range(64)]
    with running(workspace.folder) as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (20_000, 20_000))
        statuses = [server.predict(entities=entities)[0] for _ in range(10)]
        assert statuses == [200] * statuses.count(200) + [503] * statuses.count(503)
        assert min(statuses.count(200), statuses.count(503)) > 0
        assert "space" in server.error(503, "POST", "/predict", json.dumps({"entities": entities}).encode())["fix"]
    assert len(workspace.logged()) == 64 * statuses.count(200)


def test_a_port_in_use_is_named(workspace: TinyWorkspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(workspace.folder, "--port", str(port))
    assert f"port {port}" in said and "--port" in said


@pytest.mark.parametrize("part", ["routing.json", "artifacts", "online", "segments", "keys/public.pem", "."])
def test_a_missing_part_is_named(workspace: TinyWorkspace, part: str) -> None:
    path = workspace.folder / part
    path.rename(workspace.folder.parent / f"{workspace.folder.name}-gone")
    assert str(path) in refused(workspace.folder)
    assert not path.exists()


def test_other_machines_need_a_token(workspace: TinyWorkspace) -> None:
    assert "BATON_SERVE_TOKEN" in refused(workspace.folder, "--host", "0.0.0.0")
    with running(workspace.folder, "--host", "0.0.0.0", env={"BATON_SERVE_TOKEN": "secret"}) as server:
        assert server.call("GET", "/health")[0] == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret"}):
            assert server.error(401, "GET", "/ready", None, headers)["code"] == "unauthorized"
        assert server.call("GET", "/ready", None, {"Authorization": "Bearer secret", "Host": "models.example"})[0] == 200


def test_the_port_is_written_when_it_listens(workspace: TinyWorkspace, tmp_path: Path) -> None:
    with running(workspace.folder, "--port-file", str(tmp_path / "port")) as server:
        assert int((tmp_path / "port").read_text()) == server.port


def test_it_dies_with_its_parent(workspace: TinyWorkspace) -> None:
    code = (
        "import os, subprocess, sys\n"
        f"command = [sys.executable, '-m', 'baton.inference', '--workspace', {str(workspace.folder)!r}]\n"
        "command += ['--die-with-parent', str(os.getpid())]\n"
        "child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)\n"
        "print(child.pid, child.stdout.readline().strip().rsplit(':', 1)[1], flush=True)\n"
        "sys.stdin.readline()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        _, port = map(int, parent.stdout.readline().split())
        watched = socket.create_connection(("127.0.0.1", port), timeout=20)
        parent.kill()
        with suppress(ConnectionResetError):
            assert watched.recv(1) == b""
        watched.close()


def test_it_stays_within_its_budget(workspace: TinyWorkspace) -> None:
    with running(workspace.folder) as server:
        for _ in range(50):
            server.predict(entities=[f"f{n}" for n in range(64)])
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        resident = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024
        assert resident <= 150, f"{resident:.0f} MB"
    code = (
        "import sys, pathlib\nfrom baton.inference.__main__ import make_app\nfrom baton.inference.gate import Gate\n"
        f"import uvloop, httptools\napp = make_app(pathlib.Path({str(workspace.folder)!r}), Gate(), replay=False)\n"
        'app.plane.predict(b\'{"entities": ["f1"]}\')\n'
        f"print([name for name in {FORBIDDEN!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
