"""Every command, every path of the model server and every route of the API is in the rights matrix; a new one cannot be made without."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

from baton.app.bootstrap import open_desk
from baton.cli.main import door
from baton.cli.right import Owned, owned
from baton.inference import app as inference
from baton.inference import proto, rpc
from baton.inference.route import Routes
from baton.kernel.clock import EPOCH
from baton.kernel.errors import Refused
from baton.team.actor import Actor
from baton.team.permission import RIGHTS, decide
from baton.team.team import Team
from baton.web import routes
from baton.web.app import make_app
from baton.web.gate import OPEN
from baton.web.pages import pages, sign_in


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command that can be typed, by its words."""
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        assert child is not None, f"{' '.join((*path, name))} is listed and not there"
        yield from commands(child, (*path, name))


ALL = dict(commands(door))


@pytest.mark.parametrize("words", ALL)
def test_every_command_names_its_action(words: str) -> None:
    command = ALL[words]
    assert isinstance(command, Owned), f"baton {words} is in no rights matrix: make it with cls=Owned, action=…"
    assert command.action in RIGHTS


def test_the_walk_finds_what_is_nested() -> None:
    assert {"status", "ledger verify", "team rights", "token new"} <= set(ALL)
    assert len(ALL) >= 30


@pytest.mark.parametrize("words", [words for words, command in ALL.items() if command.callback is not None])
def test_no_group_runs_anything_by_itself(words: str) -> None:
    """A group with a body of its own would act without an action."""
    command: click.Command = door
    for word in words.split()[:-1]:
        assert isinstance(command, click.Group)
        context = click.Context(command)
        child = command.get_command(context, word)
        assert isinstance(child, click.Group) and not child.invoke_without_command and not child.params
        command = child


def test_a_command_without_an_action_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="action"):
        click.command(cls=Owned)(lambda: None)
    with pytest.raises(LookupError, match="in no rights matrix"):
        click.command(cls=Owned, action="made.up")(lambda: None)
    with pytest.raises(TypeError, match="names no action"):
        owned(click.command()(lambda: None))


def test_a_command_outside_its_place_is_not_let_in() -> None:
    command = click.command(cls=Owned, action="read")(lambda: None)
    with pytest.raises(Refused, match="speaks of no project"):
        command.main([], standalone_mode=False)


def test_every_path_of_the_model_server_names_its_action() -> None:
    assert {route.action for route in inference.ROUTES} | {method.action for method in rpc.METHODS} <= set(RIGHTS)
    listed = [(route.method, route.template) for route in inference.ROUTES]
    assert ("POST", "/models/{model}/versions/{version}/predict") in listed and len(set(listed)) == len(listed)


def test_the_model_server_serves_nothing_beside_its_table() -> None:
    found = Routes(inference.ROUTES)
    for route in inference.ROUTES:
        path = route.template.replace("{model}", "churn-eu").replace("{version}", "12")
        place, names = found.find(path) or (None, {})
        assert place is not None and place.template == route.template and place.routes[route.method] is route
        assert dict(names) == {
            name: value for name, value in (("model", "churn-eu"), ("version", "12")) if f"{{{name}}}" in route.template
        }
    for path in (
        "/models/Churn/predict",
        "/models/../predict",
        "/models/a%2fb/predict",
        "/models/a/versions/x/predict",
        "/models//predict",
        "/predict/",
    ):
        assert found.find(path) is None


def test_every_call_of_the_published_service_is_answered() -> None:
    assert {f"{method.name}{kind}" for method in rpc.METHODS for kind in ("Request", "Response")} <= set(proto.messages())


def test_a_path_of_the_model_server_without_an_action_cannot_be_made() -> None:
    with pytest.raises(LookupError, match="names no action"):
        replace(inference.ROUTES[0], action="")
    with pytest.raises(LookupError, match="names no action"):
        replace(rpc.METHODS[0], action="")


def test_every_route_of_the_api_and_every_page_names_its_action_and_nothing_is_served_beside_the_tables(tmp_path: Path) -> None:
    with open_desk(tmp_path, tmp_path / ".baton", create=True) as desk:
        app = make_app(desk, lambda _: Actor("anybody"), ticking=False)
    listed = {(route.method, route.path) for route in routes.ROUTES}
    served = {(method, route.path) for route in app.routes if isinstance(route, APIRoute) for method in route.methods or ()}
    assert all(route.action in RIGHTS for route in routes.ROUTES)
    assert served - {("GET", OPEN)} == listed
    shown = {route.path: route.name for route in app.routes if isinstance(route, Route) and not isinstance(route, APIRoute)}
    assert shown == {page.path: page.action for page in pages()} | {"/events": "read", "/static/{name}": "identity.log-in"}
    assert set(shown.values()) <= set(RIGHTS) and len(shown) > 50
    assert [route for route in app.routes if not isinstance(route, APIRoute | Route)] == []


def test_a_route_of_the_api_without_an_action_cannot_be_served(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = replace(routes.ROUTES[0], action="made.up")
    monkeypatch.setattr(routes, "ROUTES", (*routes.ROUTES, unknown))
    with pytest.raises(LookupError, match="in no rights matrix"):
        make_app(None, lambda _: Actor("anybody"), ticking=False)  # type: ignore[arg-type]  # refused before


def test_every_way_through_the_console_s_door_is_open_to_everybody_and_only_those_in_need_no_session() -> None:
    assert all(RIGHTS[way.action].outside for way in sign_in.ROUTES)
    listed = {way.path for way in sign_in.ROUTES}
    assert set(sign_in.OPEN) == listed - {"/sign-in/as", "/sign-in/out"}


def test_what_has_no_entry_is_denied() -> None:
    assert not decide(Team(()), Actor("anybody"), "made.up", EPOCH).allowed
