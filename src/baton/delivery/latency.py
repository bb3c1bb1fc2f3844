"""Latency: whether the canary is slower at any of a few cut points, which were declared before the rollout began.

At each cut point (say the control's 50, 90, 99 and 99.9 % quantiles of last week, in milliseconds) an answer that took longer is
an event, and events are what the rate test counts. A canary that is no slower in distribution has no more of them at any cut
point. The evidence of the cut points is averaged: an average of e-processes is an e-process whatever their dependence, so nothing
is paid for overlap, and one cut point alone can carry the proof. Load that slows both versions at once cancels, because an event
is the canary's with its share's probability whatever the hour. Slowness without a shape in mind: Howard & Ramdas 2022 (quantiles),
Lindon, Sanden & Shirikian 2022 (stochastic order).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from baton.delivery.guardrail import Guardrail, arms_of, ratio_words
from baton.delivery.reading import Interval, Question, Reading, decided
from baton.delivery.sequential import FINE, Counts, RateTest, average, ratio_estimate, ratio_interval

QUANTILES = (0.5, 0.9, 0.99, 0.999)
"""Where the control's latency is cut."""


def cut_points(latencies: Sequence[float], quantiles: Sequence[float] = QUANTILES) -> tuple[float, ...]:
    """The control's quantiles out of latencies from before the rollout, ascending and distinct; in the latencies' unit."""
    ordered = sorted(latencies)
    return tuple(sorted({ordered[min(int(part * len(ordered)), len(ordered) - 1)] for part in quantiles})) if ordered else ()


def latency_evidence(cuts: Mapping[float, Counts]) -> float:
    """The e-value against "the canary is no slower", out of exceedances per cut point and assignment probability."""
    return average({str(cut): RateTest.of(counts).evidence for cut, counts in cuts.items()})


def read_latency(guardrail: Guardrail, exposures: Counts, cuts: Mapping[float, Counts], before: Reading | None = None) -> Reading:
    """What latency says. `cuts` is cut point in ms → exceedances; the reading shows the cut point with the most evidence.

    No slower is proved when the canary exceeds no cut point more than 1 + margin times as often: the weakest proof counts.
    """
    each = {cut: RateTest.of(counts).evidence for cut, counts in cuts.items()}
    proofs = [RateTest.of(counts, null=guardrail.worst, side="below", prior=FINE).evidence for counts in cuts.values()]
    worst = max(each, key=lambda cut: each[cut], default=0.0)
    counts = cuts.get(worst, {})
    arms = arms_of(exposures, counts)
    total = arms[0].exposures + arms[1].exposures
    harm = Question("Is the canary slower at any cut point?", latency_evidence(cuts), 1 / guardrail.alpha)
    proof = Question(
        f"Is it shown to be slow less than ×{guardrail.worst:g} as often at every cut point?",
        min(proofs, default=1.0),
        1 / guardrail.risk,
    )
    harm, proof = harm.after(before.harm if before else None, total), proof.after(before.proof if before else None, total)
    bounds = ratio_interval(counts, guardrail.risk / max(1, len(cuts)))
    interval = Interval.of(ratio_estimate(counts), bounds, 1 - guardrail.risk)
    answer = decided(harm, proof)
    begin = {"harm": "Roll back: the canary is slower", "no worse": "No worse: the canary is no slower than the margin allows"}
    words = (
        f"{begin.get(answer, 'Open: neither slower nor no slower is proved')}. Of its {arms[0].exposures:,} answers {arms[0].events:,} took "
        f"more than {worst:g} ms ({ratio_words(interval)})."
    )
    return Reading(guardrail.name, harm, proof, arms, interval, answer, words)
