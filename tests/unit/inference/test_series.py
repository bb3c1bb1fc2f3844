"""Metrics stay small: whatever is asked, however often models change, the number of series has a bound that can be named."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.serving.house import House, route

from baton.inference.app import ROUTES, InferenceApp
from baton.inference.gate import Gate
from baton.inference.http import Request
from baton.serving.dataplane import DataPlane
from baton.serving.dispatch import Dispatcher
from baton.serving.fleet import Fleet
from baton.serving.metrics import FEATURES, ServingMetrics
from baton.testing.server import ROW

STATUSES = 15
"""Different codes that the server answers with."""
VARIANTS, VERSIONS, CATEGORIES = 8, 4, 1
FIXED = 40
"""Series without labels, the buckets of the latency, and those of variants in service."""
BOUND = (len({item.template for item in ROUTES}) + 2) * STATUSES + 2 * VARIANTS * VERSIONS + CATEGORIES + 5 + FIXED

text = st.text(st.characters(codec="utf-8"), max_size=20)
path = st.one_of(
    text.map(lambda part: "/" + part),
    st.sampled_from([item.template for item in ROUTES]),
    st.builds(lambda model, number: f"/models/{model}/versions/{number}/predict", text, st.integers(0, 10**8)),
    st.builds(lambda number: f"/models/flights/versions/{number}/predict", st.integers(0, 5)),
)
body = st.one_of(
    st.binary(max_size=30),
    st.builds(lambda carrier: json.dumps({"inputs": {**ROW, "carrier": carrier}}).encode(), text),
    st.builds(lambda entity: json.dumps({"entities": [entity]}).encode(), st.sampled_from(["f1", "f2", "nobody"])),
)
method = st.sampled_from(["GET", "POST", "HEAD", "DELETE", "BREW"])
asked = st.tuples(st.just("ask"), method, path, body)
rerouted = st.tuples(
    st.just("route"), st.lists(st.sampled_from(["canary", "shadow", "challenger", "red"]), unique=True, max_size=3)
)


class Server:
    """The application without sockets."""

    def __init__(self) -> None:
        self.house, self.metrics = House(route("live", 1)), ServingMetrics()
        self.plane = DataPlane(replace(self.house.plane._fit, meters=self.metrics))
        self.plane.reload()
        watch = SimpleNamespace(look=lambda: None, reload=self.plane.reload)
        self.app = InferenceApp(Fleet([self.plane]), self.metrics, watch, Gate(), replay=False)
        self.app.dispatcher = Dispatcher(lambda: 0.0, self.metrics, lambda call: call(), lambda call: call())
        self.serial = 1

    def ask(self, method: str, path: str, body: bytes) -> None:
        headers = {b"host": b"localhost", b"content-type": b"application/json"}
        wire = cast("Any", SimpleNamespace(answer=lambda *_: None))
        made = {"method": method, "path": path, "query": b"", "headers": headers, "body": body}
        if path != "/reload":
            self.app.handle(Request(**made, client="127.0.0.1", keep_alive=True, at=0.0, _connection=wire))  # type: ignore[arg-type]

    def route(self, others: list[str]) -> None:
        self.serial += 1
        routes = [route("live", self.serial % 4), *(route(name, place % 4, 0.2) for place, name in enumerate(others))]
        self.house.route(*routes, serial=self.serial)
        self.plane.reload()

    def series(self) -> int:
        return sum(not line.startswith(b"#") for line in self.metrics.exposition().splitlines())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(asked, asked, rerouted), max_size=60))
def test_no_requests_and_no_models_grow_the_metrics_beyond_a_bound(acts: list[tuple[Any, ...]]) -> None:
    server = Server()
    for name, *fields in acts:
        getattr(server, name)(*fields)
    assert server.series() <= BOUND


def test_a_thousand_strange_requests_are_told_as_few() -> None:
    server = Server()
    for number in range(300):
        server.ask("GET", f"/nothing/{number}", b"")
        server.ask("POST", f"/models/m{number}/predict", b"{}")
        server.ask("POST", f"/models/flights/versions/{number}/predict", b"{}")
        server.ask("POST", "/predict", json.dumps({"inputs": {**ROW, "carrier": f"c{number}"}}).encode())
    before = server.series()
    for number in range(300, 400):
        server.ask("GET", f"/nothing/{number}", b"")
        server.ask("POST", f"/models/m{number}/predict", b"{}")
        server.ask("POST", "/predict", json.dumps({"inputs": {**ROW, "carrier": f"c{number}"}}).encode())
    assert server.series() == before <= BOUND


def test_the_features_of_many_versions_are_told_together_in_the_end() -> None:
    metrics = ServingMetrics()
    for number in range(10 * FEATURES):
        metrics.unknown(f"feature_{number}", 1)
    lines = [line for line in metrics.exposition().decode().splitlines() if line.startswith("baton_unknown_categories_total{")]
    assert len(lines) == FEATURES + 1
    assert f'{{feature="other"}} {9.0 * FEATURES}' in "\n".join(lines)
