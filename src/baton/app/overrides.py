"""What people override: a gate, a brake, everything for a time; and the kill switch. Called by the command line, the console and the API."""

from datetime import datetime

from baton.app.bootstrap import open_workspace_keys
from baton.app.declared import load_rules
from baton.app.lifecycle import approving, overriding
from baton.app.lifecycle.offering import current
from baton.app.lifecycle.routing import close_routing, following, require_served, sync_routing
from baton.app.lifecycle.turn import Turn
from baton.app.seat import Seat
from baton.delivery.release import TRIAL, Release
from baton.incidents.proposal import Proposal
from baton.kernel.clock import iso
from baton.kernel.errors import Conflict, InvalidInput, NotFound
from baton.kernel.suggest import did_you_mean
from baton.registry.version import ModelVersion
from baton.team.approval import Approval, approvers, needed
from baton.team.override import ANYTHING, KINDS, Override, asked


def override(here: Seat, kind: str, subject: str, reason: str, until: datetime | None) -> str:
    """Ask for an override; it holds once enough people approve, and reverts by itself. Returns what to tell."""
    if kind == "halt":
        return halt(here, reason, until)
    by, subject = here.name(), _subject(here, kind, subject)
    wanted = asked(kind, subject, by, reason, here.now, until, len(here.state.all(Override)))
    here.allow("override.ask", by)
    made = overriding.ask(here.office, wanted, _authors(here, kind, subject))
    request = here.draft.get(Approval, made.approval)
    here.commit()
    if made.status == "holding" or request is None:
        return f"{made.id} holds: {made.what}. {request.note if request else ''}".strip()
    missing = needed(here.office.team, request, here.now) - len(request.given)
    who = [name for name in approvers(here.office.team, request, here.now) if name not in {each.by for each in request.given}]
    return (
        f"{made.id} is asked for: {made.what}\n{missing} more must approve ({' or '.join(who[:4])}): baton approve {request.id}"
    )


def halt(here: Seat, reason: str, until: datetime | None = None) -> str:
    """Pull the kill switch: no version answers from now on. One person may; another gets the review."""
    require_served(here.project, here.workspace)
    by, keys = here.name(), open_workspace_keys(here.workspace)
    here.allow("release.halt", by)
    made = overriding.halt(here.office, by, reason, until)
    here.commit()
    with following(here.workspace):
        close_routing(here.workspace, keys)
    return (
        f"{made.id}: halted by {by}. The server answers 503 until "
        + (iso(until) if until else 'somebody types: baton resume --reason "…"')
        + ("." if until else "")
    )


def resume(here: Seat, reason: str) -> str:
    """End the halt."""
    require_served(here.project, here.workspace)
    by, keys = here.name(), open_workspace_keys(here.workspace)
    here.allow("release.resume", by)
    definition = load_rules(here.project).definition
    ended = overriding.resume(here.office, by, reason)
    here.commit()
    with following(here.workspace):
        sync_routing(here.workspace, definition, here.state, keys)
    return f"{ended.id}: ended by {by}. The live version answers again."


def _subject(here: Seat, kind: str, subject: str) -> str:
    if kind == "gate":
        turns = {turn.id: turn.status for turn in here.state.all(Turn)}
        if turns.get(subject) in ("releasing", "done"):
            raise Conflict(f"the candidate of {subject} was let through already", where="--subject", fix="baton status")
        if subject in turns:
            return subject
        if not subject:
            raise InvalidInput("the gate of which turn?", where="--subject", fix="name it, e.g. --subject turn-2: baton status")
        raise NotFound(f"there is no turn '{subject}'", where="--subject", why=did_you_mean(subject, turns), fix="baton status")
    if kind == "promote":
        return _trial(here, subject).id
    if kind == "brake" and subject:
        known = [each.id for each in here.state.all(Proposal, status=("waiting",))]
        if subject not in known:
            raise NotFound(
                f"no proposal '{subject}' waits", where="--subject", why=did_you_mean(subject, known), fix="baton status"
            )
        return subject
    if kind in KINDS and subject not in ("", ANYTHING):
        raise InvalidInput(f"a {kind} is about everything", where="--subject", fix="leave --subject out")
    return ANYTHING


def _trial(here: Seat, id: str) -> Release:
    """The release on trial, which may be named."""
    trials = here.state.all(Release, status=TRIAL)
    found = next((each for each in trials if id in ("", each.id)), None)
    if found is None:
        if not trials:
            raise NotFound("there is nothing to promote", why="no release is on trial", fix="baton status")
        why = did_you_mean(id, [each.id for each in trials])
        raise NotFound(f"no release '{id}' is on trial", where="the release", why=why, fix="baton status")
    return found


def _authors(here: Seat, kind: str, subject: str) -> tuple[str, ...]:
    """Whose work is let through: of a turn's candidate, whoever answers for training it and whoever offered it."""
    if kind == "promote":
        version = here.draft.get(ModelVersion, f"version-{_trial(here, subject).version}")
        return approving.authors_of(version) if version is not None else ()
    if kind != "gate":
        return ()
    offered = current(here.draft, "candidate", subject)
    trainer = here.office.team.accountable("train", here.now).person.id
    return tuple(dict.fromkeys((trainer, *((offered.giver,) if offered is not None else ()))))
