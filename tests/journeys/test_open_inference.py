"""The model server as strangers ask it: Triton's clients over HTTP and gRPC, pyarrow, and requests that nobody thought of."""

import gzip
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

from baton.inference import arrow
from baton.inference.http import BULK_LIMIT
from baton.serving.log import read_segments
from baton.testing.server import AT, JSON, ROW, Server, TinyWorkspace, running, spawn

# Triton's HTTP client closes itself once more when it is collected, which it cannot in another thread than its own.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in.*InferenceServerClient.__del__")
ARROW = "application/vnd.apache.arrow.stream"
CARRIERS, NUMBERS = ["AA", "B6", "ZZ"], [1.0, 2.0, float("nan")]
GIVEN = [
    {name: carrier if name == "carrier" else None if number != number else number for name in ROW}
    for carrier, number in zip(CARRIERS, NUMBERS, strict=True)
]


@dataclass(frozen=True, slots=True)
class Both:
    """A server and its two doors."""

    workspace: TinyWorkspace
    http: Server
    calls: int

    def logged(self) -> list[Any]:
        """Every batch on record."""
        return read_segments(self.workspace.folder / "segments", {})[0]


def doors(folder: Path, *options: str, **more: Any) -> Iterator[tuple[Server, int]]:
    with running(folder, "--grpc-port", "0", *options, **more) as server:
        assert server.process.stdout is not None
        line = server.process.stdout.readline()
        assert line.startswith("listening on grpc://")
        yield server, int(line.rsplit(":", 1)[1])


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    workspace = TinyWorkspace(tmp_path_factory.mktemp("open"))
    workspace.route(("live", 1), ("challenger", 3))
    for server, calls in doors(workspace.folder):
        yield Both(workspace, server, calls)


def tensors(client: Any, datatype: str = "FP64", *, binary: bool = True) -> list[Any]:
    inputs = []
    for name in ROW:
        tensor = client.InferInput(name, [3], "BYTES" if name == "carrier" else datatype)
        values = (
            np.array(CARRIERS, dtype=object)
            if name == "carrier"
            else np.array(NUMBERS, dtype="f4" if datatype == "FP32" else "f8")
        )
        tensor.set_data_from_numpy(values, **({} if binary else {"binary_data": False}))
        inputs.append(tensor)
    return inputs


@pytest.fixture(params=["http", "grpc"])
def client(request: pytest.FixtureRequest, both: Both) -> Iterator[Any]:
    kind = getattr(tritonclient, request.param)
    made = kind.InferenceServerClient(f"127.0.0.1:{both.http.port if request.param == 'http' else both.calls}")
    made.kind = kind
    yield made
    made.close()


def plain(found: Any) -> Any:
    """Metadata of either client."""
    return (
        found
        if isinstance(found, dict)
        else json.loads(
            json.dumps(
                {
                    "name": found.name,
                    "versions": list(found.versions),
                    "inputs": [
                        {"name": item.name, "datatype": item.datatype, "shape": list(item.shape)} for item in found.inputs
                    ],
                }
            )
        )
    )


def test_what_the_server_tells_of_itself(both: Both, client: Any) -> None:
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("flights") and client.is_model_ready("flights", "3")
    with pytest.raises(InferenceServerException, match="no model"):
        client.get_model_metadata("fligths")
    told = plain(client.get_model_metadata("flights"))
    assert (told["name"], told["versions"]) == ("flights", ["1", "3"])
    assert [item["name"] for item in told["inputs"]] == list(ROW)
    assert {item["datatype"] for item in told["inputs"]} == {"BYTES", "FP64"} and told["inputs"][0]["shape"] == [-1]


