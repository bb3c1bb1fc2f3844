"""The console: what puts pages into the application, and how they say that something went wrong."""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from threading import Semaphore
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from baton.app.alone.desk import Desk
from baton.app.archive.archive import Archive
from baton.kernel.clock import iso
from baton.kernel.errors import BatonError, NotFound, Refused, Unavailable
from baton.team.permission import require
from baton.web.asgi import read_form
from baton.web.aside import AT_ONCE, Aside
from baton.web.events import Events
from baton.web.failure import STATUS
from baton.web.page import Look, Page
from baton.web.pages import pages, sign_in
from baton.web.rendering import rendered
from baton.web.statics import static
from baton.web.unsent import NEVER, own_path

_logger = logging.getLogger("baton.web")
API = ("/api", "/openapi.json")
"""What answers machines; everything else answers people."""
UNTYPED = ("back", "next", "shown")
"""Fields that a form holds by itself: nobody typed them."""


def furnish(app: FastAPI, archive: Archive, events: Events) -> None:
    """Give the application its pages, the way in, its files and the stream of what happens; a route bears the name of its action."""
    app.state.archive, app.state.events, app.state.turn = archive, events, Semaphore(AT_ONCE)
    app.state.database = _file(app.state.desk.workspace.state)
    for page in pages():
        app.router.add_route(page.path, _answering(page), [page.method], name=page.action)
    for way in sign_in.ROUTES if app.state.door is not None else ():
        app.router.add_route(way.path, way.endpoint, [way.method], name=way.action)
    app.router.add_route("/events", events.answer, ["GET"], name="read")
    app.router.add_route("/static/{name}", static, ["GET"], name="identity.log-in")


def _answering(page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        form = read_form(await request.body()) if page.method == "POST" else {}
        return await run_in_threadpool(_answered, page, request, form)

    return answer


def _answered(page: Page, request: Request, form: dict[str, tuple[str, ...]]) -> Response:
    turn: Semaphore = request.app.state.turn
    with turn:
        return _made(page, request, form, Aside(request.app.state.archive, turn))


def _made(page: Page, request: Request, form: dict[str, tuple[str, ...]], archive: Aside) -> Response:
    desk: Desk = request.app.state.desk
    look = Look(request, desk, request.state.actor, archive, form, trouble(request.app))
    if look.trouble and page.method == "POST" and page.action != "read":
        raise Unavailable("nothing can be recorded at present", where="the workspace", why=look.trouble, fix="send it again then")
    require(look.team_now, look.actor, page.action, look.desk.now())
    if page.method == "POST" and look.moment is not None:
        raise Refused(
            "the past can be read only", where=f"at {iso(look.moment)}", fix="go back to the present, and send it there"
        )
    return page.endpoint(look)


def trouble(app: FastAPI) -> str:
    """Why nothing can be recorded at present, in words; empty when all is well."""
    desk: Desk = app.state.desk
    found = _file(desk.workspace.state)
    if found is None:
        return "The database of the workspace is gone: what you see is the last that was read. Restore it, then start the console anew."
    if found != app.state.database:
        return "The database of the workspace was exchanged: what you see is the one before. Start the console anew."
    try:
        desk.owned()
    except BatonError as error:
        mistakes = getattr(error, "mistakes", ())
        why = f"{mistakes[0].file}:{mistakes[0].line}: {mistakes[0].what}" if mistakes else error.what
        return f"The project's files cannot be read, and those before hold for what you see: {why}. Mend them: baton check."
    return str(getattr(app.state, "trouble", ""))


def _file(path: Path) -> tuple[int, int] | None:
    """Which file it is, whatever it holds; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


def is_page(request: Request) -> bool:
    """Whether a person reads the answer."""
    return not request.url.path.startswith(API)


def told(request: Request, status: int, error: BatonError, form: dict[str, tuple[str, ...]] | None = None) -> Response:
    """A page that says what happened, where, why and what to do; what was typed is shown again."""
    if request.headers.get("x-fragment"):
        text = rendered("trouble/fragment.html", what=error.what, why=error.why, fix=error.fix)
        return HTMLResponse(text, status)
    kept = {name: values[-1] for name, values in (form or {}).items() if name not in (*NEVER, *UNTYPED) and values[-1].strip()}
    text = rendered(
        "trouble.html",
        heading=HTTPStatus(status).phrase if status != 500 else "Something went wrong",
        what=error.what,
        where=error.where if status < 500 else "",  # where the files of this installation are is its log's business
        why=error.why,
        fix=error.fix,
        kept=kept,
        back=_back(request),
    )
    return HTMLResponse(text, status)


def _back(request: Request) -> str:
    """Where a form came from, as an address of our own."""
    try:
        path = urlsplit(request.headers.get("referer", "")).path
    except ValueError:
        return "/"
    return own_path(path) if request.method == "POST" else "/"


async def on_error(request: Request, error: BatonError) -> Response:
    """A page for an error of Baton's. A fault of this installation tells only that there is one; the log has the rest."""
    status = STATUS.get(error.code, 500)
    if status == 500:
        _logger.error("%s", error)
    form = read_form(await request.body()) if request.method == "POST" else None
    return told(request, status, error, dict(form) if form else None)


def missing(request: Request) -> Response:
    """A page for an address that leads nowhere."""
    lost = NotFound(f"there is no page at {request.url.path[:200]}", fix="begin at the loop")
    return told(request, 404, lost)
