"""What people decide over the API beside hand-offs: approvals, tasks, traffic, who is there. The same use cases as the console's."""

from typing import Annotated, Any

import msgspec
from fastapi import Path, Query, Request

from baton.app import answers, coming, overrides, rollback
from baton.app.seat import Seat
from baton.delivery.release import Release
from baton.kernel.errors import InvalidInput, NotFound
from baton.team.approval import Approval
from baton.team.person import Absence, Delegation
from baton.team.task import Task
from baton.web import bodies

ApprovalId = Annotated[str, Path(max_length=100, pattern=r"^approval-[0-9a-f]{12}$")]
Asked = Annotated[
    str, Path(max_length=100, pattern=r"^(rollout|approval-[0-9a-f]{12})$", description="an approval, or `rollout`")
]
TaskId = Annotated[str, Path(max_length=100, pattern=r"^task-[0-9a-f]{12}$")]
Name = Annotated[str, Path(max_length=63)]
Told = dict[str, str]


def approval(request: Request, id: ApprovalId) -> dict[str, Any]:
    """One request for approval, and what people said to it."""
    return _plain(_seat(request).state.get(Approval, id), f"approval '{id}'")


def approve(request: Request, id: Asked, body: bodies.WordsBody) -> Told:
    """Approve a request, or `rollout`: promotions by the rollout policy as it is declared now."""
    return _told(answers.approve(_acting(request), id, body.reason))


def refuse(request: Request, id: ApprovalId, body: bodies.ReasonBody) -> Told:
    """Refuse a request: one no of somebody who may approve ends it."""
    return _told(answers.refuse(_acting(request), id, body.reason))


def task(request: Request, id: TaskId) -> dict[str, Any]:
    """One task."""
    return _plain(_seat(request).state.get(Task, id), f"task '{id}'")


def finish(request: Request, id: TaskId, body: bodies.FinishBody) -> Told:
    """Finish a task, or give it up."""
    return _told(answers.finish(_acting(request), id, body.reason, give_up=body.give_up))


def releases(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[str, Query(max_length=200)] = "",
) -> dict[str, Any]:
    """Releases in the order in which they began, a page at a time."""
    state = _seat(request).state
    if cursor and state.get(Release, cursor) is None:
        raise InvalidInput("the cursor is none of this list's", where="cursor", fix="take it from `next`")
    many = state.page(Release, after=cursor, limit=limit + 1)
    page = many[:limit]
    return {"releases": [msgspec.to_builtins(each) for each in page], "next": page[-1].id if len(many) > limit else None}


def roll_back(request: Request, body: bodies.RollBackBody) -> Told:
    """End the release on trial, or put the last one back into service; another person reviews it. Names the `release` that is to
    end, or 409 when by now it would be another."""
    return _told(rollback.go_back(_acting(request), body.reason, body.release))


def halt(request: Request, body: bodies.HaltBody) -> Told:
    """The kill switch: no version answers, until somebody resumes or until the instant that is named."""
    return _told(overrides.halt(_acting(request), body.reason, body.until))


def resume(request: Request, body: bodies.ReasonBody) -> Told:
    """End the halt."""
    return _told(overrides.resume(_acting(request), body.reason))


def override(request: Request, body: bodies.OverrideBody) -> Told:
    """Ask that a rule does not hold for a time: it holds once enough people approve, and ends by itself."""
    return _told(overrides.override(_acting(request), body.kind, body.subject, body.reason, body.until))


def away(request: Request, name: Name, body: bodies.AwayBody) -> Told:
    """Somebody is away for a time: what waits on them moves on."""
    words = body.reason or "away"
    return _told(coming.go_away(_acting(request), name, lambda now: Absence(body.since or now, body.until, words)))


def back(request: Request, name: Name, body: bodies.WordsBody) -> Told:
    """Somebody is back: from an absence, or after having left."""
    return _told(coming.come_back(_acting(request), name, body.reason))


def leave(request: Request, name: Name, body: bodies.WordsBody) -> Told:
    """Somebody leaves the team for good."""
    return _told(coming.leave(_acting(request), name, body.reason))


def delegate(request: Request, name: Name, body: bodies.DelegateBody) -> Told:
    """Somebody gives duties to another person for a time."""
    words, phases = body.reason or f"to {body.to}", tuple(dict.fromkeys(body.phases))
    return _told(
        coming.delegate(
            _acting(request), name, lambda now: Delegation(body.to, body.since or now, body.until, phases, body.subject, words)
        )
    )


def _seat(request: Request) -> Seat:
    """A seat to look from."""
    seat: Seat = request.app.state.desk.seat(request.state.actor)
    return seat


def _acting(request: Request) -> Seat:
    """A seat to act from, once what is due was done: nobody answers what is over."""
    request.app.state.desk.move()
    return _seat(request)


def _told(words: str) -> Told:
    return {"told": words}


def _plain(record: Approval | Task | None, what: str) -> dict[str, Any]:
    if record is None:
        raise NotFound(f"there is no {what}", where="id", fix="GET /api/inbox lists what waits")
    plain: dict[str, Any] = msgspec.to_builtins(record)
    return plain
