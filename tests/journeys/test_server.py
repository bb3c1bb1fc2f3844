"""The model server as a real process on a loopback port, over a real workspace folder."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from typing import Any

import pytest

from baton.backends.artifacts.files import FileArtifacts
from baton.backends.keys import open_keys
from baton.backends.online.lmdb_store import LmdbStore
from baton.delivery.routing import Route, Routing, write_routing
from baton.delivery.split import in_canary
from baton.features.online import entity_view
from baton.serving.log import read_segments
from baton.testing.bundles import INPUTS, tiny_bundle

AT = 1_685_620_800_000_000
HOUR = 3_600_000_000
JSON = {"Content-Type": "application/json"}
ROW = {item.name: "AA" if item.kind == "category" else 1.0 for item in INPUTS}
FORBIDDEN = ("sklearn", "lightgbm", "optuna", "duckdb", "pandas", "pyarrow", "sqlalchemy", "typer", "pydantic", "deltalake", "dbos")


class Workspace:
    """A workspace folder as the worker would leave it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.keys = folder, open_keys(folder / "keys")
        self.artifacts = FileArtifacts(folder / "artifacts", create=True)
        (folder / "segments").mkdir()
        store = LmdbStore(folder / "online", create=True, durable=False)
        rows = [(entity_view("flights"), f"f{n}", AT - HOUR, (["AA", "B6", "ZZ", None][n % 4], 100.0 + n, "JFK", AT + n * HOUR)) for n in range(64)]
        views = [("latest.weather.origin", "JFK", AT - HOUR, (7.5,)), ("window.flights.origin.delay", "JFK", AT - HOUR, (3, 2.5, AT - 5_000_000))]
        store.write([*rows, *views], watermark=AT)
        store.close()
        self.bundles = [self.artifacts.put(tiny_bundle(self.keys.seal, version=version, bias=version / 10)) for version in range(4)]
        self.route(("live", 1))

    def route(self, *variants: tuple[str, int] | tuple[str, int, float], serial: int = 1) -> None:
        """Swap the routing file."""
        routes = tuple(Route(variant, version, f"rel-{version}", self.bundles[version], *share) for variant, version, *share in variants)
        aside = self.folder / "routing.json.new"
        aside.write_bytes(write_routing(Routing("flights", serial, "salt", routes), self.keys.seal))
        os.replace(aside, self.folder / "routing.json")

    def logged(self) -> list[str]:
        """Ids of all predictions on record."""
        batches, _ = read_segments(self.folder / "segments", {})
        return [name for batch in batches for name in batch.prediction_ids]


