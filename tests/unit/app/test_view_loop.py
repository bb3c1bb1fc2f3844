"""How the loop is, as far as the record tells: past, without a model, not begun, replayed, silent or running."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from baton.app.views.loop import Glance, pulse
from baton.ledger.ports import LedgerReader, StateReader

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Record:
    """A ledger of which only the last daily step is known."""

    def __init__(self, day: str) -> None:
        self._day = day

    def cursor(self, name: str) -> str | None:
        return self._day or None if name == "day" else None


def state(day: str, *, clock: str = "wall", every: timedelta | None = HOUR, until: datetime | None = None) -> str:
    glance = Glance(cast(StateReader, None), cast(LedgerReader, cast(Any, Record(day))), NOON, until)
    return pulse(glance, clock, every).state


@pytest.mark.parametrize(("day", "wanted"), [
    ("", "unbegun"), ("2024-03-01T00:00:00Z", "running"), ("2024-02-29T07:00:00Z", "running"), ("2024-02-29T05:00:00Z", "silent"),
])  # fmt: skip
def test_a_loop_on_the_wall_clock_is_silent_once_its_daily_step_is_overdue(day: str, wanted: str) -> None:
    assert state(day) == wanted


def test_a_loop_that_looks_once_a_week_is_not_overdue_after_a_day() -> None:
    assert state("2024-02-25T00:00:00Z", every=timedelta(days=7)) == "running"


def test_the_past_a_replay_and_a_folder_without_a_model_are_told_apart() -> None:
    assert state("2024-01-01T00:00:00Z", clock="replay") == "replayed"
    assert state("", clock="replay") == "unbegun"
    assert state("2024-01-01T00:00:00Z", clock="replay", until=NOON) == "past"
    assert state("", every=None) == "alone"
