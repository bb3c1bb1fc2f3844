"""A fact: something that happened to a subject, who did it in which role, when, why, and what the subject became.

A record is the present state of one subject. Each fact carries its subject's record as it became, so the present is the
last fact of every subject and the past is the same question with an earlier instant.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from baton.kernel.clock import iso
from baton.kernel.digest import canonical

SYSTEM, POLICY, KEEPER = "baton", "policy", "keeper"
IMPERSONAL = (SYSTEM, POLICY, KEEPER)
"""Who acts on the record and is no person: Baton itself, checks alone, whoever owns the files. Nobody else bears these names."""


class Record(Protocol):
    """The state of one subject: a frozen value with a kind, an id and a status."""

    KIND: ClassVar[str]

    @property
    def id(self) -> str:
        """Unique within the kind."""
        ...

    @property
    def status(self) -> str:
        """Where it stands in its state machine."""
        ...


class Together:
    """Marks records that are decided on together, as people are, of whom one must remain: a change to one makes what was
    decided on any other of its kind stale."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """One entry of the ledger.

    `kind` is `subject-kind.verb` in the past tense. `effective_at` is when it took effect, `recorded_at` when the ledger
    learned of it, both UTC by the workspace's clock. `state` is the subject's record afterwards, as plain values.
    """

    kind: str
    subject_kind: str
    subject: str
    actor: str
    role: str
    effective_at: datetime
    recorded_at: datetime
    reason: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] | None = None
    seq: int = 0

    def leaf(self) -> bytes:
        """The bytes that the Merkle log is computed over: everything but the place in the log."""
        return canonical(
            [
                self.kind,
                self.subject_kind,
                self.subject,
                self.actor,
                self.role,
                iso(self.effective_at),
                iso(self.recorded_at),
                self.reason,
                self.payload,
                self.state,
            ]
        )


@dataclass(frozen=True, slots=True)
class Act:
    """Who does something, in which role, when and why: the part of a fact that is not about its subject."""

    actor: str
    role: str
    at: datetime
    recorded_at: datetime | None = None

    def on(self, record: Record, verb: str, reason: str, **payload: Any) -> "Change":
        """The change that leaves `record` as the subject's state."""
        return Change(self, record, verb, reason, payload)


@dataclass(frozen=True, slots=True)
class Change:
    """A record as it becomes, and the fact that says why; committed together."""

    act: Act
    record: Record
    verb: str
    reason: str
    payload: Mapping[str, Any] = field(default_factory=dict)
