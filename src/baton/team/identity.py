"""Identities: accounts of people and services, and the tokens they show. Everything here is pure; only digests are held.

    invited ──first login──▶ active ──leaving──▶ revoked ──invited anew──▶ invited            issued ──revoked──▶ revoked

What is secret (a password's hash, a token's digest) is in a `Book`, kept by `Credentials` outside the ledger. The records
`Identity` and `Token` go on the ledger and hold nothing of it.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import ClassVar

from baton.kernel.clock import iso
from baton.kernel.digest import digest_bytes
from baton.kernel.errors import Conflict, InvalidInput, NotFound, Refused, Unavailable
from baton.kernel.ids import derived_id
from baton.kernel.suggest import did_you_mean
from baton.ledger.fact import IMPERSONAL
from baton.team.actor import Actor
from baton.team.person import Person
from baton.team.team import Team

SESSION, FIRST = timedelta(hours=12), timedelta(days=7)
"""How long a login lasts, and how long an invitation."""
TRIES, PAUSE = 5, timedelta(minutes=15)
"""After so many wrong attempts in a row nothing is tried until the pause is over."""
SHORTEST = 10
NOBODY = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """An account on the record: a person by name, or a service with its actions."""

    KIND: ClassVar[str] = "identity"
    id: str
    status: str
    kind: str
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A token on the record: whose, for what, until when. `use` is `first`, `session`, `api` or `service`."""

    KIND: ClassVar[str] = "token"
    id: str
    status: str
    owner: str
    use: str
    until: datetime
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """What is held of an account: `password` is an argon2 hash, empty before the first login.

    `claim` is what an identity provider must say of a service.
    """

    name: str
    kind: str
    password: str = ""
    actions: tuple[str, ...] = ()
    claim: str = ""


@dataclass(frozen=True, slots=True)
class Secret:
    """What is held of a token: the SHA-256 of its secret part. `how` is how its owner showed who they are when it was made."""

    id: str
    owner: str
    kind: str
    use: str
    digest: str
    made_at: datetime
    until: datetime
    actions: tuple[str, ...] = ()
    how: str = "token"
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tries:
    """Wrong attempts in a row, and when the last one was."""

    count: int
    last: datetime


@dataclass(frozen=True, slots=True)
class Book:
    """All credentials of a workspace."""

    accounts: Mapping[str, Account] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    tries: Mapping[str, Tries] = field(default_factory=dict)

    @property
    def named(self) -> bool:
        """Whether anybody has an identity, so that nobody acts by being named any more."""
        return bool(self.accounts)


@dataclass(frozen=True, slots=True)
class Issue:
    """A token to be made: whose, for what use, limited to which actions, until when, and how they showed who they are."""

    owner: str
    kind: str
    use: str
    until: datetime
    actions: tuple[str, ...] = ()
    how: str = "token"


def issued(book: Book, wanted: Issue, secret: str, at: datetime) -> tuple[Book, Secret, str]:
    """The book with one more token, what is held of it, and its text, which is told once. Raises InvalidInput when it ends too early."""
    if wanted.until <= at:
        raise InvalidInput(
            f"the token would end at {iso(wanted.until)}",
            where="--until",
            why=f"it is {iso(at)}",
            fix="name a later end, e.g. --until 90d",
        )
    held = digest_bytes(secret.encode())
    id = derived_id("token", wanted.owner, wanted.use, held)
    made = Secret(id, wanted.owner, wanted.kind, wanted.use, held, at, wanted.until, wanted.actions, wanted.how)
    return replace(book, secrets={**_living(book, at), id: made}), made, f"{id}.{secret}"


def _living(book: Book, at: datetime) -> Mapping[str, Secret]:
    """What is over for a month need not be kept."""
    return {id: each for id, each in book.secrets.items() if each.until > at - timedelta(days=30)}


def on_record(secret: Secret) -> Token:
    """A token as the ledger knows it."""
    status = "issued" if secret.revoked_at is None else "revoked"
    return Token(secret.id, status, secret.owner, secret.use, secret.until, secret.actions)


def shown(book: Book, text: str, at: datetime) -> Secret:
    """The token that a text is. Raises Refused when it is none, is over, or was revoked; compares in constant time."""
    id, _, secret = text.strip().partition(".")
    found = book.secrets.get(id)
    right = hmac.compare_digest(digest_bytes(secret.encode()), found.digest if found is not None else digest_bytes(b""))
    if found is None or not right or not secret:
        raise Refused("the token is not known here", where="BATON_TOKEN or your session", fix="log in again: baton login")
    if found.revoked_at is not None:
        raise Refused(f"{found.id} was revoked at {iso(found.revoked_at)}", fix="log in again, or use another token: baton login")
    if at >= found.until:
        what = "your session" if found.use == "session" else found.id
        raise Refused(
            f"{what} expired at {iso(found.until)}",
            fix="baton login" if found.kind == "person" else "let a person issue another one: baton token service",
        )
    return found


def actor_of(book: Book, secret: Secret) -> Actor:
    """Who shows a token. Raises Refused when the account is gone or the token serves only to log in."""
    account = book.accounts.get(secret.owner)
    if account is None or secret.use == "first":
        raise Refused(
            "this token serves only for the first login" if account else f"{secret.owner} has no account any more",
            fix=f"baton login {secret.owner}",
        )
    limits = secret.actions or account.actions
    return Actor(account.name, account.kind, secret.how, limits, secret.id)


