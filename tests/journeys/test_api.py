"""The API through a real server process and real sockets: who may come in, what may be sent, and who is first of two."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from journeys.shop import TEAM, Shop, admit, open_shop, token_in

from baton.team.actor import Actor
from baton.web.app import make_app
from baton.web.failure import STATUS
from baton.web.gate import OPEN
from baton.web.routes import ROUTES

if TYPE_CHECKING:
    from baton.app.alone.desk import Desk

SHA = "sha256:" + "a" * 64
EVERYTHING = "read,handoff.offer,handoff.answer,consultation.comment"


@dataclass(frozen=True)
class Server:
    """A running console, and the tokens of those who may ask it."""

    shop: Shop
    port: int
    tokens: dict[str, str]

    def ask(self, method: str, path: str, who: str = "ben", body: Any = None) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"} if data is not None else {}
        if who:
            headers["authorization"] = f"Bearer {self.tokens.get(who, who)}"
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def offered(self, subject: str, **more: Any) -> dict[str, Any]:
        body = {"subject": subject, "artefacts": [{"reference": "file:model.onnx", "digest": SHA}], **more}
        status, told = self.ask("POST", "/api/handoffs", "ci", body)
        assert status == 200, told
        assert isinstance(told, dict)
        return told


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("api")
    consult = "  candidate: {accept: person, within: 4h, consult: {quorum: 1, within: 2h}}\n"
    shop = open_shop(place / "shop", place / "home", TEAM + consult)
    shop.ok("handoff", "tick")
    tokens = {name: admit(shop, name, EVERYTHING) for name in ("eve",)}
    for name in ("ann", "ben"):
        shop.ok("login", "eve", "--password-stdin", text="correct horse battery\n")
        tokens[name] = admit(shop, name, EVERYTHING)
    shop.ok("login", "eve", "--password-stdin", text="correct horse battery\n")
    tokens["ci"] = token_in(shop.ok("token", "service", "ci", "--actions", "handoff.offer,read"))
    tokens["console"] = token_in(shop.ok("token", "service", "console"))
    told = place / "port"
    process = subprocess.Popen(
        [sys.executable, "-m", "baton.cli", "--project", str(shop.folder), "console", "--port", "0", "--port-file", str(told)],
        env=shop.environment({"BATON_TOKEN": tokens["console"]}),
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    assert b"answers at" in first, first + process.stderr.read()
    yield Server(shop, int(first.split(b"/api/health")[0].rsplit(b":", 1)[1]), tokens)
    process.send_signal(signal.SIGTERM)
    rest = process.communicate(timeout=30)[1]
    assert b"Traceback" not in rest and b"unforeseen" not in rest, rest.decode()


def test_nothing_but_health_answers_without_a_token(server: Server) -> None:
    assert server.ask("GET", OPEN, "") == (200, {"status": "ok"})
    paths = [(route.method, route.path.replace("{id}", "handoff-000000000000")) for route in ROUTES]
    tokens = ("", "nonsense", "token-000000000000.secret", "x" * 600, server.tokens["ben"] + "x")
    for method, path in [*paths, ("GET", "/api/nowhere"), ("DELETE", "/api/team")]:
        for token in tokens:
            status, told = server.ask(method, path, token)
            assert (status, told["code"]) == (401, "refused"), (method, path, token)
    for path in ("/", "/docs", "/nowhere", "/apiary"):
        for token in (*tokens, server.tokens["ben"]):
            assert server.ask("GET", path, token)[0] == 303, "pages are for people, who sign in"


def test_every_route_is_in_the_rights_matrix_and_in_the_description(server: Server) -> None:
    status, told = server.ask("GET", "/openapi.json")
    assert status == 200
    described = {(verb.upper(), path) for path, verbs in told["paths"].items() for verb in verbs}
    assert described == {(route.method, route.path) for route in ROUTES} | {("GET", OPEN)}
    assert all(told["paths"][route.path][route.method.lower()]["x-baton-action"] == route.action for route in ROUTES)


def test_a_route_without_an_action_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.setattr("baton.web.routes.ROUTES", (replace(ROUTES[0], action="handoff.steal"),))
    with pytest.raises(LookupError, match="in no rights matrix"):
        make_app(cast("Desk", None), lambda _: Actor("ben"))


def test_offer_look_accept(server: Server) -> None:
    made = server.offered(
        "shop model 1", evidence={"auc": 0.81}, checks=[{"name": "tests", "passed": True, "detail": "12 passed"}]
    )
    assert (made["status"], made["waiting_on"], made["giver"]) == ("offered", "ben", "ann")
    assert made["pin"] == {"attested:file:model.onnx": SHA}
    assert server.offered("shop model 1", evidence={"auc": 0.81}, checks=[{"name": "tests", "passed": True}])["id"] == made["id"]
    inbox = server.ask("GET", "/api/inbox")[1]
    assert inbox["whose"] == "ben" and made["id"] in [each["id"] for each in inbox["items"]]
    path = f"/api/handoffs/{made['id']}"
    status, told = server.ask("POST", f"{path}/accept", "ben", {"held": {"attested:file:model.onnx": "sha256:" + "b" * 64}})
    assert (status, told["code"]) == (409, "conflict") and "not what was offered" in told["what"]
    assert server.ask("POST", f"{path}/accept", "ann", {})[0] == 403
    assert server.ask("POST", f"{path}/accept", "ci", {})[0] == 403
    status, told = server.ask("POST", f"{path}/accept", "ben", {"reason": "good", "held": {"attested:file:model.onnx": SHA}})
    assert (status, told["status"], told["holder"]) == (200, "accepted", "ben")
    assert server.ask("GET", path)[1] == told
    assert server.ask("POST", f"{path}/accept", "ben", {})[0] == 409
    assert server.ask("POST", f"{path}/decline", "ben", {"reason": "too late"})[0] == 409


def test_another_digest_under_a_name_that_was_accepted_must_be_accepted_too(server: Server) -> None:
    made = server.offered("shop model 2")
    assert server.ask("POST", f"/api/handoffs/{made['id']}/accept", "ben", {})[0] == 200
    anew = server.offered("shop model 2", artefacts=[{"reference": "file:model.onnx", "digest": "sha256:" + "b" * 64}])
    assert (anew["status"], anew["round"]) == ("offered", 2) and anew["id"] != made["id"]
    assert server.ask("GET", f"/api/handoffs/{made['id']}")[1]["status"] == "accepted"


def test_failed_checks_send_it_back_and_a_decline_tells_why(server: Server) -> None:
    made = server.offered("shop model 3", checks=[{"name": "tests", "passed": False, "detail": "1 failed"}])
    assert (made["status"], made["answered_by"], made["reason"]) == ("declined", "policy", "tests: 1 failed")
    mended = server.offered("shop model 3", checks=[{"name": "tests", "passed": True}])
    assert mended["round"] == 2
    path = f"/api/handoffs/{mended['id']}/decline"
    assert server.ask("POST", path, "ben", {"reason": ""})[0] == 422
    assert server.ask("POST", path, "ben", {"reason": "no card"})[1]["status"] == "declined"


@pytest.mark.parametrize("other", ["accept", "decline"])
def test_of_many_answers_at_once_exactly_one_counts(server: Server, other: str) -> None:
    for number in range(5):
        made = server.offered(f"raced {other} {number}")
        path = f"/api/handoffs/{made['id']}"
        asked = [(f"{path}/accept", {}) if place % 2 else (f"{path}/{other}", {"reason": "no"}) for place in range(8)]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda each: server.ask("POST", each[0], "ben", each[1]), asked))
        codes = sorted(status for status, _ in found)
        assert codes == [200] + [409] * 7, found
    assert "whole" in server.shop.ok("ledger", "verify", env={"BATON_TOKEN": server.tokens["ben"]})


def test_many_same_offers_at_once_are_one(server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: server.offered("offered at once")["id"], range(8)))
    assert len(set(found)) == 1


def test_pages(server: Server) -> None:
    for number in range(5):
        server.offered(f"page {number}")
    whole, cursor, pages = server.ask("GET", "/api/handoffs?limit=500")[1], "", []
    while True:
        told = server.ask("GET", f"/api/handoffs?limit=2&cursor={cursor}")[1]
        pages += [each["id"] for each in told["handoffs"]]
        if told["next"] is None:
            break
        cursor = told["next"]
    assert pages == [each["id"] for each in whole["handoffs"]] and len(pages) == len(set(pages)) >= 5
    waiting = server.ask("GET", "/api/handoffs?status=offered&waiting_on=ben")[1]["handoffs"]
    assert waiting and {(each["status"], each["waiting_on"]) for each in waiting} == {("offered", "ben")}


def test_a_consulted_voice(server: Server) -> None:
    made = server.offered("candidate 1", edge="candidate")
    assert made["consultation"]
    accept = f"/api/handoffs/{made['id']}/accept"
    status, told = server.ask("POST", accept, made["waiting_on"], {})
    assert status == 403 and "consulted" in told["what"]
    path = f"/api/consultations/{made['consultation']}/comments"
    assert server.ask("POST", path, "ci", {"stance": "agree"})[0] == 403
    assert server.ask("POST", path, "ben", {"stance": "object"})[0] == 422
    status, told = server.ask("POST", path, "ben", {"stance": "agree", "words": "fine"})
    assert (status, told["status"], told["outcome"]) == (200, "settled", "proceed")
    assert server.ask("GET", f"/api/handoffs/{made['id']}")[1]["consultation"] == ""


def test_the_team(server: Server) -> None:
    told = server.ask("GET", "/api/team", "ci")[1]
    assert told["accountable"]["deploy"] == {"person": "ben", "via": "owner"}
    assert [each["name"] for each in told["people"]] == ["ann", "ben", "eve"] and told["matrix"]["deploy"]["sre"]


BAD: list[tuple[Any, int]] = [
    (b"", 422),
    (b"{", 422),
    (b"[" * 5000 + b"]" * 5000, 422),
    (b'{"subject": "' + b"x" * 300_000 + b'"}', 413),
    (b'{"subject": "x", "evidence": {"auc": NaN}}', 422),
    (b'{"subject": "x", "evidence": {"auc": 1e400}}', 422),
    (b'{"subject": "x", "evidence": {"n": ' + b"9" * 400 + b"}}", 422),
    (b'{"subject": "x\\ud800"}', 422),
    (b'{"subject": "x\\u0000"}', 422),
    (b"\xff\xfe", 422),
    ({"subject": "x" * 201}, 422),
    ({"subject": " "}, 422),
    ({"subject": "x", "surprise": 1}, 422),
    ({"subject": "x", "edge": "bundel"}, 404),
    ({"subject": "x", "edge": "bundle", "to": "deploy", "payload": "other words"}, 422),
    ({"subject": "x", "edge": "own", "to": "nowhere", "payload": "p"}, 422),
    ({"subject": "x", "evidence": {"checks": 1}}, 422),
    ({"subject": "x", "evidence": {f"n{number}": 1 for number in range(51)}}, 422),
    ({"subject": "x", "checks": [{"name": "a", "passed": "yes"}]}, 422),
    ({"subject": "x", "checks": [{"name": "a", "passed": True}] * 2}, 422),
    ({"subject": "x", "checks": [{"name": "a", "passed": True, "command": "rm"}]}, 422),
    ({"subject": "x", "artefacts": [{"reference": "file:/etc/passwd"}]}, 422),
    ({"subject": "x", "artefacts": [{"reference": "file:../secret", "digest": SHA}]}, 422),
    ({"subject": "x", "artefacts": [{"reference": "file:model.onnx"}]}, 422),
    ({"subject": "x", "artefacts": [{"reference": "git:HEAD"}]}, 422),
    ({"subject": "x", "artefacts": [{"reference": "git:" + "a" * 40 + "@/srv/secret"}]}, 422),
    ({"subject": "x", "artefacts": [{"reference": "oci:shop:latest", "digest": SHA}]}, 422),
    ({"subject": "x", "artefacts": [{"reference": "url:http://169.254.169.254/#sha256=" + "a" * 64}]}, 422),
    ({"subject": "x", "artefacts": [{"reference": "attested:file:x", "digest": SHA}]}, 422),
]


@pytest.mark.parametrize(("body", "status"), BAD, ids=[str(place) for place in range(len(BAD))])
def test_what_does_not_fit_is_told(server: Server, body: Any, status: int) -> None:
    found, told = server.ask("POST", "/api/handoffs", "ci", body)
    assert found == status, told
    assert set(told) == {"code", "what", "where", "why", "fix"} and told["what"] and told["fix"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nowhere", 404),
        ("DELETE", "/api/team", 405),
        ("GET", "/api/handoffs/handoff-000000000000", 404),
        ("GET", "/api/handoffs/..%2f..%2fetc%2fpasswd", 404),
        ("GET", "/api/handoffs/x", 422),
        ("GET", "/api/handoffs?limit=0", 422),
        ("GET", "/api/handoffs?limit=1000000", 422),
        ("GET", "/api/handoffs?status=stolen", 422),
        ("GET", "/api/handoffs?cursor=nonsense", 422),
        ("GET", "/api/team/", 404),
    ],
)
def test_ways_that_lead_nowhere(server: Server, method: str, path: str, status: int) -> None:
    found, told = server.ask(method, path)
    assert found == status and set(told) == {"code", "what", "where", "why", "fix"}


def test_a_body_that_never_ends_is_cut(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as wire:
        head = f"POST /api/handoffs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {server.tokens['ci']}\r\ntransfer-encoding: chunked\r\n\r\n"
        wire.sendall(head.encode())
        told = b""
        try:
            for _ in range(2000):
                wire.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        except OSError:
            pass
        try:
            told = wire.recv(4096)
        except OSError:
            told = b"HTTP/1.1 413"
        assert b" 413" in told.split(b"\r\n")[0]


def test_whatever_is_asked_the_answer_is_one_of_those_described(server: Server) -> None:
    """Generated requests, right and wrong. Left out: that whatever fits the schema is taken, for a schema cannot say which
    signs can be shown, nor which cursor is ours."""
    told = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run", f"http://127.0.0.1:{server.port}/openapi.json"),
            *("-H", f"Authorization: Bearer {server.tokens['ben']}", "--max-examples", "40", "--seed", "7", "--no-color"),
            *("--phases", "coverage,fuzzing", "--exclude-checks", "positive_data_acceptance", "--generation-database", "none"),
        ],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        cwd=server.shop.home,
    )
    assert told.returncode == 0, told.stdout[-6000:] + told.stderr[-2000:]
    assert "whole" in server.shop.ok("ledger", "verify", env={"BATON_TOKEN": server.tokens["ben"]})


def test_a_revoked_token_is_out_at_once(server: Server) -> None:
    extra = token_in(server.shop.ok("token", "service", "nightly", "--actions", "read"))
    assert server.ask("GET", "/api/team", extra)[0] == 200
    server.shop.ok("token", "revoke", extra.partition(".")[0])
    assert server.ask("GET", "/api/team", extra)[0] == 401


def test_every_error_code_has_a_status() -> None:
    from baton.cli.main import EXIT

    assert STATUS.keys() == EXIT.keys()


@pytest.mark.parametrize("more", [(), ("--host", "0.0.0.0"), ("--tls-cert", "team.yaml")])
def test_the_console_is_not_opened_to_the_world(tmp_path: Path, more: tuple[str, ...]) -> None:
    shop = open_shop(tmp_path / "shop", tmp_path / "home")
    if not more:
        (shop.folder / "team.yaml").unlink()
    words = [str(shop.folder / word) if word == "team.yaml" else word for word in more]
    done = shop.run("console", "--port", "0", *words)
    assert done.returncode == {0: 2, 2: 5 if "--host" in more else 2}[len(more)], done.stderr
    assert not shop.workspace.exists()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    shop = open_shop(tmp_path / "shop", tmp_path / "home")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = shop.run("console", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2 and "choose another --port" in done.stderr


def test_a_server_of_a_workspace_without_identities_lets_nobody_in(tmp_path: Path) -> None:
    shop = open_shop(tmp_path / "shop", tmp_path / "home")
    process = subprocess.Popen(
        [sys.executable, "-m", "baton.web", "--project", str(shop.folder), "--workspace", str(shop.workspace)],
        stderr=subprocess.PIPE,
        env={**os.environ},
    )
    assert process.stderr is not None
    try:
        port = int(process.stderr.readline().split(b"/api/health")[0].rsplit(b":", 1)[1])
        here = Server(shop, port, {})
        assert here.ask("GET", OPEN, "")[0] == 200
        assert here.ask("GET", "/api/team", "anything")[0] == 401
    finally:
        process.terminate()
        process.communicate(timeout=30)
