"""Accounts: inviting people, logging in and out, tokens, service accounts. Secrets go to `Credentials`, facts to the ledger.

The ledger is written first: killed in between, an invitation or a token is on record that nobody holds, and is made anew.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any

from baton.app.bootstrap import open_credentials, open_passwords, open_provider, open_state
from baton.app.declared import load_owned
from baton.app.identity import present_team, require_present
from baton.app.seat import Seat, SignedDraft, present_of
from baton.app.session import TOKEN, forget_session, keep_session, token_shown
from baton.app.workspace import existing, keep_witness
from baton.kernel.clock import SystemClock, iso
from baton.kernel.errors import BatonError, Conflict, InvalidInput, NotFound, Refused
from baton.ledger.fact import Act
from baton.project.ownership import Oidc
from baton.team import identity
from baton.team.identity import Account, Book, Identity, Issue
from baton.team.permission import PROCESSES, RIGHTS, decide, known_actions, permitted
from baton.team.ports import Invitation, Passwords

LONGEST = timedelta(days=366)
SERVICE_SESSION = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Login:
    """A session that was just given: whose, until when, its text, which is kept nowhere here, and on whose word."""

    name: str
    until: datetime
    text: str = field(repr=False)
    by: str = ""


def invite(here: Seat, name: str) -> str:
    """Invite a person: returns what to tell, with their first token, which is not kept. The first one must be able to invite.

    Whoever was invited before begins anew: password and tokens are void.
    """
    team, now = here.office.team, SystemClock().now()
    person = team.known(name)
    able = permitted(team, "identity.invite", here.now)
    by = here.name(able[0] if able else name)
    role = here.allow("identity.invite", by).role
    credentials, (_, drawn) = open_credentials(here.workspace.folder), open_passwords()
    if not credentials.read().named and name not in able:
        raise Refused(
            f"{name} cannot be the first with an identity",
            why="from then on nobody could invite the others",
            fix=f"invite {' or '.join(able)} first: baton team invite {able[0] if able else 'NAME'}",
        )
    wanted, secret = Issue(name, "person", "first", now + identity.FIRST), drawn()

    def made(book: Book) -> tuple[Book, identity.Secret, str]:
        return identity.issued(identity.joined(book, Account(name, "person")), wanted, secret, now)

    known = here.draft.get(Identity, name)
    if known is not None and known.status == "revoked":
        # before the record lets them in again: what they held when they left must be void by then
        credentials.change(lambda book: identity.joined(book, Account(name, "person")))
    _, held, text = made(credentials.read())
    act = Act(by, role, here.now)
    here.draft.record(act, Identity(name, "invited", "person"), "invited", f"wears {', '.join(person.roles)}")
    here.draft.record(act, identity.on_record(held), "issued", f"first token of {name}", use="first")
    here.commit()
    credentials.change(lambda book: made(book)[0])
    return f"{name} is invited. Their first token, told once and good until {held.until:%Y-%m-%d %H:%M} UTC:\n\n  {text}\n\nThey type: baton login {name}"


def awaits_first(folder: Path, name: str) -> bool:
    """Whether this person logs in for the first time, with their first token. Raises NotFound where nobody was invited."""
    existing(folder)
    book = open_credentials(folder).read()
    _require_invited(book)
    account = book.accounts.get(name)
    return account is not None and account.kind == "person" and not account.password


def log_in(folder: Path, name: str, password: str, first: str = "") -> str:
    """Log a person in at a terminal, as `enter` does, and keep their session; returns what to tell."""
    return _kept(folder, enter(folder, name, password, first))


def _kept(folder: Path, login: Login) -> str:
    kept = keep_session(folder, login.text)
    by = f" by {login.by}" if login.by else ""
    return f"logged in as {login.name}{by} until {login.until:%Y-%m-%d %H:%M} UTC ({kept})"


def enter(folder: Path, name: str, password: str, first: str = "") -> Login:
    """A session for a person, the first time with their first token, which sets the password.

    Raises Refused for a wrong name, password or first token, Unavailable after too many wrong attempts.
    """
    existing(folder)
    now, credentials, (passwords, drawn) = SystemClock().now(), open_credentials(folder), open_passwords()
    _require_invited(credentials.read())
    if first:
        identity.fit(password, name)

    def attempt(book: Book) -> Book:
        identity.may_try(book, name, now)
        return identity.tried(book, name, now)

    seen = credentials.change(attempt)
    hashed = _set_password(seen, name, password, first, passwords, now) if first else ""
    account = seen.accounts.get(name)
    if not first and not passwords.fits(account.password if account is not None else "", password):
        raise Refused("name or password is wrong", where=f"login of {name}", fix="try again; a first login needs the first token")
    require_present(folder, name)
    wanted, secret = Issue(name, "person", "session", now + identity.SESSION, (), "password"), drawn()
    text = ""

    def given(book: Book) -> Book:
        nonlocal text
        if book.accounts.get(name) != account or (first and first.strip().partition(".")[0] not in book.secrets):
            raise Conflict(
                f"the account of {name} has changed meanwhile",
                where=f"login of {name}",
                why="somebody used the first token, or they were invited anew",
                fix=f"baton login {name}",
            )
        entered = identity.forgiven(book, name)
        if hashed:
            entered = identity.with_password(entered, name, hashed)
        entered, _, text = identity.issued(entered, wanted, secret, now)
        return entered

    if hashed:
        _on_record(folder, name, "password", "sets a password")
    credentials.change(given)
    return Login(name, wanted.until, text)


def _set_password(book: Book, name: str, password: str, first: str, passwords: Passwords, now: datetime) -> str:
    try:
        held = identity.shown(book, first, now)
    except BatonError as error:
        raise Refused(
            "the first token does not hold", where=f"login of {name}", why=error.what, fix="ask to be invited anew"
        ) from error
    if held.use != "first" or held.owner != name:
        raise Refused(
            "the first token does not hold",
            where=f"login of {name}",
            why="it is another one",
            fix="use the one of your invitation",
        )
    return passwords.hashed(password)


def log_in_by_code(project: Path, folder: Path, tell: Callable[[Invitation], None], wait: Callable[[float], None] = sleep) -> str:
    """Log in at the project's identity provider: a person confirms in a browser what `tell` shows them (RFC 8628)."""
    existing(folder)
    errand = open_provider(provider_of(project), folder).errand()
    tell(errand.begin())
    return log_in_by_provider(project, folder, errand.token(wait))