class Server:
    """A running server."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process, self.port = process, port

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=20)

    def call(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = JSON) -> tuple[int, Any]:
        """Status and decoded body."""
        connection = self.connect()
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            data = response.read()
            return response.status, json.loads(data) if response.getheader("content-type") == "application/json" else data.decode()
        finally:
            connection.close()

    def predict(self, **fields: Any) -> tuple[int, Any]:
        return self.call("POST", "/predict", json.dumps(fields).encode())

    def error(self, status: int, *call: Any, **headers: Any) -> dict[str, str]:
        """The error of a call that must end with this status."""
        found, body = self.call(*call, **headers)
        assert (found, list(body)) == (status, ["error"]), body
        error: dict[str, str] = body["error"]
        assert list(error) == ["code", "message", "field", "fix"]
        return error


def spawn(folder: Path, *options: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "baton.inference", "--workspace", str(folder), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})


@contextmanager
def running(folder: Path, *options: str, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server until the block ends; it must then stop on SIGTERM with status 0."""
    process = spawn(folder, *options, env=env)
    assert process.stdout is not None and process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("listening on http://"), line + process.stderr.read()
        yield Server(process, int(line.rsplit(":", 1)[1]))
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def refused(folder: Path, *options: str) -> str:
    """What a server that cannot start says."""
    process = spawn(folder, *options)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 2, said
    assert "fix:" in said and "Traceback" not in said
    return said


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for tests that change nothing."""
    with running(Workspace(tmp_path_factory.mktemp("shared")).folder) as server:
        yield server


def test_predicts_both_ways_and_logs(workspace: Workspace) -> None:
    with running(workspace.folder) as server:
        status, looked_up = server.predict(entities=["f3", "f1"])
        assert status == 200
        assert [item["entity"] for item in looked_up["predictions"]] == ["f3", "f1"]
        assert looked_up["watermark"] == AT
        status, given = server.predict(inputs=ROW)
        assert status == 200
        assert set(given["predictions"][0]) == {"entity", "score", "label", "prediction_id", "model_version", "release", "variant"}
        told = [item["prediction_id"] for answer in (looked_up, given) for item in answer["predictions"]]
        assert workspace.logged() == told
        status, ready = server.call("GET", "/ready")
        assert (status, ready) == (200, {"status": "ready", "version": 1, "release": "rel-1", "serial": 1, "watermark": AT})
        metrics = server.call("GET", "/metrics")[1]
        for line in ('baton_predictions_total{variant="live",version="1"} 3.0', 'baton_responses_total{code="200",route="/predict"} 2.0', "baton_prediction_seconds_count 2.0"):
            assert line in metrics


def test_describes_itself(shared: Server) -> None:
    status, described = shared.call("GET", "/openapi.json")
    assert (status, described["openapi"]) == (200, "3.1.0")
    row = described["components"]["schemas"]["Row"]
    assert list(row["properties"]) == row["required"] == list(ROW)
    assert row["properties"]["distance"]["type"] == ["number", "null"]
    assert row["properties"]["carrier"]["examples"] == ["AA", "B6", "UA"]
    assert shared.call("GET", "/health") == (200, {"status": "ok"})
    assert "version 1 is live" in shared.call("GET", "/")[1]


def test_the_description_fits_the_answers(shared: Server) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    described = shared.call("GET", "/openapi.json")[1]

    def fits(name: str, value: Any) -> bool:
        schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
        return bool(jsonschema.Draft202012Validator(schema).is_valid(value))

    assert fits("Answer", shared.predict(entities=["f1", "f2"])[1])
    assert fits("Answer", shared.predict(inputs=ROW)[1])
    assert fits("Error", shared.predict(inputs={})[1])
    for request, good in (({"inputs": ROW}, True), ({"entities": ["a"]}, True), ({}, False), ({"inputs": [ROW], "entities": ["a"]}, False), ({"inputs": {}}, False)):
        assert fits("Request", request) == good


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"{", 400, "malformed", "body"),
        (b'{"inputs": {"carrier": NaN}}', 400, "malformed", "body"),
        (b"{}", 422, "invalid-input", "inputs"),
        (json.dumps({"inputs": {**ROW, "distance": "far"}}).encode(), 422, "invalid-input", "inputs.distance"),
        (json.dumps({"inputs": {"carrier": "AA"}}).encode(), 422, "invalid-input", "inputs.distance"),
        (json.dumps({"inputs": {**ROW, "distanc": 1}}).encode(), 422, "invalid-input", "inputs.distanc"),
        (b'{"entities": ["f1", "nobody"]}', 404, "not-found", "entities"),
        (b'{"entities": ["f1"], "decided_at": "2023-01-01"}', 403, "refused", "decided_at"),
        (b'{"entities": ["f1"], "watermark": 1}', 403, "refused", "watermark"),
    ],
)
def test_each_bad_body_is_told_apart(shared: Server, body: bytes, status: int, code: str, field: str) -> None:
    error = shared.error(status, "POST", "/predict", body)
    assert (error["code"], error["field"]) == (code, field)
    assert error["fix"]


def test_bad_requests_are_told_apart(shared: Server) -> None:
    good = json.dumps({"entities": ["f1"]}).encode()
    assert shared.error(415, "POST", "/predict", good, {"Content-Type": "text/plain"})["field"] == "content-type"
    assert shared.error(413, "POST", "/predict", b" " * (8 * 1024 * 1024 + 1))["field"] == "body"
    assert "GET" in shared.error(405, "POST", "/ready", b"")["fix"]
    assert "did you mean '/predict'?" in shared.error(404, "GET", "/predic")["fix"]
    assert shared.error(400, "GET", "/ready", None, {"Host": "evil.example"})["field"] == "host"
    assert shared.error(403, "POST", "/reload", b"", {"Origin": "http://evil.example"})["code"] == "refused"
    assert shared.call("POST", "/predict", good, {"Content-Type": "application/json; charset=utf-8", "Host": f"localhost:{shared.port}"})[0] == 200


def test_a_body_in_pieces_is_limited_too(shared: Server) -> None:
    def pieces(count: int) -> Iterator[bytes]:
        yield b'{"entities": ["f1"]}'
        yield from (b" " * 1_000_000 for _ in range(count))

    for count, status in ((2, 200), (9, 413)):
        connection = shared.connect()
        try:
            connection.request("POST", "/predict", pieces(count), JSON, encode_chunked=True)
            assert connection.getresponse().status == status
        finally:
            connection.close()


def test_many_bad_requests_leave_it_standing(shared: Server) -> None:
    for body in (b"[" * 1_000_000, b'{"inputs":' * 100_000, b"\x00\xff" * 1000, b'{"entities":["' + b"\\u0000" * 1000 + b'"]}'):
        assert shared.call("POST", "/predict", body)[0] in (400, 404, 422)
    with socket.create_connection(("127.0.0.1", shared.port)) as raw:
        raw.sendall(b"GARBAGE\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400")
    assert shared.call("GET", "/health")[0] == 200


def test_a_replay_names_its_moment_and_watermark(workspace: Workspace) -> None:
    with running(workspace.folder, "--replay") as server:
        status, answer = server.predict(entities=["f1"], decided_at="2023-06-01T12:00:00Z", watermark=AT)
        assert (status, answer["decided_at"]) == (200, "2023-06-01T12:00:00Z")
        assert server.predict(entities=["f1"], decided_at="2023-06-01T12:00:00Z", watermark=AT)[1] == answer
        error = server.error(409, "POST", "/predict", json.dumps({"entities": ["f1"], "watermark": 7}).encode())
        assert error["field"] == "watermark"
        store = LmdbStore(workspace.folder / "online", durable=False)
        store.write([], watermark=7)
        store.close()
        assert server.predict(entities=["f1"], watermark=7)[0] == 200


def test_the_canary_gets_its_share(workspace: Workspace) -> None:
    workspace.route(("live", 1), ("canary", 2, 0.5), ("challenger", 3), ("shadow", 0))
    entities = [f"f{n}" for n in range(64)]
    with running(workspace.folder) as server:
        answers = server.predict(entities=entities)[1]["predictions"]
    assert [item["variant"] for item in answers] == ["canary" if in_canary("saltrel-2", key, 0.5) else "live" for key in entities]
    batches, _ = read_segments(workspace.folder / "segments", {})
    assert sorted((batch.variant, len(batch.entities)) for batch in batches if batch.variant in ("challenger", "shadow")) == [("challenger", 64), ("shadow", 64)]


def together(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def test_a_swap_under_load_never_mixes(workspace: Workspace) -> None:
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
                assert server.call("POST", "/reload", b"") == (200, {"serial": serial, "changed": True})
            done.set()

        swapper = threading.Thread(target=swap)
        swapper.start()
        together(3, ask)
        swapper.join(60)
    assert {serial for serial, _ in seen} >= set(range(5, 15))
    assert all(versions == {serial % 4} for serial, versions in seen)


def test_a_swap_is_noticed_without_being_told(workspace: Workspace) -> None:
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


def test_a_corrupt_bundle_keeps_the_last_good_one(workspace: Workspace) -> None:
    with running(workspace.folder) as server:
        (workspace.folder / "artifacts" / workspace.bundles[2]).write_bytes(b"rotten")
        workspace.route(("live", 2), serial=2)
        assert server.error(500, "POST", "/reload", b"")["code"] == "corrupt"
        assert server.predict(entities=["f1"])[1]["predictions"][0]["model_version"] == 1
        assert "not what was stored" in server.call("GET", "/ready")[1]["problem"]
        workspace.route(("live", 3), serial=3)
        assert server.call("POST", "/reload", b"")[0] == 200
        assert server.predict(entities=["f1"])[1]["predictions"][0]["model_version"] == 3


def test_without_a_live_model_it_runs_but_is_not_ready(workspace: Workspace) -> None:
    workspace.route()
    with running(workspace.folder) as server:
        assert server.call("GET", "/health")[0] == 200
        assert "release" in server.error(503, "GET", "/ready")["fix"]
        assert "no model is live" in server.error(503, "POST", "/predict", b'{"entities": ["f1"]}')["message"]
        workspace.route(("live", 1), serial=2)
        server.call("POST", "/reload", b"")
        assert server.call("GET", "/ready")[0] == 200


def test_a_killed_server_loses_no_answer(workspace: Workspace) -> None:
    told, many = list[str](), threading.Event()
    body = json.dumps({"entities": ["f1", "f2", "f3"]}).encode()
    with running(workspace.folder) as server:

        def ask() -> None:
            connection = server.connect()
            try:
                while True:
                    connection.request("POST", "/predict", body, JSON)
                    answer = json.loads(connection.getresponse().read())
                    told.extend(item["prediction_id"] for item in answer["predictions"])
                    if len(told) > 600:
                        many.set()
            except (RemoteDisconnected, ConnectionError, ValueError, OSError):
                return

        def kill() -> None:
            many.wait(30)
            server.process.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        together(3, ask)
        killer.join(30)
    assert len(told) > 600
    assert set(told) <= set(workspace.logged())


def test_a_full_disk_gives_503_and_not_a_lost_log(workspace: Workspace) -> None:
    entities = [f"f{n}" for n in range(64)]
    with running(workspace.folder) as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (20_000, 20_000))
        statuses = [server.predict(entities=entities)[0] for _ in range(10)]
        assert statuses == [200] * statuses.count(200) + [503] * statuses.count(503)
        assert min(statuses.count(200), statuses.count(503)) > 0
        assert "space" in server.error(503, "POST", "/predict", json.dumps({"entities": entities}).encode())["fix"]
    assert len(workspace.logged()) == 64 * statuses.count(200)


def test_a_port_in_use_is_named(workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(workspace.folder, "--port", str(port))
    assert f"port {port}" in said and "--port" in said


@pytest.mark.parametrize("part", ["routing.json", "artifacts", "online", "segments", "keys/public.pem", "."])
def test_a_missing_part_is_named(workspace: Workspace, part: str) -> None:
    path = workspace.folder / part
    path.rename(workspace.folder.parent / f"{workspace.folder.name}-gone")
    assert str(path) in refused(workspace.folder)
    assert not path.exists()


def test_other_machines_need_a_token(workspace: Workspace) -> None:
    assert "BATON_SERVE_TOKEN" in refused(workspace.folder, "--host", "0.0.0.0")
    with running(workspace.folder, "--host", "0.0.0.0", env={"BATON_SERVE_TOKEN": "secret"}) as server:
        assert server.call("GET", "/health")[0] == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret"}):
            assert server.error(401, "GET", "/ready", None, headers)["code"] == "unauthorized"
        assert server.call("GET", "/ready", None, {"Authorization": "Bearer secret", "Host": "models.example"})[0] == 200


def test_the_port_is_written_when_it_listens(workspace: Workspace, tmp_path: Path) -> None:
    with running(workspace.folder, "--port-file", str(tmp_path / "port")) as server:
        assert int((tmp_path / "port").read_text()) == server.port


def test_it_dies_with_its_parent(workspace: Workspace) -> None:
    code = (
        "import os, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-m', 'baton.inference', '--workspace', {str(workspace.folder)!r}, '--die-with-parent', str(os.getpid())], stdout=subprocess.PIPE, text=True)\n"
        "print(child.pid, child.stdout.readline().strip().rsplit(':', 1)[1], flush=True)\n"
        "sys.stdin.readline()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        _, port = map(int, parent.stdout.readline().split())
        watched = socket.create_connection(("127.0.0.1", port), timeout=20)
        parent.kill()
        assert watched.recv(1) == b""
        watched.close()


def test_it_stays_within_its_budget(workspace: Workspace) -> None:
    with running(workspace.folder) as server:
        for _ in range(50):
            server.predict(entities=[f"f{n}" for n in range(64)])
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        resident = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024
        assert resident <= 150, f"{resident:.0f} MB"
    code = (
        "import sys, pathlib\nfrom baton.inference.__main__ import make_app\nfrom baton.inference.gate import Gate\n"
        f"import uvicorn, uvloop, httptools\napp = make_app(pathlib.Path({str(workspace.folder)!r}), Gate(), replay=False)\n"
        "app._plane.predict(b'{\"entities\": [\"f1\"]}')\n"
        f"print([name for name in {FORBIDDEN!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
