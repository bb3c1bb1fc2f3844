"""A load test: first how much is answered at 1, 2, 4, … requests under way, then at which rate the objective still holds.

The first part is a closed loop and gives the scalability law its points; the second an open one, whose latency leaves
nothing out, and gives the capacity that is told: the highest rate tried at which the objective held.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from baton.app.load.line import Lines
from baton.app.load.loops import Tally, closed_loop, offered
from baton.app.load.target import Target
from baton.kernel.errors import InvalidInput, Refused, Unavailable
from baton.serving.capacity import FEWEST, Fit, Point, fit, headroom, replicas

MOST_CONNECTIONS, MOST_SECONDS, MOST_STEPS = 1024, 60.0, 16
"""What bounds a test: connections at once, seconds of one step, steps."""
TRIALS = 5
SPARE = 64
"""Connections of the open loop at least: requests that find none free wait for one, and their waiting counts."""
_OVER = 1.1
_NEAR_CEILING, _NEAR_CORE = 0.8, 0.9


@dataclass(frozen=True, slots=True)
class Plan:
    """What to test: whom, with which bodies, at which concurrency, for how long each; the objective in seconds, at a quantile."""

    target: Target
    bodies: Sequence[bytes]
    steps: Sequence[int]
    seconds: float
    objective: float
    quantile: float
    goal: float | None = None

    @property
    def longest(self) -> float:
        """Seconds that all steps and trials take at most, waiting for last answers not counted."""
        return self.seconds * (len(self.steps) + TRIALS + 1)


@dataclass(frozen=True, slots=True)
class Step:
    """One load: so many connections in a closed loop, or a rate offered in an open one; rates a second, times in seconds.

    `quantile` is the latency at the plan's quantile, `kept` whether it and the errors were within the objective, and `busy`
    the share of a core that the tester itself took.
    """

    connections: int
    offered: float | None
    rate: float
    p50: float
    p99: float
    quantile: float
    errors: int
    kept: bool
    busy: float


@dataclass(slots=True)
class Report:
    """What was found, as far as the test came. `own_ceiling` is what this tester reached against the cheapest path."""

    plan: Plan
    own_ceiling: float = 0.0
    steps: list[Step] = field(default_factory=list)
    trials: list[Step] = field(default_factory=list)
    interrupted: bool = False

    @property
    def capacity(self) -> float | None:
        """The highest rate tried at which the objective held; 0 when none did, None when none was tried."""
        return max((step.rate for step in self.trials if step.kept), default=0.0) if self.trials else None

    @property
    def fit(self) -> Fit | None:
        """The law of the closed steps, when there are enough."""
        points = [Point(step.connections, step.rate) for step in self.steps if step.rate > 0]
        return fit(points) if len({point.connections for point in points}) >= FEWEST else None

    @property
    def headroom(self) -> float | None:
        """The share of the capacity that the goal leaves free; unknown without a goal."""
        goal, capacity = self.plan.goal, self.capacity
        return None if goal is None or capacity is None else headroom(capacity, goal)

    @property
    def replicas(self) -> int | None:
        """Servers that carry the goal; None without a goal, or when none holds the objective."""
        goal, capacity = self.plan.goal, self.capacity
        return replicas(capacity, goal) if goal is not None and capacity else None

    @property
    def limited_by_tester(self) -> str:
        """Why the figures may be the tester's own limit and not the server's; empty when they are not."""
        best = max(self.steps, key=lambda step: step.rate, default=None)
        if best is None:
            return ""
        if best.busy >= _NEAR_CORE:
            return f"the tester itself took {best.busy:.0%} of a core"
        if self.own_ceiling and best.rate >= _NEAR_CEILING * self.own_ceiling:
            return f"the tester reached no more than {self.own_ceiling:,.0f}/s against /health either"
        return ""


def loadtest(plan: Plan, tell: Callable[[Step], None]) -> Report:
    """Run the test, telling each step as it ends. An interrupt ends it early, with what was found so far.

    Raises InvalidInput for a plan beyond the bounds, Refused or Unavailable when the first request is not answered with 200.
    """
    _assert_bounded(plan)
    requests = [plan.target.post(body) for body in plan.bodies]
    report = Report(plan)
    try:
        _assert_answers(plan.target, requests[0])
        report.own_ceiling = _own_ceiling(plan)
        for connections in plan.steps:
            tally = closed_loop(plan.target, requests, connections, plan.seconds)
            report.steps.append(_step(plan, tally, connections, None))
            tell(report.steps[-1])
        for step in _search(plan, requests, max(step.rate for step in report.steps)):
            report.trials.append(step)
            tell(step)
    except KeyboardInterrupt:
        report.interrupted = True
    return report


def _search(plan: Plan, requests: Sequence[bytes], best: float) -> Iterator[Step]:
    """Halve the range of rates: upwards when the objective held, downwards when not."""
    low, high = 0.0, best * _OVER
    for _ in range(TRIALS):
        rate = (low + high) / 2
        connections = max(SPARE, *plan.steps)
        step = _step(plan, offered(plan.target, requests, rate, plan.seconds, connections), connections, rate)
        low, high = (rate, high) if step.kept else (low, rate)
        yield step


def _step(plan: Plan, tally: Tally, connections: int, rate: float | None) -> Step:
    errors = sum(tally.statuses.values()) - tally.accepted.total
    slow = tally.accepted.above(plan.objective) + errors
    return Step(
        connections,
        rate,
        tally.rate,
        tally.accepted.quantile(0.5),
        tally.accepted.quantile(0.99),
        tally.accepted.quantile(plan.quantile),
        errors,
        slow <= (1 - plan.quantile) * sum(tally.statuses.values()) and tally.accepted.total > 0,
        tally.busy,
    )


def _own_ceiling(plan: Plan) -> float:
    """Answers a second, of whatever status, on the path that costs a server least."""
    health = replace(plan.target, path="/health")
    tally = closed_loop(health, [health.get("/health")], max(plan.steps), min(1.0, plan.seconds))
    return sum(tally.statuses.values()) / tally.seconds


def _assert_bounded(plan: Plan) -> None:
    if not plan.steps or len(plan.steps) > MOST_STEPS or not all(1 <= step <= MOST_CONNECTIONS for step in plan.steps):
        raise InvalidInput(
            f"a test has 1 to {MOST_STEPS} steps of 1 to {MOST_CONNECTIONS} connections", fix="e.g. --steps 1,2,4,8,16,32"
        )
    if not 0 < plan.seconds <= MOST_SECONDS:
        raise InvalidInput(f"a step takes more than 0 and at most {MOST_SECONDS:.0f} seconds", fix="e.g. --seconds 5")
    if not plan.bodies:
        raise InvalidInput("there is no request to send", fix="name a file with one: --body FILE")


def _assert_answers(target: Target, request: bytes) -> None:
    """One request, answered with 200, before there are thousands."""
    told: list[tuple[int, bool]] = []
    with Lines(target, 1) as lines:
        lines.all[0].send(request, 0.0, 0.0)
        for _ in range(100):
            told += [found for line in lines.ready(0.1) if (found := line.read()) is not None]
            if told:
                break
    if not told or not told[0][0]:
        raise Unavailable("the server does not answer", where=target.url, why="no answer within 10 s", fix="look at its log")
    status = told[0][0]
    if not 200 <= status < 300:
        words = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
        raise Refused(
            f"the server answers {status} {words}".rstrip(),
            where=target.url,
            why="a load test needs a request that is answered with 200",
            fix="name the variable that holds its token: --token-env NAME"
            if status == 401
            else "name a request it takes: --body FILE",
        )