def test_tensors_are_scored_like_rows_and_logged_like_them(both: Both, client: Any) -> None:
    wanted = both.http.predict(inputs=GIVEN)[1]["predictions"]
    before = both.logged()
    answer = client.infer("flights", tensors(client.kind), request_id="mine")
    assert answer.as_numpy("score").tolist() == [row["score"] for row in wanted]
    assert answer.as_numpy("label").tolist() == [row["label"] for row in wanted]
    ids = [name.decode() for name in answer.as_numpy("prediction_id").tolist()]
    response = answer.get_response() if isinstance(answer.get_response(), dict) else answer.get_response(as_json=True)
    assert (response["id"], response["model_name"], response["model_version"]) == ("mine", "flights", "1")
    live, silent = both.logged()[len(before) :]
    assert (live.variant, silent.variant, live.prediction_ids) == ("live", "challenger", ids)
    assert live.entities == [row["entity"] for row in wanted]
    assert list(live.features["carrier"]) == CARRIERS and list(live.features["distance"]) == [1.0, 2.0, None]


def test_a_version_by_name_is_asked_alone(both: Both, client: Any) -> None:
    before = both.logged()
    answer = client.infer("flights", tensors(client.kind), model_version="3")
    (batch,) = both.logged()[len(before) :]
    assert (batch.variant, batch.model_version) == ("pinned", 3)
    rows = both.http.call("POST", "/models/flights/versions/3/predict", json.dumps({"inputs": GIVEN}).encode())[1]["predictions"]
    assert answer.as_numpy("score").tolist() == [row["score"] for row in rows] and rows[0]["variant"] == "pinned"
    with pytest.raises(InferenceServerException, match="known: 1, 3"):
        client.infer("flights", tensors(client.kind), model_version="2")


def test_entities_are_looked_up_and_scores_explained(both: Both, client: Any) -> None:
    keys = client.kind.InferInput("id", [2], "BYTES")
    keys.set_data_from_numpy(np.array(["f1", "f2"], dtype=object))
    assert len(client.infer("flights", [keys]).as_numpy("score")) == 2
    why = client.infer("flights", tensors(client.kind, "FP32"), parameters={"explain": True})
    contributions, baseline = why.as_numpy("contributions"), why.as_numpy("baseline")
    assert contributions.shape == (3, len(ROW))
    assert (contributions.sum(axis=1) + baseline).tolist() == pytest.approx(why.as_numpy("score").tolist(), abs=1e-12)
    again = client.infer("flights", [keys], outputs=[client.kind.InferRequestedOutput("entity")])
    assert again.as_numpy("entity").tolist() == [b"f1", b"f2"] and again.as_numpy("score") is None


@pytest.mark.parametrize("harm", ["missing", "type", "output", "shape"])
def test_what_does_not_fit_is_told_by_name(both: Both, client: Any, harm: str) -> None:
    inputs, outputs = tensors(client.kind), None
    if harm == "missing":
        inputs = inputs[:3]
    elif harm == "output":
        outputs = [client.kind.InferRequestedOutput("probability")]
    else:
        inputs[0] = client.kind.InferInput("carrier", [3] if harm == "type" else [1, 3], "FP64" if harm == "type" else "BYTES")
        inputs[0].set_data_from_numpy(np.array(NUMBERS) if harm == "type" else np.array([CARRIERS], dtype=object))
    with pytest.raises(InferenceServerException) as caught:
        client.infer("flights", inputs, outputs=outputs)
    assert caught.value.status() in ("400", "StatusCode.INVALID_ARGUMENT")
    assert {"missing": "origin_delay_count_1h", "type": "not BYTES", "output": "known: score", "shape": "[n, 1]"}[
        harm
    ] in caught.value.message()


def test_json_and_packed_bodies_of_the_stranger(both: Both) -> None:
    client = tritonclient.http.InferenceServerClient(f"127.0.0.1:{both.http.port}")
    kind = tritonclient.http
    inputs = tensors(kind)
    for tensor in inputs:
        if tensor.name() != "carrier":
            tensor.set_data_from_numpy(np.array([1.0, 2.0, 3.0]), binary_data=False)
    output = [kind.InferRequestedOutput("score", binary_data=False), kind.InferRequestedOutput("prediction_id")]
    for algorithm in ("gzip", "deflate", None):
        answer = client.infer(
            "flights", inputs, outputs=output, request_compression_algorithm=algorithm, response_compression_algorithm="gzip"
        )
        assert len(answer.as_numpy("score")) == len(answer.as_numpy("prediction_id")) == 3
    client.close()


