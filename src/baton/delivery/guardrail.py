"""Guardrails: the metrics that a rollout is watched by, declared before it begins, and what they say together.

Harm by any of several guardrails ends a rollout, so each gets a part of the error rate α, and the chance that any of them
raises a false alarm stays at most α whatever their dependence (Bonferroni). For a promotion all of them must be proved no worse:
there a mistake needs every proof to fail at once, so each is held at its full rate (an intersection-union test, Berger 1982).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal

from baton.delivery.reading import Arm, Interval, Question, Reading, decided, thinned
from baton.delivery.sequential import FINE, CeilingTest, Counts, RateTest, average, ratio_estimate, ratio_interval

Side = Literal["above", "below"]


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A metric of a rollout: units with an event, out of those exposed.

    `what` names the event in the plural, `good` tells that more of it is better. `margin` is by how much of the control's rate
    the canary may be worse and still be promoted (0.1: a tenth); a rate of bad events below `ceiling` is fine whatever the control's
    is. `alpha` is the highest chance of a false roll-back, `risk` of a false proof. `arm` is whom it is about.
    """

    name: str
    what: str
    good: bool = False
    margin: float = 0.1
    ceiling: float | None = None
    alpha: float = 0.05
    risk: float = 0.05
    arm: str = "the canary"

    @property
    def worst(self) -> float:
        """The ratio of the canary's rate to the control's from which it is worse than the margin allows."""
        return 1 - self.margin if self.good else 1 + self.margin


def declared(guardrails: Sequence[Guardrail], alpha: float = 0.05) -> tuple[Guardrail, ...]:
    """The guardrails of one rollout, which share α equally."""
    return tuple(replace(guardrail, alpha=alpha / len(guardrails)) for guardrail in guardrails)


def read_rate(guardrail: Guardrail, exposures: Counts, events: Counts, before: Reading | None = None) -> Reading:
    """What a guardrail says after these counts per assignment probability; `before` holds the earlier looks."""
    arms = arms_of(exposures, events)
    worse, fine = _sides(guardrail)
    harm = Question(
        f"Has {guardrail.arm} {'fewer' if guardrail.good else 'more'} {guardrail.what} than the control?",
        RateTest.of(events, side=worse).evidence,
        1 / guardrail.alpha,
    ).after(before.harm if before else None, arms[0].exposures + arms[1].exposures)
    proof = Question(
        f"Is {guardrail.arm}'s rate of {guardrail.what} shown to be {_allowed(guardrail)}?",
        _proof(guardrail, arms[0], RateTest.of(events, null=guardrail.worst, side=fine, prior=FINE).evidence),
        1 / guardrail.risk,
    ).after(before.proof if before else None, arms[0].exposures + arms[1].exposures)
    interval = Interval.of(ratio_estimate(events), ratio_interval(events, guardrail.risk), 1 - guardrail.risk)
    answer = decided(harm, proof)
    return Reading(guardrail.name, harm, proof, arms, interval, answer, _sentence(guardrail, answer, arms, events, interval))


def follow(guardrail: Guardrail, share: float, treated: Sequence[bool], event: Sequence[bool]) -> Reading:
    """A sequential reading of units in the order in which they came, with a look after every event.

    `share` is the probability with which a unit was assigned to the variant (`treated`) and not to the control.
    """
    exposed = list(accumulate(treated, lambda count, each: count + bool(each), initial=0))
    mine = list(accumulate((bool(one and hit) for one, hit in zip(treated, event, strict=True)), initial=0))
    every = list(accumulate((bool(hit) for hit in event), initial=0))
    worse, fine = _sides(guardrail)
    harm, proof = [], []
    for at in (place for place in range(1, len(every)) if every[place] > every[place - 1]):
        counts = {share: (mine[at], every[at] - mine[at])}
        harm.append((at, RateTest.of(counts, side=worse).evidence))
        proof.append((at, RateTest.of(counts, null=guardrail.worst, side=fine, prior=FINE).evidence))
    last = len(every) - 1
    exposures = {share: (exposed[-1], last - exposed[-1])}
    events = {share: (mine[-1], every[-1] - mine[-1])}
    end = read_rate(guardrail, exposures, events)
    looks = replace(
        end,
        harm=replace(end.harm, trajectory=thinned(harm)),
        proof=None if end.proof is None else replace(end.proof, trajectory=thinned(proof)),
    )
    return read_rate(guardrail, exposures, events, looks)


