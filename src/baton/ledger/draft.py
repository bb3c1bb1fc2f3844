"""A draft: changes gathered during one step, visible to whoever reads through it, committed together or not at all."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from baton.ledger.fact import Act, Change, Record
from baton.ledger.ports import Head, State

R = TypeVar("R", bound=Record)


class Draft:
    """Reads fall through to the state unless a gathered change says otherwise."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._seen = state.head().size
        self._changes: list[Change] = []
        self._latest: dict[tuple[str, str], Record] = {}

    @property
    def changes(self) -> tuple[Change, ...]:
        """What was gathered so far, in order."""
        return tuple(self._changes)

    def record(self, act: Act, record: R, verb: str, reason: str, **payload: Any) -> R:
        """Gather a change and return the record, now visible through this draft."""
        self._changes.append(act.on(record, verb, reason, **payload))
        self._latest[record.KIND, record.id] = record
        return record

    def get(self, kind: type[R], id: str) -> R | None:
        """The record of that id as gathered, else as committed."""
        found = self._latest.get((kind.KIND, id))
        return found if isinstance(found, kind) else self._state.get(kind, id)

    def all(self, kind: type[R], *, status: Sequence[str] = (), limit: int = 100_000) -> list[R]:
        """Records of a kind, gathered ones included: committed ones in order of first appearance, then what came in."""
        known = {record.id: record for record in self._state.all(kind, status=status, limit=limit)}
        for (of, id), record in self._latest.items():
            if of == kind.KIND and isinstance(record, kind):
                if status and record.status not in status:
                    known.pop(id, None)
                else:
                    known[id] = record
        return list(known.values())[:limit]

    def commit(self, cursors: Mapping[str, str], expect: Mapping[str, str | None]) -> Head:
        """Commit all of it with the cursors; see `State.commit`. Raises Conflict when a record changed since the draft began."""
        return self._state.commit(self._changes, cursors=cursors, expect=expect, seen=self._seen)
