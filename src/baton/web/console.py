"""The console: what puts pages into the application, and what each is made from."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import Semaphore

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from baton.app.alone.desk import Desk
from baton.app.archive.archive import Archive
from baton.kernel.clock import iso
from baton.kernel.errors import BatonError, Refused, Unavailable
from baton.team.permission import require
from baton.web.asgi import Form, read_form
from baton.web.aside import AT_ONCE, Aside
from baton.web.events import Events
from baton.web.page import Look, Page
from baton.web.pages import pages, sign_in
from baton.web.statics import static


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
        request.state.form = form = read_form(await request.body()) if page.method == "POST" else {}
        return await run_in_threadpool(_answered, page, request, form)

    return answer


def _answered(page: Page, request: Request, form: Form) -> Response:
    turn: Semaphore = request.app.state.turn
    with turn:
        return _made(page, request, form, Aside(request.app.state.archive, turn))


def _made(page: Page, request: Request, form: Form, archive: Aside) -> Response:
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
