"""How much a server carries: the universal scalability law fitted to load points, and what follows from it.

    X(N) = λN / (1 + α(N−1) + βN(N−1))

X is answers a second with N requests under way at once; λ what one alone gets, α the share that queues for something held
by one at a time, β the price of each pair that must agree (Gunther, *Guerrilla Capacity Planning*, 2007). λ is fitted like
the others, not read off the first point. Called by `baton loadtest`; pure, so any figures of your own can be fitted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, inf, sqrt
from operator import mul

from baton.kernel.errors import InvalidInput

FEWEST = 6
"""Load points that a fit needs: three parameters, and as many points again to tell how sure they are."""
_PENALTY = 1e-12


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured at one load: requests under way at once, and answers a second."""

    connections: int
    rate: float


@dataclass(frozen=True, slots=True)
class Law:
    """The three parameters: λ (`alone`, a second), α (`queueing`) and β (`agreeing`), both without unit."""

    alone: float
    queueing: float
    agreeing: float

    def at(self, connections: float) -> float:
        """Answers a second with so many requests under way."""
        others = connections - 1
        return self.alone * connections / (1 + self.queueing * others + self.agreeing * connections * others)

    @property
    def best(self) -> float:
        """N* = √((1−α)/β): the requests under way at which most is answered; infinite when it only levels off."""
        if self.queueing >= 1:
            return 1.0
        return max(1.0, sqrt((1 - self.queueing) / self.agreeing)) if self.agreeing > 0 else inf

    @property
    def ceiling(self) -> float:
        """Answers a second that are never exceeded; infinite when nothing holds the server back."""
        if self.best < inf:
            return self.at(self.best)
        return self.alone / self.queueing if self.queueing > 0 else inf


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a value lies in nineteen of twenty resamplings."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Fit:
    """The law that fits best, how far its points lie off (typical relative error), and how sure each figure is."""

    law: Law
    error: float
    alone: Interval
    queueing: Interval
    agreeing: Interval
    ceiling: Interval


def fit(points: Sequence[Point], *, draws: int = 400, seed: int = 7) -> Fit:
    """Fit the law by relative least squares with bootstrapped residuals. Raises InvalidInput for fewer than six loads.

    Loads are those of different concurrency. Residuals are drawn with replacement, widened by √(n/(n−3)) for the three
    parameters that were fitted to them.
    """
    _assert_enough(points)
    law = _law(points)
    residuals = [point.rate / law.at(point.connections) - 1 for point in points]
    wider = sqrt(len(points) / (len(points) - 3))
    laws = [_law(again) for again in _resampled(points, law, [each * wider for each in residuals], draws, seed)]
    return Fit(
        law,
        sqrt(sum(each * each for each in residuals) / (len(points) - 3)),
        _interval([each.alone for each in laws]),
        _interval([each.queueing for each in laws]),
        _interval([each.agreeing for each in laws]),
        _interval([each.ceiling for each in laws]),
    )


def headroom(capacity: float, target: float) -> float:
    """The share of a capacity that a target leaves free; negative when it asks for more than there is."""
    return 1 - target / capacity if capacity > 0 else -inf


def replicas(capacity: float, target: float) -> int:
    """How many servers of this capacity carry a target rate, each within its objective. Raises InvalidInput for no capacity."""
    if capacity <= 0:
        raise InvalidInput(
            "no number of replicas keeps the objective",
            why="not even the smallest rate that was tried kept it",
            fix="relax --objective, or make the model or the request smaller",
        )
    return max(1, ceil(target / capacity))


def _assert_enough(points: Sequence[Point]) -> None:
    different = len({point.connections for point in points})
    if different < FEWEST:
        raise InvalidInput(
            f"{different} loads are too few to fit a law of three parameters",
            why=f"it takes {FEWEST} of different concurrency",
            fix="name more, e.g. --steps 1,2,4,8,16,32",
        )
    if any(point.rate <= 0 or point.connections < 1 for point in points):
        raise InvalidInput("a load at which nothing was answered fits no law", fix="leave it out, or measure longer")


def _law(points: Sequence[Point]) -> Law:
    """N/X = (1 + α(N−1) + βN(N−1))/λ is linear: the best non-negative solution, over every choice of terms left out."""
    best, least = Law(points[0].rate, 0.0, 0.0), inf
    for kept in (kept for size in (3, 2, 1) for kept in combinations(range(3), size) if 0 in kept):
        found = _solved(points, kept)
        if found is None or found[0] <= 0 or min(found) < 0:
            continue
        error = sum((sum(map(mul, found, row)) - 1) ** 2 for row in _rows(points))
        if error < least * (1 - _PENALTY):
            best, least = Law(1 / found[0], found[1] / found[0], found[2] / found[0]), error
    return best


def _rows(points: Sequence[Point]) -> Iterator[tuple[float, float, float]]:
    """The terms of each point, each over its N/X, so that errors are relative."""
    for point in points:
        n, weight = point.connections, point.rate / point.connections
        yield weight, weight * (n - 1), weight * n * (n - 1)


def _solved(points: Sequence[Point], kept: tuple[int, ...]) -> tuple[float, float, float] | None:
    """Least squares over the kept terms, the others 0; None when they cannot be told apart."""
    import numpy as np

    matrix = np.array(list(_rows(points)))[:, kept]
    scale = np.linalg.norm(matrix, axis=0)
    if not scale.all():
        return None
    solution, _, rank, _ = np.linalg.lstsq(matrix / scale, np.ones(len(points)))
    if rank < len(kept):
        return None
    whole = np.zeros(3)
    whole[list(kept)] = solution / scale
    return float(whole[0]), float(whole[1]), float(whole[2])


def _resampled(points: Sequence[Point], law: Law, residuals: Sequence[float], draws: int, seed: int) -> Iterator[Sequence[Point]]:
    import numpy as np

    drawn = np.random.default_rng(seed).integers(len(points), size=(draws, len(points)))
    for choice in drawn.tolist():
        factors = (max(0.01, 1 + residuals[place]) for place in choice)
        yield [
            Point(point.connections, law.at(point.connections) * factor) for point, factor in zip(points, factors, strict=True)
        ]


def _interval(values: Sequence[float]) -> Interval:
    ordered = sorted(values)
    edge = round(0.025 * (len(ordered) - 1))
    return Interval(ordered[edge], ordered[-1 - edge])