def revoked(book: Book, id: str, at: datetime) -> tuple[Book, Secret]:
    """The book once a token is worth nothing. Raises NotFound, or Conflict when it was revoked before."""
    found = book.secrets.get(id)
    if found is None:
        raise NotFound(f"there is no token '{id}'", why=did_you_mean(id, book.secrets), fix="baton token list")
    if found.revoked_at is not None:
        raise Conflict(f"{id} was revoked at {iso(found.revoked_at)}", fix="baton token list")
    gone = replace(found, revoked_at=at)
    return replace(book, secrets={**book.secrets, id: gone}), gone


def joined(book: Book, account: Account) -> Book:
    """The book with a new account, or one that begins anew: its tokens are worth nothing and its password is forgotten."""
    others = {id: each for id, each in book.secrets.items() if each.owner != account.name}
    return replace(book, accounts={**book.accounts, account.name: account}, secrets=others)


def dismissed(book: Book, name: str, at: datetime) -> Book:
    """The book once somebody has left: their tokens are worth nothing."""
    secrets = {
        id: replace(each, revoked_at=at) if each.owner == name and each.revoked_at is None else each
        for id, each in book.secrets.items()
    }
    return replace(book, secrets=secrets)


def require_member(name: str, person: Person | None, known: Identity | None) -> None:
    """Raise Refused for somebody who has left, also when they are back, until they are invited anew."""
    if person is not None and person.status == "left":
        raise Refused(
            f"{name} has left the team",
            where=f"identity of {name}",
            why="whoever has left neither logs in nor acts",
            fix=f"let somebody bring them back and invite them: baton team back {name}, then baton team invite {name}",
        )
    if known is not None and known.status == "revoked":
        raise Refused(
            f"the identity of {name} ended when they left",
            where=f"identity of {name}",
            why="what they could show before holds no more",
            fix=f"ask to be invited anew: baton team invite {name}",
        )


def service_name(team: Team, name: str) -> str:
    """A name that a service may bear. Raises InvalidInput, or Conflict for a person's, left ones included: the record has
    acts under it; and for the names under which the record has nobody's acts."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}", name) is None:
        raise InvalidInput(
            f"{name[:63]!r} is no name for a service",
            why="it has 1 to 63 letters, digits, _, . or -",
            fix="e.g. ci-nightly",
        )
    if name in IMPERSONAL or any(name == person.id for person in team.people):
        whose = "is a person" if name not in IMPERSONAL else "acts on the record by itself"
        raise Conflict(f"{name} {whose}", where="the service's name", fix="name it after the process, e.g. ci")
    return name


def with_password(book: Book, name: str, hashed: str) -> Book:
    """The book with a password set; the first token is spent."""
    account = replace(book.accounts[name], password=hashed)
    rest = {id: each for id, each in book.secrets.items() if not (each.owner == name and each.use == "first")}
    return replace(book, accounts={**book.accounts, name: account}, secrets=rest)


def fit(password: str, name: str) -> str:
    """A password that may be set. Raises InvalidInput when it is too short or says the name."""
    if len(password) < SHORTEST or len(password) > 1000:
        raise InvalidInput(
            f"a password has {SHORTEST} to 1000 signs", why=f"this one has {len(password)}", fix="choose a longer one"
        )
    if name and password.lower().strip(name.lower()) == "":
        raise InvalidInput("a password is not the name", fix="choose another one")
    return password


def may_try(book: Book, name: str, at: datetime) -> None:
    """Raise Unavailable while too many attempts went wrong."""
    tries = book.tries.get(_bucket(book, name))
    if tries is not None and tries.count >= TRIES and at < tries.last + PAUSE:
        raise Unavailable(
            f"{tries.count} attempts went wrong",
            where=f"login of {name}",
            why="passwords are not for guessing",
            fix=f"try again at {iso(tries.last + PAUSE)}, or be invited anew: baton team invite {name}",
        )


def tried(book: Book, name: str, at: datetime) -> Book:
    """The book after a wrong attempt. Names that nobody bears share one count."""
    bucket = _bucket(book, name)
    known = book.tries.get(bucket)
    count = known.count + 1 if known is not None and at < known.last + PAUSE else 1
    return replace(book, tries={**book.tries, bucket: Tries(count, at)})


def forgiven(book: Book, name: str) -> Book:
    """The book after a right attempt."""
    return replace(book, tries={each: tries for each, tries in book.tries.items() if each != name})


def _bucket(book: Book, name: str) -> str:
    return name if name in book.accounts else NOBODY


def claimed(team: Team, book: Book, value: str) -> Account:
    """Whose account a provider's claim names: a person by contact address or handle, or a service by its claim.

    Raises Refused when it is nobody's.
    """
    for account in book.accounts.values():
        if account.kind == "service" and account.claim and hmac.compare_digest(account.claim.encode(), value.encode()):
            return account
    plain = value.casefold()
    for person in team.active:
        contacts = {contact.casefold() for contact in person.contacts}
        handles = {handle.casefold().lstrip("@") for _, handle in person.handles}
        if f"mailto:{plain}" in contacts or plain.lstrip("@") in handles:
            return _person_of(book, person.id)
    raise Refused(
        f"'{value[:100]}' is nobody of this team",
        where="the claim of the ID token",
        why="no person has it as contact or handle, and no service account has it as claim",
        fix=f'add contact "mailto:{value[:60]}" to a person, or: baton token service NAME --actions … --claim "{value[:60]}"',
    )


def _person_of(book: Book, name: str) -> Account:
    account = book.accounts.get(name) or Account(name, "person")
    if account.kind != "person":
        raise Conflict(
            f"{name} has the account of a service",
            why="it was made before somebody of that name came to the team",
            fix=f"baton team invite {name} makes it theirs; give the service another name",
        )
    return account
