"""Browsers before a console in a process of its own: what they show, what they are sent, and nothing that a browser would not do."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from baton.app import accounts
from baton.app.declared import load_owned
from baton.app.lifecycle.people import declare
from baton.app.seat import seat_of
from baton.app.workspace import create, keep_witness
from baton.backends.state.sql import open_sqlite
from baton.kernel.clock import SystemClock
from baton.ledger.draft import Draft
from baton.ledger.fact import KEEPER
from baton.team.actor import Actor

TEAM = """project: shop
people:
  - {name: ann, roles: [data-scientist, product-manager, ml-engineer, mlops-engineer, data-engineer, devops-engineer], contacts: ["mailto:ann@shop.example"]}
  - {name: ben, roles: [sre], deputy: ann}
"""
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: tuple[tuple[str, str], ...]
    text: str

    def header(self, name: str) -> str:
        return next((value for each, value in self.headers if each.lower() == name), "")

    @property
    def cookies(self) -> list[str]:
        return [value for name, value in self.headers if name.lower() == "set-cookie"]

    def field(self, name: str) -> str:
        """The value of a field of a form."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found, self.text
        return unescape(found[1])


@dataclass
class Browser:
    """One browser: cookies by name, whatever the port, as browsers keep them."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        return self._ask(method, path, None, headers)

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """A form of a page of the console; a header that is empty is left out."""
        shown = {"origin": self.origin, "content_type": "application/x-www-form-urlencoded", **headers}
        return self._ask("POST", path, urlencode(fields), {name: value for name, value in shown.items() if value})

    def sign_in(self, name: str, password: str = PASSWORD) -> Answer:
        """By the page as it is shown although one is signed in: when a link does not hold."""
        csrf = self.get("/sign-in?once=none").field("csrf")
        return self.post("/sign-in", {"csrf": csrf, "name": name, "password": password})

    def inside(self) -> bool:
        """Whether pages are answered to this browser."""
        found = self.get("/team")
        assert found.status != 303 or found.header("location").startswith("/sign-in")
        return found.status != 303

    def csrf(self) -> str:
        """What forms of the present session carry, as a page shows it that asks to send again what came without it."""
        return self.post("/anywhere", {"csrf": "of another session"}).field("csrf")

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        shown = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(
                method, path, body, {**shown, **{name.replace("_", "-"): value for name, value in headers.items()}}
            )
            answer = connection.getresponse()
            told = Answer(answer.status, tuple(answer.getheaders()), answer.read().decode())
        finally:
            connection.close()
        for cookie in told.cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            if "Max-Age=0" in cookie:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return told


@dataclass(frozen=True)
class House:
    """A project with its workspace."""

    project: Path

    @property
    def workspace(self) -> Path:
        return self.project / ".baton"

    def invite(self, name: str) -> str:
        """The first token of somebody who is invited."""
        who = Actor("ann", how="password") if name != "ann" else Actor(KEEPER, KEEPER)
        with seat_of(self.project, self.workspace, who) as here:
            told = accounts.invite(here, name)
        return next(line.strip() for line in told.splitlines() if line.startswith("  token-"))

    def settle(self, *names: str) -> None:
        """People who have set their passwords."""
        for name in names:
            accounts.enter(self.workspace, name, PASSWORD, self.invite(name))


def house(folder: Path, more: str = "", age: timedelta = timedelta()) -> House:
    """A workspace in which nobody has an identity, and whose first fact is that old."""
    folder.mkdir(parents=True)
    (folder / "team.yaml").write_text(TEAM + more)
    workspace = create(folder / ".baton", "wall")
    state = open_sqlite(workspace.state, create=True)
    draft = Draft(state)
    declare(draft, load_owned(folder).owned, SystemClock().now() - age)
    keep_witness(workspace, draft.commit({}, expect={}))
    state.close()
    return House(folder)


@dataclass(frozen=True)
class Running:
    """A console that runs: its port, and the address it told."""

    port: int
    told: str

    @property
    def link(self) -> str:
        """The path of the one-time link that it told."""
        parts = urlsplit(self.told)
        assert parts.query.startswith("once="), self.told
        return f"{parts.path}?{parts.query}"


@contextmanager
def console(here: House, *more: str) -> Iterator[Running]:
    """A console over a workspace; nothing that nobody foresaw may happen in it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "baton.web", "--project", str(here.project), "--workspace", str(here.workspace), *more],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        first, second = process.stderr.readline(), process.stderr.readline()
        found = re.search(r":(\d+)/api/health", first)
        assert found, first + second + process.stderr.read()
        yield Running(int(found[1]), second.removeprefix("the console: ").strip())
    finally:
        process.terminate()
        rest = process.communicate(timeout=30)[1]
    assert "Traceback" not in rest and "unforeseen" not in rest, rest
