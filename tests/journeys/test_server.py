"""The model server as a real process on a loopback port: every way of asking, and every way of asking wrong."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from baton.backends.online.lmdb_store import LmdbStore
from baton.delivery.split import in_canary
from baton.serving.log import read_segments
from baton.testing.server import AT, JSON, ROW, Server, TinyWorkspace, running


@pytest.fixture
def workspace(tmp_path: Path) -> TinyWorkspace:
    return TinyWorkspace(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for tests that change nothing."""
    with running(TinyWorkspace(tmp_path_factory.mktemp("shared")).folder) as server:
        yield server


def test_predicts_both_ways_and_logs(workspace: TinyWorkspace) -> None:
    with running(workspace.folder) as server:
        status, looked_up = server.predict(entities=["f3", "f1"])
        assert status == 200
        assert [item["entity"] for item in looked_up["predictions"]] == ["f3", "f1"]
        assert looked_up["watermark"] == AT
        status, given = server.predict(inputs=ROW)
        assert status == 200
        assert set(given["predictions"][0]) == {
            "entity",
            "score",
            "label",
            "prediction_id",
            "model_version",
            "release",
            "variant",
        }
        told = [item["prediction_id"] for answer in (looked_up, given) for item in answer["predictions"]]
        assert workspace.logged() == told
        status, ready = server.call("GET", "/ready")
        assert (status, ready) == (200, {"status": "ready", "version": 1, "release": "rel-1", "serial": 1, "watermark": AT})
        metrics = server.call("GET", "/metrics")[1]
        for line in (
            'baton_predictions_total{variant="live",version="1"} 3.0',
            'baton_responses_total{code="200",route="/predict"} 2.0',
            "baton_prediction_seconds_count 2.0",
        ):
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
    for request, good in (
        ({"inputs": ROW}, True),
        ({"entities": ["a"]}, True),
        ({}, False),
        ({"inputs": [ROW], "entities": ["a"]}, False),
        ({"inputs": {}}, False),
    ):
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
    assert (
        shared.call(
            "POST", "/predict", good, {"Content-Type": "application/json; charset=utf-8", "Host": f"localhost:{shared.port}"}
        )[0]
        == 200
    )


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


def test_a_replay_names_its_moment_and_watermark(workspace: TinyWorkspace) -> None:
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


def test_the_canary_gets_its_share(workspace: TinyWorkspace) -> None:
    workspace.route(("live", 1), ("canary", 2, 0.5), ("challenger", 3), ("shadow", 0))
    entities = [f"f{n}" for n in range(64)]
    with running(workspace.folder) as server:
        answers = server.predict(entities=entities)[1]["predictions"]
    assert [item["variant"] for item in answers] == ["canary" if in_canary("saltrel-2", key, 0.5) else "live" for key in entities]
    batches, _ = read_segments(workspace.folder / "segments", {})
    assert sorted((batch.variant, len(batch.entities)) for batch in batches if batch.variant in ("challenger", "shadow")) == [
        ("challenger", 64),
        ("shadow", 64),
    ]
