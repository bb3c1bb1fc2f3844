"""What everything that keeps credentials must do. Inherit `CredentialsSuite` and give it a fixture `place`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Protocol

import pytest

from baton.kernel.errors import Refused
from baton.team.identity import Account, Book, Issue, actor_of, issued, joined, revoked, shown, tried, with_password
from baton.team.ports import Credentials

AT = datetime(2023, 1, 1, tzinfo=UTC)


class Place(Protocol):
    """Where credentials live: they can be opened any number of times, also side by side."""

    def open(self) -> Credentials:
        """A handle of its own."""
        ...

    def bytes(self) -> Iterator[bytes]:
        """Everything that is stored, as it is stored."""
        ...


class CredentialsSuite:
    """The compliance suite; the fixture `place` is a fresh, empty Place."""

    def test_a_new_place_is_empty_and_looking_makes_nothing(self, place: Place) -> None:
        """Nobody has an identity, and reading leaves no trace."""
        assert place.open().read() == Book()
        assert not place.open().read().named
        assert list(place.bytes()) == []

    def test_what_is_kept_comes_back_to_every_handle(self, place: Place) -> None:
        """Accounts, tokens with their instants, and wrong attempts."""
        one, other = place.open(), place.open()
        kept = one.change(lambda book: tried(joined(book, Account("ann", "person", actions=("read",), claim="é")), "ann", AT))
        kept = one.change(lambda book: issued(book, Issue("ann", "person", "api", AT + timedelta(microseconds=1)), "s", AT)[0])
        assert other.read() == one.read() == kept
        assert kept.named
        assert next(iter(kept.secrets.values())).until == AT + timedelta(microseconds=1)

    def test_no_secret_is_stored(self, place: Place) -> None:
        """Neither a token's secret part nor its whole text can be read back."""
        secret = "a-long-random-secret-part"
        text = ""

        def give(book: Book) -> Book:
            nonlocal text
            made, _, text = issued(
                joined(book, Account("ann", "person")), Issue("ann", "person", "api", AT + timedelta(1)), secret, AT
            )
            return made

        place.open().change(give)
        stored = b"".join(place.bytes())
        assert stored
        assert secret.encode() not in stored
        assert text.encode() not in stored
        assert actor_of(place.open().read(), shown(place.open().read(), text, AT)).name == "ann"

    def test_a_revoked_token_is_worth_nothing_to_every_handle(self, place: Place) -> None:
        """At once, and for good."""
        book = place.open().change(
            lambda book: issued(
                joined(book, Account("ci", "service")), Issue("ci", "service", "api", AT + timedelta(1)), "s", AT
            )[0]
        )
        id = next(iter(book.secrets))
        place.open().change(lambda book: revoked(book, id, AT)[0])
        with pytest.raises(Refused, match="was revoked"):
            shown(place.open().read(), f"{id}.s", AT)

    def test_a_change_that_raises_keeps_nothing(self, place: Place) -> None:
        """The book stays as it was, and can be changed again."""
        before = place.open().change(lambda book: joined(book, Account("ann", "person")))

        def fail(book: Book) -> Book:
            raise Refused("no", where=str(book.named))

        with pytest.raises(Refused, match="no"):
            place.open().change(fail)
        assert place.open().read() == before
        after = place.open().change(lambda book: with_password(book, "ann", "hash"))
        assert after.accounts["ann"].password == "hash"

    def test_changes_side_by_side_are_all_kept(self, place: Place) -> None:
        """Read, change and keep is one step: no change is lost."""
        count, rounds = 4, 15
        start = Barrier(count)

        def work(number: int) -> None:
            mine = place.open()
            start.wait()
            for each in range(rounds):
                mine.change(lambda book, each=each: joined(book, Account(f"p{number}-{each}", "person")))  # type: ignore[misc]

        threads = [Thread(target=work, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(place.open().read().accounts) == count * rounds
