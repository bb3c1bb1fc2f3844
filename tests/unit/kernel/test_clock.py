"""Instants and durations have one spelling, and it is read back as it was written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.kernel.clock import (
    EPOCH,
    SimulatedClock,
    SystemClock,
    duration_text,
    floor_to,
    from_micros,
    iso,
    micros,
    parse_duration,
    parse_instant,
    stopwatch,
    to_utc,
)

INSTANTS = st.datetimes(
    datetime(1900, 1, 1),
    datetime(2200, 1, 1),
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)
FAST = settings(deadline=None, max_examples=60)


@FAST
@given(INSTANTS)
def test_an_instant_is_read_back_from_text_and_from_micros(moment: datetime) -> None:
    assert parse_instant(iso(moment)) == moment == from_micros(micros(moment))
    assert iso(moment).endswith("Z") and iso(moment) == iso(moment.astimezone(UTC))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2023-01-31", "2023-01-31T00:00:00Z"),
        (" 2023-01-31T06:00:00Z ", "2023-01-31T06:00:00Z"),
        ("2023-01-31T06:00:00+02:00", "2023-01-31T04:00:00Z"),
        ("2023-01-31T06:00:00.000001-05:30", "2023-01-31T11:30:00.000001Z"),
    ],
)
def test_instants_as_people_write_them(text: str, told: str) -> None:
    assert iso(parse_instant(text)) == told


@pytest.mark.parametrize("text", ["", "yesterday", "2023-02-30", "2023-01-31T06:00:00", "2023-01-31 06:00"])
def test_a_guess_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError):
        parse_instant(text)


def test_a_naive_instant_is_refused_with_advice() -> None:
    with pytest.raises(ValueError, match="2023-01-01T00:00:00Z"):
        to_utc(datetime(2023, 1, 1))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("3h", 10800), ("7d", 604800), ("2w", 1209600), (" 1h ", 3600), ("0s", 0), ("007d", 604800)],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "3", "h", "3 h", "-3h", "1.5h", "3H", "3h30m", "1234567s", "३h x", "3y"])
def test_what_is_no_duration_names_the_units(text: str) -> None:
    with pytest.raises(ValueError, match="one of s, m, h, d, w"):
        parse_duration(text)


@FAST
@given(st.integers(0, 999_999), st.sampled_from("smhd"))
def test_a_duration_is_read_back_from_its_largest_unit(count: int, unit: str) -> None:
    span = parse_duration(f"{count}{unit}")
    text = duration_text(span)
    assert parse_duration(text) == span
    assert len(text) <= len(f"{count}{unit}")


@pytest.mark.parametrize(
    ("seconds", "text"), [(90, "90s"), (120, "2m"), (7200, "2h"), (86400, "1d"), (14 * 86400, "14d"), (86401, "86401s")]
)
def test_the_spelling_of_durations(seconds: int, text: str) -> None:
    assert duration_text(timedelta(seconds=seconds)) == text


def test_a_span_below_a_second_has_no_spelling() -> None:
    with pytest.raises(ValueError, match="whole number"):
        duration_text(timedelta(milliseconds=1500))


@FAST
@given(INSTANTS, st.integers(1, 100_000))
def test_floor_is_the_latest_multiple_that_is_not_after(moment: datetime, seconds: int) -> None:
    step = timedelta(seconds=seconds)
    floor = floor_to(moment, step)
    assert floor <= moment < floor + step
    assert (floor - EPOCH) % step == timedelta(0)


def test_the_simulated_clock_never_goes_back() -> None:
    clock = SimulatedClock(datetime(2023, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))))
    assert iso(clock.now()) == "2023-01-01T00:00:00Z"
    clock.advance(clock.now())
    clock.advance(clock.now() + timedelta(hours=1))
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(clock.now() - timedelta(microseconds=1))
    assert iso(clock.now()) == "2023-01-01T01:00:00Z"


def test_the_system_clock_speaks_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)
    assert stopwatch()() >= 0
