"""Logging in, in one process: what two may do at the same moment, whose names are free, and what each attempt costs."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from baton.app import accounts, coming
from baton.app.bootstrap import open_credentials, open_desk, open_state
from baton.app.identity import identified
from baton.app.seat import seat_of
from baton.app.session import token_shown
from baton.app.workspace import create
from baton.backends.credentials.files import FileCredentials
from baton.backends.credentials.passwords import Argon2Passwords
from baton.backends.state.sql import open_sqlite
from baton.kernel.clock import SystemClock
from baton.kernel.errors import Conflict, InvalidInput, Refused, Unavailable
from baton.ledger.fact import KEEPER
from baton.team import identity
from baton.team.actor import Actor
from baton.team.identity import Account, Book, Issue
from baton.team.person import Person, left
from baton.team.team import Team

PASSWORD, OTHER = "correct horse battery", "another horse battery"
AT, DAY = datetime(2023, 1, 1, tzinfo=UTC), timedelta(days=1)
TEAM = """project: shop
people:
  - {name: ann, roles: [data-scientist, product-manager, ml-engineer, mlops-engineer, data-engineer, devops-engineer]}
  - {name: ben, roles: [sre], deputy: ann}
"""


@dataclass(frozen=True)
class Room:
    """A project with its workspace."""

    project: Path

    @property
    def folder(self) -> Path:
        return self.project / ".baton"

    def invited(self, name: str) -> str:
        """The first token of somebody who is invited."""
        with seat_of(self.project, self.folder, Actor(KEEPER, KEEPER)) as here:
            told = accounts.invite(here, name)
        return next(line.strip() for line in told.splitlines() if line.startswith("  token-"))

    def facts(self, kind: str) -> list[str]:
        """The subjects of all facts of a kind."""
        with open_state(self.folder) as (_, state):
            return [fact.subject for fact in state.facts(kind=kind)]

    def tick(self) -> None:
        """People in line with the file."""
        with open_desk(self.project, self.folder) as desk:
            desk.move()

    def change(self, to: Callable[[Book], Book]) -> None:
        open_credentials(self.folder).change(to)


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / "team.yaml").write_text(TEAM)
    open_sqlite(create(tmp_path / ".baton", "wall").state, create=True).close()
    return Room(tmp_path)


def test_of_two_who_hold_the_same_first_token_one_sets_the_password(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held still at the worst moment: the other has logged in while this one's password was hashed."""
    first, hashed = room.invited("ann"), Argon2Passwords.hashed

    def slowly(self: Argon2Passwords, password: str) -> str:
        monkeypatch.setattr(Argon2Passwords, "hashed", hashed)
        accounts.log_in(room.folder, "ann", PASSWORD, first)
        return hashed(self, password)

    monkeypatch.setattr(Argon2Passwords, "hashed", slowly)
    with pytest.raises(Conflict, match="has changed meanwhile"):
        accounts.log_in(room.folder, "ann", OTHER, first)
    accounts.log_in(room.folder, "ann", PASSWORD)
    with pytest.raises(Refused, match="wrong"):
        accounts.log_in(room.folder, "ann", OTHER)
    with pytest.raises(Refused, match="first token does not hold"):
        accounts.log_in(room.folder, "ann", OTHER, first)


