"""Visits: people at the console's pages, known by what their browser shows, and how they come and go.

With identities a browser shows a session of the credentials' book: revoking, leaving and expiry hold at the next click. Without,
it shows what a one-time link was exchanged for, and may act as any person of the team, as `--as` does on the command line.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock, Semaphore
from typing import Final

from baton.app.accounts import Login, end_session, enter, enter_by_provider, provider_of
from baton.app.alone.desk import Desk
from baton.app.alone.reach import is_loopback
from baton.app.bootstrap import open_credentials, open_provider
from baton.app.identity import has_identities
from baton.app.latchkey import Latchkey
from baton.app.lifecycle.people import recorded_team
from baton.app.workspace import existing
from baton.kernel.clock import Clock, SystemClock
from baton.kernel.errors import BatonError, NotFound, Refused, Unavailable
from baton.ledger.fact import KEEPER
from baton.team.actor import Actor
from baton.team.identity import SESSION, Book, Identity, actor_of, require_member, shown
from baton.team.person import Person
from baton.team.team import Team

PATIENCE: Final = 10.0
"""Seconds that an attempt waits for the others before it: a password costs 64 MiB to look at, so one is looked at at a time."""
FEW: Final = 4
"""Attempts that may wait: whoever sends many keeps no page waiting."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody at the pages: who acts, until when, and whether they are the keeper of the files, who acts `as_name` if at all.

    `key` is what their browser shows; it is told to nobody.
    """

    actor: Actor
    until: datetime
    key: str = field(repr=False)
    keeper: bool = False
    as_name: str = ""

    @property
    def csrf(self) -> str:
        """What the forms of this visit carry: only a page that this browser was given knows it."""
        return proof(self.key, "form")


def proof(key: str, what: str) -> str:
    """A text that only who knows the key can make, different for each use; 43 signs that fit anywhere (HMAC-SHA256)."""
    made = hmac.new(key.encode(), what.encode(), hashlib.sha256).digest()
    return urlsafe_b64encode(made).rstrip(b"=").decode()


def same(one: str, other: str) -> bool:
    """Whether two texts are equal, told in the same time either way; an empty one equals nothing."""
    return bool(one) and hmac.compare_digest(one.encode(), other.encode())


class Visits:
    """Who may come to the pages of one workspace. Safe to share between threads."""

    def __init__(self, desk: Desk, clock: Clock | None = None) -> None:
        self._desk, self._clock = desk, clock or SystemClock()
        self._latchkey = Latchkey(desk.workspace.folder)
        self._one, self._few = Lock(), Semaphore(FEW)

    @property
    def named(self) -> bool:
        """Whether people have identities here."""
        return self._book().named

    @property
    def issuer(self) -> str:
        """The identity provider at which one may sign in, empty without one, and while the project's file cannot be read."""
        try:
            declared = self._desk.owned().oidc
        except BatonError:
            return ""
        return declared.issuer if declared is not None else ""

    def of(self, key: str) -> Visit:
        """Whose visit it is. Raises Refused when what is shown does not hold here, or not any more."""
        book, now = self._book(), self._clock.now()
        return self._of_person(book, key, now) if book.named else self._of_keeper(key, now)

    def still(self, visit: Visit) -> bool:
        """Whether a visit holds yet, and is the same person's."""
        try:
            return self.of(visit.key).actor == visit.actor
        except BatonError:
            return False

    def _of_person(self, book: Book, key: str, now: datetime) -> Visit:
        held = shown(book, key, now)
        actor = actor_of(book, held)
        if actor.kind != "person":
            raise Refused(
                f"{actor.name} is a service account", why="pages are for people", fix="a service asks /api with its token"
            )
        state = self._desk.state
        require_member(actor.name, state.get(Person, actor.name), state.get(Identity, actor.name))
        return Visit(actor, held.until, key)

    def _of_keeper(self, key: str, now: datetime) -> Visit:
        stay = self._latchkey.stay(key, now)
        if stay is None:
            raise Refused("this browser is not known here", fix="baton console --link draws a link for it")
        actor = Actor(KEEPER, KEEPER)
        if stay.as_name:
            try:
                actor = Actor(self._team().known(stay.as_name).id)
            except NotFound:
                return Visit(actor, stay.until, key, keeper=True)
        return Visit(actor, stay.until, key, keeper=True, as_name=stay.as_name)

    def by_link(self, code: str) -> Login:
        """Come in by a one-time link. Raises Refused when it does not hold, or where people have identities."""
        if self.named:
            raise Refused(
                "links open a console without identities only",
                why="people of this workspace have identities of their own",
                fix="sign in with your name",
            )
        text, until = self._latchkey.turn(code, self._clock.now())
        return Login(KEEPER, until, text)

    def by_password(self, name: str, password: str, first: str = "") -> Login:
        """Come in by name and password, the first time with the first token. Raises as `accounts.enter` does."""
        with self._alone():
            return enter(self._desk.workspace.folder, name, password, first)

    def by_token(self, token: str) -> Login:
        """Come in by a token that one has: the visit may do what the token may, and ends with it."""
        visit, text = self._of_person(self._book(), token.strip(), self._clock.now()), token.strip()
        return Login(visit.actor.name, min(visit.until, self._clock.now() + SESSION), text)

    def way(self, key: str, back: str) -> str:
        """The provider's address for this browser, which alone knows the key; it comes back to `back` with a code."""
        challenge = urlsafe_b64encode(hashlib.sha256(proof(key, "verifier").encode()).digest()).rstrip(b"=").decode()
        passage = open_provider(provider_of(self._desk.project), self._desk.workspace.folder).passage()
        return passage.begin(back, proof(key, "state"), proof(key, "nonce"), challenge)

    def by_provider(self, key: str, back: str, state: str, code: str) -> Login:
        """Come in by what the provider sent the browser back with.

        Raises Refused when this browser did not ask for it, and as `accounts.enter_by_provider` does.
        """
        if not key or not same(state, proof(key, "state")):
            raise Refused(
                "this is no answer to what this browser asked",
                where="the identity provider's answer",
                why="another browser began it, or it began more than ten minutes ago",
                fix="sign in again",
            )
        project, folder = self._desk.project, self._desk.workspace.folder
        token = open_provider(provider_of(project), folder).passage().token(code, back, proof(key, "verifier"))
        return enter_by_provider(project, folder, token, proof(key, "nonce"), people=True)

    def act_as(self, visit: Visit, name: str) -> None:
        """From now on the keeper acts as this person, as nobody when empty. Raises NotFound for a name that nobody bears."""
        if not visit.keeper:
            raise Refused(
                "you act as yourself", why="people of this workspace have identities of their own", fix="sign in as somebody else"
            )
        self._latchkey.name(visit.key, self._team().known(name).id if name else "", self._clock.now())

    def leave(self, visit: Visit) -> None:
        """End a visit, for whoever else holds it, too. A token that was pasted stays: a job may need it."""
        if visit.keeper:
            self._latchkey.end(visit.key, self._clock.now())
        else:
            end_session(self._desk.workspace.folder, visit.key)

    def _book(self) -> Book:
        return open_credentials(self._desk.workspace.folder).read()

    def _team(self) -> Team:
        return recorded_team(self._desk.state, self._desk.declared())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._few.acquire(blocking=False):
            raise Unavailable("many sign in at once", fix="try again in a minute")
        try:
            if not self._one.acquire(timeout=PATIENCE):
                raise Unavailable("many sign in at once", fix="try again in a minute")
            try:
                yield
            finally:
                self._one.release()
        finally:
            self._few.release()


