"""Approvals in the loop: may this release serve all traffic, what people of a replay say, and what has run out.

A promotion is approved by the rollout policy, when so many people approved it beforehand, or for this one release.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from baton.app.lifecycle.office import Office
from baton.app.lifecycle.overriding import frozen, on_approval, revert
from baton.app.lifecycle.people import Records
from baton.app.lifecycle.turn import OPEN, Turn
from baton.delivery.release import WAITING, Release
from baton.kernel.clock import duration_text, iso
from baton.kernel.digest import digest
from baton.kernel.ids import derived_id
from baton.ledger.fact import SYSTEM, Act
from baton.project.behaviour import Behaviour
from baton.project.definition import Definition
from baton.registry.version import ModelVersion
from baton.team.approval import Approval, Matter, approval_id, approved, approvers, declared, expired, requested, withdrawn
from baton.team.conduct import answers_at
from baton.team.override import Override
from baton.team.team import Team

ROLLOUT, PROMOTE = "rollout", "promote"
SECTIONS = ("rollout", "gates", "monitor")
"""The sections of a definition that say how a version reaches all traffic; together they are the rollout policy."""


@dataclass(frozen=True, slots=True)
class Clearance:
    """Whether a release may go on, what it waits for otherwise, and why."""

    granted: bool
    waits_for: str
    reason: str
    refused: bool = False


def policy_of(definition: Definition) -> Matter:
    """The rollout policy of a project as something to approve, pinned by the digest of its sections."""
    body = {name: getattr(definition, name).model_dump(mode="json") for name in SECTIONS}
    valid = definition.approvals.valid
    what = f"the rollout policy of {definition.project}: its promotions for {duration_text(valid)}"
    return Matter(ROLLOUT, definition.project, digest(body), "deploy", what, valid=valid)


def latest(records: Records, matter: Matter) -> Approval | None:
    """The latest round of an approval, None when it was never asked for."""
    rounds = {each.id: each for each in records.all(Approval)}
    found, round = None, 1
    while (known := rounds.get(approval_id(matter, round))) is not None:
        found, round = known, round + 1
    return found


def ask(office: Office, matter: Matter, by: str = SYSTEM) -> Approval:
    """The open request about a matter: the one there is, or a new round. One that is in force is returned as it is."""
    known = latest(office.draft, matter)
    if known is not None and (known.open or known.stands(office.now)):
        return known
    made = requested(matter, by, office.now, office.owned.approvals.need, known.round + 1 if known is not None else 1)
    return office.draft.record(office.act_of(by, matter.phase), made, "requested", matter.what)


def sign(office: Office, approval: Approval, by: str, words: str, at: datetime | None = None) -> Approval:
    """One more person approves, effective `at` when that was earlier than now; what that sets free happens now.

    Raises Conflict when what it is about is over.
    """
    revert(office)
    approval = office.draft.get(Approval, approval.id) or approval
    signed = approved(office.team, approval, by, at or office.now, words)
    verb = "granted" if signed.status == "granted" else "signed"
    given = signed.given[-1]
    told: dict[str, Any] = {"for": given.for_whom} if given.for_whom else {}
    reason = "; ".join(part for part in (words, signed.reason, signed.note) if part) or f"{by} approves"
    act = Act(by, given.role, at or office.now, office.now)
    office.draft.record(act, signed, verb, reason, **told)
    on_approval(office, signed)
    return signed


def clear(office: Office, definition: Definition, release: str, version: ModelVersion) -> Clearance:
    """Whether a release may serve all traffic now. When nobody has approved it, the request is recorded, once."""
    freeze = frozen(office.draft, office.now)
    if freeze is not None:
        return Clearance(False, freeze.id, freeze.what)
    matter = promotion(release, version)
    own, standing = latest(office.draft, matter), _standing(office, definition)
    if standing is not None:
        if own is not None and own.open:
            _withdraw(office, own, f"the rollout policy is approved: {standing.id}")
        return Clearance(True, standing.id, standing.reason)
    own = own if own is not None and own.status == "refused" else ask(office, matter)
    if own.status == "refused":
        return Clearance(False, own.id, own.reason, refused=True)
    who = " or ".join(approvers(office.team, own, office.now)[:4])
    return Clearance(own.in_force(office.now), own.id, own.reason or f"waits for approval by {who}: baton approve {own.id}")


def promotion(release: str, version: ModelVersion) -> Matter:
    """That a release serves all traffic, as something to approve, pinned by its bundle."""
    what = f"version {version.version} serves all traffic ({release})"
    return Matter(PROMOTE, release, version.bundle, "deploy", what, authors_of(version))


def authors_of(version: ModelVersion) -> tuple[str, ...]:
    """Whose work a version is: whoever trained and evaluated it."""
    people: Mapping[str, str] = version.lineage.get("people", {})
    return tuple(dict.fromkeys(people[phase] for phase in ("train", "evaluate") if phase in people))


def _standing(office: Office, definition: Definition) -> Approval | None:
    """The approval of the rollout policy that is in force. A team of one approves its policy by declaring it;
    others do when they say that their file is enough."""
    matter = policy_of(definition)
    known = latest(office.draft, matter)
    if known is not None and known.stands(office.now):
        return known if known.in_force(office.now) else None
    if known is not None and known.status in ("refused", "withdrawn"):
        return None
    if len(office.team.active) == 1:
        return sign(office, ask(office, matter), office.team.active[0].id, "declared in baton.yaml")
    if definition.approvals.rollout == "people":
        return None
    written = declared(
        ask(office, matter), office.now, "declared in baton.yaml, whose reviews approve it (approvals.rollout: file)"
    )
    return office.draft.record(office.act("deploy"), written, "granted", f"{written.reason}; {written.note}")


def beforehand(office: Office, definition: Definition, behaviours: Mapping[str, Behaviour]) -> None:
    """People of a replay who are declared to approve the rollout policy do so as soon as it is not approved."""
    names = [name for name, each in behaviours.items() if ROLLOUT in each.approves and each.answers is not None]
    if not names:
        return
    found = ask(office, policy_of(definition))
    for name in names:
        if found.open and name not in {each.by for each in found.given}:
            found = sign(office, found, name, "approved beforehand, in the replay")


def answer(office: Office, behaviours: Mapping[str, Behaviour]) -> None:
    """What people of a replay say to requests, what has expired, and what nothing needs any more."""
    for approval in office.draft.all(Approval, status=("granted",)):
        if not approval.stands(office.now):
            over = expired(approval, office.now)
            office.draft.record(Act(SYSTEM, "", approval.expires_at or office.now, office.now), over, "expired", over.reason)
    for approval in office.draft.all(Approval, status=("requested",)):
        if approval.action == PROMOTE and not _on_its_way(office, approval.subject):
            _withdraw(office, approval, f"{approval.subject} is no longer on its way")
            continue
        open_one = approval
        for moment, name in sorted(_spoken(office.team, approval, behaviours, office.now)):
            if moment <= office.now and open_one.open:
                words = f"approved in the replay, asked on {iso(approval.requested_at)[:10]}"
                open_one = sign(office, open_one, name, words, moment)


def _on_its_way(office: Office, release: str) -> bool:
    if release in {each.id for each in office.draft.all(Release, status=WAITING)}:
        return True
    return release in {derived_id("release", turn.id) for turn in office.draft.all(Turn, status=OPEN)}


def _spoken(team: Team, approval: Approval, behaviours: Mapping[str, Behaviour], now: datetime) -> Iterable[tuple[datetime, str]]:
    """When people of a replay who may approve it, and did not yet, would do so."""
    signed = {each.by for each in approval.given}
    for name in approvers(team, approval, now) if behaviours else ():
        moment = answers_at(behaviours[name], approval.requested_at) if name in behaviours and name not in signed else None
        if moment is not None:
            yield moment, name


def withdraw(office: Office, release: str, reason: str) -> None:
    """Nobody has to approve the promotion of a release any more."""
    for approval in office.draft.all(Approval, status=("requested",)):
        if (approval.action, approval.subject) == (PROMOTE, release):
            _withdraw(office, approval, reason)


def _withdraw(office: Office, approval: Approval, reason: str) -> None:
    gone = withdrawn(approval, office.now, reason)
    office.draft.record(Act(SYSTEM, "", office.now), gone, "withdrawn", reason)


def awaited(records: Records) -> bool:
    """Whether a release on trial asked for an approval."""
    asked = {each.subject for each in records.all(Approval) if each.action == PROMOTE}
    return any(release.status in WAITING and release.id in asked for release in records.all(Release))


def next_due(records: Records, team: Team, behaviours: Mapping[str, Behaviour], now: datetime) -> datetime | None:
    """The earliest instant at which an approval or an override changes by itself, None when none does."""
    found: list[datetime] = []
    for approval in records.all(Approval):
        if approval.status == "granted" and approval.expires_at is not None:
            found.append(approval.expires_at)
        elif approval.open:
            found += [moment for moment, _ in _spoken(team, approval, behaviours, now)]
    found += [each.until for each in records.all(Override) if each.open and each.until is not None]
    return min(found, default=None)
