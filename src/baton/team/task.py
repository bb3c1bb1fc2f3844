"""Tasks: work that came back to somebody, so that nothing is dropped between two people.

open ──done──▶ done
open ──given up──▶ given-up
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from baton.kernel.errors import Conflict, Refused
from baton.kernel.ids import derived_id


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that `owner` must do in a phase. `cause` is what it came from: a hand-off, an override, a roll-back.

    `not_by` is whose act it reviews: they cannot finish it themselves.
    """

    KIND: ClassVar[str] = "task"
    id: str
    status: str
    owner: str
    phase: str
    what: str
    cause: str
    edge: str
    opened_at: datetime
    done_at: datetime | None = None
    done_by: str = ""
    outcome: str = ""
    not_by: str = ""


def opened(owner: str, phase: str, what: str, cause: str, at: datetime, edge: str = "") -> Task:
    """A task for somebody; the same cause gives the same task."""
    return Task(task_id(cause, phase), "open", owner, phase, what, cause, edge, at)


def task_id(cause: str, phase: str) -> str:
    """The id of the task that a cause leaves in a phase."""
    return derived_id("task", cause, phase)


def done(task: Task, by: str, at: datetime, outcome: str) -> Task:
    """The task once it is done. Raises Conflict when it was done before, Refused when it reviews what they did themselves."""
    return _ended(task, "done", by, at, outcome)


def given_up(task: Task, by: str, at: datetime, outcome: str) -> Task:
    """The task once it is given up: what it came from stays undone. Raises as `done` does."""
    return _ended(task, "given-up", by, at, outcome)


def _ended(task: Task, status: str, by: str, at: datetime, outcome: str) -> Task:
    if task.status != "open":
        raise Conflict(f"{task.id} is already {task.status}", why=f"by {task.done_by}: {task.outcome}", fix="baton inbox")
    if by == task.not_by:
        raise Refused(f"{by} cannot review what {by} did", where=task.what, fix=f"let {task.owner} look at it: baton inbox")
    return replace(task, status=status, done_by=by, done_at=at, outcome=outcome)
