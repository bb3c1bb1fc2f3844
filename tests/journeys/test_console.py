"""The console under attack, in a process of its own: whose token, over which way, and in what shape a request may come."""

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from authority import signed

from baton.app.bootstrap import open_credentials
from baton.app.declared import load_owned
from baton.app.lifecycle.people import declare
from baton.app.workspace import create, keep_witness
from baton.backends.state.sql import open_sqlite
from baton.kernel.clock import SystemClock
from baton.ledger.draft import Draft
from baton.ledger.fact import Act
from baton.team import identity
from baton.team.handoff import Handoff
from baton.team.identity import Account, Issue
from baton.team.person import Person, left

TEAM = """project: shop
people:
  - {name: ann, roles: [data-scientist, product-manager, ml-engineer, mlops-engineer, data-engineer, devops-engineer]}
  - {name: ben, roles: [sre], deputy: ann}
  - {name: zoe, roles: [sre]}
handoffs:
  bundle: {accept: person, within: 4h}
"""
SHA = "sha256:" + "a" * 64
ALL = ("read", "handoff.offer", "handoff.answer", "consultation.comment")


@dataclass(frozen=True)
class Console:
    """A running console, and what the people of its team show."""

    folder: Path
    port: int
    tokens: Mapping[str, str]

    def ask(self, method: str, path: str, who: str = "", body: Any = None, **headers: str) -> tuple[int, Any]:
        return ask(self.port, method, path, self.tokens.get(who, who), body, headers)

    def raw(self, sent: bytes) -> bytes:
        """What comes back on a connection that sends just this."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as wire:
            wire.sendall(sent)
            found = b""
            with suppress(OSError):
                while b"\r\n\r\n" not in found and (part := wire.recv(65536)):
                    found += part
            return found


def ask(port: int, method: str, path: str, token: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    shown = {"authorization": f"Bearer {token}"} if token else {}
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, data, {"content-type": "application/json", **shown, **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    finally:
        connection.close()


def made(folder: Path) -> dict[str, str]:
    """A workspace whose people have identities; a token for each way in which one may hold or not."""
    folder.mkdir(parents=True)
    (folder / "team.yaml").write_text(TEAM)
    workspace, now = create(folder / ".baton", "wall"), SystemClock().now()
    state = open_sqlite(workspace.state, create=True)
    draft = Draft(state)
    declare(draft, load_owned(folder).owned, now)
    zoe = draft.get(Person, "zoe")
    assert zoe is not None
    draft.record(Act("zoe", "sre", now), left(zoe), "left", "moved on")
    keep_witness(workspace, draft.commit({}, expect={}))
    state.close()
    day, told = timedelta(days=1), dict[str, str]()
    credentials = open_credentials(workspace.folder)
    for name, kind, use, actions, until in (
        ("ann", "person", "api", ALL, now + day),
        ("ben", "person", "api", ALL, now + day),
        ("zoe", "person", "api", ALL, now + day),
        ("ci", "service", "service", ("read", "handoff.offer", "handoff.answer", "consultation.comment"), now + day),
    ):
        wanted = Issue(name, kind, use, until, actions)
        book, _, told[name] = identity.issued(
            identity.joined(credentials.read(), Account(name, kind, actions=actions if kind == "service" else ())),
            wanted,
            f"s-{name}",
            now,
        )
        credentials.change(lambda _, book=book: book)  # type: ignore[misc]
    for name, wanted in (
        ("first", Issue("ann", "person", "first", now + day)),
        ("reader", Issue("ann", "person", "api", now + day, ("read",))),
        ("offerer", Issue("ann", "person", "api", now + day, ("handoff.offer",))),
        ("short", Issue("ann", "person", "api", now - timedelta(seconds=1), ALL)),
        ("revoked", Issue("ann", "person", "api", now + day, ALL)),
    ):
        book, held, told[name] = identity.issued(credentials.read(), wanted, f"s-{name}", now - day if name == "short" else now)
        if name == "revoked":
            book, _ = identity.revoked(book, held.id, now)
        credentials.change(lambda _, book=book: book)  # type: ignore[misc]
    return told


@contextmanager
def running(folder: Path, tokens: Mapping[str, str], *more: str) -> Iterator[Console]:
    process = subprocess.Popen(
        [sys.executable, "-m", "baton.web", "--project", str(folder), "--workspace", str(folder / ".baton"), *more],
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        first = process.stderr.readline()
        found = re.search(rb":(\d+)/api/health", first)
        assert found, first + process.stderr.read()
        yield Console(folder, int(found[1]), tokens)
    finally:
        process.terminate()
        rest = process.communicate(timeout=30)[1]
    assert b"Traceback" not in rest and b"unforeseen" not in rest, rest.decode()


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("console") / "shop"
    with running(folder, made(folder)) as here:
        yield here


def offered(console: Console, subject: str) -> str:
    status, told = console.ask(
        "POST", "/api/handoffs", "ci", {"subject": subject, "artefacts": [{"reference": "file:model.onnx", "digest": SHA}]}
    )
    assert status == 200, told
    return str(told["id"])


def test_tokens_that_do_not_hold_and_those_that_hold_for_something_else(console: Console) -> None:
    for who in ("first", "revoked", "short", "zoe"):  # zoe has left, and her tokens with her
        assert console.ask("GET", "/api/team", who)[0] == 401, who
    assert console.ask("GET", "/api/team", "reader")[0] == 200
    assert console.ask("POST", "/api/handoffs", "reader", {"subject": "x"})[0] == 403
    assert console.ask("GET", "/api/handoffs", "offerer")[0] == 403


def test_a_service_does_not_answer_for_a_person(console: Console) -> None:
    id = offered(console, "for a person")
    for verb, body in (("accept", {}), ("decline", {"reason": "no"})):
        assert console.ask("POST", f"/api/handoffs/{id}/{verb}", "ci", body)[0] == 403
    assert console.ask("GET", f"/api/handoffs/{id}", "ben")[1]["status"] == "offered"


@pytest.mark.parametrize("sign", ["\\ud800", "\\u0000", "\\u001b[2J", "\\u202e"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/handoffs", '{"subject": "x", "SIGN": 1}'),
        ("/api/handoffs", '{"subject": "x", "evidence": {"SIGN": 1}}'),
        ("/api/handoffs", '{"subject": "xSIGN"}'),
        ("/api/handoffs", '{"subject": "x", "artefacts": [{"reference": "file:SIGN", "digest": "' + SHA + '"}]}'),
        ("/api/handoffs/handoff-000000000000/accept", '{"held": {"SIGN": "' + SHA + '"}}'),
        ("/api/handoffs/handoff-000000000000/decline", '{"reason": "SIGN"}'),
    ],
)
def test_signs_that_are_no_text_are_told_wherever_they_stand(console: Console, path: str, body: str, sign: str) -> None:
    status, told = console.ask("POST", path, "ann", body.replace("SIGN", sign).encode())
    assert status == 422, told
    assert told["what"] and json.dumps(told, ensure_ascii=False).isprintable()


@pytest.mark.parametrize("line", ["a\nBcc: eve@evil.example", "a\tb", "a\r\nb"])
def test_a_subject_is_one_line(console: Console, line: str) -> None:
    """It stands in titles, mail headers and logs."""
    assert console.ask("POST", "/api/handoffs", "ci", {"subject": line})[0] == 422
    assert console.ask("POST", "/api/handoffs", "ci", {"subject": "x", "edge": "own", "to": "deploy", "payload": line})[0] == 422


def test_a_page_decodes_no_more_than_it_shows(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        offered(console, f"paged {number}")
    state, decoded, decode = open_sqlite(console.folder / ".baton" / "state.db"), list[str](), msgspec.json.decode

    def counted(body: str, **more: Any) -> Any:
        decoded.append(body)
        return decode(body, **more)

    monkeypatch.setattr(msgspec.json, "decode", counted)
    assert len(state.page(Handoff, limit=2)) == len(decoded) == 2
    state.close()
    first = console.ask("GET", "/api/handoffs?limit=2", "ann")[1]
    assert first["next"] == first["handoffs"][-1]["id"]
    for cursor in ("nonsense", "person-ann", "handoff-000000000000", "%00", "2023-01-01T00:00:00Z~x", "' OR 1=1 --"):
        assert console.ask("GET", f"/api/handoffs?cursor={cursor.replace(' ', '%20')}", "ann")[0] == 422, cursor
    assert console.ask("GET", "/api/handoffs?waiting_on=ben'--", "ann")[1]["handoffs"] == []


@pytest.mark.parametrize(
    "head",
    [
        "GET /api/team HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\nAuthorization: Bearer TOKEN\r\n\r\n",
        "GET /api/team HTTP/1.1\r\nHost: x\r\nX-Authorization: Bearer TOKEN\r\nCookie: token=TOKEN\r\n\r\n",
        "GET /api/team?token=TOKEN HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET //api/health HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /api/health/../team HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /api/health%2f..%2fteam HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /api/team HTTP/1.1\r\nHost: x\r\nX-Original-URL: /api/health\r\nX-Rewrite-URL: /api/health\r\n\r\n",
        "POST /api/health HTTP/1.1\r\nHost: x\r\nX-HTTP-Method-Override: GET\r\nContent-Length: 0\r\n\r\n",
        "GET /api/team HTTP/1.1\r\nHost: x\r\nAuthorization: Basic TOKEN\r\n\r\n",
        "GET /api/team HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET",
        "GET /api/team HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer TOKEN\r\n\r\n",
        "GET /api/team HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        "TRACE /api/team HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_no_trick_of_head_or_path_lets_anybody_in(console: Console, head: str) -> None:
    answer = console.raw(head.replace("TOKEN", console.tokens["ann"]).encode())
    assert re.match(rb"HTTP/1.1 (400|401|405|421) ", answer), answer[:300]
    assert b"access-control" not in answer.lower() and b"set-cookie" not in answer.lower()


def test_where_the_request_says_it_comes_from_changes_nothing(console: Console) -> None:
    """No cookie, no cross-origin permission: a page in a browser has no token, whatever name it gave this machine."""
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"X-Forwarded-For": "127.0.0.1"}):
        assert console.ask("GET", "/api/team", **headers)[0] == 401
        assert console.ask("GET", "/api/team", "ann", **headers)[0] == 200


def test_a_fault_tells_nobody_where_the_files_are(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    tokens = made(folder)
    with running(folder, tokens) as here:
        (folder / ".baton" / "credentials.json").write_text("{torn")
        status, told = here.ask("GET", "/api/team", "ann")
        assert (status, told["code"]) == (500, "corrupt") and str(tmp_path) not in json.dumps(told)


@contextmanager
def proxy(port: int, proto: str) -> Iterator[int]:
    """What stands in front: it says by which way a request came to it, as every proxy does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown = (self.headers["authorization"] or "").removeprefix("Bearer ")
            sent = {"x-forwarded-proto": proto, "x-forwarded-for": self.client_address[0]}
            status, told = ask(port, "GET", self.path, shown, None, sent)
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_behind_a_proxy_only_what_came_to_it_by_https_is_answered(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    tokens = made(folder)
    with running(folder, tokens, "--behind-proxy") as here:
        with proxy(here.port, "https") as front:
            assert ask(front, "GET", "/api/team", tokens["ann"], None, {})[0] == 200
            assert ask(front, "GET", "/api/team", "", None, {})[0] == 401
        with proxy(here.port, "http") as front:
            status, told = ask(front, "GET", "/api/team", tokens["ann"], None, {})
            assert status == 403 and "did not come by https" in told["what"]
        assert here.ask("GET", "/api/team", "ann")[0] == 403, "past the proxy"
        assert here.ask("GET", "/api/health")[0] == 200
    with running(folder, tokens, "--behind-proxy", "--proxy", "192.0.2.1") as here:
        assert here.ask("GET", "/api/team", "ann", **{"x-forwarded-proto": "https"})[0] == 403, "forged by somebody else"


def test_without_a_proxy_nothing_forwarded_is_believed(console: Console) -> None:
    assert console.ask("GET", "/api/team", "ann", **{"x-forwarded-proto": "http", "x-forwarded-for": "192.0.2.1"})[0] == 200


def test_over_tls_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    tokens, pair = made(folder), signed(tmp_path)
    with running(folder, tokens, "--tls-cert", str(pair.certificate), "--tls-key", str(pair.key)) as here:
        with (
            socket.create_connection(("127.0.0.1", here.port), timeout=10) as wire,
            pair.trust().wrap_socket(wire, server_hostname="127.0.0.1") as sealed,
        ):
            sealed.sendall(b"GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert sealed.recv(4096).startswith(b"HTTP/1.1 200")
        assert b"200" not in here.raw(b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n"), "in the clear"


@pytest.mark.parametrize("wrong", ["no certificate", "another key"])
def test_a_certificate_that_cannot_be_used_is_said_to_be(tmp_path: Path, wrong: str) -> None:
    folder = tmp_path / "shop"
    made(folder)
    pair = signed(tmp_path)
    if wrong == "no certificate":
        pair.certificate.write_text("nothing")
    else:
        (tmp_path / "other").mkdir()
        pair.key.write_bytes(signed(tmp_path / "other").key.read_bytes())
    done = subprocess.run(
        [
            *(sys.executable, "-m", "baton.web", "--project", folder, "--workspace", folder / ".baton"),
            *("--host", "0.0.0.0", "--name", "shop.example", "--tls-cert", pair.certificate, "--tls-key", pair.key),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2 and "the certificate and its key cannot be used" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_silent_connections_do_not_keep_others_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the server takes at all, and not a byte of a token among them."""
    import asyncio

    import uvicorn

    from baton.web import punctual

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def scene() -> tuple[bytes, bytes]:
        config = uvicorn.Config(answer, http=punctual.Punctual, limit_concurrency=3, log_level="critical", lifespan="off")
        server = uvicorn.Server(config)
        with socket.create_server(("127.0.0.1", 0)) as bound:
            serving = asyncio.create_task(server.serve(sockets=[bound]))
            while not server.started:
                await asyncio.sleep(0.01)
            port = bound.getsockname()[1]
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            silent[0][1].write(b"GET / HTTP/1.1\r\nX-Slow: ")
            before = await _once(port)
            ended = [await reader.read() for reader, _ in silent[1:]]
            assert ended == [b"", b""]
            after = await _once(port)
            for _, writer in silent:
                writer.close()
            server.should_exit = True
            await serving
            return before, after

    async def _once(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        found = await reader.read()
        writer.close()
        return found

    monkeypatch.setattr(punctual, "SECONDS", 1.5)
    before, after = asyncio.run(scene())
    assert b" 503 " in before and b" 204 " in after
