"""The routes: a table in which each one names its action of the rights matrix. What is not in it is not there."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Path, Query, Request

from baton.app.alone.answer import accept as take
from baton.app.alone.answer import comment as say
from baton.app.alone.answer import decline as send_back
from baton.app.alone.desk import Desk
from baton.app.alone.offer import Offer
from baton.app.alone.offer import offer as place
from baton.app.alone.view import described
from baton.app.views.inbox import items
from baton.kernel.clock import iso
from baton.kernel.errors import InvalidInput, NotFound, Refused
from baton.project.phase import PHASES
from baton.team.actor import Actor
from baton.team.handoff import Check, Handoff
from baton.team.reference import stated
from baton.team.team import Team
from baton.web import bodies, decisions

Id = Annotated[str, Path(max_length=100, pattern=r"^[a-z]+-[0-9a-f]{12}$")]
Status = Literal["", "offered", "accepted", "declined", "lapsed", "superseded"]


@dataclass(frozen=True, slots=True)
class Route:
    """One way in. `answer` is the shape of what comes back."""

    method: str
    path: str
    action: str
    endpoint: Callable[..., Any]
    answer: Any


def inbox(request: Request) -> dict[str, Any]:
    """What waits on whoever asks."""
    desk, actor = _desk(request), _actor(request)
    person = actor.name if actor.kind == "person" else None
    here = desk.seat(actor)
    return {"whose": person or "", "items": msgspec.to_builtins(items(desk.state, here.office.team, here.now, person))}


def handoffs(
    request: Request,
    status: Annotated[Status, Query()] = "",
    waiting_on: Annotated[str, Query(max_length=63)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[str, Query(max_length=200)] = "",
) -> dict[str, Any]:
    """Hand-offs in the order of their offers, a page at a time."""
    state = _desk(request).state
    if cursor and state.get(Handoff, cursor) is None:
        raise InvalidInput("the cursor is none of this list's", where="cursor", fix="take it from `next`")
    statuses, where = (status,) if status else (), {"waiting_on": waiting_on} if waiting_on else {}
    many = state.page(Handoff, after=cursor, status=statuses, where=where, limit=limit + 1)
    page = many[:limit]
    return {"handoffs": [described(each) for each in page], "next": page[-1].id if len(many) > limit else None}


def offer(request: Request, body: bodies.OfferBody) -> dict[str, Any]:
    """Offer a result whose checks the caller ran and whose digests the caller states."""
    wanted = Offer(
        edge=body.edge,
        subject=body.subject,
        artefacts=tuple(stated(each.reference, each.digest or "") for each in body.artefacts),
        checks=tuple(Check(each.name, each.passed, each.detail) for each in body.checks),
        evidence=body.evidence,
        to=body.to,
        payload=body.payload,
        again=body.again,
    )
    return described(place(_desk(request), wanted, _actor(request)))


def handoff(request: Request, id: Id) -> dict[str, Any]:
    """One hand-off."""
    found = _desk(request).state.get(Handoff, id)
    if found is None:
        raise NotFound(f"there is no hand-off '{id}'", where="id", fix="GET /api/handoffs lists them")
    return described(found)


def accept(request: Request, id: Id, body: bodies.AcceptBody) -> dict[str, Any]:
    """Take a hand-off, after a look at everything it is pinned to."""
    return described(take(_desk(request), id, _actor(request), body.reason, body.held))


def decline(request: Request, id: Id, body: bodies.ReasonBody) -> dict[str, Any]:
    """Send a hand-off back to its giver."""
    return described(send_back(_desk(request), id, _actor(request), body.reason))


def comment(request: Request, id: Id, body: bodies.CommentBody) -> dict[str, Any]:
    """Comment as one who is consulted."""
    told: dict[str, Any] = msgspec.to_builtins(say(_desk(request), id, _actor(request), body.stance, body.words))
    return told


def team(request: Request) -> dict[str, Any]:
    """The matrix, the people, and who is accountable now."""
    here = _desk(request).seat(_actor(request))
    known, at = here.office.team, here.now
    people = [
        {"name": p.id, "status": p.status, "roles": p.roles, "deputy": p.deputy, "reachable": p.reachable(at)}
        for p in known.people
    ]
    return {
        "at": iso(at),
        "matrix": {phase: dict(row) for phase, row in known.matrix.items()},
        "people": people,
        "accountable": {phase: _accountable(known, phase, at) for phase in PHASES},
    }


def _accountable(known: Team, phase: str, at: datetime) -> dict[str, str] | None:
    try:
        found = known.accountable(phase, at)
    except Refused:
        return None
    return {"person": found.person.id, "via": found.via}


def health(request: Request) -> dict[str, str]:
    """Whether the record can be read; the only answer that needs no token."""
    _desk(request).state.head()
    return {"status": "ok"}


def describe(request: Request) -> dict[str, Any]:
    """This API, described."""
    told: dict[str, Any] = request.app.openapi()
    return told


ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/inbox", "read", inbox, bodies.InboxAnswer),
    Route("GET", "/api/handoffs", "read", handoffs, bodies.Page),
    Route("POST", "/api/handoffs", "handoff.offer", offer, bodies.HandoffAnswer),
    Route("GET", "/api/handoffs/{id}", "read", handoff, bodies.HandoffAnswer),
    Route("POST", "/api/handoffs/{id}/accept", "handoff.answer", accept, bodies.HandoffAnswer),
    Route("POST", "/api/handoffs/{id}/decline", "handoff.answer", decline, bodies.HandoffAnswer),
    Route("POST", "/api/consultations/{id}/comments", "consultation.comment", comment, bodies.ConsultationAnswer),
    Route("GET", "/api/approvals/{id}", "read", decisions.approval, dict[str, Any]),
    Route("POST", "/api/approvals/{id}/approve", "approval.answer", decisions.approve, bodies.Told),
    Route("POST", "/api/approvals/{id}/refuse", "approval.answer", decisions.refuse, bodies.Told),
    Route("GET", "/api/tasks/{id}", "read", decisions.task, dict[str, Any]),
    Route("POST", "/api/tasks/{id}/finish", "task.finish", decisions.finish, bodies.Told),
    Route("GET", "/api/releases", "read", decisions.releases, bodies.ReleasePage),
    Route("POST", "/api/releases/roll-back", "release.roll-back", decisions.roll_back, bodies.Told),
    Route("POST", "/api/releases/halt", "release.halt", decisions.halt, bodies.Told),
    Route("POST", "/api/releases/resume", "release.resume", decisions.resume, bodies.Told),
    Route("POST", "/api/overrides", "override.ask", decisions.override, bodies.Told),
    Route("GET", "/api/team", "read", team, bodies.TeamAnswer),
    Route("POST", "/api/team/{name}/away", "team.self", decisions.away, bodies.Told),
    Route("POST", "/api/team/{name}/back", "team.self", decisions.back, bodies.Told),
    Route("POST", "/api/team/{name}/leave", "team.self", decisions.leave, bodies.Told),
    Route("POST", "/api/team/{name}/delegate", "team.self", decisions.delegate, bodies.Told),
    Route("GET", "/openapi.json", "read", describe, dict[str, Any]),
)
"""Everything that is answered to a token. `/api/health` stands beside it, in the open."""


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _actor(request: Request) -> Actor:
    actor: Actor = request.state.actor
    return actor
