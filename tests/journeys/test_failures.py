"""What the loop knows of a version that fails on the server: counted there, and reason enough to roll it back."""

from pathlib import Path

from baton.app.lifecycle.evidence import HOUR, SETTLING, Row, see
from baton.app.lifecycle.server import ModelServer
from baton.delivery.routing import Route, Routing, write_routing
from baton.delivery.terms import terms_of
from baton.delivery.trial import read
from baton.kernel.clock import from_micros
from baton.project.definition import Rollout
from baton.testing.bundles import FEATURES, tiny_bundle
from baton.testing.server import AT, ENTITIES, TinyWorkspace

FAILING = FEATURES.replace("    return", "    raise KeyError('gone')\n    return")


def test_failures_of_a_challenger_are_counted_and_roll_it_back(tmp_path: Path) -> None:
    workspace = TinyWorkspace(tmp_path)
    broken = workspace.artifacts.put(tiny_bundle(version=9, features=FAILING))
    workspace.artifacts.seal(broken, workspace.keys.seal(broken.encode()))
    routes = (Route("live", 1, "rel-1", workspace.bundles[1]), Route("challenger", 9, "rel-9", broken))
    (tmp_path / "routing.json").write_bytes(write_routing(Routing("flights", 2, "salt", routes), workspace.keys.seal))
    server = ModelServer(tmp_path, replay=True)
    server.start()
    try:
        for _ in range(3):
            server.ask(ENTITIES[:5], from_micros(AT))
        told = server.request("GET", "/metrics")[1].decode()
        assert 'baton_scoring_failures_total{variant="challenger",version="9"} 3.0' in told
        assert server.errors() == 0, "live answered every time"
    finally:
        server.stop()
    asked = [Row(AT + 2 * SETTLING + hour * HOUR, entity, 1, "live", 0.2, 1.0) for hour in range(12) for entity in ENTITIES[:5]]
    (failures,) = (
        each for each in read(terms_of(Rollout(), 0.01), see(asked, {}, {}, 9, 0.5), {}, canary=False) if each.name == "failures"
    )
    assert failures.decided == "harm" and "could not score 12" in failures.sentence


def test_requests_that_the_server_fails_are_counted_once_and_refusals_are_not(tmp_path: Path) -> None:
    workspace = TinyWorkspace(tmp_path)
    server = ModelServer(tmp_path, replay=True)
    server.start()
    try:
        server.ask(ENTITIES[:5], from_micros(AT))
        assert server.request("POST", "/predict", {"nothing": 1})[0] < 500
        assert server.errors() == 0
        (tmp_path / "routing.json").write_bytes(write_routing(Routing("flights", 2, "salt", ()), workspace.keys.seal))
        server.reload()
        for _ in range(2):
            assert server.request("POST", "/predict", {"entities": ENTITIES[:5]})[0] == 503
        assert (server.errors(), server.errors()) == (2, 0)
        server.request("POST", "/predict", {"entities": ENTITIES[:5]})
    finally:
        server.stop()
    assert server.errors() == 0, "a server that does not run tells nothing"
    server.start()
    try:
        server.request("POST", "/predict", {"entities": ENTITIES[:5]})
        assert server.errors() == 1, "each server counts from nought"
    finally:
        server.stop()
