"""A turn goes one way, through every stage of the loop, and may fail at each; a gate that is overridden takes it up again."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

import pytest

from baton.app.lifecycle.turn import MOVES, OPEN, Turn, moved
from baton.kernel.errors import Conflict

AT = datetime(2023, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WAY = ("preparing", "training", "evaluated", "registered", "packaged", "releasing", "done")


def turn(status: str) -> Turn:
    return Turn("turn-1", 1, status, "the first model", AT, AT, waits_for="handoff-1")


@pytest.mark.parametrize(("before", "after"), list(product(MOVES, MOVES)))
def test_every_move_is_allowed_or_refused(before: str, after: str) -> None:
    if (before, after) not in (*pairwise(WAY), ("failed", "evaluated")) and (before not in WAY[:-1] or after != "failed"):
        with pytest.raises(Conflict, match=f"turn-1 is {before} and cannot become {after}"):
            moved(turn(before), after, AT + DAY)
        return
    other = moved(turn(before), after, AT + DAY, outcome="told")
    assert (other.status, other.since, other.started_at, other.waits_for, other.outcome) == (after, AT + DAY, AT, "", "told")


def test_a_turn_is_open_until_it_is_done_or_failed() -> None:
    assert WAY[:-1] == OPEN
    assert set(MOVES) == {*WAY, "failed"}
