"""A multi-armed bandit: arms weighed by how likely each is the best, given what they earned (Thompson sampling).

Weights are recomputed once a day from what has arrived, never per request, so that the share in force when a unit was assigned
is known. Every arm keeps a floor, or it could never be seen to have become better. A bandit gives traffic to what looks good;
it proves nothing and guards nothing, so nothing is promoted by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

DRAWS = 20_000


@dataclass(frozen=True, slots=True)
class Earned:
    """What an arm earned: rewards among its labelled answers."""

    answers: int = 0
    rewards: int = 0


def weights(earned: Mapping[str, Earned], floor: float, seed: int) -> dict[str, float]:
    """The share of each arm: the probability that it is the best, mixed with the floor that each keeps; they sum to 1.

    Posteriors are Beta(1 + rewards, 1 + others). The same counts and seed give the same shares.
    """
    names = sorted(earned)
    draws = np.random.default_rng(seed)
    rates = [draws.beta(1 + earned[name].rewards, 1 + earned[name].answers - earned[name].rewards, DRAWS) for name in names]
    best = np.bincount(np.argmax(np.array(rates), axis=0), minlength=len(names)) / DRAWS
    free = 1 - floor * len(names)
    return {name: round(floor + free * float(share), 4) for name, share in zip(names, best, strict=True)}


def shares(weighed: Mapping[str, float], live: str) -> dict[str, float]:
    """The shares of the arms beside live. Each is drawn from a region of its own, so none exceeds 1/arms; live has the rest."""
    arms = {name: weight for name, weight in weighed.items() if name != live}
    return {name: min(weight, 1 / len(arms)) for name, weight in arms.items()}
