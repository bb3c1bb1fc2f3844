"""Overrides: for a time, on named people's word, a rule does not hold. Each says who, why and until when, and ends by itself.

    asked ──enough people approve──▶ holding ──used, ended by a person, or its time is over──▶ ended
    asked ──refused, or its time is over before──▶ refused

`halt` is the kill switch: it holds at once on one person's word, and leaves a review to another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from baton.kernel.clock import iso
from baton.kernel.errors import InvalidInput
from baton.kernel.ids import derived_id
from baton.kernel.suggest import did_you_mean
from baton.ledger.fact import Together
from baton.ledger.move import Moves, move

KINDS: Mapping[str, tuple[str, str]] = {
    "gate": ("evaluate", "let the candidate of a turn through although the gate failed"),
    "brake": ("retrain", "retrain now in spite of cooldown and budget"),
    "promote": ("deploy", "let the release on trial serve all traffic before everything asked of it is proved"),
    "freeze": ("deploy", "no promotion and no new turn"),
    "halt": ("incident", "no version answers"),
}
"""What can be overridden: the phase whose people decide, and what it means."""

MOVES: Moves = {
    "asked": frozenset({"holding", "refused"}),
    "holding": frozenset({"ended"}),
    "refused": frozenset(),
    "ended": frozenset(),
}
ANYTHING = "anything"


@dataclass(frozen=True, slots=True)
class Override(Together):
    """One override: who asked, why, and until when (UTC; None until somebody ends it, for a halt only)."""

    KIND: ClassVar[str] = "override"
    id: str
    status: str
    kind: str
    subject: str
    phase: str
    asked_by: str
    reason: str
    asked_at: datetime
    until: datetime | None
    approval: str = ""
    since: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""

    @property
    def open(self) -> bool:
        """Whether it is asked for or holds."""
        return self.status in ("asked", "holding")

    @property
    def what(self) -> str:
        """What it does, in words."""
        until = f" until {iso(self.until)}" if self.until else ""
        about = "" if self.subject == ANYTHING else f" ({self.subject})"
        return f"{self.kind}{about}: {KINDS[self.kind][1]}{until}, because: {self.reason}"


def asked(kind: str, subject: str, by: str, reason: str, at: datetime, until: datetime | None, earlier: int = 0) -> Override:
    """An override that somebody asks for. `earlier` is how many there were before it.

    Raises InvalidInput for a kind that does not exist, without a reason, and unless it ends after it begins.
    """
    if kind not in KINDS:
        raise InvalidInput(f"there is no override '{kind}'", why=did_you_mean(kind, KINDS), fix=f"one of {', '.join(KINDS)}")
    if not reason.strip():
        raise InvalidInput("an override needs a reason", where="--reason", fix='say why: --reason "…"')
    if until is None and kind != "halt":
        raise InvalidInput("an override needs an end", where="--until", fix="say when it reverts by itself, e.g. --until 2d")
    if until is not None and until <= at:
        raise InvalidInput(
            f"the override would end at {iso(until)}, before it begins",
            where="--until",
            why=f"it is {iso(at)}",
            fix="name a later instant",
        )
    id = derived_id("override", kind, subject, by, iso(at), earlier)
    return Override(id, "asked", kind, subject, KINDS[kind][0], by, reason, at, until)


def holding(override: Override, at: datetime) -> Override:
    """The override from now on. Raises Conflict unless it was asked for."""
    return move(override, MOVES, "holding", since=at)


def ended(override: Override, at: datetime, outcome: str) -> Override:
    """The override once the rule holds again. Raises Conflict unless it was holding."""
    return move(override, MOVES, "ended", ended_at=at, outcome=outcome)


def refused(override: Override, at: datetime, outcome: str) -> Override:
    """The override that never held. Raises Conflict unless it was asked for."""
    return move(override, MOVES, "refused", ended_at=at, outcome=outcome)


def in_force(overrides: Iterable[Override], kind: str, at: datetime, *subjects: str) -> Override | None:
    """The override of a kind that holds at an instant, about one of these subjects or anything; None when there is none."""
    for each in overrides:
        fits = each.kind == kind and (each.subject == ANYTHING or each.subject in subjects)
        begun = each.since is not None and each.since <= at
        if fits and begun and each.status == "holding" and (each.until is None or at < each.until):
            return each
    return None