def welcome(workspace: Path, address: str, *, interactive: bool) -> str:
    """The address that is told when a console begins. While nobody has an identity it bears a fresh one-time link for a person
    at a terminal, and the very first time; a log that others may read is told no more of them."""
    latchkey, now = Latchkey(workspace), SystemClock().now()
    if has_identities(workspace) or (latchkey.cut and not interactive):
        return address
    return _linked(address, latchkey.draw(now))


def fresh_link(workspace: Path) -> str:
    """A one-time link to the console that runs over a workspace. Raises NotFound when none runs, Refused where people sign in."""
    existing(workspace)
    if has_identities(workspace):
        raise Refused(
            "links open a console without identities only",
            where=str(workspace),
            why="people of this workspace have identities of their own",
            fix="sign in with your name at the console's address",
        )
    latchkey = Latchkey(workspace)
    return _linked(latchkey.door(), latchkey.draw(SystemClock().now()))


def require_people(workspace: Path, host: str, *, behind_proxy: bool) -> None:
    """Raise Refused for a console that others could reach while nobody could show who they are."""
    if has_identities(workspace) or (is_loopback(host) and not behind_proxy):
        return
    raise Refused(
        "nobody has an identity here yet, and others could reach this console",
        where="--behind-proxy" if is_loopback(host) else "--host",
        why="without identities it belongs to whoever owns the files, on this machine alone",
        fix="invite people first: baton team invite NAME",
    )


def _linked(address: str, code: str) -> str:
    return f"{address}/sign-in?once={code}"
