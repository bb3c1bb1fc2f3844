"""The guard: counts of several processes, one flag, and not a request to the canary after the event that raised it."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.serving.house import NOW

from baton.delivery.routing import Route, Routing, Watch
from baton.delivery.sequential import RateTest
from baton.kernel.clock import SimulatedClock
from baton.kernel.errors import Corrupt
from baton.serving.guard import UNITS, Board, Guard, forget, tripped

LIVE = Route("live", 1, "rel-1", "a" * 64)
CANARY = Route("canary", 2, "rel-2", "b" * 64, 0.1, step=1)
ROUTING = Routing("flights", 7, "salt", (LIVE, CANARY), Watch(0.05, (50_000, 200_000)))


def guard(folder: Path, slot: int = 0, routing: Routing = ROUTING) -> Guard:
    made = Guard(folder, SimulatedClock(NOW), slot)
    made.watch(routing)
    return made


def test_a_failing_canary_is_out_at_the_decisive_event(tmp_path: Path) -> None:
    one, other = guard(tmp_path, 0), guard(tmp_path, 1)
    for number in range(200):
        one.failed(CANARY, [f"e{number}"])
        if not one.allows(CANARY):
            break
    assert number < 6
    assert not other.allows(CANARY), "the other process knows at once"
    assert one.allows(LIVE)
    (record,) = tripped(tmp_path)
    assert (record.release, record.version, record.serial, record.criterion) == ("rel-2", 2, 7, "errors")
    assert record.counts == {"0.1": (number + 1, 0)}
    assert record.evidence >= record.threshold == 3 / 0.05


def test_counts_of_all_processes_add_up(tmp_path: Path) -> None:
    guards = [guard(tmp_path, slot) for slot in range(3)]
    for number, each in enumerate(guards):
        each.failed(LIVE, [f"a{number}", f"b{number}"])
        each.failed(CANARY, [f"c{number}"])
    board = Board(tmp_path / "guard-rel-2.bin", 9)
    assert board.counts(0) == {0.1: (3, 6)}
    assert not board.tripped


def test_slow_answers_count_at_each_cut_they_pass(tmp_path: Path) -> None:
    one = guard(tmp_path)
    one.answered(CANARY, 300_000, "x")
    one.answered(CANARY, 60_000, "y")
    one.answered(LIVE, 60_000, "z")
    one.answered(LIVE, 49_000, "w")
    board = Board(tmp_path / "guard-rel-2.bin", 9)
    assert (board.counts(0), board.counts(1), board.counts(2)) == ({}, {0.1: (2, 1)}, {0.1: (1, 0)})


def test_a_unit_counts_once(tmp_path: Path) -> None:
    one = guard(tmp_path)
    for _ in range(50):
        one.failed(CANARY, ["retries"])
    assert one.allows(CANARY)
    assert Board(tmp_path / "guard-rel-2.bin", 9).counts(0) == {0.1: (1, 0)}


def test_a_unit_counts_once_among_all_processes_and_within_a_request(tmp_path: Path) -> None:
    one, other = guard(tmp_path, 0), guard(tmp_path, 1)
    for each in (one, other):
        each.failed(LIVE, ["a", "b", "a"])
        each.failed(CANARY, ["c"])
    assert Board(tmp_path / "guard-rel-2.bin", 9).counts(0) == {0.1: (1, 2)}


def test_when_its_table_of_units_is_full_a_criterion_counts_no_more(tmp_path: Path) -> None:
    one = guard(tmp_path)
    one.failed(LIVE, [f"e{number}" for number in range(UNITS)])
    assert Board(tmp_path / "guard-rel-2.bin", 9).counts(0) == {0.1: (0, UNITS * 3 // 4)}
    one.failed(CANARY, ["late"])
    assert one.allows(CANARY)


def test_the_flag_and_the_counts_survive_the_processes(tmp_path: Path) -> None:
    one = guard(tmp_path)
    for number in range(6):
        one.failed(CANARY, [f"e{number}"])
    assert not guard(tmp_path).allows(CANARY)
    later = replace(ROUTING, serial=8, routes=(LIVE, replace(CANARY, share=0.25, step=2)))
    assert not guard(tmp_path, 0, later).allows(CANARY), "a later step of the same release stays out"


def test_a_ramp_counts_by_the_share_in_force(tmp_path: Path) -> None:
    one = guard(tmp_path)
    one.failed(LIVE, ["a"])
    one.watch(replace(ROUTING, serial=8, routes=(LIVE, replace(CANARY, share=0.25, step=2))))
    one.failed(LIVE, ["a", "b"])
    assert Board(tmp_path / "guard-rel-2.bin", 9).counts(0) == {0.1: (0, 1), 0.25: (0, 1)}, "a was counted before"


@settings(max_examples=50, deadline=None)
@given(events=st.lists(st.tuples(st.booleans(), st.integers(0, 2)), max_size=60))
def test_it_trips_when_the_test_says_so_and_not_before(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[bool, int]]
) -> None:
    folder = tmp_path_factory.mktemp("guards")
    guards = [guard(folder, slot) for slot in range(3)]
    mine = theirs = 0
    out = False
    for number, (canary, slot) in enumerate(events):
        mine, theirs = mine + canary, theirs + (not canary)
        guards[slot].failed(CANARY if canary else LIVE, [f"e{number}"])
        out = out or (canary and RateTest.of({0.1: (mine, theirs)}).evidence >= 60)
        assert all(each.allows(CANARY) is not out for each in guards)


def test_without_a_watch_or_a_canary_nothing_is_kept(tmp_path: Path) -> None:
    one = guard(tmp_path, routing=replace(ROUTING, routes=(LIVE,)))
    one.failed(LIVE, ["a"])
    two = guard(tmp_path, routing=replace(ROUTING, watch=None))
    two.failed(CANARY, ["a"])
    assert two.allows(CANARY)
    assert not list(tmp_path.iterdir())


def test_a_foreign_board_and_a_torn_record_are_told(tmp_path: Path) -> None:
    (tmp_path / "guard-rel-2.bin").write_bytes(b"x" * 600_000)
    with pytest.raises(Corrupt, match="board"):
        guard(tmp_path)
    (tmp_path / "guard-rel-3.json").write_bytes(b"{")
    with pytest.raises(Corrupt, match="record"):
        tripped(tmp_path)


def test_boards_of_releases_that_are_gone_are_removed(tmp_path: Path) -> None:
    guard(tmp_path)
    forget(tmp_path, kept=("rel-2",))
    assert [path.name for path in tmp_path.iterdir()] == ["guard-rel-2.bin"]
    forget(tmp_path, kept=())
    assert not list(tmp_path.iterdir())
