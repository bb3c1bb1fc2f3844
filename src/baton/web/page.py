"""A page: its address, its action of the rights matrix, and the look at the record that it is made from."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup

from baton.app.alone.desk import Desk
from baton.app.archive.archive import UNPREDICTED
from baton.app.lifecycle.people import recorded_team
from baton.app.seat import Seat
from baton.app.views.record import head_at
from baton.app.workspace import Workspace
from baton.kernel.clock import iso, parse_instant
from baton.kernel.errors import InvalidInput, NotFound, Refused
from baton.ledger.ports import Head, LedgerReader, StateReader
from baton.project.definition import Definition
from baton.project.ownership import TeamFile
from baton.team.actor import Actor
from baton.team.permission import Verdict, decide
from baton.team.team import Team
from baton.web.asgi import Form
from baton.web.aside import Aside
from baton.web.machine import Machine, machine
from baton.web.rendering import rendered

FLASH: Final = "baton-flash"
LONGEST: Final = 2000
"""The most signs of a parameter or a form's field."""
_UNZONED: Final = len("2023-06-01T00:00")
"""Without a script a browser sends the instant of a field like this; the console's fields are in UTC."""
YEARS: Final = range(1900, 2200)
"""The years of instants that addresses may name."""


@dataclass
class Look:
    """One request for a page: who looks, at which instant, and what the record held then.

    `moment` is the instant asked for by `?at=`, None for the present. With one, pages read and offer no act.
    """

    request: Request
    desk: Desk
    actor: Actor
    archive: Aside
    form: Form = field(default_factory=dict)
    trouble: str = ""

    @property
    def person(self) -> str:
        """The person who looks, empty for the keeper of a workspace without identities who acts as nobody yet."""
        return self.actor.name if self.actor.kind == "person" else ""

    @property
    def workspace(self) -> Workspace:
        """The workspace that is looked at."""
        return self.desk.workspace

    @property
    def ledger(self) -> LedgerReader:
        """All that is on record, up to the present: ask `facts` and `recent` with `until=look.moment`."""
        return self.desk.state

    @property
    def path(self) -> str:
        """The address of the page: an act stands below the page that it is done on, which is shown again when it fails."""
        path = self.request.url.path
        return path if self.request.method == "GET" else path.rpartition("/")[0]

    @cached_property
    def moment(self) -> datetime | None:
        """The instant that was asked for; None for the present, and for one that has not come."""
        asked = self.instant("at")
        return None if asked is None or asked >= self.desk.now() else asked

    @cached_property
    def at(self) -> datetime:
        """The instant that is shown (UTC)."""
        return self.moment or self.desk.now()

    @cached_property
    def span(self) -> tuple[datetime, datetime] | None:
        """From the first fact of the ledger to the present; None while nothing is on record."""
        known = self.ledger.span()
        return None if known is None else (known[0], max(known[1], self.desk.now()))

    @cached_property
    def machine(self) -> Machine | None:
        """The slider over that span; None while nothing is on record."""
        return None if self.span is None else machine(*self.span, self.moment or self.span[1])

    @cached_property
    def head(self) -> Head:
        """The ledger's head at that instant."""
        return head_at(self.ledger, self.moment)

    @cached_property
    def records(self) -> StateReader:
        """The records as they were at that instant."""
        return self.ledger if self.moment is None else self.ledger.as_of(self.moment)

    @cached_property
    def owned(self) -> TeamFile:
        """Who owns what, as the project declares it now, or did before somebody made a mistake in its file."""
        return self.desk.declared()

    @cached_property
    def definition(self) -> Definition | None:
        """The project's file; None for a folder that has only a team, or whose file is wrong."""
        return self.desk.definition()

    @cached_property
    def team(self) -> Team:
        """The team as the ledger knew it at that instant."""
        return recorded_team(self.records, self.owned)

    @cached_property
    def team_now(self) -> Team:
        """The team of the present: it decides who may look, whatever instant is shown."""
        return self.team if self.moment is None else recorded_team(self.ledger, self.owned)

    @property
    def until(self) -> str:
        """The instant as the archive is asked for it; empty for the present."""
        return iso(self.moment) if self.moment is not None else ""

    @property
    def currency(self) -> str:
        """The currency in which outcomes are worth something; empty without a project."""
        return self.definition.problem.value.currency if self.definition is not None else ""

    def owner(self, phase: str) -> str:
        """Who answers for a phase at that instant; empty for nobody."""
        try:
            return self.team.accountable(phase, self.at).person.id
        except Refused:
            return ""

    @property
    def csrf(self) -> str:
        """What a form of this session carries to prove that it is ours."""
        visit = getattr(self.request.state, "visit", None)
        return visit.csrf if visit is not None else ""

    def text(self, name: str, default: str = "", most: int = 200) -> str:
        """A parameter of the address. Raises InvalidInput when it is too long or holds signs that cannot be shown."""
        found = self.request.path_params.get(name, self.request.query_params.get(name, default))
        if len(found) > most or not str(found).isprintable():
            raise InvalidInput(
                f"'{name}' does not fit", where="the address", why=f"at most {most} signs that can be shown", fix="leave it out"
            )
        return str(found)

    def choice(self, name: str, options: tuple[str, ...]) -> str:
        """A parameter that is one of some words, the first of them when it is left out."""
        found = self.text(name) or options[0]
        if found not in options:
            raise InvalidInput(f"'{found}' is no {name}", where="the address", fix=f"one of {', '.join(filter(None, options))}")
        return found

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A parameter that is a whole number from `low` to `high`."""
        found = self.text(name)
        if not found:
            return default
        digits = found.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(found) < 20 and low <= int(found) <= high):
            raise InvalidInput(f"'{found}' is no {name}", where="the address", fix=f"a whole number from {low} to {high}")
        return int(found)

    def instant(self, name: str) -> datetime | None:
        """A parameter that is an instant of the years 1900 to 2199, so that days can be counted from it; None when it is left out."""
        found = self.text(name)
        if not found:
            return None
        try:
            moment = parse_instant(f"{found}Z" if len(found) == _UNZONED else found)
            if moment.year not in YEARS:
                raise ValueError(f"the years are {YEARS[0]} to {YEARS[-1]}")
        except (ValueError, OverflowError) as error:
            raise InvalidInput(f"'{found}' is no instant", where=name, fix="write e.g. 2023-06-01T00:00:00Z") from error
        return moment

    def field(self, name: str, most: int = LONGEST) -> str:
        """A field of the posted form, as it was typed. Raises InvalidInput when it is too long."""
        found = self.form.get(name, ("",))[-1].strip()
        if len(found) > most:
            raise InvalidInput(f"'{name}' is too long", where="the form", why=f"{len(found)} signs", fix=f"at most {most}")
        return found

    def url(self, path: str, /, **query: object) -> str:
        """The address of a page, keeping the instant that is looked at; None and empty values are left out."""
        at = {"at": iso(self.moment)} if self.moment is not None else {}
        asked = {name: value for name, value in {**at, **query}.items() if value not in (None, "")}
        return path + ("?" + urlencode(asked) if asked else "")

    def live(self, path: str, /, **query: object) -> Markup:
        """The mark of a part of the present that is fetched anew when something was recorded; the past has none."""
        return Markup("") if self.moment is not None else Markup(' data-live="{}"').format(self.url(path, **query))

    def here(self, **query: object) -> str:
        """The address of this page with some parameters changed; None takes one out."""
        kept = {name: value for name, value in self.request.query_params.items() if name != "at"}
        return self.url(self.path, **{**kept, **query})

    def may(self, action: str, phase: str = "", subject: str = "") -> Verdict:
        """Whether whoever looks may do something now; never while looking at the past."""
        if self.moment is not None:
            return Verdict(False, "this is the past: it can be read only")
        return decide(self.team, self.actor, action, self.at, phase, subject)

    def seat(self) -> Seat:
        """A seat for one act of whoever looks; in the past nobody comes this far."""
        return self.desk.seat(self.actor)

    def show(self, template: str, status: int = 200, /, **values: Any) -> Response:
        """A whole page."""
        answer = HTMLResponse(rendered(template, self, flash=self._flash(), **values), status)
        if self._told in self.request.cookies:
            answer.delete_cookie(self._told, path="/")
        return answer

    def fragment(self, template: str, status: int = 200, /, **values: Any) -> Response:
        """A part of a page: bare for the script that puts it in its place, in the frame for whoever follows its link."""
        content = rendered(template, self, flash="", **values)
        if not self.request.headers.get("x-fragment"):
            content = rendered("part.html", self, flash="", content=Markup(content))  # noqa: S704  # it was escaped as it was rendered
        return HTMLResponse(content, status)

    def done(self, where: str, words: str) -> Response:
        """After an act: on to a page that tells what was done."""
        answer = RedirectResponse(where, 303)
        told = urlsafe_b64encode(words[:600].encode()).decode()
        answer.set_cookie(self._told, told, max_age=60, httponly=True, samesite="strict", path="/")
        return answer

    @property
    def _told(self) -> str:
        """The cookie that carries what was done: a browser shows it to every port of a machine, so each console has its own."""
        return f"{FLASH}-{self.request.url.port or 0}"

    def _flash(self) -> str:
        try:
            return urlsafe_b64decode(self.request.cookies.get(self._told, "")[:4000]).decode()
        except (ValueError, UnicodeDecodeError):
            return ""


def of_predictions(endpoint: Callable[[Look], Response]) -> Callable[[Look], Response]:
    """A part that is made of predictions: while there are none it says so, which is no error."""

    def answered(look: Look) -> Response:
        try:
            return endpoint(look)
        except NotFound as error:
            if error.what != UNPREDICTED:
                raise
            return look.fragment("unpredicted.html")

    return answered


@dataclass(frozen=True, slots=True)
class Page:
    """One page, fragment or act: method, path, action of the rights matrix, and what answers it in a worker thread."""

    method: str
    path: str
    action: str
    endpoint: Callable[[Look], Response]
