"""An A/B comparison: named challengers against the live version, each judged by the same always-valid test of wrong answers.

harm ──▶ the arm goes      better ──▶ it wins, and the comparison is over      time is over ──▶ undecided, all arms go
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from baton.delivery.guardrail import Guardrail, read_rate
from baton.delivery.mismatch import Exposures, read_split
from baton.delivery.reading import Reading, voided
from baton.delivery.release import Release
from baton.delivery.sequential import Counts


@dataclass(frozen=True, slots=True)
class Tally:
    """Per share of the arm in force: units of the arm and of live, and those with a wrong answer."""

    labelled: Counts
    wrong: Counts


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows: who goes for harm, who won, and why all is over, if it is."""

    harmful: tuple[str, ...] = ()
    winner: str = ""
    over: str = ""


def read_arms(tallies: Mapping[str, Tally], units: Exposures, alpha: float, before: Mapping[str, Reading]) -> dict[str, Reading]:
    """One reading per arm, and the split of all of them. The arms share α for harm, and for being called better."""
    part = alpha / len(tallies)
    split = read_split(units, ("live", *tallies), before=before.get("split"))
    found = {"split": split}
    for name, tally in tallies.items():
        asked = Guardrail(name, "wrong answers", margin=0.0, alpha=part, risk=part, arm=name)
        found[name] = voided(read_rate(asked, tally.labelled, tally.wrong, before.get(name)), split)
    return found


def conclude(arms: Sequence[Release], readings: Mapping[str, Reading], lasts: timedelta, now: datetime) -> Outcome:
    """What the readings of a comparison mean. A broken split decides nothing, not even at the end."""
    if readings["split"].decided == "void":
        over = now - arms[0].started_at >= lasts
        return Outcome(over=f"its time is over, and nothing counts: {readings['split'].sentence}" if over else "")
    harmful = tuple(arm.variant for arm in arms if readings[arm.variant].decided == "harm")
    better = [arm.variant for arm in arms if readings[arm.variant].decided == "no worse"]
    if better:
        return Outcome(harmful, min(better, key=lambda name: _estimate(readings[name])))
    if len(harmful) == len(arms):
        return Outcome(harmful, over="every challenger was proved worse")
    if now - arms[0].started_at >= lasts:
        return Outcome(harmful, over="its time is over, and no challenger was proved better")
    return Outcome(harmful)


def _estimate(reading: Reading) -> float:
    estimate = reading.interval.estimate if reading.interval is not None else None
    return 1.0 if estimate is None else estimate
