"""Signing in and out: with a name, a token, a one-time link or the team's identity provider, and as whom the keeper acts."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from baton.app.accounts import Login
from baton.app.bootstrap import open_passwords
from baton.app.visit import Visit, proof
from baton.kernel.errors import BatonError, InvalidInput, Refused
from baton.web.asgi import Form
from baton.web.failure import STATUS
from baton.web.rendering import rendered
from baton.web.session import Door
from baton.web.unsent import Unsent, own_path

OPEN: Final = ("/sign-in", "/sign-in/first", "/sign-in/token", "/sign-in/way", "/sign-in/oidc", "/sign-in/again")
"""What is answered without a session."""
TYPED: Final = 4096
"""The most signs of one field that is looked at."""
AFTER: Final = 400
"""The most signs of the address to go on to that a browser takes to the provider and back."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way through the door; its action is open to everybody, like `baton login`."""

    method: str
    path: str
    endpoint: Callable[[Request], Response]
    action: str = "identity.log-in"


def show(request: Request) -> Response:
    """The page; or, with the code of a one-time link, straight in.

    A link is exchanged by GET, without a button, so that opening it is all there is to do, as people know it from Jupyter. It is
    good once and for an hour; what only looks ahead (a prefetch, a HEAD) does not use it up; the address is not told onward and
    is left at once.
    """
    door, code = _door(request), request.query_params.get("once", "")
    if not code:
        if _visit(request) is not None:
            return RedirectResponse(_next(request), 303)
        return page(request)
    if request.method == "HEAD" or any(
        "prefetch" in request.headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz")
    ):
        return Response("a link is opened by a person", 425, media_type="text/plain")
    try:
        login = door.visits.by_link(code[:TYPED])
    except BatonError as error:
        return page(request, error)
    return door.keep(RedirectResponse(_next(request), 303), login)


def by_name(request: Request) -> Response:
    """With name and password."""
    return _entered(request, lambda door, form: door.visits.by_password(_field(form, "name").strip(), _field(form, "password")))


def by_first(request: Request) -> Response:
    """For the first time: the token of the invitation sets the password."""

    def enter(door: Door, form: Form) -> Login:
        password, first = _field(form, "password"), _field(form, "first").strip()
        if password != _field(form, "again"):
            raise InvalidInput("the two passwords differ", fix="type the same one twice")
        if not first:
            raise InvalidInput("the token of your invitation is missing", fix="whoever invited you was told it")
        return door.visits.by_password(_field(form, "name").strip(), password, first)

    return _entered(request, enter)


def by_token(request: Request) -> Response:
    """With a token that somebody has already."""
    return _entered(request, lambda door, form: door.visits.by_token(_field(form, "token")))


def leave_for_provider(request: Request) -> Response:
    """To the identity provider. A link rather than a form: a policy on forms would have to name every address on its way."""
    door, key = _door(request), open_passwords()[1]()
    try:
        answer = RedirectResponse(door.visits.way(key, _back(request)), 303)
    except BatonError as error:
        return page(request, error)
    return door.send_away(answer, f"{key}.{_packed(_next(request))}")


def come_from_provider(request: Request) -> Response:
    """Back from the identity provider, with a code or with a refusal."""
    door, told = _door(request), request.query_params
    key, _, after = door.way(request).partition(".")
    try:
        if told.get("error"):
            said = (told.get("error_description") or told["error"])[:300]
            raise Refused("the login was refused at the identity provider", why=said, fix="sign in again, and confirm it there")
        if told.get("iss", door.visits.issuer) != door.visits.issuer:
            raise Refused("another identity provider answered", why=told["iss"][:200], fix="sign in again")
        login = door.visits.by_provider(key, _back(request), told.get("state", "")[:TYPED], told.get("code", "")[:TYPED])
    except BatonError as error:
        return page(request, error)
    return door.keep(RedirectResponse(_unpacked(after), 303), login)


def again(request: Request) -> Response:
    """Signed in meanwhile, in another tab: what was not sent is shown again."""
    unsent, visit = Unsent.carried(_form(request)), _visit(request)
    if visit is None:
        told = Refused("you are not signed in yet", fix="sign in here or in another tab, then continue")
        return page(request, told, unsent)
    return confirm(visit, unsent) if unsent is not None else RedirectResponse("/", 303)


