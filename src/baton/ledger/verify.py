"""Verify a ledger: every leaf, every head, and that the present records are what the last facts say."""

import hashlib
from dataclasses import dataclass

import msgspec

from baton.ledger.merkle import Frontier, leaf_hash
from baton.ledger.ports import Head, LedgerReader


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked, and each thing that does not fit (empty = the ledger is whole)."""

    facts: int
    root: str
    faults: tuple[str, ...]


def verify(state: LedgerReader, witness: Head | None = None) -> Verification:
    """Recompute the log from its facts and compare it with every stored head and with a head kept elsewhere.

    A changed, removed, inserted or re-ordered fact changes the root; a cut-off tail contradicts the last head or the
    witness; a fact put at the end stands after the last head; a record changed behind the ledger's back differs from its last fact.
    """
    heads = {head.size: head.root for head in state.heads()}
    if witness is not None:
        heads.setdefault(witness.size, witness.root)
    frontier, faults = Frontier(), []
    last: dict[str, dict[str, bytes]] = {}
    place = 0
    for fact, stored in state.leaves():
        computed = leaf_hash(fact.leaf())
        if computed != stored:
            faults.append(f"fact {fact.seq} ({fact.kind} {fact.subject}) was changed after it was recorded")
        frontier.append(computed)
        if fact.seq != frontier.size:
            faults.append(f"fact {fact.seq} stands where fact {frontier.size} should")
        expected = heads.pop(frontier.size, None)
        if expected is not None and expected != frontier.root().hex():
            faults.append(f"the root after fact {frontier.size} differs from the one recorded then")
        place = fact.seq
        last.setdefault(fact.subject_kind, {})[fact.subject] = _digest(fact.state)
    faults += [
        f"the log ends at fact {frontier.size}, but a head over {size} facts was recorded"
        for size in sorted(heads)
        if size > frontier.size
    ]
    faults += _uncovered(state, frontier)
    faults += _strayed(state, last, place)
    if witness is not None and witness.size <= frontier.size and state.head().size >= witness.size:
        faults += _witness_faults(state, witness)
    return Verification(frontier.size, frontier.root().hex(), tuple(faults))


def _uncovered(state: LedgerReader, frontier: Frontier) -> list[str]:
    """Facts that no head speaks for, and a present head that is not the log's; heads are read after the facts they cover."""
    covered, head = max((head.size for head in state.heads()), default=0), state.head()
    loose = frontier.size - covered
    faults = [f"{loose} fact{'s' if loose != 1 else ''} after the last head: no commit made them"] if loose > 0 else []
    if head.size == frontier.size and head.root != frontier.root().hex():
        faults.append(f"the present head over {head.size} facts is not the root of the log")
    return faults


def _witness_faults(state: LedgerReader, witness: Head) -> list[str]:
    stored = {head.size: head.root for head in state.heads()}.get(witness.size)
    return (
        []
        if stored in (None, witness.root)
        else [f"the head over {witness.size} facts differs from the one kept in the witness file"]
    )


def _strayed(state: LedgerReader, last: dict[str, dict[str, bytes]], place: int) -> list[str]:
    """Records that are not what the facts up to a place say of them, by the digests of these."""
    faults = []
    for kind, told in sorted(last.items()):
        differing, unknown = set(told), set[str]()
        for record in state.raw(kind):
            subject = str(record.get("id", ""))
            if subject in told and told[subject] == _digest(record):
                differing.discard(subject)
            elif subject and subject not in told:
                unknown.add(subject)
        # What was committed while the log was read is told by later facts.
        later = {fact.subject for fact in state.facts(kind=f"{kind}.", after=place)} if differing or unknown else set()
        faults += [f"{kind} {subject} differs from what its last fact says" for subject in sorted(differing - later)]
        faults += [f"{kind} {subject} has no fact" for subject in sorted(unknown - later)]
    return faults


def _digest(value: object) -> bytes:
    """Stands for a state: all states of a long ledger are more than a process should hold."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).digest()
