"""A model server as a real process over a workspace filled with tiny bundles, for journeys and benchmarks."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from baton.backends.artifacts.files import FileArtifacts
from baton.backends.keys import open_keys
from baton.backends.online.lmdb_store import LmdbStore
from baton.delivery.routing import Route, Routing, write_routing
from baton.serving.log import read_segments
from baton.testing.bundles import INPUTS, online_rows, tiny_bundle

AT = 1_685_620_800_000_000
JSON = {"Content-Type": "application/json"}
ROW = {item.name: "AA" if item.kind == "category" else 1.0 for item in INPUTS}
ENTITIES = [f"f{n}" for n in range(64)]


class TinyWorkspace:
    """A workspace folder as the worker would leave it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.keys = folder, open_keys(folder / "keys")
        self.artifacts = FileArtifacts(folder / "artifacts", create=True)
        (folder / "segments").mkdir()
        store = LmdbStore(folder / "online", create=True, durable=False)
        store.write(online_rows(AT, len(ENTITIES)), watermark=AT)
        store.close()
        self.bundles = [self.artifacts.put(tiny_bundle(version=version, bias=version / 10)) for version in range(4)]
        for bundle in self.bundles:
            self.artifacts.seal(bundle, self.keys.seal(bundle.encode()))
        self.route(("live", 1))

    def route(self, *variants: tuple[str, int] | tuple[str, int, float], serial: int = 1) -> None:
        """Swap the routing file."""
        routes = tuple(
            Route(variant, version, f"rel-{version}", self.bundles[version], share=share[0] if share else 1.0)
            for variant, version, *share in variants
        )
        aside = self.folder / "routing.json.new"
        aside.write_bytes(write_routing(Routing("flights", serial, "salt", routes), self.keys.seal))
        aside.replace(self.folder / "routing.json")

    def logged(self) -> list[str]:
        """Ids of all predictions on record."""
        batches, _ = read_segments(self.folder / "segments", {})
        return [name for batch in batches for name in batch.prediction_ids]


class Server:
    """A running server."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process, self.port = process, port

    def connect(self) -> HTTPConnection:
        """A connection to it."""
        return HTTPConnection("127.0.0.1", self.port, timeout=20)

    def call(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = JSON) -> tuple[int, Any]:
        """Status and decoded body."""
        connection = self.connect()
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            data = response.read()
            is_json = response.getheader("content-type") == "application/json"
            return response.status, json.loads(data) if is_json else data.decode()
        finally:
            connection.close()

    def predict(self, **fields: Any) -> tuple[int, Any]:
        """Status and body of a prediction request."""
        return self.call("POST", "/predict", json.dumps(fields).encode())

    def error(self, status: int, *call: Any) -> dict[str, str]:
        """The error of a call that must end with this status."""
        found, body = self.call(*call)
        assert (found, list(body)) == (status, ["error"]), body
        error: dict[str, str] = body["error"]
        assert list(error) == ["code", "message", "field", "fix"]
        return error


def spawn(folder: Path, *options: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """Start a server process; its first line of output tells that it listens, and where."""
    command = [sys.executable, "-m", "baton.inference", "--workspace", str(folder), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})


@contextmanager
def running(folder: Path, *options: str, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server until the block ends; it must then stop on SIGTERM with status 0."""
    process = spawn(folder, *options, env=env)
    assert process.stdout is not None
    assert process.stderr is not None
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
