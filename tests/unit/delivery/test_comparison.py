"""A/B comparisons: an arm that harms goes, a better one wins, a broken split decides nothing, time ends it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from baton.delivery.comparison import Tally, conclude, read_arms
from baton.delivery.release import Release

AT, WEEK = datetime(2023, 1, 1, tzinfo=UTC), timedelta(days=7)
ARMS = [Release(f"rel-{name}", 2, "b", "arm", AT, AT, share=0.3, variant=name, group="g") for name in ("bold", "calm")]
EVEN: dict[tuple[float, ...], tuple[int, ...]] = {(0.4, 0.3, 0.3): (4000, 3000, 3000)}


def tally(mine: int, theirs: int) -> Tally:
    return Tally({3 / 7: (3000, 4000)}, {3 / 7: (mine, theirs)})


def outcome(
    bold: int, calm: int, live: int, units: dict[tuple[float, ...], tuple[int, ...]] = EVEN, days: int = 3
) -> tuple[object, ...]:
    readings = read_arms({"bold": tally(bold, live), "calm": tally(calm, live)}, units, 0.05, {})
    found = conclude(ARMS, readings, WEEK, AT + timedelta(days=days))
    return found.harmful, found.winner, bool(found.over)


def test_what_follows() -> None:
    assert outcome(600, 600, 800) == ((), "", False)
    assert outcome(1200, 600, 800) == (("bold",), "", False)
    assert outcome(300, 600, 800) == ((), "bold", False)
    assert outcome(1200, 300, 800) == (("bold",), "calm", False)
    assert outcome(400, 300, 800) == ((), "calm", False), "of two that are better, the better one"
    assert outcome(1200, 1200, 800) == (("bold", "calm"), "", True)
    assert outcome(600, 600, 800, days=7) == ((), "", True)


def test_a_broken_split_decides_nothing() -> None:
    broken: dict[tuple[float, ...], tuple[int, ...]] = {(0.4, 0.3, 0.3): (4000, 3000, 1500)}
    assert outcome(1200, 300, 800, broken) == ((), "", False)
    assert outcome(1200, 300, 800, broken, days=8) == ((), "", True)
    assert replace(ARMS[0], share=0.1).share == 0.1
