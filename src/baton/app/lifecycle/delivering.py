"""Deliver notices to people outside, away from the loop: a channel that fails or hangs never holds up a tick.

What is due goes out one message a person, over the first of their contacts that takes it; what came of it is recorded.
A process killed between sending and recording sends the same message again, with the same key: at least once outside,
once for whoever looks at the key.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from baton.app.lifecycle.notifying import catch_up
from baton.app.lifecycle.office import Office
from baton.app.lifecycle.people import recorded_team
from baton.app.workspace import Workspace, keep_witness
from baton.kernel.errors import BatonError, Conflict, MissingExtra, Refused
from baton.ledger.draft import Draft
from baton.ledger.fact import SYSTEM, Act
from baton.ledger.ports import State, StateReader
from baton.project.ownership import Ownership
from baton.team.address import Address, address_id, shown
from baton.team.notice import INBOX, Notice, again_at, delivered, failed, message_key, missed, together
from baton.team.person import Person
from baton.team.ports import Busy, Channel, Gone, Message, Unset
from baton.team.team import Team, assert_covered

Channels = Callable[[str], Channel]
"""Opens the channel of a contact. Raises Unset or MissingExtra when it cannot be served here, Refused when it is wrong."""
TRIES = 5
"""How often a record that somebody else changed meanwhile is looked at anew before the conflict is told."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt over all contacts of a person. `channel` is empty when none took it.

    `final` is whether trying again cannot help, `after` what a channel asked to wait, `gone` the contacts that are no more.
    """

    channel: str = ""
    contact: str = ""
    receipt: str = ""
    error: str = ""
    final: bool = False
    after: timedelta = timedelta()
    gone: tuple[tuple[str, str], ...] = ()


def gather(state: State, workspace: Workspace, owned: Ownership, at: datetime) -> None:
    """Keep the notices of what was recorded outside the loop. A conflict with somebody who does the same is no error."""
    draft = Draft(state)
    cursors, before = catch_up(Office(draft, recorded_team(draft, owned), owned, at), state)
    if not cursors:
        return
    try:
        head = draft.commit(cursors, expect={"notices": before})
    except Conflict:
        return
    keep_witness(workspace, head)


def due(state: StateReader, at: datetime, busy: Iterable[str] = ()) -> list[tuple[Notice, ...]]:
    """What is to be sent now, one tuple per message, but for people who are being sent to already; one message each."""
    taken, found = set(busy), []
    for batch in together(state.all(Notice, status=("pending",)), at):
        if batch[0].to not in taken:
            taken.add(batch[0].to)
            found.append(batch)
    return found


def resting(state: StateReader, person: str, at: datetime) -> frozenset[str]:
    """The ids of a person's addresses that said they are gone, and are left alone for now."""
    return frozenset(each.id for each in state.all(Address, status=("gone",)) if each.person == person and each.rests(at))


def attempt(
    contacts: tuple[str, ...], batch: tuple[Notice, ...], channels: Channels, rest: frozenset[str], at: datetime
) -> Outcome:
    """Send a message over the first contact that takes it. Touches no record, so it may take its time in a thread."""
    message, found = message_of(batch, at), list[tuple[str, BatonError]]()
    for contact in contacts:
        if address_id(message.to, contact) in rest:
            continue
        try:
            return Outcome(shown(contact), contact, channels(contact).send(message)[:200], gone=_gone(found))
        except BatonError as error:
            found.append((contact, error))
    if all(isinstance(error, Unset | MissingExtra) for _, error in found) and (found or not contacts):
        words = "; ".join(f"{shown(contact)}: {error.what}" for contact, error in found)
        return Outcome(INBOX, "", words or "no contact: kept in the inbox")
    words = "; ".join(f"{shown(contact)}: {error.what}{f' ({error.why})' if error.why else ''}" for contact, error in found)
    waits = [error.after for _, error in found if isinstance(error, Busy)]
    final = all(isinstance(error, Refused | MissingExtra) for _, error in found)
    return Outcome(
        error=words[:400] or "every contact is gone", final=final, after=min(waits, default=timedelta()), gone=_gone(found)
    )


