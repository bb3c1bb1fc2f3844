"""Who said what about a version, and why: hand-offs of its turn, approvals of its releases, overrides that let it through."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from baton.app.views.models import releases_of
from baton.app.views.release import signed, told_of
from baton.ledger.fact import POLICY
from baton.ledger.ports import LedgerReader, StateReader
from baton.registry.version import ModelVersion
from baton.team.approval import Approval
from baton.team.handoff import Handoff
from baton.team.override import Override


@dataclass(frozen=True, slots=True)
class Voice:
    """One word on the record: when, by whom in which role, what was done about which matter, in which words, and its record."""

    at: datetime
    who: str
    role: str
    verb: str
    matter: str
    words: str
    kind: str
    id: str


def voices(
    records: StateReader, ledger: LedgerReader, version: ModelVersion, until: datetime | None, limit: int = 100
) -> list[Voice]:
    """Everything that was said about a version, oldest first; of more than `limit` the latest."""
    told = [*_handoffs(records, version), *_approvals(records, ledger, version, until), *_overrides(records, version)]
    unique = {(each.kind, each.id, each.who, each.verb, each.at): each for each in told}
    return sorted(unique.values(), key=lambda each: each.at)[-limit:]


def gate(records: StateReader, version: ModelVersion) -> Handoff | None:
    """The hand-off of a version's candidate, which carries the gate's verdict as its check."""
    found = records.latest(Handoff, where={"subject": version.turn, "edge": "candidate"}, limit=5) if version.turn else []
    return next((each for each in found if each.status == "accepted"), found[0] if found else None)


def _handoffs(records: StateReader, version: ModelVersion) -> Iterator[Voice]:
    for each in reversed(records.latest(Handoff, where={"subject": version.turn}, limit=40) if version.turn else []):
        by, at = each.answered_by, each.answered_at
        if at is None:
            yield Voice(each.since, each.waiting_on, each.taken_in, "has not answered", each.payload, "", "handoff", each.id)
        elif by == POLICY:
            checks = "; ".join(f"{check.name}: {check.detail}" for check in each.checks)
            yield Voice(at, by, "", each.status, each.payload, checks or each.reason, "handoff", each.id)
        else:
            yield Voice(at, by or each.waiting_on, each.taken_in, each.status, each.payload, each.reason, "handoff", each.id)


def _approvals(records: StateReader, ledger: LedgerReader, version: ModelVersion, until: datetime | None) -> Iterator[Voice]:
    for release in releases_of(records, version.version):
        asked = records.latest(Approval, where={"subject": release.id}, limit=10)
        used = signed(records, release, told_of(ledger, release, until, 40))
        for each in (*asked, *([used] if used is not None else [])):
            yield from _signatures(each)


def _signatures(approval: Approval) -> Iterator[Voice]:
    for each in approval.given:
        role = f"{each.role}, for {each.for_whom}" if each.for_whom else each.role
        yield Voice(each.at, each.by, role, "approved", approval.what, each.words, "approval", approval.id)
    if approval.status == "refused" and approval.decided_at is not None:
        yield Voice(
            approval.decided_at,
            approval.reason.split(":")[0],
            "",
            "refused",
            approval.what,
            approval.reason,
            "approval",
            approval.id,
        )
    elif not approval.given:
        yield Voice(
            approval.requested_at, approval.requested_by, "", "asked", approval.what, approval.reason, "approval", approval.id
        )


def _overrides(records: StateReader, version: ModelVersion) -> Iterator[Voice]:
    for each in records.latest(Override, where={"subject": version.turn}, limit=10) if version.turn else ():
        yield Voice(
            each.asked_at, each.asked_by, each.phase, "asked for an override", each.what, each.reason, "override", each.id
        )
        request = records.get(Approval, each.approval)
        if request is not None:
            yield from _signatures(request)
        if each.ended_at is not None:
            yield Voice(each.ended_at, "", "", each.status, each.what, each.outcome, "override", each.id)
