"""The gate, in one process: which of its two ways a path takes, and what reaches the routes."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

import pytest

from baton.app.visit import Visit, Visits
from baton.kernel.errors import Refused
from baton.team.actor import Actor
from baton.web.asgi import Message, Receive, Scope, Send
from baton.web.gate import LARGEST, Gate
from baton.web.headers import Headers
from baton.web.origin import Place
from baton.web.session import Door

VISIT = Visit(Actor("ann"), datetime(2023, 1, 1, tzinfo=UTC), "key")


class Known:
    """Visits that know one key."""

    def of(self, key: str) -> Visit:
        if key != VISIT.key:
            raise Refused("not known here")
        return VISIT


def actor_of(token: str) -> Actor:
    if token != "right":
        raise Refused("not known here")
    return Actor("ci", "service")


def asked(
    path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET", body: bytes = b"", gate: bool = True
) -> tuple[int, dict[str, str], list[Scope]]:
    """The status, the headers, and the requests that reached the routes."""
    reached, sent = list[Scope](), list[Message]()

    async def routes(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append({**scope, "read": (await receive())["body"]})
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    told = [(b"host", b"127.0.0.1:8090"), *((n.replace("_", "-").encode(), v.encode()) for n, v in (headers or {}).items())]
    path, _, query = path.partition("?")
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": told, "scheme": "http"}
    door = Door(cast("Visits", Known()), Place("127.0.0.1", 8090)) if gate else None
    asyncio.run(Headers(Gate(routes, actor_of, door=door))(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, reached


MINE = {"cookie": "baton-8090=key"}


@pytest.mark.parametrize("path", ["/api", "/api/team", "/api/../team", "/openapi.json", "/api/health/"])
def test_machines_show_tokens(path: str) -> None:
    assert asked(path, MINE)[0] == 401
    status, _, (reached,) = asked(path, {"authorization": "Bearer right"})
    assert status == 204 and reached["state"]["actor"] == Actor("ci", "service") and "visit" not in reached["state"]


@pytest.mark.parametrize("path", ["/", "/apiary", "/team", "//api/team", "/API/team", "/docs", "/openapi.json2"])
def test_people_show_sessions(path: str) -> None:
    status, headers, reached = asked(path, {"authorization": "Bearer right"})
    assert status == 303 and headers["location"].startswith("/sign-in") and not reached
    status, _, (found,) = asked(path, MINE)
    assert status == 204 and found["state"] == {"visit": VISIT, "form": {}, "actor": VISIT.actor}


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/oidc?x=1", "/static/abc/frame.css", "/api/health"])
def test_what_is_open(path: str) -> None:
    assert asked(path)[0] == 204


@pytest.mark.parametrize("path", ["/sign-in/as", "/sign-in/out", "/sign-in/anything", "/sign-inside", "/static", "/statics/x"])
def test_what_only_looks_open(path: str) -> None:
    assert asked(path)[0] == 303


def test_without_a_door_everything_needs_a_token() -> None:
    for path in ("/", "/sign-in", "/static/x", "/team"):
        assert asked(path, MINE, gate=False)[0] == 401


def test_where_somebody_was_going_is_kept_whatever_it_looks_like() -> None:
    assert asked("/a b/ü?x=1&y=2")[1]["location"] == "/sign-in?next=%2Fa%2520b%2F%25C3%25BC%3Fx%3D1%26y%3D2"
    assert asked("/")[1]["location"] == "/sign-in"


FORM = {"content_type": "application/x-www-form-urlencoded; charset=utf-8", "origin": "http://127.0.0.1:8090", **MINE}


def test_a_form_reaches_its_route_once_it_is_proven() -> None:
    body = f"reason=a%0D%0Ab&csrf={VISIT.csrf}".encode()
    status, _, (reached,) = asked("/inbox/x", FORM, method="POST", body=body)
    assert status == 204 and reached["state"]["form"] == {"reason": ("a\nb",), "csrf": (VISIT.csrf,)} and reached["read"] == body
    assert asked("/inbox/x", FORM, method="POST", body=b"reason=a")[0] == 403


@pytest.mark.parametrize(
    ("body", "status"), [(b"x" * (LARGEST + 1), 413), (b"a=%ff", 422), (b"&".join([b"a=b"] * 501), 422), (b"a=\xff", 422)]
)
def test_bodies_have_an_end(body: bytes, status: int) -> None:
    told, _, reached = asked("/inbox/x", FORM, method="POST", body=body)
    assert told == status and not reached


def test_files_may_be_kept_and_pages_may_not() -> None:
    assert asked("/static/x/frame.css")[1]["cache-control"] == "private, no-cache, no-store", "what is no file is no page either"
    assert asked("/team", MINE)[1]["cache-control"] == "private, no-cache, no-store"
