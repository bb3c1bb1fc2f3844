"""Whoever may not act acts nowhere, and looking changes nothing: every page there is, by its address."""

import re
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from baton.app.archive.archive import Archive
from baton.app.bootstrap import open_desk, read_state
from baton.kernel.errors import NotFound
from baton.ledger.ports import Head
from baton.team.actor import Actor
from baton.web.app import make_app
from baton.web.pages import pages

TYPED = {
    "reason": "x", "words": "x", "stance": "agree", "days": "1", "subject": "turn-3", "to": "ben", "until": "2d", "csrf": "proof",
    "shown": "release-000000000003",
}  # fmt: skip
NAMES = {
    "id": "handoff-00000000000a",
    "name": "cleo",
    "version": "2",
    "seq": "3",
    "month": "2024-01",
    "source": "biopsies",
    "form": "csv",
}


@contextmanager
def asked_as(folder: Path, actor: Actor) -> Iterator[TestClient]:
    """The console as an actor of any kind sees it."""
    with open_desk(folder, folder / ".baton") as desk:
        app = make_app(desk, lambda _: actor, ticking=False)
        app.user_middleware.clear()

        async def shown(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
            visit = SimpleNamespace(csrf="proof", keeper=False, as_name="")
            scope.setdefault("state", {}).update(actor=actor, visit=visit)
            await app(scope, receive, send)

        try:
            yield TestClient(shown, base_url="http://127.0.0.1", raise_server_exceptions=False, follow_redirects=False)
        finally:
            app.state.archive.close()


def head_of(folder: Path) -> Head:
    with read_state(folder / ".baton") as (_, state):
        return state.head()


def addresses(method: str) -> list[tuple[str, str]]:
    """Every page of a method with something that is there in its address, and its action."""
    return [
        (re.sub(r"{(\w+)}", lambda match: NAMES[match[1]], page.path), page.action) for page in pages() if page.method == method
    ]


@pytest.mark.parametrize(
    "actor",
    [
        Actor("cleo", actions=("read",)),
        Actor("nobody-of-the-team"),
        Actor("ci", "service", actions=("read",)),
        Actor("ci", "service", actions=tuple(sorted({page.action for page in pages()}))),
        Actor("x", "stranger"),
    ],
    ids=["reader", "outsider", "reading service", "service", "stranger"],
)
def test_whoever_may_not_act_acts_nowhere(own_scene: Path, actor: Actor) -> None:
    before = head_of(own_scene)
    with asked_as(own_scene, actor) as here:
        for path, action in addresses("POST"):
            told = here.post(path, data=TYPED)
            assert told.status_code in (403, 404) or (action == "read" and told.status_code < 500), (path, told.status_code)
    assert head_of(own_scene) == before


def test_looking_changes_nothing(own_scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise NotFound("no table")

    monkeypatch.setattr(Archive, "ask", nothing)
    monkeypatch.setattr(Archive, "export", nothing)
    before = head_of(own_scene)
    with asked_as(own_scene, Actor("ann")) as here:
        for path, _ in addresses("GET"):
            for method in ("GET", "DELETE"):
                told = here.request(method, path)
                assert told.status_code < 500 and (method == "GET" or told.status_code == 405), (method, path)
    assert head_of(own_scene) == before
