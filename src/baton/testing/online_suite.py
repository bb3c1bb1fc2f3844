"""What every online store must do. Inherit `OnlineStoreSuite` and give it a fixture `place`."""

from typing import Protocol

import pytest

from baton.features.ports import OnlineStore, Values
from baton.kernel.errors import Conflict, Unavailable
from baton.serving.ports import OnlineSnapshots

EVERY_KIND: Values = (1, -2.5, "été", None, 0, "", 9_007_199_254_740_993)


class Place(Protocol):
    """Where a store lives: it can be opened for writing once, and for reading often."""

    def store(self) -> OnlineStore:
        """Open for writing."""
        ...

    def reader(self) -> OnlineSnapshots:
        """Open for reading; a store was opened before."""
        ...


class OnlineStoreSuite:
    """The compliance suite; the fixture `place` is a fresh, empty Place."""

    def test_a_new_store_has_no_watermark(self, place: Place) -> None:
        """Nothing written: None, and nothing is found."""
        place.store()
        reader = place.reader()
        assert reader.begin() is None
        assert reader.read("v", ["a"]) == [None]

    def test_values_come_back_as_written(self, place: Place) -> None:
        """Ints stay ints, floats floats, None None; order follows the keys asked for."""
        place.store().write([("v", "a", 5, EVERY_KIND), ("v", "b", 6, (1.0,))], watermark=7)
        reader = place.reader()
        assert reader.begin() == 7
        found = reader.read("v", ["b", "nobody", "a", "a"])
        assert found == [(6, (1.0,)), None, (5, EVERY_KIND), (5, EVERY_KIND)]
        assert [type(value) for value in (found[2] or (0, ()))[1]] == [type(value) for value in EVERY_KIND]

    def test_views_and_keys_do_not_mix(self, place: Place) -> None:
        """A view's name and a key never run into each other, and odd keys are keys."""
        odd = ["", "\x1f", "v", "k" * 1000, "k" * 1001, "日本"]
        place.store().write(
            [("v", key, number, (key,)) for number, key in enumerate(odd)] + [("vv", "", 99, ("other",))], watermark=1
        )
        reader = place.reader()
        reader.begin()
        assert reader.read("v", odd) == [(number, (key,)) for number, key in enumerate(odd)]
        assert reader.read("vv", ["", "v"]) == [(99, ("other",)), None]

    def test_the_last_change_of_a_key_wins(self, place: Place) -> None:
        """Within one write as across writes; None deletes, also what is not there."""
        store, reader = place.store(), place.reader()
        store.write(
            [("v", "a", 1, (1,)), ("v", "a", 2, (2,)), ("v", "b", 1, (1,)), ("v", "b", 2, None), ("v", "c", 1, None)], watermark=1
        )
        reader.begin()
        assert reader.read("v", ["a", "b", "c"]) == [(2, (2,)), None, None]
        store.write([("v", "a", 3, None), ("v", "c", 3, ())], watermark=2)
        reader.begin()
        assert reader.read("v", ["a", "c"]) == [None, (3, ())]

    def test_a_snapshot_stands_still(self, place: Place) -> None:
        """Reads between two begins see one state, whoever holds the snapshot."""
        store = place.store()
        store.write([("v", "a", 1, (1,))], watermark=1)
        reader = place.reader()
        assert (reader.begin(), store.begin()) == (1, 1)
        store.write([("v", "a", 2, (2,)), ("v", "b", 2, (2,))], watermark=2)
        assert reader.read("v", ["a", "b"]) == store.read("v", ["a", "b"]) == [(1, (1,)), None]
        assert reader.begin() == 2
        assert reader.read("v", ["a", "b"]) == [(2, (2,)), (2, (2,))]

    def test_the_watermark_moves_without_changes(self, place: Place) -> None:
        """An hour in which nothing arrived is a fact too."""
        store, reader = place.store(), place.reader()
        store.write([("v", "a", 1, (1,))], watermark=1)
        store.write([], watermark=2)
        assert reader.begin() == 2
        assert reader.read("v", ["a"]) == [(1, (1,))]

    def test_a_failed_write_changes_nothing(self, place: Place) -> None:
        """Changes that break half way leave values and watermark as they were."""
        store, reader = place.store(), place.reader()
        store.write([("v", "a", 1, (1,))], watermark=1)

        def breaking() -> "list[tuple[str, str, int, Values | None]]":
            raise OSError("the source went away")

        with pytest.raises(OSError, match="went away"):
            store.write(
                (change for part in ([("v", "a", 2, (2,))], None) for change in (part if part is not None else breaking())),
                watermark=2,
            )
        assert reader.begin() == 1
        assert reader.read("v", ["a"]) == [(1, (1,))]

    def test_one_writer_at_a_time(self, place: Place) -> None:
        """A second one is refused, and may try again once the first has closed."""
        first = place.store()
        first.write([("v", "a", 1, (1,))], watermark=1)
        with pytest.raises(Unavailable):
            place.store()
        first.close()
        second = place.store()
        assert second.begin() == 1
        assert second.read("v", ["a"]) == [(1, (1,))]

    def test_reading_needs_a_snapshot(self, place: Place) -> None:
        """Before begin and after end there is nothing to read from."""
        place.store().write([("v", "a", 1, (1,))], watermark=1)
        reader = place.reader()
        with pytest.raises(Conflict):
            reader.read("v", ["a"])
        reader.begin()
        reader.end()
        reader.end()
        with pytest.raises(Conflict):
            reader.read("v", ["a"])
