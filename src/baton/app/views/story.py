"""One thing that waits or waited: what it is now, how it came to that, its other rounds, what it is about, and who may answer how."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from baton.app.lifecycle.turn import Turn
from baton.app.views.inbox import Item, as_item
from baton.incidents.proposal import Proposal
from baton.kernel.errors import NotFound
from baton.ledger.fact import Fact
from baton.ledger.ports import LedgerReader, StateReader
from baton.team.approval import Approval, approvers
from baton.team.consultation import Consultation
from baton.team.handoff import Handoff, answerers, failed, own_offer
from baton.team.permission import Verdict
from baton.team.task import Task, task_id
from baton.team.team import Team

Waiting: TypeAlias = Handoff | Approval | Consultation | Task
KINDS: Final[Mapping[str, type[Handoff] | type[Approval] | type[Consultation] | type[Task]]] = {
    kind.KIND: kind for kind in (Handoff, Approval, Consultation, Task)
}
FACTS, ROUNDS = 100, 20
"""So many facts of one thing are told, and so many of its rounds."""
ANSWERS: Final = (
    "handoff.accepted", "handoff.declined", "approval.granted", "approval.signed", "approval.refused", "consultation.commented",
    "task.done", "task.given-up",
)  # fmt: skip
"""What people answer with."""


@dataclass(frozen=True, slots=True)
class Story:
    """One thing with all that belongs to it. `facts` are the newest, oldest first; `untold` when there are earlier ones.

    `rounds` are the other rounds of a hand-off or request, oldest first; `place` is the page of what it is about, empty for none.
    """

    record: Waiting
    item: Item
    facts: tuple[Fact, ...]
    untold: bool
    rounds: tuple[Handoff | Approval, ...]
    related: tuple[Waiting, ...]
    place: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One way to answer: its name, and why whoever looks may not; empty when they may."""

    name: str
    why_not: str = ""


def story(records: StateReader, ledger: LedgerReader, team: Team, at: datetime, id: str, until: datetime | None = None) -> Story:
    """The story of a hand-off, approval, consultation or task by its id. Raises NotFound for any other."""
    kind = KINDS.get(id.rpartition("-")[0])
    record = records.get(kind, id) if kind is not None else None
    if record is None:
        raise NotFound(f"nothing that waits or waited is called '{id}'", fix="look for it in the inbox, or in its history")
    facts = ledger.recent(subject=id, until=until, limit=FACTS + 1)
    return Story(
        record,
        as_item(team, at, record),
        tuple(reversed(facts[:FACTS])),
        len(facts) > FACTS,
        _rounds(records, record),
        _related(records, record),
        _place(records, record),
    )


def _rounds(records: StateReader, record: Waiting) -> tuple[Handoff | Approval, ...]:
    if isinstance(record, Handoff):
        found: Sequence[Handoff | Approval] = records.latest(
            Handoff, where={"subject": record.subject, "edge": record.edge}, limit=ROUNDS
        )
    elif isinstance(record, Approval):
        found = records.latest(Approval, where={"subject": record.subject, "action": record.action}, limit=ROUNDS)
    else:
        found = ()
    return tuple(each for each in reversed(found) if each.id != record.id)


def _related(records: StateReader, record: Waiting) -> tuple[Waiting, ...]:
    """What it asks, what it left behind, or what it came from."""
    if isinstance(record, Handoff):
        asked = records.get(Consultation, record.consultation) if record.consultation else None
        return tuple(each for each in (asked, records.get(Task, task_id(record.id, record.given_in))) if each is not None)
    about = record.about if isinstance(record, Consultation) else record.cause if isinstance(record, Task) else ""
    kind = KINDS.get(about.rpartition("-")[0])
    found = records.get(kind, about) if kind is not None else None
    return () if found is None else (found,)


def _place(records: StateReader, record: Waiting) -> str:
    subject = record.cause if isinstance(record, Task) else record.about if isinstance(record, Consultation) else record.subject
    return place_of(records, subject)


