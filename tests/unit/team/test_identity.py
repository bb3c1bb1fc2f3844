"""Tokens and accounts: only the right secret, in time, of an account that is there; guesses are counted; claims name one person."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.kernel.errors import Conflict, InvalidInput, NotFound, Refused, Unavailable
from baton.team.identity import (
    PAUSE,
    TRIES,
    Account,
    Book,
    Issue,
    actor_of,
    claimed,
    fit,
    forgiven,
    issued,
    joined,
    may_try,
    on_record,
    revoked,
    shown,
    tried,
    with_password,
)
from baton.team.person import Person
from baton.team.team import Team

AT = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ANN = joined(Book(), Account("ann", "person"))
WANTED = Issue("ann", "person", "api", AT + DAY, ("read",))


def given_token(wanted: Issue = WANTED, book: Book = ANN) -> tuple[Book, str, str]:
    made, held, text = issued(book, wanted, "secret", AT)
    return made, held.id, text


def test_the_right_text_is_who_it_was_issued_to() -> None:
    book, id, text = given_token()
    actor = actor_of(book, shown(book, text, AT))
    assert (actor.name, actor.kind, actor.how, actor.actions, actor.token) == ("ann", "person", "token", ("read",), id)


@given(st.text(max_size=80))
def test_no_other_text_is_anybody(text: str) -> None:
    book, id, right = given_token()
    if text.strip() != right:
        for each in (text, f"{id}.{text}", f"{id}{text}"):
            if each.strip() != right:
                with pytest.raises(Refused, match="not known here"):
                    shown(book, each, AT)


def test_time_ends_a_token_exactly_then() -> None:
    book, _, text = given_token()
    shown(book, text, AT + DAY - timedelta(microseconds=1))
    with pytest.raises(Refused, match="expired at 2023-01-02"):
        shown(book, text, AT + DAY)
    session, _, worn = given_token(replace(WANTED, use="session"))
    with pytest.raises(Refused, match="your session expired") as caught:
        shown(session, worn, AT + DAY)
    assert caught.value.fix == "baton login"


def test_a_token_is_revoked_once() -> None:
    book, id, text = given_token()
    gone, held = revoked(book, id, AT)
    assert on_record(held).status == "revoked" and on_record(held).id == id
    with pytest.raises(Refused, match="was revoked at"):
        shown(gone, text, AT)
    with pytest.raises(Conflict):
        revoked(gone, id, AT)
    with pytest.raises(NotFound) as caught:
        revoked(book, id[:-1], AT)
    assert id in caught.value.why


def test_a_record_holds_nothing_secret() -> None:
    book, id, _ = given_token()
    assert book.secrets[id].digest not in repr(on_record(book.secrets[id]))


def test_a_first_token_serves_only_to_log_in_and_is_spent() -> None:
    book, id, text = given_token(replace(WANTED, use="first"))
    with pytest.raises(Refused, match="only for the first login"):
        actor_of(book, shown(book, text, AT))
    after = with_password(book, "ann", "hash")
    assert id not in after.secrets and after.accounts["ann"].password == "hash"


def test_whoever_is_invited_anew_begins_anew() -> None:
    book, _, text = given_token(book=with_password(ANN, "ann", "hash"))
    anew = joined(book, Account("ann", "person"))
    assert anew.accounts["ann"].password == "" and not anew.secrets
    with pytest.raises(Refused):
        shown(anew, text, AT)


def test_a_service_has_its_own_list() -> None:
    book = joined(Book(), Account("ci", "service", actions=("handoff.offer",)))
    made, _, text = issued(book, Issue("ci", "service", "service", AT + DAY), "s", AT)
    assert actor_of(made, shown(made, text, AT)).actions == ("handoff.offer",)
    assert actor_of(made, shown(made, text, AT)).kind == "service"
    with pytest.raises(Refused, match="no account any more"):
        actor_of(replace(made, accounts={}), shown(made, text, AT))


def test_a_token_ends_after_it_begins() -> None:
    with pytest.raises(InvalidInput, match="would end"):
        issued(ANN, replace(WANTED, until=AT), "s", AT)


def test_guesses_are_counted_and_after_a_pause_forgotten() -> None:
    book = ANN
    for _ in range(TRIES):
        may_try(book, "ann", AT)
        book = tried(book, "ann", AT)
    with pytest.raises(Unavailable, match=f"{TRIES} attempts") as caught:
        may_try(book, "ann", AT + PAUSE - timedelta(microseconds=1))
    assert "2023-01-01T00:15:00Z" in caught.value.fix
    may_try(book, "ann", AT + PAUSE)
    assert tried(book, "ann", AT + PAUSE).tries["ann"].count == 1
    may_try(forgiven(book, "ann"), "ann", AT)


def test_names_that_nobody_bears_share_one_count() -> None:
    book = ANN
    for number in range(TRIES):
        book = tried(book, f"x{number}", AT)
    assert len(book.tries) == 1
    with pytest.raises(Unavailable):
        may_try(book, "y", AT)
    may_try(book, "ann", AT)


@pytest.mark.parametrize("password", ["", "short", "a" * 1001, "annannannann"])
def test_a_poor_password_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput):
        fit(password, "ann")


TEAM = Team(
    (
        Person("ann", "active", 0, ("sre",), ("mailto:Ann@shop.example",), handles=(("github", "@ann-dev"),)),
        Person("ben", "left", 1, ("sre",), ("mailto:ben@shop.example",)),
    )
)


@pytest.mark.parametrize("value", ["ann@shop.example", "ANN@SHOP.EXAMPLE", "ann-dev", "@ann-dev"])
def test_a_claim_names_a_person_by_contact_or_handle(value: str) -> None:
    assert claimed(TEAM, Book(), value) == Account("ann", "person")
    assert claimed(TEAM, with_password(ANN, "ann", "hash"), value).password == "hash"


@pytest.mark.parametrize("value", ["", "ben@shop.example", "ann", "shop.example", "mailto:ann@shop.example", "zoe@shop.example"])
def test_a_claim_of_nobody_is_refused(value: str) -> None:
    with pytest.raises(Refused, match="nobody of this team"):
        claimed(TEAM, Book(), value)


def test_a_claim_may_be_a_services() -> None:
    ci = Account("ci", "service", actions=("handoff.offer",), claim="repo:shop/churn:ref:refs/heads/main")
    assert claimed(TEAM, joined(Book(), ci), "repo:shop/churn:ref:refs/heads/main") is ci