def provider_of(project: Path) -> Oidc:
    """The identity provider that a project names. Raises Refused when it names none."""
    declared = load_owned(project).owned.oidc
    if declared is None:
        raise Refused(
            "this project names no identity provider", where="baton.yaml", fix="add oidc: {issuer: https://…, client_id: …}"
        )
    return declared


def log_in_by_provider(project: Path, folder: Path, id_token: str) -> str:
    """Log in at a terminal, as `enter_by_provider` does, and keep the session; returns what to tell."""
    return _kept(folder, enter_by_provider(project, folder, id_token))


def enter_by_provider(project: Path, folder: Path, id_token: str, nonce: str = "", *, people: bool = False) -> Login:
    """A session for an ID token of the project's identity provider: a person by contact or handle, a service by its claim.

    With a `nonce` the token must be the answer to the request that had it; with `people` a service is refused.
    """
    existing(folder)
    declared = provider_of(project)
    now, credentials, (_, drawn) = SystemClock().now(), open_credentials(folder), open_passwords()
    claims = open_provider(declared, folder).claims(id_token.strip(), now)
    if nonce and not hmac.compare_digest(str(claims.get("nonce")).encode(), nonce.encode()):
        raise Refused(
            "the ID token does not hold",
            where=declared.issuer,
            why="it answers another request than this browser's",
            fix="sign in again",
        )
    account = identity.claimed(present_team(project, folder), credentials.read(), _claim(claims, declared.claim))
    if account.kind == "person":
        require_present(folder, account.name)
    elif people:
        raise Refused(
            f"{account.name} is a service account",
            why="pages are for people",
            fix="a service asks /api with its token",
        )
    until = now + (identity.SESSION if account.kind == "person" else SERVICE_SESSION)
    wanted, secret = Issue(account.name, account.kind, "session", until, account.actions, "oidc"), drawn()
    text = ""

    def given(book: Book) -> Book:
        nonlocal text
        known = book if account.name in book.accounts else identity.joined(book, account)
        entered, _, text = identity.issued(known, wanted, secret, now)
        return entered

    if account.name not in credentials.read().accounts:
        _on_record(folder, account.name, "oidc", f"known to {declared.issuer}")
    credentials.change(given)
    return Login(account.name, until, text, declared.issuer)


