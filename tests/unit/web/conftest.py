"""Pages without a network: the application as it is, asked in this process by somebody who has signed in already."""

import shutil
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient
from unit.web.scene import furnish

from baton.app.bootstrap import open_desk
from baton.ledger.fact import KEEPER
from baton.team.actor import Actor
from baton.web.app import make_app

Open = Callable[..., TestClient]


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scene, to look at only."""
    return furnish(tmp_path_factory.mktemp("scene") / "made")


@pytest.fixture
def own_scene(scene: Path, tmp_path: Path) -> Path:
    """A scene of one's own, to act in."""
    return shutil.copytree(scene, tmp_path / "made")


@pytest.fixture(scope="session")
def shared(scene: Path) -> Iterator[Open]:
    """Opens the console of the shared scene, once for each who looks: nothing is recorded there."""
    known: dict[str, TestClient] = {}
    with ExitStack() as stack:

        def opened(folder: Path, name: str = "") -> TestClient:
            if name not in known:
                known[name] = _opened(stack, folder, name)
            known[name].cookies.clear()
            return known[name]

        yield opened


@pytest.fixture
def console(shared: Open, scene: Path) -> Iterator[Open]:
    """Opens the console of a project folder as somebody: `console(folder, "ann")`; nobody is the keeper of the files."""
    with ExitStack() as stack:

        def opened(folder: Path, name: str = "") -> TestClient:
            return shared(folder, name) if folder == scene else _opened(stack, folder, name)

        yield opened


def _opened(stack: ExitStack, folder: Path, name: str) -> TestClient:
    desk = stack.enter_context(open_desk(folder, folder / ".baton"))
    actor = Actor(name) if name else Actor(KEEPER, KEEPER)
    app = make_app(desk, lambda _: actor, ticking=False)
    stack.callback(app.state.archive.close)
    app.user_middleware.clear()

    async def signed_in(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        visit = SimpleNamespace(csrf="proof", keeper=not name, as_name=name)
        scope.setdefault("state", {}).update(actor=actor, visit=visit)
        await app(scope, receive, send)

    return TestClient(signed_in, base_url="http://127.0.0.1", raise_server_exceptions=False, follow_redirects=False)
