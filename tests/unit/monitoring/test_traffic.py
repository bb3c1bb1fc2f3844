"""The traffic of a day, out of its record and what was measured."""

from datetime import UTC, datetime, timedelta

from baton.monitoring.day import Day
from baton.monitoring.traffic import ERRORS, P50, P99, Traffic, traffic

FIRST = datetime(2023, 3, 1, tzinfo=UTC)
NIGHT = FIRST + timedelta(days=1)


def day(at: datetime, requests: int, *versions: int) -> Day:
    return Day(at.date().isoformat(), "served", at, requests, 10 * requests, versions)


def test_a_measurement_speaks_of_the_day_before_it() -> None:
    measured = [(P50, 3.5, NIGHT), (P99, 6.5, NIGHT), (ERRORS, 2.0, NIGHT), ("train.search.seconds", 9.0, NIGHT)]
    assert traffic([day(FIRST, 19, 1, 2)], measured) == [Traffic("2023-03-01", (1, 2), 21, 2, 3.5, 6.5)]


def test_what_was_not_measured_is_none() -> None:
    assert traffic([day(FIRST, 19, 1)], []) == [Traffic("2023-03-01", (1,), 19, None, None, None)]


def test_a_day_on_which_every_request_failed_is_told() -> None:
    assert traffic([], [(ERRORS, 4.0, NIGHT)]) == [Traffic("2023-03-01", (), 4, 4, None, None)]


def test_a_step_run_again_adds_failures_and_restates_latency() -> None:
    measured = [(ERRORS, 4.0, NIGHT), (P50, 3.0, NIGHT), (ERRORS, 1.0, NIGHT), (P50, 3.0, NIGHT)]
    assert traffic([day(FIRST, 19, 1)], measured) == [Traffic("2023-03-01", (1,), 24, 5, 3.0, None)]


def test_days_stand_in_order() -> None:
    days = [day(FIRST + timedelta(days=number), 1, 1) for number in (2, 0, 1)]
    assert [each.day for each in traffic(days, [])] == ["2023-03-01", "2023-03-02", "2023-03-03"]
