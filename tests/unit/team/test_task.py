"""Tasks: derived from their cause, done once."""

from datetime import UTC, datetime, timedelta

import pytest

from baton.kernel.errors import Conflict
from baton.team.task import done, opened

AT = datetime(2023, 1, 1, tzinfo=UTC)


def test_the_same_cause_is_the_same_task_and_is_done_once() -> None:
    task = opened("mo", "package", "parity failed", "handoff-1", AT)
    assert task.id == opened("ola", "package", "other words", "handoff-1", AT + timedelta(days=1)).id
    assert task.id != opened("mo", "package", "parity failed", "handoff-2", AT).id
    closed = done(task, "mo", AT, "packed again")
    assert (closed.status, closed.done_by, closed.outcome, closed.done_at) == ("done", "mo", "packed again", AT)
    with pytest.raises(Conflict, match="already done"):
        done(closed, "mo", AT, "twice")