def place_of(records: StateReader, subject: str) -> str:
    """The path of the page about a subject of the record; empty when it has none."""
    name, _, rest = subject.partition(" ")
    kind = subject.rpartition("-")[0]
    if name in ("month", "version") and rest.split(" ")[0].replace("-", "").isdigit():
        return "/monitoring" if name == "month" else f"/models/{rest.split(' ')[0]}"
    if kind in ("release", "incident"):
        return f"/{kind}s/{subject}"
    if kind == "turn":
        turn = records.get(Turn, subject)
        return "" if turn is None or not turn.version else f"/models/{turn.version}"
    if kind == "proposal":
        proposal = records.get(Proposal, subject)
        return "" if proposal is None or not proposal.incident else f"/incidents/{proposal.incident}"
    return ""


May: TypeAlias = Callable[[str, str, str], Verdict]
"""Whether whoever looks may do an action, in a phase, about a subject."""


def answers(record: Waiting, team: Team, person: str, at: datetime, may: May) -> tuple[Answer, ...]:
    """The ways to answer what is open, each with why whoever looks may not; none for what was answered."""
    if record.status not in ("offered", "requested", "open"):
        return ()
    if not person:
        return (Answer("answer", "nobody is named as whom you act"),)
    if isinstance(record, Handoff):
        return _of_handoff(record, team, person, at, may)
    if isinstance(record, Approval):
        return _of_approval(record, team, person, at, may)
    if isinstance(record, Consultation):
        return _of_consultation(record, person, may)
    return _of_task(record, team, person, at, may)


def _of_handoff(record: Handoff, team: Team, person: str, at: datetime, may: May) -> tuple[Answer, ...]:
    verdict = may("handoff.answer", record.taken_in, record.subject)
    whose = "" if person in answerers(team, record, at) else f"it waits on {record.waiting_on}, not on {person}"
    held = f"it is still being consulted on: {record.consultation}" if record.consultation else ""
    why = "" if verdict.allowed else verdict.reason
    wrong = f"{len(failed(record))} of its checks failed" if failed(record) else ""
    own = "nobody takes what they offered themselves while somebody else can" if own_offer(team, record, person, at) else ""
    return (
        Answer("accept", why or whose or held or wrong or own),
        Answer("decline", why or whose or held),
        Answer("delegate", "" if person == record.waiting_on else whose),
    )


def _of_approval(record: Approval, team: Team, person: str, at: datetime, may: May) -> tuple[Answer, ...]:
    verdict = may("approval.answer", "", "")
    why = "" if verdict.allowed else verdict.reason
    if not why and person in {each.by for each in record.given}:
        why = f"{person} has approved it already"
    if not why and person not in approvers(team, record, at):
        own = person in record.authors
        why = "nobody approves their own work" if own else f"in {record.phase} it is not {person}'s to approve"
    return (Answer("approve", why), Answer("refuse", why))


def _of_consultation(record: Consultation, person: str, may: May) -> tuple[Answer, ...]:
    verdict = may("consultation.comment", record.phase, "")
    why = "" if verdict.allowed else verdict.reason
    if not why and person not in record.missing:
        why = f"{person} has spoken already" if person in record.asked else f"asked are {', '.join(record.asked)}"
    return (Answer("comment", why),)


def _of_task(record: Task, team: Team, person: str, at: datetime, may: May) -> tuple[Answer, ...]:
    verdict = may("task.finish", "", "")
    owner = team.person(record.owner)
    heir = team.delegated(owner, at, record.phase).id if owner is not None else person
    why = "" if verdict.allowed else verdict.reason
    if not why and person not in (record.owner, heir):
        why = f"it is {record.owner}'s, not {person}'s"
    if not why and person == record.not_by:
        why = f"{person} cannot review what {person} did"
    gives = "" if person == record.owner else f"it is {record.owner}'s, not {person}'s"
    return (Answer("finish", why), Answer("give-up", why), Answer("delegate", gives))


def answered(ledger: LedgerReader, person: str, before: int | None, until: datetime | None, limit: int = 25) -> list[Fact]:
    """What somebody answered, newest first; only before a place in the log when it is named."""
    kinds = tuple(dict.fromkeys(each.partition(".")[0] + "." for each in ANSWERS))
    found = [
        fact
        for kind in kinds
        for fact in ledger.recent(kind=kind, actor=person, before=before, until=until, limit=limit)
        if fact.kind in ANSWERS
    ]
    return sorted(found, key=lambda fact: -fact.seq)[:limit]
