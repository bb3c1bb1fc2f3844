"""Delete a version's files by hand: four eyes first, then the ledger, then the bytes. What the version was stays on record."""

from collections.abc import Iterable

from baton.app.alone.wording import words_of
from baton.app.bootstrap import open_artifacts
from baton.app.declared import load_rules
from baton.app.lifecycle import approving
from baton.app.rollback import deleted
from baton.app.seat import Seat
from baton.delivery.release import Release, before_live
from baton.kernel.digest import digest
from baton.kernel.errors import Conflict, InvalidInput, NotFound, Refused
from baton.kernel.suggest import did_you_mean
from baton.ledger.fact import SYSTEM, Act
from baton.ledger.ports import StateReader
from baton.registry.version import ModelVersion, files, moved
from baton.team.approval import Approval, Matter, approvers, needed, withdrawn
from baton.team.handoff import Handoff

DELETE, PHASE = "delete", "register"


def delete(here: Seat, number: str, reason: str) -> str:
    """Ask that a version's files be deleted, or do it once enough people approved; returns what to tell.

    Killed between the ledger and the bytes, the same call removes what is left. Raises NotFound for no such version,
    Conflict and Refused for one that may still answer or waits on somebody.
    """
    words_of(reason, "reason")
    version = _version(here.state, number)
    by = here.name()
    role = here.allow("version.delete", by, PHASE).role
    if version.status != "deleted":
        _require_idle(here, version)
        request = _asked(here, version, by, reason)
        if not request.in_force(here.now):
            here.commit()
            return _waits(here, request, version)
        here.draft.record(Act(by, role, here.now), moved(version, "deleted"), "deleted", reason, approval=request.id)
        used = f"used: version {version.version} is deleted"
        here.draft.record(Act(SYSTEM, "", here.now), withdrawn(request, here.now, used), "withdrawn", used)
        here.commit()
    gone = _remove(here, version)
    return (
        f"version {version.version} is deleted: {gone} file{'s' if gone != 1 else ''} removed. What it was stays on the record."
    )


def _version(records: StateReader, number: str) -> ModelVersion:
    known = {str(each.version): each for each in records.all(ModelVersion)}
    found = known.get(number.removeprefix("version-"))
    if found is None:
        raise NotFound(f"there is no version '{number}'", why=did_you_mean(number, known), fix="baton status --json lists models")
    return found


def _require_idle(here: Seat, version: ModelVersion) -> None:
    """Nothing that answers, may answer again or waits on somebody loses its files."""
    moved(version, "deleted")
    name, releases = f"version {version.version}", here.state.all(Release)
    before = before_live(releases, deleted(here.draft))
    compared = {each.group for each in releases if each.status == "arm"}
    if any(each.group in compared and each.version == version.version for each in releases):
        raise Refused(f"{name} answers in a comparison", fix="end it first: take it out of rollout.ab or rollout.bandit")
    if before is not None and before.version == version.version:
        raise Refused(f"{name} is what a rollback would bring back", fix="delete it once another version was live after it")
    if load_rules(here.project).definition.rollout.baseline and releases and releases[0].version == version.version:
        raise Refused(
            f"{name} is the baseline that every version is compared with", fix="rollout: {baseline: false} lets go of it"
        )
    for handoff in here.state.all(Handoff, status=("offered",)):
        if set(files(version)) & set(handoff.pin.values()) or handoff.subject in (version.id, version.turn):
            raise Conflict(f"{name} waits to be taken: {handoff.id}", where=handoff.payload, fix=f"baton accept {handoff.id}")


def _asked(here: Seat, version: ModelVersion, by: str, reason: str) -> Approval:
    """The request, signed by whoever asks when they may approve it. A reason is required (InvalidInput without one)."""
    if not reason.strip():
        raise InvalidInput("a deletion needs a reason", where="--reason", fix='say why: --reason "…"')
    people = version.lineage.get("people", {})
    authors = tuple(dict.fromkeys(people[phase] for phase in ("train", "evaluate") if phase in people))
    what = f"delete the files of version {version.version} for good"
    request = approving.ask(here.office, Matter(DELETE, version.id, digest(list(files(version))), PHASE, what, authors), by)
    signed = by in {each.by for each in request.given}
    if request.open and not signed and by in approvers(here.office.team, request, here.now):
        return approving.sign(here.office, request, by, f"asks for it: {reason}")
    return request


def _waits(here: Seat, request: Approval, version: ModelVersion) -> str:
    missing = needed(here.office.team, request, here.now) - len(request.given)
    given = {each.by for each in request.given}
    who = " or ".join([name for name in approvers(here.office.team, request, here.now) if name not in given][:4])
    return (
        f"asked for: {request.what}\n{missing} more must approve ({who}): baton approve {request.id}"
        f'\nthen: baton delete {version.version} --reason "…"'
    )


def _remove(here: Seat, version: ModelVersion) -> int:
    """Remove the bytes that no other version has too; how many files there were."""
    others = (each for each in here.state.all(ModelVersion) if each.id != version.id and each.status != "deleted")
    kept = set(_all_files(others))
    store = open_artifacts(here.workspace)
    return sum(store.remove(each) for each in files(version) if each not in kept)


def _all_files(versions: Iterable[ModelVersion]) -> Iterable[str]:
    for version in versions:
        yield from files(version)
