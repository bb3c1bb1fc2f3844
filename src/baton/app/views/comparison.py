"""Versions compared beside the live one: arms by their comparison, A/B comparisons with their latest look, bandits with what they earned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from baton.delivery.release import Release
from baton.delivery.weighing import Weighing
from baton.ledger.ports import LedgerReader, StateReader

MOST_GROUPS = 20
LATEST = 400
"""The newest releases among which arms are looked for."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """Versions that were compared beside the live one: an A/B comparison with its latest look, or a bandit with what its arms earned.

    `earned` has a row per arm: name, share, answers with a label, rewards.
    """

    group: str
    kind: str
    status: str
    since: datetime
    arms: tuple[Release, ...]
    look: Weighing | None
    earned: tuple[tuple[str, float, int, int], ...]
    reason: str


def experiments(records: StateReader, ledger: LedgerReader, until: datetime | None) -> tuple[list[Experiment], int]:
    """Comparisons and bandits on record, the newest first, at most 20; and how many there are among the latest releases."""
    grouped = arms(records)
    return [_experiment(records, ledger, until, *each) for each in list(grouped.items())[:MOST_GROUPS]], len(grouped)


def _experiment(
    records: StateReader, ledger: LedgerReader, until: datetime | None, group: str, arms: Sequence[Release]
) -> Experiment:
    look = records.get(Weighing, group)
    earned = _earned(ledger, arms, until) if look is None else ()
    status = "running" if any(each.status == "arm" for each in arms) else "ended"
    kind = "A/B comparison" if look is not None else "bandit" if earned else "comparison"
    told = sorted(arms, key=lambda each: each.variant)
    reason = look.reason if look is not None else next((each.reason for each in told if each.reason), "")
    return Experiment(group, kind, status, min(each.started_at for each in arms), tuple(told), look, earned, reason)


def _earned(ledger: LedgerReader, arms: Sequence[Release], until: datetime | None) -> tuple[tuple[str, float, int, int], ...]:
    """What every arm earned, as the latest weighing tells it."""
    facts = [fact for arm in arms for fact in ledger.recent(kind="release.reweighed", subject=arm.id, until=until, limit=1)]
    if not facts:
        return ()
    told = max(facts, key=lambda fact: fact.effective_at).payload.get("arms", {})
    return tuple((name, float(each["weight"]), int(each["answers"]), int(each["rewards"])) for name, each in sorted(told.items()))


def arms(records: StateReader) -> dict[str, list[Release]]:
    """Releases of comparisons and bandits by their group, the newest group first."""
    grouped: dict[str, list[Release]] = {}
    for each in records.latest(Release, limit=LATEST):
        if each.group:
            grouped.setdefault(each.group, []).append(each)
    return grouped
