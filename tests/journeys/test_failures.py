"""What the loop knows of a version that fails on the server: counted there, and reason enough to roll it back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from baton.app.lifecycle.server import ModelServer
from baton.delivery.release import Release
from baton.delivery.rollout import Evidence, decide
from baton.delivery.routing import Route, Routing, write_routing
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
    assert server.failures(9) == 0, "a server that does not run has failed nobody"
    server.start()
    try:
        for _ in range(3):
            server.ask(ENTITIES[:5], from_micros(AT))
        assert (server.failures(9), server.failures(1)) == (3, 0)
        assert server.errors() == 0, "live answered every time"
    finally:
        server.stop()
    began = datetime(2023, 3, 1, tzinfo=UTC)
    release = Release("rel-9", 9, broken, "shadow", began, began)
    verdict = decide(release, Rollout(), Evidence(0, 3, 0), began + timedelta(hours=1))
    assert verdict.move == "roll-back"
    assert "3 of 3 requests" in verdict.reason


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
