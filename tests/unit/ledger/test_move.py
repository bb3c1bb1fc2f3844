"""A move that the table allows makes a changed copy; any other is refused and says what is allowed."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from baton.kernel.errors import Conflict
from baton.ledger.move import Moves, move


@dataclass(frozen=True, slots=True)
class Door:
    KIND: ClassVar[str] = "door"
    id: str
    status: str
    hand: str = ""


MOVES: Moves = {"open": frozenset({"shut"}), "shut": frozenset({"open", "locked"}), "locked": frozenset()}


def test_an_allowed_move_makes_a_changed_copy() -> None:
    one = Door("door-1", "open")
    assert move(one, MOVES, "shut", hand="ann") == Door("door-1", "shut", "ann")
    assert one == Door("door-1", "open")


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("open", "locked", "allowed: shut"),
        ("open", "open", "allowed: shut"),
        ("shut", "ajar", "allowed: locked, open"),
        ("locked", "open", "allowed: nothing, this is an end"),
        ("ajar", "open", "allowed: nothing, this is an end"),
    ],
)
def test_any_other_move_is_refused(before: str, after: str, why: str) -> None:
    with pytest.raises(Conflict, match=f"door-1 is {before} and cannot become {after}") as caught:
        move(Door("door-1", before), MOVES, after)
    assert (caught.value.why, caught.value.fix) == (why, "baton status")
