"""The time machine's slider: steps that fit the record, its first place and the present at its last."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from baton.web.machine import DAY, HOUR, MINUTE, machine

FIRST = datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)


def test_a_young_record_is_walked_by_the_minute_and_a_year_by_the_day() -> None:
    lengths = (timedelta(), 2 * DAY, 2 * DAY + HOUR, 45 * DAY, 46 * DAY, 3650 * DAY)
    assert [machine(FIRST, FIRST + each, FIRST).step for each in lengths] == [MINUTE, MINUTE, HOUR, HOUR, DAY, DAY]


def test_an_instant_fills_the_field_that_the_browser_shows() -> None:
    assert machine(FIRST, FIRST + HOUR, FIRST).field(FIRST) == "2026-03-01T10:20"
    assert machine(FIRST, FIRST + 90 * DAY, FIRST).field(FIRST) == "2026-03-01"


@given(st.integers(0, 400 * 86400), st.floats(0, 1))
def test_the_last_place_is_the_present_and_every_other_lies_before_what_it_shows(seconds: int, part: float) -> None:
    last = FIRST + timedelta(seconds=seconds)
    at = FIRST + (last - FIRST) * part
    slider = machine(FIRST, last, at)
    assert 0 <= slider.place <= slider.places
    assert slider.first <= FIRST < slider.first + slider.step
    assert slider.first + slider.places * slider.step >= last
    if at >= last:
        assert slider.place == slider.places
    else:
        assert slider.first + slider.place * slider.step <= at < slider.first + (slider.place + 1) * slider.step
