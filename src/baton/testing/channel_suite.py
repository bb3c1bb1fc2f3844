"""What every channel must do. Inherit `ChannelSuite` and give it a fixture `place` with a real receiver behind it."""

from datetime import UTC, datetime
from typing import Any, Protocol

import pytest

from baton.kernel.errors import Refused, Unavailable
from baton.team.ports import Channel, Message

AT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
HANGS = "hangs"
"""An answer that never comes."""


def message(key: str = "notice-0123456789ab", **fields: Any) -> Message:
    """A message like those that are sent."""
    known: dict[str, Any] = {
        "key": key,
        "to": "eve",
        "title": "Take it? packaged model (turn-1)",
        "words": "it waits on you\nuntil 2026-01-07 09:30 UTC\nbaton accept handoff-1 --as eve",
        "urgent": True,
        "notices": (key,),
        "at": AT,
    }
    return Message(**{**known, **fields})


class Place(Protocol):
    """A receiver on this machine, and channels that lead to it."""

    def channel(self, patience: float = 5.0) -> Channel:
        """A channel to the receiver that waits at most so many seconds."""
        ...

    def answers(self, how: str) -> None:
        """Let the receiver answer from now on: `takes`, `fails` (for now), `refuses` (for good), or `hangs`."""
        ...

    def received(self) -> list[str]:
        """What was received so far, as text, each with the key and words of its message."""
        ...

    def stop(self) -> None:
        """Stop receiving: nobody listens any more."""
        ...


class ChannelSuite:
    """The compliance suite; the fixture `place` is a fresh Place that takes everything."""

    refuses: type[Exception] = Refused
    """What a refusal for good raises; a channel that cannot tell it from a failure says Unavailable."""

    def test_a_message_arrives_with_its_key_and_the_other_side_s_word(self, place: Place) -> None:
        """The receipt is not empty and short; title, words and key are all there."""
        receipt = place.channel().send(message())
        assert 0 < len(receipt) <= 200
        (got,) = place.received()
        for part in ("notice-0123456789ab", "Take it? packaged model (turn-1)", "until 2026-01-07 09:30 UTC"):
            assert part in got

    def test_sent_again_it_bears_the_same_key(self, place: Place) -> None:
        """At least once, recognisable: nothing else in it tells the second from the first."""
        channel = place.channel()
        channel.send(message("notices-aa"))
        channel.send(message("notices-aa"))
        received = place.received()
        assert len(received) == 2
        assert all("notices-aa" in each for each in received)

    @pytest.mark.parametrize("words", ["Grüße, 日本, ✓", "line\r\nBcc: all@x.example\r\n\r\n<b>&amp;", ".\n..\n.", "x" * 20_000])
    def test_odd_words_arrive_and_add_nothing(self, place: Place, words: str) -> None:
        """Whatever stands in it, one message arrives."""
        place.channel().send(message(words=words))
        assert len(place.received()) == 1

    def test_a_failure_may_be_tried_again(self, place: Place) -> None:
        """Unavailable now, taken later, by the same channel."""
        channel = place.channel()
        place.answers("fails")
        with pytest.raises(Unavailable):
            channel.send(message())
        place.answers("takes")
        assert channel.send(message())

    def test_a_refusal_is_told(self, place: Place) -> None:
        """A receiver that will not take it."""
        place.answers("refuses")
        with pytest.raises(self.refuses):
            place.channel().send(message())

    def test_a_receiver_that_hangs_ends_in_time(self, place: Place) -> None:
        """Unavailable after the channel's patience; the caller is never held."""
        place.answers(HANGS)
        with pytest.raises(Unavailable):
            place.channel(patience=0.3).send(message())

    def test_nobody_there(self, place: Place) -> None:
        """Unavailable: it may come back."""
        channel = place.channel()
        place.stop()
        with pytest.raises(Unavailable):
            channel.send(message())