def test_a_password_that_became_void_while_it_was_looked_at_gives_no_session(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.log_in(room.folder, "ann", PASSWORD, room.invited("ann"))
    fits = Argon2Passwords.fits

    def slowly(self: Argon2Passwords, hashed: str, password: str) -> bool:
        room.change(lambda book: identity.joined(book, Account("ann", "person")))
        return fits(self, hashed, password)

    monkeypatch.setattr(Argon2Passwords, "fits", slowly)
    with pytest.raises(Conflict, match="has changed meanwhile"):
        accounts.log_in(room.folder, "ann", PASSWORD)
    assert open_credentials(room.folder).read().secrets == {}


@pytest.mark.parametrize("named", [True, False])
def test_a_name_that_nobody_bears_costs_what_a_wrong_password_costs(named: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One hashing for either, so that the time does not tell which names there are."""
    held, made = Argon2Passwords().hashed(PASSWORD) if named else "", list[str]()

    def counted(_: PasswordHasher, *words: str) -> bool:
        made.append(words[-1])
        return False

    monkeypatch.setattr(PasswordHasher, "hash", counted)
    monkeypatch.setattr(PasswordHasher, "verify", counted)
    assert not Argon2Passwords().fits(held, OTHER)
    assert len(made) == 1


@pytest.mark.parametrize("name", ["keeper", "baton", "policy", "ann", "ben"])
def test_no_service_bears_the_name_of_somebody_on_the_record(room: Room, name: str) -> None:
    room.invited("ann")
    with (
        seat_of(room.project, room.folder, Actor("ann", how="password")) as here,
        pytest.raises(Conflict, match=f"{name} (is a person|acts on the record)"),
    ):
        accounts.service(here, name, ("read",), None)


def test_nor_of_somebody_who_has_left() -> None:
    team = Team((left(Person("ben", "active", 0, ("sre",))), Person("ann", "active", 1, ("sre",))))
    with pytest.raises(Conflict, match="ben is a person"):
        identity.service_name(team, "ben")
    assert identity.service_name(team, "ci-nightly_2.x") == "ci-nightly_2.x"


@pytest.mark.parametrize("name", ["", " ", "ci\n", "ci job", "../ci", "ci\x00", "é", "c" * 64, "-ci"])
def test_a_service_s_name_is_one_word(name: str) -> None:
    with pytest.raises(InvalidInput, match="no name for a service"):
        identity.service_name(Team(()), name)


def test_a_token_makes_no_token(room: Room) -> None:
    room.invited("ann")
    limited = Actor("ann", how="token", actions=("read", "token.issue"), token="token-1")
    with seat_of(room.project, room.folder, limited) as here, pytest.raises(Refused, match="makes no token") as caught:
        accounts.new_token(here, ("read",), SystemClock().now() + timedelta(days=300))
    assert caught.value.fix == "log in: baton login ann"


def test_whoever_left_is_out_and_returns_only_by_a_new_invitation(room: Room) -> None:
    first = room.invited("ann")
    accounts.log_in(room.folder, "ann", PASSWORD, first)
    with seat_of(room.project, room.folder, Actor("ann", how="password")) as here:
        told = accounts.invite(here, "ben")
    accounts.log_in(room.folder, "ben", OTHER, _text(told))
    with seat_of(room.project, room.folder, Actor("ben", how="password")) as here:
        text = _text(accounts.new_token(here, ("read",), None))
    assert identified(room.folder, text, SystemClock().now()).name == "ben"
    held = next(iter(Path(os.environ["XDG_CONFIG_HOME"]).glob("baton/session-*"))).read_text().strip()
    accounts.log_in(room.folder, "ann", PASSWORD)

    with seat_of(room.project, room.folder, Actor("ann", how="password")) as here:
        coming.leave(here, "ben", "moves on")
    assert room.facts("identity.revoked") == ["ben"]
    assert set(room.facts("token.revoked")) >= {text.partition(".")[0]}

    def nowhere(why: str) -> None:
        for shown in (text, held):
            with pytest.raises(Refused):
                identified(room.folder, shown, SystemClock().now())
        with pytest.raises(Refused, match=why):
            accounts.log_in(room.folder, "ben", OTHER)

    nowhere("ben has left the team")
    with seat_of(room.project, room.folder, Actor("ann", how="password")) as here:
        told = coming.come_back(here, "ben", "is back")
    assert "baton team invite ben" in told
    nowhere("ended when they left")
    with seat_of(room.project, room.folder, Actor("ann", how="password")) as here:
        anew = _text(accounts.invite(here, "ben"))
    for shown in (text, held):
        with pytest.raises(Refused):
            identified(room.folder, shown, SystemClock().now())
    accounts.log_in(room.folder, "ben", "yet another battery", anew)
    assert "ben" in accounts.log_in(room.folder, "ben", "yet another battery")


@pytest.mark.parametrize(("on_record", "why"), [(True, "ben has left the team"), (False, "ended when they left")])
def test_whoever_was_taken_from_the_file_is_out_although_nobody_changed_their_credentials(
    room: Room, on_record: bool, why: str
) -> None:
    if on_record:
        room.tick()
    accounts.log_in(room.folder, "ann", PASSWORD, room.invited("ann"))
    with seat_of(room.project, room.folder, Actor("ann", how="password")) as here:
        accounts.log_in(room.folder, "ben", OTHER, _text(accounts.invite(here, "ben")))
    held = token_shown(room.folder)
    (room.project / "team.yaml").write_text("".join(TEAM.splitlines(keepends=True)[:3]))
    room.tick()
    with pytest.raises(Refused, match=why):
        identified(room.folder, held, SystemClock().now())
    (room.project / "team.yaml").write_text(TEAM)
    room.tick()
    with pytest.raises(Refused, match="ended when they left"):
        identified(room.folder, held, SystemClock().now())
    with pytest.raises(Refused, match="ended when they left"):
        accounts.log_in(room.folder, "ben", OTHER)
    assert room.facts("identity.revoked") == ["ben"]


def _text(told: str) -> str:
    """The token in what is told once."""
    return next(line.strip() for line in told.splitlines() if line.startswith("  token-"))


def test_a_person_is_not_logged_in_to_a_service_s_account() -> None:
    book = identity.joined(Book(), Account("ann", "service", actions=("read",)))
    team = Team((Person("ann", "active", 0, ("sre",), contacts=("mailto:ann@shop.example",)),))
    with pytest.raises(Conflict, match="account of a service"):
        identity.claimed(team, book, "ann@shop.example")


def test_credentials_that_others_can_read_are_not_used(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    mine = FileCredentials(path)
    mine.change(lambda book: identity.joined(book, Account("ann", "person")))
    path.chmod(0o640)
    with pytest.raises(Unavailable, match="read by others") as caught:
        mine.read()
    assert f"chmod 600 {path}" in caught.value.fix
    path.chmod(0o600)
    assert mine.read().named


def test_of_many_wrong_attempts_at_once_no_more_are_looked_at_than_of_a_row(room: Room) -> None:
    accounts.log_in(room.folder, "ann", PASSWORD, room.invited("ann"))

    def attempt(_: int) -> str:
        try:
            return accounts.log_in(room.folder, "ann", OTHER)
        except (Refused, Unavailable) as error:
            return error.code

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(attempt, range(12)))
    assert (found.count("refused"), found.count("unavailable")) == (5, 7)
    with pytest.raises(Unavailable):
        accounts.log_in(room.folder, "ann", PASSWORD)


def test_the_id_of_one_token_with_the_secret_of_another_is_nobody() -> None:
    book, one, text = identity.issued(identity.joined(Book(), Account("ann", "person")), _for("ann"), "a", AT)
    book, other, _ = identity.issued(identity.joined(book, Account("ben", "person")), _for("ben"), "b", AT)
    with pytest.raises(Refused, match="not known here"):
        identity.shown(book, f"{other.id}.{text.partition('.')[2]}", AT)
    assert identity.shown(book, text, AT) == one


def _for(name: str) -> Issue:
    return Issue(name, "person", "api", AT + DAY, ("read",))
