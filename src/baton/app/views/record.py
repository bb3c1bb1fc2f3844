"""The ledger as read by the edges."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from baton.app.bootstrap import read_state
from baton.app.workspace import witness
from baton.kernel.clock import iso
from baton.kernel.errors import NotFound
from baton.ledger.fact import Fact
from baton.ledger.merkle import leaf_hash, root_of
from baton.ledger.ports import Head, LedgerReader
from baton.ledger.proof import inclusion_proof, is_included
from baton.ledger.verify import verify


def verified(folder: Path) -> dict[str, Any]:
    """What a verification found."""
    with read_state(folder) as (workspace, state):
        told: dict[str, Any] = msgspec.to_builtins(verify(state, witness(workspace)))
    return told


def facts(folder: Path, subject: str | None, kind: str | None) -> list[dict[str, Any]]:
    """Facts in order as plain values."""
    with read_state(folder) as (_, state):
        found = state.facts(subject=subject, kind=kind)
    return [
        {**msgspec.to_builtins(fact), "effective_at": iso(fact.effective_at), "recorded_at": iso(fact.recorded_at)}
        for fact in found
    ]


@dataclass(frozen=True, slots=True)
class Sought:
    """Which facts to list: of a subject kind ("incident"), about a subject, by an actor; empty fields mean any."""

    kind: str = ""
    subject: str = ""
    actor: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Inclusion:
    """The proof that a fact is in the log: its leaf, the audit path from the leaf upwards, and the head it leads to (hex)."""

    leaf: str
    path: tuple[str, ...]
    size: int
    root: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The present head beside the one kept outside the database: `agrees`, or why not in `words`."""

    head: Head
    witness: Head | None
    agrees: bool
    words: str


def recent(ledger: LedgerReader, sought: Sought, before: int | None = None, limit: int = 50) -> tuple[list[Fact], int | None]:
    """Facts that fit, newest first, and the place before which the next page begins (None: there is no more)."""
    kind = f"{sought.kind}." if sought.kind and "." not in sought.kind else sought.kind or None
    found = ledger.recent(
        kind=kind, subject=sought.subject or None, actor=sought.actor or None, before=before, until=sought.until, limit=limit + 1
    )
    return found[:limit], found[limit - 1].seq if len(found) > limit else None


def every(ledger: LedgerReader, sought: Sought, most: int) -> Iterator[Fact]:
    """The newest facts that fit, at most so many, read a thousand at a time."""
    before: int | None = None
    left = most
    while left > 0:
        found, before = recent(ledger, sought, before, min(1000, left))
        yield from found
        left -= len(found)
        if before is None:
            return


def fact_at(ledger: LedgerReader, seq: int, until: datetime | None = None) -> Fact | None:
    """The fact at a place in the log; None when there is none, or it was recorded after `until`."""
    found = ledger.recent(before=seq + 1, until=until, limit=1) if seq > 0 else []
    return found[0] if found and found[0].seq == seq else None


def earlier_state(ledger: LedgerReader, fact: Fact) -> Fact | None:
    """The fact before this one about the same subject, to see what changed."""
    found = ledger.recent(kind=f"{fact.subject_kind}.", subject=fact.subject, before=fact.seq, limit=1)
    return found[0] if found else None


def head_at(ledger: LedgerReader, moment: datetime | None) -> Head:
    """The head that the log had at an instant, over the facts recorded by then; the present one for None."""
    if moment is None:
        return ledger.head()
    size = next((fact.seq for fact in ledger.recent(until=moment, limit=1)), 0)
    return Head(size, root_of(ledger.leaf_hashes()[:size]).hex())


def inclusion(ledger: LedgerReader, seq: int, moment: datetime | None = None) -> Inclusion:
    """The proof of one fact under the head of an instant (None: the present one), from all stored leaf hashes.

    Raises NotFound for a place that the log does not have.
    """
    head, leaves = head_at(ledger, moment), ledger.leaf_hashes()
    leaves = leaves if moment is None else leaves[: head.size]
    if not 0 < seq <= len(leaves):
        raise NotFound(
            f"there is no fact {seq}", where="ledger", why=f"it holds {len(leaves):,} facts", fix="choose one of the list"
        )
    computed = b"".join(leaf_hash(fact.leaf()) for fact in ledger.facts(after=seq - 1, limit=1) if fact.seq == seq)
    path = inclusion_proof(leaves, seq - 1)
    # Leaves recorded since the head was read would lead to a later root: the head is computed from what was read.
    top = head.root if head.size == len(leaves) else root_of(leaves).hex()
    holds = is_included(computed, seq - 1, len(leaves), path, bytes.fromhex(top))
    return Inclusion(computed.hex(), tuple(node.hex() for node in path), len(leaves), top, holds)


def witnessed(ledger: LedgerReader, kept: Head | None) -> Witnessed:
    """Whether the log still is what the witness file says; a quick look at heads, no verification of facts."""
    head = ledger.head()
    if kept is None:
        return Witnessed(head, None, False, "no witness is kept beside the database")
    if kept.size > head.size:
        return Witnessed(
            head, kept, False, f"the witness knows {kept.size:,} facts, the log ends at {head.size:,}: its tail was cut off"
        )
    if kept.size == head.size:
        same = kept.root == head.root
        return Witnessed(
            head,
            kept,
            same,
            "the witness file holds the same head" if same else "the witness file holds another root for the same size",
        )
    known = next((each for each in ledger.heads() if each.size == kept.size), None)
    if known is None or known.root == kept.root:
        return Witnessed(head, kept, True, f"the witness file holds an earlier head, over {kept.size:,} facts, and agrees")
    return Witnessed(head, kept, False, f"the head over {kept.size:,} facts differs from the one in the witness file")
