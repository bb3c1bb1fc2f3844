"""Traces and log lines of a real server, against a receiver of traces on this machine."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from baton.testing.server import JSON, ROW, TinyWorkspace, running, spawn

trace_service_pb2 = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Receiver:
    """Takes traces by OTLP over HTTP; `slow` makes it answer nobody for a while."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()
        self.go = threading.Event()
        self.go.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    import gzip

                    body = gzip.decompress(body)
                outer.go.wait(20)
                outer.take(body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"

    def take(self, body: bytes) -> None:
        for resource in trace_service_pb2.ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {item.value.string_value for item in resource.resource.attributes if item.key == "service.name"}
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)

    def close(self) -> None:
        self.go.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def env(receiver: Receiver, **more: str) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100", **more}


def test_a_request_is_one_trace_with_its_parts(tmp_path: Path, receiver: Receiver) -> None:
    workspace = TinyWorkspace(tmp_path)
    headers = {**JSON, "traceparent": f"00-{TRACE}-{PARENT}-01"}
    with running(workspace.folder, env=env(receiver)) as server:
        assert server.call("POST", "/predict", json.dumps({"entities": ["f1", "f2"]}).encode(), headers)[0] == 200
        assert server.predict(inputs=ROW)[0] == 200
        assert server.predict(inputs={})[0] == 422
    roots = [span for span in receiver.spans if span.name == "predict"]
    assert receiver.services == {"baton-serve"}
    assert len(roots) == 3
    followed = next(span for span in roots if span.trace_id.hex() == TRACE)
    assert followed.parent_span_id.hex() == PARENT
    parts = {span.name: span for span in receiver.spans if span.parent_span_id == followed.span_id}
    assert list(parts) == ["decode", "features", "score", "log"]
    for part in parts.values():
        assert followed.start_time_unix_nano <= part.start_time_unix_nano <= part.end_time_unix_nano
        assert part.end_time_unix_nano <= followed.end_time_unix_nano
    given, wrong = (span for span in roots if span is not followed)
    assert {span.name for span in receiver.spans if span.parent_span_id == given.span_id} == {"decode", "score", "log"}
    assert {item.key: item.value.string_value for item in wrong.attributes}["error.type"] == "invalid-input"
    told = str(receiver.spans)
    assert "AA" not in told
    assert "f1" not in told, "no value of a request is in a trace"


def test_what_is_not_sampled_is_not_sent(tmp_path: Path, receiver: Receiver) -> None:
    workspace = TinyWorkspace(tmp_path)
    with running(workspace.folder, env=env(receiver, OTEL_TRACES_SAMPLER="parentbased_always_off")) as server:
        assert server.predict(inputs=ROW)[0] == 200
        sampled = {**JSON, "traceparent": f"00-{TRACE}-{PARENT}-01"}
        server.call("POST", "/predict", json.dumps({"inputs": ROW}).encode(), sampled)
    assert {span.trace_id.hex() for span in receiver.spans} == {TRACE}


def test_a_receiver_that_hangs_holds_nobody_up(tmp_path: Path, receiver: Receiver) -> None:
    workspace = TinyWorkspace(tmp_path)
    receiver.go.clear()
    with running(workspace.folder, env=env(receiver)) as server:
        server.predict(inputs=ROW)
        time.sleep(0.3)
        began = time.monotonic()
        for _ in range(200):
            assert server.predict(inputs=ROW)[0] == 200
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("off", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_it_can_be_switched_off(tmp_path: Path, receiver: Receiver, off: dict[str, str]) -> None:
    with running(TinyWorkspace(tmp_path).folder, env=env(receiver, **off)) as server:
        assert server.predict(inputs=ROW)[0] == 200
    assert receiver.spans == []


def test_a_line_of_the_log_is_one_object(tmp_path: Path) -> None:
    workspace = TinyWorkspace(tmp_path)
    process = spawn(workspace.folder, "--log-format", "json", "--log-most", "10", env={"BATON_SERVE_TOKEN": "a-secret-token"})
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        import http.client

        port = int(process.stdout.readline().rsplit(":", 1)[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        headers = {
            **JSON,
            "authorization": "Bearer a-secret-token",
            "traceparent": f"00-{TRACE}-{PARENT}-01",
            "x-request-id": "order-7",
        }
        for _ in range(30):
            connection.request("POST", "/predict", json.dumps({"inputs": {**ROW, "carrier": "SECRETIVE"}}), headers)
            response = connection.getresponse()
            response.read()
            assert response.status == 503
        connection.close()
    finally:
        process.terminate()
        _, said = process.communicate(timeout=20)  # closes the pipes
    lines = [json.loads(line) for line in said.splitlines()]
    first = lines[0]
    assert {"time", "level", "logger", "message"} <= first.keys()
    assert (first["level"], first["code"], first["request_id"], first["trace_id"]) == ("ERROR", "unavailable", "order-7", TRACE)
    assert "SECRETIVE" not in said
    assert "a-secret-token" not in said
    assert len(lines) < 30, "the same line is not told again and again"
