"""The application: routes and pages behind the gate, errors in one shape for machines and one for people, and what is due done while nobody asks."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from threading import Event, Thread
from typing import Annotated, Final

from anyio.to_thread import current_default_thread_limiter
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from baton import __version__
from baton.app.alone.desk import Desk
from baton.app.archive.archive import Archive
from baton.app.bootstrap import open_archive
from baton.kernel.errors import BatonError
from baton.team.actor import Actor
from baton.team.permission import RIGHTS, require
from baton.web import bodies, routes
from baton.web.aside import THREADS
from baton.web.console import furnish
from baton.web.events import Events
from baton.web.failure import ANSWERS, Failure, failure, failure_of
from baton.web.gate import OPEN, Gate
from baton.web.misfortune import is_page, missing, on_error, told
from baton.web.page import Page
from baton.web.pages import pages, sign_in
from baton.web.session import Door

EVERY: Final = 15.0
_logger = logging.getLogger("baton.web")
_bearer = HTTPBearer(auto_error=False, description="A token of a person or a service account")


def make_app(
    desk: Desk, actor_of: Callable[[str], Actor], *, ticking: bool = True, sealed: bool = False, door: Door | None = None
) -> FastAPI:
    """The application over an open desk. `actor_of` tells who shows a token, or raises Refused; `sealed` takes https alone.
    Without a `door` nobody comes to the pages.

    Raises LookupError for a route whose action is in no rights matrix.
    """
    known: list[routes.Route | Page | sign_in.Way] = [*routes.ROUTES, *pages(), *sign_in.ROUTES]
    for each in known:
        if each.action not in RIGHTS:
            raise LookupError(f"'{each.action}' of {each.method} {each.path} is in no rights matrix")
    archive, events = open_archive(desk.project, desk.workspace), Events(desk.stamp, door)
    app = FastAPI(
        title="Baton",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_life(desk, archive, events, ticking=ticking),
        responses=ANSWERS,
    )
    app.state.desk = desk
    for route in routes.ROUTES:
        app.add_api_route(
            route.path,
            route.endpoint,
            methods=[route.method],
            response_model=route.answer,
            dependencies=[Depends(_allowed(route.action))],
            openapi_extra={"x-baton-action": route.action},
        )
    app.add_api_route(OPEN, routes.health, methods=["GET"], response_model=bodies.HealthAnswer)
    app.state.door = door
    furnish(app, archive, events)
    app.add_exception_handler(BatonError, _on_baton_error)
    app.add_exception_handler(RequestValidationError, _on_misfit)
    for status in (400, 401, 403, 404, 405):
        app.add_exception_handler(status, _on_http)
    app.add_exception_handler(Exception, _on_surprise)
    app.add_middleware(Gate, actor_of=actor_of, sealed=sealed, door=door)
    return app


def _allowed(action: str) -> Callable[..., None]:
    """The question that every route asks first; its phase and subject are decided where they are known."""

    def allowed(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
        desk: Desk = request.app.state.desk
        here = desk.seat(request.state.actor)
        require(here.office.team, here.actor, action, here.now)

    return allowed


def _life(
    desk: Desk, archive: Archive, events: Events, *, ticking: bool
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What goes on beside the answers: deadlines pass although nobody asks, and open pages are told what was recorded."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = THREADS
        over, watch = Event(), asyncio.create_task(events.watch())
        due = Thread(target=_do_what_is_due, args=(app, desk, over), name="due", daemon=True)
        if ticking:
            due.start()
        try:
            yield
        finally:
            over.set()
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
            if ticking:
                due.join(EVERY)
            archive.close()

    return life


def _do_what_is_due(app: FastAPI, desk: Desk, over: Event) -> None:
    while not over.wait(EVERY):
        app.state.trouble = desk.glance()
        if app.state.trouble:
            _logger.warning("what is due could not be done: %s", app.state.trouble)


async def _on_baton_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, BatonError)
    return await on_error(request, error) if is_page(request) else failure_of(error)


def _on_misfit(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()[:10]]
    why = "; ".join(found)[:2000].encode("ascii", "backslashreplace").decode()  # a name from outside need not be text
    misfit = Failure(code="invalid-input", what="the request does not fit", why=why, fix="see /openapi.json")
    return failure(422, misfit)


def _on_http(request: Request, error: Exception) -> Response:
    status, detail = int(getattr(error, "status_code", 400)), str(getattr(error, "detail", error))
    code = "not-found" if status in (404, 405) else "invalid-input"
    of_page = is_page(request) and code == "not-found"
    answer = missing(request, status) if of_page else failure(status, Failure(code=code, what=detail, fix="see /openapi.json"))
    if status == 405:
        answer.headers["allow"] = ", ".join(_methods(request))
    return answer


def _methods(request: Request) -> list[str]:
    """Every method of a path: each route alone knows only its own."""
    found = (route for route in request.app.routes if route.path_regex.match(request.url.path))
    return sorted({method for route in found for method in route.methods or ()})


def _on_surprise(request: Request, error: Exception) -> Response:
    _logger.error("unforeseen", exc_info=error)
    if is_page(request):
        lost = BatonError("something nobody foresaw", why=type(error).__name__, fix="try again; the log of the console says more")
        return told(request, 500, lost)
    return failure(500, Failure(code="error", what="something nobody foresaw", why=type(error).__name__, fix="see the log"))