def act_as(request: Request) -> Response:
    """As whom the keeper of a workspace without identities acts from now on."""
    visit, form = _visit(request), _form(request)
    assert visit is not None  # the gate lets nobody else in
    _door(request).visits.act_as(visit, _field(form, "name"))
    return RedirectResponse(own_path(_field(form, "next")), 303)


def leave(request: Request) -> Response:
    """Out, for whoever else holds the session, too."""
    visit, door = _visit(request), _door(request)
    assert visit is not None  # the gate lets nobody else in
    door.visits.leave(visit)
    return door.forget(RedirectResponse("/sign-in", 303))


ROUTES: Final = (
    Way("GET", "/sign-in", show),
    Way("POST", "/sign-in", by_name),
    Way("POST", "/sign-in/first", by_first),
    Way("POST", "/sign-in/token", by_token),
    Way("GET", "/sign-in/way", leave_for_provider),
    Way("GET", "/sign-in/oidc", come_from_provider),
    Way("POST", "/sign-in/again", again),
    Way("POST", "/sign-in/as", act_as),
    Way("POST", "/sign-in/out", leave),
)
"""Every way through the door."""


def page(request: Request, error: BatonError | None = None, unsent: Unsent | None = None, status: int = 0) -> Response:
    """The page on which one signs in: what went wrong if anything did, and what was not sent, kept for afterwards."""
    door = _door(request)
    before, values = door.before(request), dict[str, Any]()
    if error is not None:
        values = {"what": error.what, "why": error.why, "fix": error.fix}
        status = status or (401 if isinstance(error, Refused) else STATUS.get(error.code, 500))
    next = "/" if unsent is not None else _next(request)
    text = rendered(
        "sign-in.html",
        named=door.visits.named,
        issuer=urlsplit(door.visits.issuer).hostname or "",
        way="/sign-in/way?" + urlencode({"next": next}),
        proof=proof(before, "form"),
        name=_field(_form(request), "name")[:200],
        next=next,
        unsent=unsent,
        **{"what": "", "why": "", "fix": "", **values},
    )
    return door.begin(HTMLResponse(text, status or 200, {"retry-after": "900"} if status == 503 else None), before)


def confirm(visit: Visit, unsent: Unsent, status: int = 200) -> Response:
    """What somebody was about to send, to be looked at and sent by a click."""
    return HTMLResponse(rendered("sign-in/unsent.html", unsent=unsent, csrf=visit.csrf), status)


def _entered(request: Request, enter: Callable[[Door, Form], Login]) -> Response:
    """In, and on to where somebody wanted to go; else the page again with what went wrong."""
    door, form = _door(request), _form(request)
    unsent = Unsent.carried(form)
    try:
        login = enter(door, form)
    except BatonError as error:
        return page(request, error, unsent)
    if unsent is None:
        return door.keep(RedirectResponse(_next(request), 303), login)
    return door.keep(confirm(door.visits.of(login.text), unsent), login)


def _next(request: Request) -> str:
    told = _form(request).get("next", (request.query_params.get("next", "/"),))[-1]
    where = own_path(told)
    return "/" if where.startswith("/sign-in") else where


def _packed(where: str) -> str:
    """An address as it fits into a cookie; one that is too long is given up."""
    packed = urlsafe_b64encode(where.encode()).rstrip(b"=").decode()
    return packed if len(packed) <= AFTER else ""


def _unpacked(text: str) -> str:
    try:
        return own_path(urlsafe_b64decode(f"{text}==".encode()).decode())
    except ValueError:
        return "/"


def _back(request: Request) -> str:
    """Where the provider sends the browser back to; the gate has looked at the name."""
    return f"{_door(request).place.scheme}://{request.headers['host'].lower()}/sign-in/oidc"


def _door(request: Request) -> Door:
    door: Door = request.app.state.door
    return door


def _visit(request: Request) -> Visit | None:
    visit: Visit | None = request.state.visit
    return visit


def _form(request: Request) -> Form:
    form: Form = request.state.form
    return form


def _field(form: Form, name: str) -> str:
    return form.get(name, ("",))[-1][:TYPED]
