"""Notices: settled once, tried again ever later and not for ever, and grouped so that a repetition is the same message."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.kernel.errors import Conflict
from baton.team.notice import (
    ATTEMPTS,
    FIRST,
    LONGEST,
    PATIENCE,
    PROBE,
    Cause,
    Notice,
    again_at,
    delivered,
    failed,
    message_key,
    missed,
    notice_id,
    together,
)

AT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def notice(number: int = 0, to: str = "eve", **fields: Any) -> Notice:
    cause = Cause("handoff.offered", f"handoff-{number}", AT)
    known = Notice(notice_id(cause, to), "pending", to, "it waits on you", "Take it?", "", True, True, "turn-1", cause, AT, AT)
    return replace(known, **fields)


def test_the_same_fact_and_person_give_the_same_id_and_nothing_else_does() -> None:
    cause = Cause("handoff.escalated", "handoff-1", AT)
    others = [
        notice_id(replace(cause, kind="handoff.offered"), "eve"),
        notice_id(replace(cause, subject="handoff-2"), "eve"),
        notice_id(replace(cause, at=AT + SECOND), "eve"),
        notice_id(cause, "dan"),
    ]
    assert notice_id(cause, "eve") == notice_id(replace(cause), "eve")
    assert len({notice_id(cause, "eve"), *others}) == 5


def test_a_receipt_ends_it() -> None:
    after = delivered(replace(notice(), error="before", attempts=2), AT + SECOND, "mailto:eve@shop.example", "250 ok")
    assert (after.status, after.channel, after.receipt, after.delivered_at) == (
        "delivered",
        "mailto:eve@shop.example",
        "250 ok",
        AT + SECOND,
    )
    assert (after.next_try, after.error, after.attempts) == (None, "", 2)


@pytest.mark.parametrize("status", ["delivered", "failed"])
def test_what_is_settled_stays_settled(status: str) -> None:
    known = replace(notice(), status=status)
    with pytest.raises(Conflict, match=f"already {status}"):
        delivered(known, AT, "inbox", "kept")
    with pytest.raises(Conflict, match=f"already {status}"):
        missed(known, "no", AT + SECOND)
    with pytest.raises(Conflict, match=f"already {status}"):
        failed(known, "no")


def schedule(known: Notice) -> list[datetime]:
    """The instants at which it is tried while nobody takes it."""
    tried, at = list[datetime](), AT
    while known.status == "pending" and len(tried) < 50:
        tried.append(at)
        known = missed(known, "no", again_at([known], at))
        at = known.next_try or at
    return tried


@given(st.integers(0, 10_000))
def test_it_is_tried_ever_later_and_not_for_ever(number: int) -> None:
    tried = schedule(notice(number))
    waits = [after - before for before, after in pairwise(tried)]
    assert len(tried) == ATTEMPTS and tried[-1] - AT < PATIENCE
    for place, wait in enumerate(waits):
        middle = min(FIRST * 2**place, LONGEST)
        assert 0.75 * middle - SECOND <= wait <= 1.25 * middle + SECOND
    assert schedule(notice(number)) == tried, "the same ids wait for the same instants, however often a process starts"


def test_not_everybody_is_tried_at_the_same_instant() -> None:
    assert len({schedule(notice(number))[1] for number in range(40)}) > 10


def test_a_receiver_that_asks_to_wait_is_left_alone_that_long_but_not_for_ever() -> None:
    assert again_at([notice()], AT, timedelta(hours=2)) == AT + timedelta(hours=2)
    assert again_at([notice()], AT, timedelta(days=400)) == AT + PATIENCE
    assert again_at([notice()], AT, SECOND) > AT + SECOND


def test_patience_ends_it_however_few_attempts_there_were() -> None:
    assert missed(notice(), "no", AT + PATIENCE).status == "pending"
    assert missed(notice(), "no", AT + PATIENCE + SECOND).status == "failed"


def test_a_probe_is_tried_until_it_arrives() -> None:
    tried = schedule(notice(probe=True))
    assert len(tried) == 50
    assert tried[-1] - tried[-2] <= 1.25 * PROBE and tried[-1] - AT > timedelta(days=5)


def test_the_key_of_a_message_is_that_of_its_notices_in_any_order() -> None:
    one, other = notice(1), notice(2)
    assert message_key([one]) == one.id
    assert message_key([one, other]) == message_key([other, one]) != message_key([one, notice(3)])


def test_what_is_due_goes_out_one_message_a_person_and_what_is_urgent_first() -> None:
    calm = notice(1, urgent=False, asks=False)
    urgent, later = notice(2), notice(3, next_try=AT + SECOND)
    dan = notice(4, "dan", urgent=False)
    settled = notice(5, status="delivered", next_try=None)
    assert together([calm, dan, settled, urgent, later], AT) == [(urgent, calm), (dan,)]
    assert together([calm, dan, urgent, later], AT + SECOND) == [(urgent, calm), (later,), (dan,)]
    assert together([urgent], AT - SECOND) == []


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from(["eve", "dan"]), st.integers(0, 3), st.booleans()), max_size=12))
def test_nothing_that_is_due_is_left_out_or_sent_twice(drawn: list[tuple[int, str, int, bool]]) -> None:
    known = {
        each.id: each for n, to, wait, urgent in drawn for each in [notice(n, to, next_try=AT + wait * SECOND, urgent=urgent)]
    }
    found = together(known.values(), AT + SECOND)
    due = {each.id for each in known.values() if each.next_try is not None and each.next_try <= AT + SECOND}
    ids = [each.id for batch in found for each in batch]
    assert sorted(ids) == sorted(due)
    assert all(len({(each.to, each.next_try) for each in batch}) == 1 for batch in found)
