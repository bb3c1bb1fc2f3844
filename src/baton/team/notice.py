"""Notices: who is asked or told of what, over which channel it went, and whether it arrived.

    pending ──a channel took it, or the inbox──▶ delivered
    pending ──no channel took it──▶ pending, later … ──too often, or refused by all──▶ failed

A notice is kept in the same transaction as the fact it speaks of, and sent afterwards; its id is derived from that fact
and the recipient, so nobody is told the same thing twice however often a step is repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from baton.kernel.clock import iso
from baton.kernel.errors import Conflict
from baton.kernel.ids import derived_id

INBOX = "inbox"
"""The channel that is always there: what `baton notices` shows."""
ATTEMPTS = 8
"""How often a notice is tried, all channels of its recipient each time, before it has failed."""
PATIENCE = timedelta(days=1)
"""How long a notice is tried at most."""
FIRST, LONGEST = timedelta(seconds=30), timedelta(hours=1)
PROBE = timedelta(hours=6)
"""How long to wait at most before somebody who cannot be reached is tried again."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The fact that a notice speaks of: its kind, its subject and when it took effect (UTC)."""

    kind: str
    subject: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """One person told of one fact. Times are UTC.

    `asks` is whether something is wanted of them, `urgent` whether it should ring. Notices about the same thing share a
    `group`. `next_try` is when it goes out next; those of one person with the same instant go out as one message.
    A `probe` is tried until it arrives: it tells somebody that they cannot be reached.
    """

    KIND: ClassVar[str] = "notice"
    id: str
    status: str
    to: str
    why: str
    title: str
    words: str
    asks: bool
    urgent: bool
    group: str
    cause: Cause
    created_at: datetime
    next_try: datetime | None
    probe: bool = False
    attempts: int = 0
    channel: str = ""
    receipt: str = ""
    delivered_at: datetime | None = None
    error: str = ""


def notice_id(cause: Cause, to: str) -> str:
    """The id, which is the idempotency key: the same fact and recipient give the same."""
    return derived_id("notice", cause.kind, cause.subject, iso(cause.at), to)


def delivered(notice: Notice, at: datetime, channel: str, receipt: str) -> Notice:
    """The notice once a channel took it; `receipt` is what the channel answered. Raises Conflict when it was settled."""
    _pending(notice)
    return replace(notice, status="delivered", next_try=None, channel=channel, receipt=receipt, delivered_at=at, error="")


def missed(notice: Notice, error: str, again: datetime) -> Notice:
    """The notice after an attempt in which no channel took it: to be tried again at `again`, or failed.

    Raises Conflict when it was settled.
    """
    tried = replace(_pending(notice), attempts=notice.attempts + 1, error=error, next_try=again)
    spent = tried.attempts >= ATTEMPTS or again - notice.created_at > PATIENCE
    return failed(tried, error) if spent and not notice.probe else tried


def failed(notice: Notice, error: str) -> Notice:
    """The notice once it is given up. Raises Conflict when it was settled."""
    return replace(_pending(notice), status="failed", next_try=None, error=error)


def _pending(notice: Notice) -> Notice:
    if notice.status != "pending":
        raise Conflict(f"{notice.id} is already {notice.status}", why=notice.error or notice.receipt, fix="baton notices")
    return notice


def again_at(notices: Iterable[Notice], at: datetime, after: timedelta = timedelta()) -> datetime:
    """When to try a message again: exponentially later, a quarter earlier or later by its ids, and not before `after` has passed.

    Pure: a process that was killed and started again waits for the same instant.
    """
    tried = list(notices)
    attempts = max(notice.attempts for notice in tried)
    longest = PROBE if all(notice.probe for notice in tried) else LONGEST
    wait = min(FIRST * 2 ** min(attempts, 20), longest)
    drawn = hashlib.sha256(f"{message_key(tried)} {attempts}".encode()).digest()
    jittered = wait * (0.75 + 0.5 * int.from_bytes(drawn[:4], "big") / 2**32)
    return at + timedelta(seconds=round(max(jittered, min(after, PATIENCE)).total_seconds()))


def message_key(notices: Iterable[Notice]) -> str:
    """The idempotency key of a message: the notice's own id, or one derived from all that go out together."""
    ids = sorted(notice.id for notice in notices)
    return ids[0] if len(ids) == 1 else derived_id("notices", *ids)


def together(notices: Iterable[Notice], at: datetime) -> list[tuple[Notice, ...]]:
    """What is due at an instant, one tuple per message: of one person, with one instant; what is urgent comes first.

    The instant stands on the record, so that after a kill the same notices make the same message.
    """
    found: dict[tuple[str, datetime], list[Notice]] = {}
    for notice in notices:
        if notice.status == "pending" and notice.next_try is not None and notice.next_try <= at:
            found.setdefault((notice.to, notice.next_try), []).append(notice)
    batches = [
        tuple(sorted(batch, key=lambda each: (not each.urgent, not each.asks, each.group, each.id))) for batch in found.values()
    ]
    return sorted(batches, key=lambda batch: (not batch[0].urgent, batch[0].created_at, batch[0].to))
