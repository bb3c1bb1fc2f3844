"""Sessions: the cookies by which the door of the console knows a browser, and all that the door needs to know itself.

Cookies do not tell ports apart, so that two consoles on one machine would sign each other out: each has names of its own. Under
TLS the prefix `__Host-` has the browser see to it that nobody but this very host set them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import Request, Response

from baton.app.accounts import Login
from baton.app.bootstrap import open_passwords
from baton.app.visit import Visit, Visits, proof, same
from baton.kernel.clock import SystemClock
from baton.kernel.errors import Refused
from baton.web.asgi import Form, Scope
from baton.web.origin import Place

LONGEST: Final = 512
MOST: Final = 4
"""Cookies of one name that are looked at: another program of this machine can set some, and must not keep anybody out."""
AWAY: Final = 600
"""Seconds that a browser may be away at the identity provider."""
FIELD: Final = "csrf"
HEADER: Final = b"x-csrf"


@dataclass(frozen=True, slots=True)
class Door:
    """The door of a console: who may come to its pages, and where it stands."""

    visits: Visits
    place: Place

    def cookie(self, what: str = "") -> str:
        """The name of a cookie: the session's, or `before` and `way`, which a browser has before it has a session."""
        stem = "__Host-baton" if self.place.tls else f"baton-{self.place.port}"
        return f"{stem}-{what}" if what else stem

    def visit(self, scope: Scope) -> Visit | None:
        """Whose visit a request belongs to; None when nothing that it shows holds. Raises what is not about holding."""
        for key in _shown(scope, self.cookie()):
            try:
                return self.visits.of(key)
            except Refused:
                continue
        return None

    def before(self, request: Request) -> str:
        """What this browser shows before it has a session: what it shows already, or something new."""
        return next(_shown(request.scope, self.cookie("before")), "") or open_passwords()[1]()

    def require_proof(self, scope: Scope, form: Form, visit: Visit | None) -> None:
        """Raise Refused for a form without the text that only a page given to this very browser carries."""
        told = [value.decode("latin-1") for name, value in scope["headers"] if name == HEADER] or list(form.get(FIELD, ()))
        shown = _shown(scope, self.cookie("before"))
        wanted = [visit.csrf] if visit is not None else [proof(before, "form") for before in shown]
        if len(told) != 1 or not any(same(told[0], each) for each in wanted):
            raise Refused(
                "this form is not of your present session",
                where=f"field {FIELD}",
                why="you signed in again since the page was made, or another page sent it",
                fix="load the page again",
            )

    def keep(self, answer: Response, login: Login) -> Response:
        """Give the browser its session, for as long as it holds."""
        self._set(answer, self.cookie(), login.text, _seconds(login.until))
        answer.delete_cookie(self.cookie("way"), path="/", secure=self.place.tls, httponly=True, samesite="lax")
        return answer

    def begin(self, answer: Response, before: str) -> Response:
        """Give the browser what it shows until it has a session."""
        self._set(answer, self.cookie("before"), before, None)
        return answer

    def send_away(self, answer: Response, way: str) -> Response:
        """Give the browser what it shows when it comes back from the provider."""
        self._set(answer, self.cookie("way"), way, AWAY)
        return answer

    def forget(self, answer: Response) -> Response:
        """Take the session from the browser."""
        answer.delete_cookie(self.cookie(), path="/", secure=self.place.tls, httponly=True, samesite="lax")
        return answer

    def way(self, request: Request) -> str:
        """What the browser shows on its way back from the provider, empty without."""
        return next(_shown(request.scope, self.cookie("way")), "")

    def _set(self, answer: Response, name: str, value: str, seconds: int | None) -> None:
        answer.set_cookie(name, value, max_age=seconds, path="/", secure=self.place.tls, httponly=True, samesite="lax")


def _seconds(until: datetime) -> int:
    return max(1, int((until - SystemClock().now()).total_seconds()))


def _shown(scope: Scope, name: str) -> Iterator[str]:
    """The values of every cookie of a name, the most specific first, as browsers send them."""
    found = 0
    for header, value in scope["headers"]:
        if header != b"cookie":
            continue
        for part in value.decode("latin-1").split(";"):
            each, _, text = part.strip().partition("=")
            if each == name and 0 < len(text) <= LONGEST and text.isascii() and text.isprintable() and found < MOST:
                found += 1
                yield text
