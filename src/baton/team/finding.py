"""A finding of the team lint, and the waivers that say which ones are known and accepted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from baton.kernel.clock import iso
from baton.kernel.suggest import nearest

if TYPE_CHECKING:
    from baton.project.ownership import Waiver


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to change. `subject` is what it is about: a phase, a role, a hand-off, a file or a person."""

    kind: str
    subject: str
    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class Waived:
    """A finding that somebody accepted, why, and until when (UTC); for good when None."""

    finding: Finding
    why: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Judged:
    """What is left to change, and what was waived."""

    findings: tuple[Finding, ...]
    waived: tuple[Waived, ...]


def judged(found: Iterable[Finding], waivers: Iterable[Waiver], at: datetime) -> Judged:
    """Take out what is waived at that instant. A waiver that has expired, or that nothing answers to, is a finding itself."""
    told, rules = tuple(found), tuple(waivers)
    holding = {(each.kind, each.subject): each for each in rules if not _over(each, at)}
    taken = tuple(
        Waived(each, rule.why, rule.until) for each in told if (rule := holding.get((each.kind, each.subject))) is not None
    )
    left = tuple(each for each in told if (each.kind, each.subject) not in holding)
    return Judged((*left, *_stale(told, rules, at)), taken)


def _over(rule: Waiver, at: datetime) -> bool:
    return rule.until is not None and at >= rule.until


def _stale(told: tuple[Finding, ...], rules: tuple[Waiver, ...], at: datetime) -> Iterator[Finding]:
    known = {(each.kind, each.subject) for each in told}
    for rule in rules:
        if _over(rule, at):
            yield Finding(
                "expired-waiver",
                f"{rule.kind} {rule.subject}",
                f"it held until {iso(rule.until or at)}: {rule.why}",
                "mend what it waived and remove it from 'waivers', or give it another 'until'",
            )
        elif (rule.kind, rule.subject) not in known:
            yield _idle(rule, known)


def _idle(rule: Waiver, known: set[tuple[str, str]]) -> Finding:
    near = nearest(f"{rule.kind} {rule.subject}", [f"{kind} {subject}" for kind, subject in sorted(known)])
    return Finding(
        "idle-waiver",
        f"{rule.kind} {rule.subject}",
        "no finding answers to it" + (f"; did you mean '{near}'?" if near else ": what it waived is mended, or was never there"),
        "remove it from 'waivers', or mend its kind and subject",
    )