def test_a_call_has_its_own_deadline_and_its_own_errors(both: Both) -> None:
    client = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{both.calls}")
    with pytest.raises(InferenceServerException, match=r"DEADLINE_EXCEEDED|Deadline"):
        for _ in range(50):  # now and then a call is quicker than the client looks at its clock
            client.infer("flights", tensors(tritonclient.grpc), client_timeout=1e-6)
    huge = tritonclient.grpc.InferInput("carrier", [1], "BYTES")
    huge.set_data_from_numpy(np.array(["x" * 9_000_000], dtype=object))
    with pytest.raises(InferenceServerException, match="RESOURCE_EXHAUSTED"):
        client.infer("flights", [huge])
    assert len(client.infer("flights", tensors(tritonclient.grpc)).as_numpy("score")) == 3
    client.close()
    assert 'route="grpc ModelInfer"' in both.http.call("GET", "/metrics")[1]


NAMED = {"name": {"type": "string"}, "datatype": {"type": "string"}, "shape": {"type": "array", "items": {"type": "integer"}}}
TENSOR = {"type": "object", "required": ["name", "datatype", "shape"], "properties": NAMED}
TEXTS = {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize(
    ("path", "required", "properties"),
    [
        ("/v2", ["name", "version", "extensions"], {"extensions": TEXTS}),
        ("/v2/", ["name", "version", "extensions"], {"extensions": TEXTS}),
        ("/v2/models/flights", ["name", "platform"], {"versions": TEXTS, "inputs": {"type": "array", "items": TENSOR}}),
        ("/v2/models/flights/versions/1", ["name", "platform"], {"outputs": {"type": "array", "items": TENSOR}}),
    ],
)
def test_what_is_told_has_the_form_of_the_published_description(
    both: Both, path: str, required: list[str], properties: dict[str, object]
) -> None:
    status, told = both.http.call("GET", path)
    assert status == 200
    validate = pytest.importorskip("jsonschema").validate
    validate(told, {"type": "object", "required": required, "properties": properties})


def test_both_doors_want_the_token(tmp_path: Path) -> None:
    workspace = TinyWorkspace(tmp_path)
    for server, calls in doors(workspace.folder, env={"BATON_SERVE_TOKEN": "secret"}):
        client = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{calls}")
        assert client.is_server_live()
        for headers in ({}, {"authorization": "Bearer wrong"}):
            with pytest.raises(InferenceServerException, match="UNAUTHENTICATED"):
                client.infer("flights", tensors(tritonclient.grpc), headers=headers)
        assert (
            len(client.infer("flights", tensors(tritonclient.grpc), headers={"authorization": "Bearer secret"}).as_numpy("score"))
            == 3
        )
        client.close()
        assert server.call("GET", "/v2/health/live")[0] == 200
        status, told = server.call("GET", "/v2/models/flights")
        assert (status, type(told["error"])) == (401, str)


def test_workers_share_the_port_of_calls(tmp_path: Path) -> None:
    workspace = TinyWorkspace(tmp_path)
    process = spawn(workspace.folder, "--workers", "2", "--grpc-port", "0")
    assert "--grpc-port 8001" in process.communicate(timeout=30)[1] and process.returncode == 2
    with socket.create_server(("127.0.0.1", 0)) as taken:
        calls = taken.getsockname()[1]
        process = spawn(workspace.folder, "--grpc-port", str(calls))
        assert f"port {calls}" in process.communicate(timeout=30)[1] and process.returncode == 2
    with running(workspace.folder, "--workers", "2", "--grpc-port", str(calls)):
        client = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{calls}")
        assert client.is_server_ready()
        assert len(client.infer("flights", tensors(tritonclient.grpc)).as_numpy("score")) == 3
        client.close()


# --- Baton's own forms ------------------------------------------------------------------------------------------------


def stream(table: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def many(count: int) -> Any:
    draws = np.random.default_rng(7)
    return pa.table(
        {
            name: pa.array(draws.choice(CARRIERS, count)) if name == "carrier" else pa.array(draws.normal(size=count))
            for name in ROW
        }
    )


def test_many_rows_as_arrow_are_scored_like_json(both: Both) -> None:
    table = many(3000)
    rows = both.http.predict(inputs=table.to_pylist())[1]["predictions"]
    before = len(both.logged())
    connection = both.http.connect()
    connection.request("POST", "/predict", stream(table), {"Content-Type": ARROW, "Accept": ARROW})
    response = connection.getresponse()
    assert (response.status, response.getheader("content-type")) == (200, ARROW)
    found = pa.ipc.open_stream(response.read()).read_all()
    connection.close()
    assert found.column("score").to_pylist() == [row["score"] for row in rows]
    batches = [batch for batch in both.logged()[before:] if batch.variant == "live"]
    assert [name for batch in batches for name in batch.prediction_ids] == found.column("prediction_id").to_pylist()
    assert len({batch.decided_at for batch in batches}) == 1 and len(set(found.column("prediction_id").to_pylist())) == 3000
    status, told = both.http.call("POST", "/models/flights/predict", stream(table.slice(0, 2)), {"Content-Type": ARROW})
    assert (status, [row["score"] for row in told["predictions"]]) == (200, [row["score"] for row in rows[:2]])


def test_too_many_rows_are_refused_naming_the_limit(both: Both) -> None:
    narrow = pa.table({name: pa.nulls(1_000_000) for name in ROW})
    assert len(stream(narrow)) < BULK_LIMIT
    error = both.http.error(413, "POST", "/predict", stream(narrow), {"Content-Type": ARROW})
    assert f"{arrow.ROWS} rows" in error["message"] and error["code"] == "too-large"
    error = both.http.error(413, "POST", "/predict", stream(many(1_000_000)), {"Content-Type": ARROW})
    assert "32 MiB" in error["message"]
    assert both.http.call("GET", "/health")[0] == 200


def test_a_large_answer_is_packed_when_the_client_unpacks(both: Both) -> None:
    body, connection = json.dumps({"inputs": GIVEN * 100}).encode(), both.http.connect()
    for headers, packed in (({"Accept-Encoding": "gzip, br"}, True), ({"Accept-Encoding": "gzip;q=0"}, False), ({}, False)):
        connection.request("POST", "/predict", body, {**JSON, **headers})
        response = connection.getresponse()
        data = response.read()
        assert (response.getheader("content-encoding") == "gzip") == packed
        assert len(json.loads(gzip.decompress(data) if packed else data)["predictions"]) == 300
    connection.request("POST", "/predict", json.dumps({"inputs": ROW}).encode(), {**JSON, "Accept-Encoding": "gzip"})
    assert connection.getresponse().getheader("content-encoding") is None
    connection.close()


def test_explanations_over_http(both: Both) -> None:
    status, told = both.http.predict(inputs=ROW, explain=True)
    why = told["predictions"][0]["explanation"]
    assert status == 200 and list(why["contributions"]) == list(ROW)
    assert why["baseline"] + sum(why["contributions"].values()) == pytest.approx(told["predictions"][0]["score"], abs=1e-12)
    error = both.http.error(422, "POST", "/predict", json.dumps({"inputs": GIVEN * 6, "explain": True}).encode())
    assert error["field"] == "explain" and "16" in error["fix"]


def test_models_and_versions_by_path(both: Both) -> None:
    assert both.http.call("GET", "/models")[1]["models"][0]["versions"][0] == {
        "version": 1,
        "variant": "live",
        "release": "rel-1",
    }
    body = json.dumps({"inputs": ROW}).encode()
    assert both.http.call("POST", "/models/flights/predict", body)[1]["predictions"][0]["variant"] == "live"
    assert "did you mean 'flights'?" in both.http.error(404, "POST", "/models/flight/predict", body)["fix"]
    assert "known: 1, 3" in both.http.error(404, "POST", "/models/flights/versions/2/predict", body)["fix"]
    for path in (
        "/models/../predict",
        "/models/Flights/predict",
        "/models/flights/versions/one/predict",
        "/v2/models/a%2f../infer",
    ):
        assert both.http.call("POST", path, body)[0] == 404
    assert isinstance(both.http.call("POST", "/v2/models/a%2f../infer", body)[1]["error"], str)
    assert both.http.error(405, "GET", "/models/flights/predict")["fix"] == "use POST"


def test_a_deadline_that_has_passed_and_one_that_is_none(both: Both) -> None:
    body = json.dumps({"inputs": ROW}).encode()
    for wrong in ("0", "-1", "soon", "1" * 30, "60001"):
        assert both.http.error(422, "POST", "/predict", body, {**JSON, "Baton-Timeout-Ms": wrong})["field"] == "baton-timeout-ms"
    assert both.http.call("POST", "/predict", body, {**JSON, "Baton-Timeout-Ms": "5000"})[0] == 200
    heavy, statuses, stop = json.dumps({"inputs": GIVEN * 3000}).encode(), set[int](), threading.Event()

    def load() -> None:
        while not stop.is_set():
            both.http.call("POST", "/predict", heavy)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 20
    while time.monotonic() < until and 504 not in statuses and 503 not in statuses:
        status, told = both.http.call("POST", "/predict", body, {**JSON, "Baton-Timeout-Ms": "1"})
        statuses.add(status)
        assert status == 200 or told["error"]["code"] in ("overloaded", "expired")
    stop.set()
    for thread in threads:
        thread.join()
    assert statuses & {503, 504}


# --- what nobody thought of -------------------------------------------------------------------------------------------


def test_the_description_holds_whatever_is_asked(both: Both, tmp_path: Path) -> None:
    """Generated requests, right and wrong. Left out: that whatever fits the schema is taken, for a schema cannot say which
    entities are known, nor that tensors agree in their rows."""
    config = tmp_path / "schemathesis.toml"
    config.write_text('[checks.not_a_server_error]\nexpected-statuses = ["2xx", "3xx", "4xx", 503, 504]\n')
    told = subprocess.run(
        [
            *(
                Path(sys.executable).with_name("schemathesis"),
                "--config-file",
                str(config),
                "run",
                f"http://127.0.0.1:{both.http.port}/openapi.json",
            ),
            *(
                "--max-examples",
                "30",
                "--seed",
                "7",
                "--no-color",
                "--phases",
                "coverage,fuzzing",
                "--generation-database",
                "none",
            ),
            *("--exclude-checks", "positive_data_acceptance"),
        ],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        cwd=tmp_path,
    )
    assert told.returncode == 0, told.stdout[-6000:] + told.stderr[-2000:]
    assert both.http.predict(entities=["f1"])[1]["watermark"] == AT


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"NaN", b"[" * 500_000, b'{"inputs":' * 100_000, b'{"inputs": [{"name": "carrier", "shape": [NaN]}]}', b'{"inputs": [{"name": "carrier", "datatype": "FP32", "shape": [1], "data": ' + b"[" * 100_000],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v2/models/flights/infer", "/predict"])
def test_bodies_that_are_none_leave_it_standing(both: Both, path: str, body: bytes) -> None:
    status, told = both.http.call("POST", path, body)
    assert status in (400, 422) and isinstance(told["error"], str if path.startswith("/v2") else dict)
    assert both.http.call("GET", "/v2/health/live") == (200, {"live": True})
