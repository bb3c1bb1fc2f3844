"""What a release on trial is asked: quality and failures on rows that both versions scored, outcome and split between units.

Under the terms that were agreed before the first look (`terms`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from baton.delivery.betting import Bets
from baton.delivery.grouped import Groups
from baton.delivery.guardrail import Guardrail, read_rate
from baton.delivery.mismatch import of_canary, read_split
from baton.delivery.paired import PairedTest
from baton.delivery.reading import Arm, Decided, Interval, Question, Reading, decided, voided
from baton.delivery.sequential import Counts
from baton.delivery.terms import FAILURES, OUTCOME, QUALITY, SPLIT, Readings, Terms


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a release: differences of loss in their groups, rows that only one side could score, units by share in force.

    `units`, `labelled` and `wrong` are counts of canary and control per share; `answered` is what the canary answered.
    """

    losses: Groups
    scored: PairedTest
    units: Counts
    labelled: Counts
    wrong: Counts
    answered: int = 0


def read(terms: Terms, seen: Seen, before: Mapping[str, Reading], *, canary: bool) -> Readings:
    """All readings of a release. The split comes first: while it is broken, what was compared over it is void."""
    readings = (
        _quality(terms, seen.losses, before.get(QUALITY)),
        _failures(terms, seen.scored, before.get(FAILURES)),
    )
    if not canary:
        return readings
    split = read_split(of_canary(seen.units), ("canary", "control"), before=before.get(SPLIT))
    guardrail = Guardrail(OUTCOME, "wrong answers", alpha=terms.alpha, risk=terms.risk)
    outcome = read_rate(guardrail, seen.labelled, seen.wrong, before.get(OUTCOME))
    return (split, *readings, voided(outcome, split))


def _quality(terms: Terms, losses: Groups, before: Reading | None) -> Reading:
    wanted = "better in Brier score" if terms.better else f"no worse by {terms.margin:g} in Brier score"
    beyond = f" by more than {terms.margin:g}" if terms.margin else ""
    asked = f"Is it worse in Brier score{beyond} than the live version on the same rows?"
    harm = Question(asked, losses.above(terms.margin), 1 / terms.alpha)
    proof = Question(f"Is it shown to be {wanted}?", losses.below(terms.margin), 1 / terms.risk)
    harm, proof = _followed(harm, proof, before, losses.size)
    interval = Interval.of(losses.mean, losses.interval(terms.risk), 1 - terms.risk)
    answer = decided(harm, proof)
    begin = {"harm": f"Worse{beyond}", "no worse": f"Shown to be {wanted}"}.get(
        answer, f"Open: neither worse{beyond} nor shown to be {wanted}"
    )
    hours = f"{losses.size:,} labelled rows of {len(losses.sums):,} hours that both versions scored"
    words = f"{begin}: {_difference(interval)} on {hours}." if losses.size else "Open: no row that both scored is labelled yet."
    return Reading(QUALITY, harm, proof, _arms(losses.size, 0, 0), interval, answer, words)


def _failures(terms: Terms, scored: PairedTest, before: Reading | None) -> Reading:
    bets, rows = scored.bets, scored.bets.size
    harm = Question("Does it fail to score rows that the live version scores?", bets.above(0.0), 1 / terms.alpha)
    proof = Question(
        f"Is it shown to fail on less than {terms.failing:.2%} of rows more?", bets.below(terms.failing), 1 / terms.risk
    )
    harm, proof = _followed(harm, proof, before, rows)
    interval = Interval.of(bets.mean, _bounds(bets, terms.risk), 1 - terms.risk)
    answer = decided(harm, proof)
    begin = {"harm": "It fails", "no worse": "It does not fail"}.get(answer, "Open")
    words = f"{begin}: of {rows:,} rows it could not score {scored.losses:,}, the live version {scored.wins:,}."
    return Reading(FAILURES, harm, proof, _arms(rows, scored.losses, scored.wins), interval, answer, words)


def _followed(harm: Question, proof: Question, before: Reading | None, size: int) -> tuple[Question, Question]:
    return harm.after(before.harm if before else None, size), proof.after(before.proof if before else None, size)


def _bounds(bets: Bets, risk: float) -> tuple[float, float]:
    return bets.interval(risk) if bets.size else (-1.0, 1.0)


def _arms(rows: int, mine: int, theirs: int) -> tuple[Arm, Arm]:
    return Arm("challenger", rows, mine), Arm("live", rows, theirs)


def _difference(interval: Interval) -> str:
    low = "" if interval.low is None else f", at least {interval.low:+.4f}"
    high = "" if interval.high is None else f", at most {interval.high:+.4f}"
    return f"Brier {interval.estimate:+.4f}{low}{high}"


def answers(readings: Readings) -> dict[str, Decided]:
    """What each reading decides."""
    return {each.name: each.decided for each in readings}


def rounded(reading: Reading, digits: int = 6) -> Reading:
    """A reading fit for the record: evidence to so many significant digits."""

    def short(value: float) -> float:
        return float(f"{value:.{digits}g}")

    def told(question: Question) -> Question:
        looks = tuple((exposures, short(evidence)) for exposures, evidence in question.trajectory)
        return replace(question, evidence=short(question.evidence), trajectory=looks)

    return replace(reading, harm=told(reading.harm), proof=None if reading.proof is None else told(reading.proof))
