"""The application: the table of routes behind the gate, errors in one shape, and what is due done while nobody asks."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from threading import Event, Thread
from typing import Annotated, Final

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from baton import __version__
from baton.app.alone.desk import Desk
from baton.kernel.errors import BatonError
from baton.team.actor import Actor
from baton.team.permission import RIGHTS, require
from baton.web import bodies, routes
from baton.web.failure import ANSWERS, Failure, failure, failure_of
from baton.web.gate import OPEN, Gate

EVERY: Final = 15.0
_logger = logging.getLogger("baton.web")
_bearer = HTTPBearer(auto_error=False, description="A token of a person or a service account")


def make_app(desk: Desk, actor_of: Callable[[str], Actor], *, ticking: bool = True, sealed: bool = False) -> FastAPI:
    """The application over an open desk. `actor_of` tells who shows a token, or raises Refused; `sealed` takes https alone.

    Raises LookupError for a route whose action is in no rights matrix.
    """
    app = FastAPI(
        title="Baton: ownership",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_ticker(desk) if ticking else None,
        responses=ANSWERS,
    )
    app.state.desk = desk
    for route in routes.ROUTES:
        if route.action not in RIGHTS:
            raise LookupError(f"'{route.action}' of {route.method} {route.path} is in no rights matrix")
        app.add_api_route(
            route.path,
            route.endpoint,
            methods=[route.method],
            response_model=route.answer,
            dependencies=[Depends(_allowed(route.action))],
            openapi_extra={"x-baton-action": route.action},
        )
    app.add_api_route(OPEN, routes.health, methods=["GET"], response_model=bodies.HealthAnswer)
    app.add_exception_handler(BatonError, _on_baton_error)
    app.add_exception_handler(RequestValidationError, _on_misfit)
    for status in (400, 401, 403, 404, 405):
        app.add_exception_handler(status, _on_http)
    app.add_exception_handler(Exception, _on_surprise)
    app.add_middleware(Gate, actor_of=actor_of, sealed=sealed)
    return app


def _allowed(action: str) -> Callable[..., None]:
    """The question that every route asks first; its phase and subject are decided where they are known."""

    def allowed(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
        desk: Desk = request.app.state.desk
        here = desk.seat(request.state.actor)
        require(here.office.team, here.actor, action, here.now)

    return allowed


def _ticker(desk: Desk) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Deadlines pass although nobody asks: a thread does what is due."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        over = Event()

        def work() -> None:
            while not over.wait(EVERY):
                if words := desk.glance():
                    _logger.warning("what is due could not be done: %s", words)

        thread = Thread(target=work, name="due", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(EVERY)

    return life


def _on_baton_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, BatonError)
    return failure_of(error)


def _on_misfit(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()[:10]]
    why = "; ".join(found)[:2000].encode("ascii", "backslashreplace").decode()  # a name from outside need not be text
    told = Failure(code="invalid-input", what="the request does not fit", why=why, fix="see /openapi.json")
    return failure(422, told)


def _on_http(request: Request, error: Exception) -> Response:
    status, detail = int(getattr(error, "status_code", 400)), str(getattr(error, "detail", error))
    code = "not-found" if status in (404, 405) else "invalid-input"
    answer = failure(status, Failure(code=code, what=detail, fix="see /openapi.json"))
    if status == 405:
        answer.headers["allow"] = ", ".join(_methods(request))
    return answer


def _methods(request: Request) -> list[str]:
    """Every method of a path: each route alone knows only its own."""
    found = (route for route in request.app.routes if route.path_regex.match(request.url.path))
    return sorted({method for route in found for method in route.methods or ()})


def _on_surprise(_: Request, error: Exception) -> Response:
    _logger.error("unforeseen", exc_info=error)
    return failure(500, Failure(code="error", what="something nobody foresaw", why=type(error).__name__, fix="see the log"))