def arms_of(exposures: Counts, events: Counts) -> tuple[Arm, Arm]:
    """Canary and control with all their exposures and events."""
    canary, control = (
        Arm(name, sum(each[at] for each in exposures.values()), sum(each[at] for each in events.values()))
        for at, name in enumerate(("canary", "control"))
    )
    return canary, control


def _sides(guardrail: Guardrail) -> tuple[Side, Side]:
    return ("below", "above") if guardrail.good else ("above", "below")


def _proof(guardrail: Guardrail, canary: Arm, ratio: float) -> float:
    """Evidence against both a ratio beyond the margin and a rate above the ceiling: the mean of the two e-values."""
    if guardrail.ceiling is None or guardrail.good:
        return ratio
    return average({"ratio": ratio, "ceiling": CeilingTest(canary.events, canary.exposures, guardrail.ceiling).evidence})


def _allowed(guardrail: Guardrail) -> str:
    if guardrail.good:
        return f"more than ×{guardrail.worst:g} of the control's"
    ceiling = "" if guardrail.ceiling is None else f", or below {guardrail.ceiling:.3%} of its units"
    return f"less than ×{guardrail.worst:g} of the control's{ceiling}"


def _sentence(guardrail: Guardrail, answer: str, arms: tuple[Arm, Arm], events: Counts, interval: Interval) -> str:
    foretold = sum(share * (mine + theirs) for share, (mine, theirs) in events.items())
    seen = f"{arms[0].events:,} {guardrail.what} among {arms[0].exposures:,} units of {guardrail.arm}, where its share foretells {foretold:,.1f}"
    about = f"{ratio_words(interval)}; {interval.level:.0%} bounds that hold at every look"
    if answer == "harm":
        return (
            f"Roll back: {seen} ({about}). One that is no worse comes this far in at most {guardrail.alpha:.3g} of rollouts, "
            "however often one looks."
        )
    if answer == "no worse":
        return f"No worse: {guardrail.arm}'s rate of {guardrail.what} is {_allowed(guardrail)} ({about}); wrong in at most {guardrail.risk:.3g} of rollouts."
    if not arms[0].exposures:
        return f"Open: no unit has reached {guardrail.arm} yet, and without data nothing advances ({guardrail.what})."
    return f"Open: {seen} ({about}). Neither harm nor its absence is proved; more units will tell."


def ratio_words(interval: Interval) -> str:
    """A ratio with its bounds in words."""
    middle = "no ratio yet" if interval.estimate is None else f"×{interval.estimate:.2f} of the control's rate"
    return f"{middle}, at least ×{interval.low or 0:.2f}" + (
        "" if interval.high is None else f" and at most ×{interval.high:.2f}"
    )


@dataclass(frozen=True, slots=True)
class Outlook:
    """What all guardrails of a rollout say together, and which of them decided."""

    move: Literal["roll back", "advance", "hold", "void"]
    because: tuple[str, ...]
    sentence: str


def outlook(readings: Sequence[Reading]) -> Outlook:
    """Void before harm, harm before anything else; advance only when every guardrail is proved no worse; no reading, no move."""
    by = {answer: tuple(each.name for each in readings if each.decided == answer) for answer in ("void", "harm", "open")}
    if by["void"]:
        return Outlook("void", by["void"], "Void: the split is broken, so nothing that was compared over it counts.")
    shared = f"{len(readings)} declared guardrails share the error rate, so that any false alarm among them stays within it"
    if by["harm"]:
        return Outlook("roll back", by["harm"], f"Roll back because of {', '.join(by['harm'])}; {shared}.")
    if by["open"] or not readings:
        waits = ", ".join(by["open"]) or "the first reading"
        return Outlook(
            "hold", by["open"], f"Hold: waits for {waits}; every guardrail must be proved no worse, none is assumed so."
        )
    return Outlook("advance", tuple(each.name for each in readings), "Advance: every declared guardrail is proved no worse.")
