"""Paired tests of a challenger that scores the same rows as the live version: the strongest comparison there is.

What makes a row easy or hard is the same for both, so it cancels. Only discordant rows, where exactly one is right, carry
information: when the challenger is no worse, a discordant row is its loss with probability at most ½ (McNemar 1947), and betting
on losses is a mixture over that probability. "Not worse than δ" is a statement about the difference of accuracies over all rows,
so there the concordant rows count too. Losses other than right and wrong (Brier score in [0, 1]) are compared by their difference
per row, in [-1, 1], by the bets of `betting`.

Rows whose outcomes hang together beyond what is known before them (one entity, one storm) are averaged first: what is bet on are
the means of such groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from baton.delivery.betting import Bets
from baton.delivery.reading import Arm, Interval, Question, Reading, decided


@dataclass(frozen=True, slots=True)
class Pairing:
    """How a challenger is compared on shared rows, declared beforehand.

    It may be worse by `margin` (of accuracy, or of mean loss) and still advance. `alpha` is the highest chance of a false
    roll-back, `risk` of a false proof.
    """

    name: str
    margin: float
    alpha: float = 0.05
    risk: float = 0.05


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Rows that only the challenger got right (`wins`), only the live version (`losses`), and both or neither (`ties`)."""

    wins: int
    losses: int
    ties: int

    @property
    def bets(self) -> Bets:
        """By how much the challenger was worse on each row: 1, 0 or -1."""
        return Bets((-1.0, 0.0, 1.0), (self.wins, self.ties, self.losses))

    @property
    def harm(self) -> float:
        """The e-value against "a discordant row is its loss with probability at most ½"; ties cannot move it."""
        return self.bets.above(0.0)

    def no_worse(self, margin: float) -> float:
        """The e-value against "its accuracy is lower by `margin` or more"."""
        return self.bets.below(margin)


def read_pairs(pairing: Pairing, pairs: PairedTest, before: Reading | None = None) -> Reading:
    """What rows say on which both versions were right or wrong."""
    rows = pairs.wins + pairs.losses + pairs.ties
    arms = (Arm("challenger", rows, pairs.losses), Arm("live", rows, pairs.wins))
    detail = f"{pairs.losses:,} rows only the live version got right, {pairs.wins:,} only the challenger, of {rows:,}"
    return _read(pairing, pairs.bets, arms, ("less accurate", "accuracy", detail), before)


def read_losses(pairing: Pairing, differences: Sequence[float] | np.ndarray[Any, Any], before: Reading | None = None) -> Reading:
    """What differences of loss say, challenger minus live, each in [-1, 1]: of rows, or means of rows that hang together."""
    bets = Bets.on(differences)
    worse = sum(count for value, count in zip(bets.values, bets.counts, strict=True) if value > 0)
    better = sum(count for value, count in zip(bets.values, bets.counts, strict=True) if value < 0)
    arms = (Arm("challenger", bets.size, worse), Arm("live", bets.size, better))
    return _read(pairing, bets, arms, ("worse by its loss", "loss", f"{bets.size:,} rows scored by both"), before)


def _read(pairing: Pairing, bets: Bets, arms: tuple[Arm, Arm], words: tuple[str, str, str], before: Reading | None) -> Reading:
    worse, measure, detail = words
    harm = Question(f"Is the challenger {worse} than the live version on the same rows?", bets.above(0.0), 1 / pairing.alpha)
    proof = Question(
        f"Is it shown to be worse in {measure} by less than {pairing.margin:g}?",
        bets.below(pairing.margin),
        1 / pairing.risk,
    )
    harm, proof = harm.after(before.harm if before else None, bets.size), proof.after(before.proof if before else None, bets.size)
    interval = Interval.of(bets.mean, bets.interval(pairing.risk), 1 - pairing.risk)
    answer = decided(harm, proof)
    begin = {
        "harm": f"Roll back: the challenger is {worse}",
        "no worse": f"No worse: its {measure} is worse by less than {pairing.margin:g}",
        "open": "Open: neither harm nor its absence is proved",
    }[answer]
    about = (
        f"worse by {interval.estimate:+.4f}, from {interval.low:+.4f} to {interval.high:+.4f}"
        if bets.size
        else "no row is labelled yet"
    )
    return Reading(pairing.name, harm, proof, arms, interval, answer, f"{begin}: {detail} ({about}).")
