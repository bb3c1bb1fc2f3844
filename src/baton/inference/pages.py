"""What the server tells of itself, and the reload of its routing."""

import asyncio
from typing import Any

from baton.inference.desk import Desk, told
from baton.inference.gate import is_loopback
from baton.inference.http import Request
from baton.inference.openapi import describe
from baton.inference.reply import Reply, answer, refusal, refused
from baton.inference.route import Names
from baton.serving.dataplane import DataPlane


def front(desk: Desk, _request: Request, _names: Names) -> Reply:
    """One line for people."""
    lineup = desk.fleet.default.plane.lineup
    state = f"version {lineup.live.route.version} is live" if lineup.live else "no model is live"
    title = f"Baton model server of {lineup.routing.project or 'a project'}: {state}."
    ways = "POST /predict, GET /ready, /models, /metrics, /openapi.json, /v2"
    return Reply(200, f"{title}\n{ways}\n".encode(), b"text/plain; charset=utf-8")


def health(_desk: Desk, _request: Request, _names: Names) -> Reply:
    """The process runs."""
    return answer({"status": "ok"})


def ready(desk: Desk, _request: Request, _names: Names) -> Reply:
    """Whether every model is in service; which version of the default one."""
    for plane in desk.fleet.planes[1:]:
        if plane.lineup.live is None:
            return _not_ready(plane)
    plane = desk.fleet.default.plane
    if plane.lineup.live is None:
        return _not_ready(plane)
    return answer(_state(plane))


def models(desk: Desk, _request: Request, _names: Names) -> Reply:
    """Every model, its versions and what each is there for."""
    return answer({"models": [_model(plane) for plane in desk.fleet.planes if plane.lineup.live is not None]})


def model(desk: Desk, _request: Request, names: Names) -> Reply:
    """One model."""
    return answer(_model(desk.target(names).plane))


def metrics(desk: Desk, _request: Request, _names: Names) -> Reply:
    """Prometheus text."""
    return Reply(200, desk.metrics.exposition(), b"text/plain; version=0.0.4; charset=utf-8")


def openapi(desk: Desk, _request: Request, _names: Names) -> Reply:
    """The description of all of this."""
    return answer(describe(desk.fleet, replay=desk.replay))


def reload(desk: Desk, request: Request, _names: Names) -> Reply | None:
    """Only for whoever runs on this machine and is not a web page."""
    if not is_loopback(request.client) or b"origin" in request.headers:
        return refusal(
            403,
            "refused",
            "the routing is reloaded from this machine only",
            fix="the server notices a new routing file by itself",
        )
    loop = asyncio.get_running_loop()
    loop.run_in_executor(None, _reloaded, desk).add_done_callback(lambda done: desk.reply(request, done.result()))
    return None


def _reloaded(desk: Desk) -> Reply:
    try:
        outcome = desk.watch.reload()
    except Exception as error:  # noqa: BLE001  told to who asked
        return told(error)
    if outcome.error is not None:
        return refused(outcome.error)
    return answer({"serial": outcome.serial, "changed": outcome.changed})


def _not_ready(plane: DataPlane) -> Reply:
    problem = plane.problem
    return refusal(
        503,
        "unavailable",
        "no model is live" + (f": {problem.what}" if problem else ""),
        fix=problem.fix if problem else "baton status tells why; where no loop runs: baton up",
    )


def _state(plane: DataPlane) -> dict[str, Any]:
    lineup, problem = plane.lineup, plane.problem
    assert lineup.live is not None
    route = lineup.live.route
    state: dict[str, Any] = {
        "status": "ready",
        "version": route.version,
        "release": route.release,
        "serial": lineup.routing.serial,
        "watermark": plane.watermark(),
    }
    return state | ({"problem": problem.what} if problem else {})


def _model(plane: DataPlane) -> dict[str, Any]:
    lineup = plane.lineup
    told = [
        {"version": each.route.version, "variant": each.route.variant, "release": each.route.release} for each in lineup.runners
    ]
    return {"name": lineup.routing.project, "serial": lineup.routing.serial, "versions": told}