def _claim(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(
            f"the ID token has no claim '{name}'",
            where="oidc.claim",
            fix="ask for it in the token's scope, or name another claim",
        )
    if name == "email" and claims.get("email_verified") not in (True, "true"):
        raise Refused(
            f"the provider has not verified {value[:100]}",
            where="claim email_verified",
            why="whoever may write any address there could be anybody here",
            fix="verify the address there first; or name a claim that only the provider writes, e.g. oidc: {claim: upn}",
        )
    return value


def log_out(folder: Path) -> str:
    """End the session: here, and for whoever else holds it."""
    text = token_shown(folder)
    end_session(folder, text)
    return "logged out" if forget_session(folder) or text else "nobody was logged in"


def end_session(folder: Path, text: str) -> None:
    """Make a session worth nothing, for whoever holds it. A token that is no session is its job's, and stays."""
    now = SystemClock().now()
    id = text.partition(".")[0]

    def leave(book: Book) -> Book:
        held = book.secrets.get(id)
        return book if held is None or held.use != "session" or held.revoked_at else identity.revoked(book, id, now)[0]

    if text and holds(folder, text, now):
        open_credentials(folder).change(leave)


def holds(folder: Path, text: str, at: datetime) -> bool:
    """Whether a token is worth anything at an instant."""
    try:
        identity.shown(open_credentials(folder).read(), text, at)
    except Refused:
        return False
    return True


def who(here: Seat) -> dict[str, Any]:
    """Who is at the door and what they may do."""
    actor, team = here.actor, here.office.team
    person = team.person(actor.name)
    return {
        "name": actor.name,
        "kind": actor.kind,
        "how": actor.how,
        "roles": list(person.roles) if person is not None else [],
        "limited_to": list(actor.actions),
        "may": [action for action in RIGHTS if decide(team, actor, action, here.now).allowed],
        "identities": open_credentials(here.workspace.folder).read().named,
    }


def new_token(here: Seat, actions: tuple[str, ...], until: datetime | None) -> str:
    """A token of one's own, limited to actions and in time; returns what to tell, with its text, which is not kept."""
    if here.actor.kind != "person" or here.actor.how == "named":
        raise Refused(
            "tokens are for people with an identity",
            why=f"you act as {here.actor.name}",
            fix="be invited and log in: baton team invite NAME",
        )
    if here.actor.how == "token":
        raise Refused(
            "a token makes no token",
            why="it would outlive the one it was made with, and stay when that one is revoked",
            fix=f"log in: baton login {here.actor.name}",
        )
    role = here.allow("token.issue", here.actor.name).role
    wanted = known_actions(actions)
    if not wanted:
        raise InvalidInput(
            "a token is for what?", where="--actions", fix="e.g. --actions read,handoff.offer; baton team rights lists them"
        )
    return _issue(here, Issue(here.actor.name, "person", "api", _end(until), wanted), role)


def service(here: Seat, name: str, actions: tuple[str, ...], until: datetime | None, claim: str = "") -> str:
    """A service account with its actions, and a token of it. The names of Baton's own processes have their actions given.

    Made again, its actions are these and its earlier tokens are void.
    """
    by = here.name(next(iter(permitted(here.office.team, "token.service", here.now)), ""))
    role = here.allow("token.service", by).role
    wanted = known_actions(actions or PROCESSES.get(name, ()))
    if not wanted:
        raise InvalidInput("a service account may do what?", where="--actions", fix="e.g. --actions handoff.offer,handoff.answer")
    identity.service_name(here.office.team, name)
    if human := [action for action in wanted if not RIGHTS[action].services]:
        raise Refused(f"no service may have {', '.join(human)}", why="only a person may do that", fix="leave it out of --actions")
    credentials = open_credentials(here.workspace.folder)
    if not credentials.read().named:
        raise Refused(
            "service accounts come after the first person",
            why="this workspace has no identities yet",
            fix="baton team invite NAME",
        )
    act = Act(by, role, here.now)
    here.draft.record(act, Identity(name, "active", "service", wanted), "invited", f"service account for {', '.join(wanted)}")
    made = Account(name, "service", actions=wanted, claim=claim or name)
    return _issue(here, Issue(name, "service", "service", _end(until), wanted), role, made, by)


def _end(until: datetime | None) -> datetime:
    now = SystemClock().now()
    if until is not None and until > now + LONGEST:
        raise InvalidInput(f"a token lasts {LONGEST.days} days at most", where="--until", fix="name an earlier end")
    return until or now + timedelta(days=90)


def _issue(here: Seat, wanted: Issue, role: str, account: Account | None = None, by: str = "") -> str:
    now, credentials, (_, drawn) = SystemClock().now(), open_credentials(here.workspace.folder), open_passwords()
    secret = drawn()

    def made(book: Book) -> tuple[Book, identity.Secret, str]:
        return identity.issued(book if account is None else identity.joined(book, account), wanted, secret, now)

    _, held, text = made(credentials.read())
    words = f"for {', '.join(wanted.actions)} until {iso(wanted.until)}"
    here.draft.record(Act(by or wanted.owner, role, here.now), identity.on_record(held), "issued", words, use=wanted.use)
    here.commit()
    credentials.change(lambda book: made(book)[0])
    return f"{held.id} of {wanted.owner}, {words}. Told once:\n\n  {text}\n\nA job sets it as {TOKEN}."


def tokens(here: Seat) -> list[dict[str, Any]]:
    """The tokens there are: one's own, or everybody's for whoever may invite. Nothing secret is told."""
    book = open_credentials(here.workspace.folder).read()
    everybody = decide(here.office.team, here.actor, "identity.invite", here.now).allowed
    return [
        {
            "id": each.id,
            "owner": each.owner,
            "use": each.use,
            "actions": list(each.actions),
            "made_at": iso(each.made_at),
            "until": iso(each.until),
            "revoked_at": iso(each.revoked_at) if each.revoked_at else None,
        }
        for each in book.secrets.values()
        if everybody or each.owner == here.actor.name
    ]


def revoke(here: Seat, id: str) -> str:
    """Make a token worth nothing: one's own, or anybody's for whoever may invite."""
    now, credentials = SystemClock().now(), open_credentials(here.workspace.folder)
    _, gone = identity.revoked(credentials.read(), id, now)
    by = here.name(gone.owner if gone.kind == "person" else "")
    verdict = here.allow("token.issue" if gone.owner == by else "identity.invite", by)
    here.draft.record(Act(by, verdict.role, here.now), identity.on_record(gone), "revoked", f"of {gone.owner}", use=gone.use)
    credentials.change(lambda book: identity.revoked(book, id, now)[0])
    here.commit()
    return f"{id} of {gone.owner} is revoked."


def _require_invited(book: Book) -> None:
    if not book.named:
        raise NotFound(
            "nobody has an identity here yet",
            where="this workspace",
            why="nobody was invited; commands take --as NAME",
            fix="baton team invite NAME",
        )


def _on_record(folder: Path, name: str, how: str, words: str) -> None:
    with open_state(folder) as (workspace, state):
        draft = SignedDraft(state, how)
        draft.record(Act(name, "", present_of(workspace, state)), Identity(name, "active", "person"), "activated", words)
        keep_witness(workspace, draft.commit({}, expect={}))
