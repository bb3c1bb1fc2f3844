"""Simulated people: working time, absences, silences, and what they send back."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.project.behaviour import Behaviour
from baton.team.conduct import absences, answers_at, objection

AT = datetime(2023, 3, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def behaves(**told: object) -> Behaviour:
    return Behaviour.model_validate(told)


def test_who_declares_no_answer_never_answers() -> None:
    assert answers_at(behaves(), AT) is None


def test_without_hours_all_time_counts() -> None:
    assert answers_at(behaves(answers="30h"), AT) == AT + 30 * HOUR


@pytest.mark.parametrize(
    ("asked", "answers", "then"),
    [
        ("2023-03-03T12:00", "4h", "2023-03-03T18:00"),
        ("2023-03-03T20:00", "4h", "2023-03-06T16:00"),
        ("2023-03-03T23:30", "30m", "2023-03-06T14:30"),
        ("2023-03-10T21:00", "2h", "2023-03-13T14:00"),
        ("2023-03-04T10:00", "8h", "2023-03-06T22:00"),
    ],
)
def test_office_hours_in_their_zone_and_over_a_weekend_with_a_clock_change(asked: str, answers: str, then: str) -> None:
    office = behaves(answers=answers, hours="Mon-Fri 09:00-17:00", zone="America/New_York")
    assert answers_at(office, datetime.fromisoformat(asked + "+00:00")) == datetime.fromisoformat(then + "+00:00")


def test_time_away_and_silent_time_do_not_count() -> None:
    gap = [{"since": "2023-03-03T13:00:00Z", "until": "2023-03-05T12:00:00Z"}]
    for kind in ("away", "silent"):
        assert answers_at(behaves(answers="2h", **{kind: gap}), AT) == datetime(2023, 3, 5, 13, tzinfo=UTC)
    assert [each.reason for each in absences(behaves(away=gap))] == ["declared in the policy"]
    assert absences(behaves(silent=gap)) == ()


def test_whoever_is_silent_for_ever_never_answers() -> None:
    ages = [{"since": "2023-01-01", "until": "2033-01-01"}]
    assert answers_at(behaves(answers="1h", silent=ages), AT) is None


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 24 * 21),
    st.integers(1, 90),
    st.sampled_from(["Mon-Fri", "Sat-Mon", "Wed-Wed"]),
    st.integers(0, 24 * 20),
    st.integers(1, 90),
)
def test_the_answer_comes_when_enough_working_hours_have_passed_one_by_one(
    asked: int, answers: int, days: str, away: int, length: int
) -> None:
    zone, since = ZoneInfo("Europe/Berlin"), AT.replace(hour=0) + asked * HOUR
    gap = AT.replace(hour=0) + away * HOUR
    person = behaves(
        answers=f"{answers}h",
        hours=f"{days} 08:00-18:00",
        zone="Europe/Berlin",
        away=[{"since": gap.isoformat(), "until": (gap + length * HOUR).isoformat()}],
    )
    first, last = (("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun").index(name) for name in days.split("-"))
    wanted = {day % 7 for day in range(first, last + (7 if last < first else 0) + 1)}
    now, left = since, answers
    for _ in range(24 * 110):
        local = now.astimezone(zone)
        if local.weekday() in wanted and 8 <= local.hour < 18 and not gap <= now < gap + length * HOUR:
            left -= 1
        now += HOUR
        if left == 0:
            break
    assert answers_at(person, since) == (now if left == 0 else None)


def test_what_is_sent_back_and_why() -> None:
    rules = [
        {"edge": "report", "when": "quality.auc < 0.7", "reason": "below 0.70: what was done?"},
        {"edge": "report", "when": "value<=0", "reason": "it costs"},
    ]
    person = behaves(declines=rules)
    assert objection(person, "report", {"quality": {"auc": 0.69}, "value": -5}) == "below 0.70: what was done?"
    assert objection(person, "report", {"quality": {"auc": 0.7}, "value": 0}) == "it costs"
    assert objection(person, "report", {"quality": {"auc": 0.7}, "value": 1}) == ""
    assert objection(person, "bundle", {"quality": {"auc": 0.1}}) == ""
    assert objection(person, "report", {"quality": 3, "value": None}) == ""
