"""Verification finds whatever was done to a ledger behind its back."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from baton.ledger.fact import Fact
from baton.ledger.merkle import Frontier, leaf_hash, root_of
from baton.ledger.ports import Head, State
from baton.ledger.verify import Verification, verify

START = datetime(2023, 1, 1, tzinfo=UTC)


@dataclass
class Log:
    """A ledger in lists, open to every hand: what verification reads, and nothing else."""

    stored: list[tuple[Fact, bytes]] = field(default_factory=list)
    tops: list[Head] = field(default_factory=list)
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    top: Head | None = None

    def leaves(self) -> Iterator[tuple[Fact, bytes]]:
        return iter(self.stored)

    def heads(self) -> list[Head]:
        return self.tops

    def head(self) -> Head:
        return self.top or (self.tops[-1] if self.tops else Head(0, Frontier().root().hex()))

    def facts(self, *, kind: str, after: int) -> list[Fact]:
        return [entry for entry, _ in self.stored if entry.seq > after and entry.kind.startswith(kind)]

    def raw(self, kind: str) -> Iterator[Mapping[str, Any]]:
        return iter(self.records.get(kind, []))


def fact(number: int, subject: str, status: str) -> Fact:
    at = START + timedelta(hours=number)
    state = {"id": subject, "status": status, "n": 1}
    return Fact(f"thing.{status}", "thing", subject, "ann", "sre", at, at, "because", {"n": number}, state, number)


def sealed(entry: Fact) -> tuple[Fact, bytes]:
    return entry, leaf_hash(entry.leaf())


def whole() -> Log:
    """Two commits of two and three facts over three subjects."""
    facts = [fact(1, "a", "open"), fact(2, "b", "open"), fact(3, "a", "done"), fact(4, "c", "open"), fact(5, "b", "done")]
    log = Log([sealed(entry) for entry in facts])
    return headed(log, 2, 5)


def headed(log: Log, *sizes: int) -> Log:
    """The log with fresh heads, and records as its last facts tell them."""
    leaves = [leaf for _, leaf in log.stored]
    log.tops = [Head(size, root_of(leaves[:size]).hex()) for size in sizes]
    log.records = {"thing": list({entry.subject: dict(entry.state or {}) for entry, _ in log.stored}.values())}
    return log


def check(log: Log, witness: Head | None = None) -> Verification:
    return verify(cast("State", log), witness)


WITNESS = whole().tops[-1]


def test_a_whole_ledger_has_no_fault() -> None:
    assert check(whole()) == Verification(5, WITNESS.root, ())
    assert check(whole(), WITNESS).faults == check(whole(), whole().tops[0]).faults == ()
    assert check(Log()).faults == ()


def changed(log: Log, at: int, **values: Any) -> None:
    entry, leaf = log.stored[at]
    log.stored[at] = (replace(entry, **values), leaf)


def put(log: Log, at: int, entry: Fact) -> None:
    log.stored.insert(at, sealed(entry))


def numbered(log: Log) -> None:
    log.stored = [(replace(entry, seq=place), leaf) for place, (entry, leaf) in enumerate(log.stored, 1)]


def swapped(log: Log) -> None:
    log.stored[0], log.stored[1] = log.stored[1], log.stored[0]
    numbered(log)


def removed(log: Log) -> None:
    del log.stored[3]
    numbered(log)


def inserted(log: Log) -> None:
    put(log, 3, fact(9, "a", "open"))
    numbered(log)


def appended(log: Log) -> None:
    put(log, 5, fact(6, "c", "done"))
    log.records["thing"][2] = {"id": "c", "status": "done", "n": 1}


def resealed(log: Log) -> None:
    changed(log, 1, payload={"n": 7})
    log.stored[1] = sealed(log.stored[1][0])


def beheaded(log: Log) -> None:
    resealed(log)
    log.tops = []


def other_top(log: Log) -> None:
    log.top = Head(5, "00" * 32)


TAMPERINGS: dict[str, tuple[Callable[[Log], object], str]] = {
    "payload": (lambda log: changed(log, 1, payload={"n": 7}), r"fact 2 \(thing.open b\) was changed"),
    "reason": (lambda log: changed(log, 1, reason="whatever"), r"fact 2 \(thing.open b\) was changed"),
    "actor": (lambda log: changed(log, 1, actor="eve"), r"fact 2 \(thing.open b\) was changed"),
    "role": (lambda log: changed(log, 1, role="product-manager"), r"fact 2 \(thing.open b\) was changed"),
    "state": (lambda log: changed(log, 1, state={"id": "b", "status": "done"}), r"fact 2 \(thing.open b\) was changed"),
    "effective": (lambda log: changed(log, 1, effective_at=START), r"fact 2 \(thing.open b\) was changed"),
    "recorded": (lambda log: changed(log, 1, recorded_at=START), r"fact 2 \(thing.open b\) was changed"),
    "place": (lambda log: changed(log, 1, seq=7), "fact 7 stands where fact 2 should"),
    "resealed": (resealed, "the root after fact 2 differs"),
    "gap": (lambda log: log.stored.pop(3), "fact 5 stands where fact 4 should"),
    "removed": (removed, "the log ends at fact 4, but a head over 5"),
    "swapped": (swapped, "the root after fact 2 differs"),
    "inserted": (inserted, "the root after fact 5 differs"),
    "appended": (appended, "1 fact after the last head"),
    "beheaded": (beheaded, "5 facts after the last head"),
    "truncated": (lambda log: log.stored.pop(), "the log ends at fact 4, but a head over 5"),
    "emptied": (lambda log: log.stored.clear(), "the log ends at fact 0, but a head over 2"),
    "head": (lambda log: log.tops.__setitem__(0, Head(2, "00" * 32)), "the root after fact 2 differs"),
    "top": (other_top, "the present head"),
    "record": (lambda log: log.records["thing"][2].update(status="live"), "thing c differs from what its last fact says"),
    "record's number": (lambda log: log.records["thing"][2].update(n=1.0), "thing c differs from what its last fact says"),
    "record's id": (lambda log: log.records["thing"][2].pop("id"), "thing c differs from what its last fact says"),
    "record's id a list": (lambda log: log.records["thing"][2].update(id=["c"]), "thing c differs from what its last fact says"),
    "record gone": (lambda log: log.records["thing"].pop(), "thing c differs from what its last fact says"),
    "record made up": (lambda log: log.records["thing"].append({"id": "z", "status": "live"}), "thing z has no fact"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_each_tampering_is_found(name: str) -> None:
    tamper, said = TAMPERINGS[name]
    log = whole()
    tamper(log)
    import re

    faults = check(log).faults
    assert any(re.search(said, fault) for fault in faults), faults


def test_a_history_rewritten_throughout_is_found_by_the_witness_alone() -> None:
    log = whole()
    resealed(log)
    headed(log, 2, 5)
    assert check(log).faults == ()
    assert any("witness" in fault for fault in check(log, WITNESS).faults)


def test_a_tail_cut_off_with_its_heads_is_found_by_the_witness_alone() -> None:
    log = whole()
    del log.stored[2:]
    headed(log, 2)
    assert check(log).faults == ()
    assert any("head over 5 facts" in fault for fault in check(log, WITNESS).faults)


def test_a_witness_between_two_heads_still_counts() -> None:
    log = whole()
    inner = Head(3, root_of([leaf for _, leaf in log.stored[:3]]).hex())
    assert check(log, inner).faults == ()
    assert any("root after fact 3" in fault for fault in check(log, Head(3, "00" * 32)).faults)


class Growing(Log):
    """A log to which somebody commits when its facts have been read, and before its records are."""

    def raw(self, kind: str) -> Iterator[Mapping[str, Any]]:
        if len(self.stored) == 5:
            self.stored += [sealed(fact(6, "b", "live")), sealed(fact(7, "d", "open"))]
            headed(self, 2, 5, 7)
            self.records["thing"][0]["status"] = "changed behind its back"
        return super().raw(kind)


def test_what_is_committed_meanwhile_is_no_fault_and_hides_none() -> None:
    log = whole()
    assert check(Growing(log.stored, log.tops, log.records)).faults == ("thing a differs from what its last fact says",)


def test_a_record_is_read_whatever_the_order_of_its_fields() -> None:
    log = whole()
    log.records["thing"] = [dict(reversed(record.items())) for record in log.records["thing"]]
    assert check(log).faults == ()
