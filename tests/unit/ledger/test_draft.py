"""A draft shows what is to come to whoever reads through it, and to nobody else until it is committed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

from baton.ledger.draft import Draft
from baton.ledger.fact import Act, Change, Fact
from baton.ledger.ports import Head, State

AT = datetime(2023, 1, 1, tzinfo=UTC)
ACT = Act("ann", "sre", AT)


@dataclass(frozen=True)
class Thing:
    KIND: ClassVar[str] = "thing"
    id: str
    status: str


@dataclass(frozen=True)
class Other:
    KIND: ClassVar[str] = "other"
    id: str
    status: str


class Fixed:
    """A state with two things that keeps what is committed."""

    def __init__(self) -> None:
        self.things = {"a": Thing("a", "open"), "b": Thing("b", "done")}
        self.committed: list[Any] = []

    def get(self, kind: type[Any], id: str) -> Any:
        return self.things.get(id) if kind is Thing else None

    def all(self, kind: type[Any], *, status: Sequence[str] = (), limit: int = 10_000) -> list[Any]:
        return [thing for thing in self.things.values() if not status or thing.status in status][:limit] if kind is Thing else []

    def head(self) -> Head:
        return Head(7, "")

    def commit(
        self, changes: Sequence[Change], *, cursors: Mapping[str, str], expect: Mapping[str, str | None], seen: int
    ) -> Head:
        assert seen == 7, "the draft tells how much of the log it had seen"
        self.committed.append((list(changes), dict(cursors), dict(expect)))
        return Head(len(changes), "")


def test_a_draft_reads_its_own_changes_first() -> None:
    state = Fixed()
    draft = Draft(cast("State", state))
    assert draft.all(Thing) == [Thing("a", "open"), Thing("b", "done")]
    made = draft.record(ACT, Thing("c", "open"), "opened", "why", n=1)
    draft.record(ACT, Thing("a", "done"), "done", "why")
    assert draft.get(Thing, "c") is made and draft.get(Thing, "a") == Thing("a", "done")
    assert draft.get(Thing, "b") == Thing("b", "done") and draft.get(Thing, "x") is None
    assert draft.all(Thing) == [Thing("a", "done"), Thing("b", "done"), Thing("c", "open")]
    assert draft.all(Thing, status=("open",)) == [Thing("c", "open")]
    assert draft.all(Thing, limit=2) == [Thing("a", "done"), Thing("b", "done")]
    assert state.things["a"] == Thing("a", "open") and not state.committed


def test_kinds_do_not_mix() -> None:
    draft = Draft(cast("State", Fixed()))
    draft.record(ACT, Other("a", "new"), "made", "why")
    assert draft.get(Thing, "a") == Thing("a", "open")
    assert draft.all(Other) == [Other("a", "new")]


def test_changes_are_committed_in_order_with_their_cursors() -> None:
    state = Fixed()
    draft = Draft(cast("State", state))
    draft.record(ACT, Thing("c", "open"), "opened", "first")
    draft.record(ACT, Thing("c", "done"), "done", "second", n=2)
    assert draft.commit({"tick": "2"}, {"tick": "1"}) == Head(2, "")
    ((changes, cursors, expect),) = state.committed
    assert tuple(changes) == draft.changes
    assert [(change.verb, change.reason, dict(change.payload)) for change in changes] == [
        ("opened", "first", {}),
        ("done", "second", {"n": 2}),
    ]
    assert (cursors, expect) == ({"tick": "2"}, {"tick": "1"})


def test_a_fact_is_hashed_over_everything_but_its_place() -> None:
    fact = Fact("thing.opened", "thing", "a", "ann", "sre", AT, AT, "why", {"n": 1}, {"id": "a"}, 7)
    assert fact.leaf() == (
        b'["thing.opened","thing","a","ann","sre","2023-01-01T00:00:00Z","2023-01-01T00:00:00Z","why",{"n":1},{"id":"a"}]'
    )
