"""Local calendar values against zoneinfo, row by row, over every kind of change of clocks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.features.calendar import day_of_week, hour_of_day, local_micros
from baton.kernel.clock import EPOCH, from_micros, micros

ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Apia",
]


def instants(moments: list[datetime]) -> "np.ndarray[tuple[int], np.dtype[np.datetime64]]":
    return np.array([micros(moment) for moment in moments], dtype="datetime64[us]")


def slow_hour(moment: datetime, zone: str) -> float:
    local = moment.astimezone(ZoneInfo(zone))
    return local.hour + ((local.minute * 60 + local.second) * 1_000_000 + local.microsecond) / 3_600_000_000


def check(moments: list[datetime], zone: str) -> None:
    hours, days = hour_of_day(instants(moments), zone), day_of_week(instants(moments), zone)
    assert hours.dtype == days.dtype == np.float64
    for moment, hour, day in zip(moments, hours, days, strict=True):
        assert abs(hour - slow_hour(moment, zone)) < 1e-9, moment
        assert day == moment.astimezone(ZoneInfo(zone)).weekday(), moment


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.datetimes(datetime(1972, 2, 1), datetime(2040, 1, 1), timezones=st.just(UTC)), max_size=20),
    st.sampled_from(ZONES),
)
def test_any_instant_in_any_zone(moments: list[datetime], zone: str) -> None:
    check(moments, zone)


CHANGES = {
    "America/New_York": ("2023-03-12T07:00", "2023-11-05T06:00"),
    "Europe/Berlin": ("2023-03-26T01:00", "2023-10-29T01:00"),
    "Asia/Tehran": ("2022-03-21T20:30", "2022-09-21T19:30"),
    "Australia/Lord_Howe": ("2023-04-01T15:00", "2023-09-30T15:30"),
    "Pacific/Chatham": ("2023-04-01T14:00", "2023-09-23T14:00"),
    "Pacific/Apia": ("2011-12-30T10:00", "2021-04-03T14:00"),
}


@pytest.mark.parametrize("zone", CHANGES)
def test_every_minute_around_a_change_of_clocks(zone: str) -> None:
    for text in CHANGES[zone]:
        change = datetime.fromisoformat(text).replace(tzinfo=UTC)
        before, after = (moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in (change - timedelta(microseconds=1), change))
        assert before != after
        check([change + timedelta(minutes=minute) for minute in range(-95, 96)] + [change - timedelta(microseconds=1)], zone)


def test_known_values() -> None:
    moments = instants([datetime(2023, 1, 2, 3, 45, tzinfo=UTC), datetime(2023, 7, 2, 23, 59, 59, tzinfo=UTC)])
    assert hour_of_day(moments).tolist() == [3.75, 23 + 3599 / 3600]
    assert day_of_week(moments).tolist() == [0.0, 6.0]
    assert day_of_week(moments, "America/New_York").tolist() == [6.0, 6.0]
    assert from_micros(int(local_micros(moments, "America/New_York")[0])) == datetime(2023, 1, 1, 22, 45, tzinfo=UTC)


def test_no_instant_gives_no_number() -> None:
    times = np.array(["NaT", "2023-01-02T03:45", "NaT"], dtype="datetime64[us]")
    for zone in ("UTC", "Asia/Tehran"):
        assert np.isnan(hour_of_day(times, zone)).tolist() == np.isnan(day_of_week(times, zone)).tolist() == [True, False, True]
    assert hour_of_day(times)[1] == 3.75


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_any_resolution_is_read(unit: str) -> None:
    times = np.array([micros(datetime(2023, 7, 1, 12, tzinfo=UTC)) // 1_000_000], dtype="datetime64[s]").astype(
        f"datetime64[{unit}]"
    )
    assert hour_of_day(times, "America/New_York").tolist() == [8.0]


def test_before_the_epoch_too() -> None:
    check([EPOCH - timedelta(days=400, minutes=7), EPOCH - timedelta(microseconds=1), EPOCH], "America/New_York")
    assert len(hour_of_day(np.array([], dtype="datetime64[us]"), "Europe/Berlin")) == 0
