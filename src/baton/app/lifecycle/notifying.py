"""Who hears of what just happened: notices are kept in the transaction of the facts they speak of, and sent later.

In a replay there is nobody outside: every notice goes to the inbox and has arrived. On the wall clock a step tells of its
own changes; acts from the command line and the API are told of by the courier (`delivering`), which reads the ledger.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from baton.app.lifecycle.office import Office
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act, Change, Fact, Record
from baton.ledger.ports import State
from baton.team.approval import Approval
from baton.team.audience import RULES, Plain, asks, notices_of
from baton.team.consultation import Consultation
from baton.team.handoff import Handoff
from baton.team.notice import INBOX, Notice, delivered
from baton.team.task import Task

CURSOR = "notices"
STALE = timedelta(days=2)
"""Nobody is told of what is older than this: not after a long stop, and not when an older workspace is opened."""


def notify(office: Office, state: State, *, outside: bool) -> dict[str, str]:
    """Keep the notices that the changes of a step ask for; returns the cursor to commit with them.

    Called last in a committing step. `outside` is whether there are channels: on the wall clock. In a replay facts that
    others have committed since the last step are told of as well.
    """
    cursors, committed = (dict[str, str](), list[Fact]()) if outside else _committed(state, office.now)
    keep(office, (*committed, *_gathered(office.draft)), outside=outside)
    return cursors


def catch_up(office: Office, state: State) -> tuple[dict[str, str], str | None]:
    """Keep the notices of all committed facts that nobody was told of; returns the cursor to commit, and the one it expects."""
    before = state.cursor(CURSOR)
    cursors, committed = _committed(state, office.now)
    keep(office, committed, outside=True)
    return cursors, before


def keep(office: Office, facts: Iterable[Fact], *, outside: bool) -> None:
    """Record the notices that facts ask for, each once; where there is no channel the inbox has delivered them at once.

    Whoever need not act any more, because the same step or somebody else settled it, is not asked.
    """
    act = Act(SYSTEM, "", office.now)
    for fact in facts:
        for notice in notices_of(office.team, fact, office.now, _present(office.draft, fact)):
            if office.draft.get(Notice, notice.id) is not None:
                continue
            person = office.team.person(notice.to)
            if outside and person is not None and person.contacts:
                office.draft.record(act, notice, "raised", notice.title)
            else:
                office.draft.record(act, delivered(notice, office.now, INBOX, "kept in the inbox"), "delivered", notice.title)


def _present(draft: Draft, fact: Fact) -> Plain | None:
    """What a fact that asks somebody speaks of, as it is by now."""
    kind = _ASKING.get(fact.subject_kind) if asks(fact.kind) else None
    found = draft.get(kind, fact.subject) if kind is not None else None
    return None if found is None else _plain(found)


_ASKING: dict[str, type[Handoff | Consultation | Task | Approval]] = {
    each.KIND: each for each in (Handoff, Consultation, Task, Approval)
}
"""The records that wait on people."""


def _committed(state: State, now: datetime) -> tuple[dict[str, str], list[Fact]]:
    """What others have committed since the cursor, and the cursor behind it."""
    found = state.facts(after=int(state.cursor(CURSOR) or 0))
    cursors = {CURSOR: str(found[-1].seq)} if found else {}
    return cursors, [fact for fact in found if fact.kind in RULES and now - fact.recorded_at <= STALE]


def _gathered(draft: Draft) -> Iterator[Fact]:
    return (_fact(change) for change in draft.changes if f"{change.record.KIND}.{change.verb}" in RULES)


def _fact(change: Change) -> Fact:
    """A gathered change as the fact that it will be; its place in the log is not known yet."""
    act, record = change.act, change.record
    return Fact(
        kind=f"{record.KIND}.{change.verb}",
        subject_kind=record.KIND,
        subject=record.id,
        actor=act.actor,
        role=act.role,
        effective_at=act.at,
        recorded_at=act.recorded_at or act.at,
        reason=change.reason,
        state=_plain(record),
    )


def _plain(record: Record) -> Plain:
    plain: Plain = msgspec.to_builtins(record, str_keys=True)
    return plain