def _gone(found: list[tuple[str, BatonError]]) -> tuple[tuple[str, str], ...]:
    return tuple((contact, error.why) for contact, error in found if isinstance(error, Gone))


def message_of(batch: tuple[Notice, ...], at: datetime) -> Message:
    """The one message that tells several notices; the same words about the same thing once."""
    first = batch[0]
    lines = dict.fromkeys(f"{each.title}\n{each.why}. {each.words}" for each in batch)
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    words = "\n\n".join(lines)
    ids = tuple(sorted(each.id for each in batch))
    return Message(message_key(batch), first.to, f"{first.title}{more}", words, any(each.urgent for each in batch), ids, at)


def settle(
    state: State, workspace: Workspace, owned: Ownership, batch: tuple[Notice, ...], outcome: Outcome, at: datetime
) -> None:
    """Record what came of an attempt: receipts, the next try or failure, gone addresses, and whether the person is reached."""
    for left in reversed(range(TRIES)):
        draft = Draft(state)
        office = Office(draft, recorded_team(draft, owned), owned, at)
        _record(office, batch, outcome)
        try:
            if draft.changes:
                keep_witness(workspace, draft.commit({}, expect={}))
            return
        except Conflict:
            if not left:
                raise


def _record(office: Office, batch: tuple[Notice, ...], outcome: Outcome) -> None:
    draft, act, to = office.draft, Act(SYSTEM, "", office.now), batch[0].to
    present = (draft.get(Notice, each.id) for each in batch)
    mine = [each for each in present if each is not None and each.status == "pending"]
    _addresses(office, to, outcome)
    if outcome.channel:
        for notice in mine:
            done = delivered(notice, office.now, outcome.channel, outcome.receipt)
            draft.record(act, done, "delivered", f"{outcome.channel}: {outcome.receipt}")
        if outcome.contact:
            _reached(office, to, outcome)
    elif mine:
        _failed(office, mine, outcome)


def _failed(office: Office, mine: list[Notice], outcome: Outcome) -> None:
    draft, act, to = office.draft, Act(SYSTEM, "", office.now), mine[0].to
    ids = {notice.id for notice in mine}
    others = (each for each in draft.all(Notice, status=("pending",)) if each.to == to and each.id not in ids and not each.probe)
    waiting = (each.next_try for each in others if each.attempts and each.next_try is not None)
    # What failed waits together: next time it goes out as one message.
    again = max(again_at(mine, office.now, outcome.after), *waiting, office.now)
    tried = [
        failed(each, outcome.error) if outcome.final and not each.probe else missed(each, outcome.error, again) for each in mine
    ]
    for notice in tried:
        draft.record(act, notice, "failed" if notice.status == "failed" else "missed", outcome.error)
    if any(notice.status == "failed" for notice in tried):
        _unreachable(office, to, outcome.error)


def _addresses(office: Office, to: str, outcome: Outcome) -> None:
    act = Act(SYSTEM, "", office.now)
    for contact, why in outcome.gone:
        address = Address(address_id(to, contact), "gone", to, shown(contact), office.now, why)
        office.draft.record(act, address, "gone", why)
    known = office.draft.get(Address, address_id(to, outcome.contact)) if outcome.contact else None
    if known is not None and known.status == "gone":
        office.draft.record(act, replace(known, status="working", since=office.now, reason=""), "back", outcome.receipt)


def _unreachable(office: Office, name: str, why: str) -> None:
    """Whoever no channel reaches is asked no more, unless nobody would be left to ask: then they stay the last resort."""
    person = office.team.person(name)
    if person is None or person.unreachable_since is not None:
        return
    lost = replace(person, unreachable_since=office.now)
    if _covered(office.team.having(lost), office.now):
        office.draft.record(Act(SYSTEM, "", office.now), lost, "unreachable", why)


def _covered(team: Team, at: datetime) -> bool:
    try:
        assert_covered(team, at)
    except Refused:
        return False
    return True


def _reached(office: Office, name: str, outcome: Outcome) -> None:
    person = office.team.person(name)
    if person is not None and person.unreachable_since is not None:
        found: Person = replace(person, unreachable_since=None)
        office.draft.record(Act(SYSTEM, "", office.now), found, "reached", f"{outcome.channel} delivers again")
