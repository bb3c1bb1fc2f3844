"""The quick path: requests of one given row each, answered together as far as they queued up together.

What it saves is what every request would pay for itself: arrays on the way to the model, a run of the model, a write of
the log. The outcome is bit for bit that of the general path, which a property test holds it to; whatever is not plain
(somebody failed, a row has no score, live's breaker is open) is left to the general path.
"""

from collections.abc import Callable, Sequence
from math import isnan

from baton.kernel.clock import iso_micros
from baton.serving.breaker import Breaker
from baton.serving.codec import Answer
from baton.serving.lineup import Lineup, Runner
from baton.serving.ports import Meters, PredictionLog, Sentinel
from baton.serving.prediction import PredictionBatch, prediction_ids
from baton.serving.work import Work, answered

Outcome = Answer | Exception | None


def is_quick(work: Work) -> bool:
    """Whether a request is one given row, and everybody in service takes the same inputs by the quick path."""
    call = work.call
    rows = call.rows
    return rows is not None and len(rows) == 1 and work.lineup.uniform and work.live.model.row is not None and not call.explain


class QuickPath:
    """Answers quick requests. One thread."""

    def __init__(
        self, log: PredictionLog, meters: Meters, sentinel: Sentinel, breaker: Breaker, took: Callable[[Work], int]
    ) -> None:
        self._log, self._meters, self._sentinel, self._breaker, self._took = log, meters, sentinel, breaker, took

    def answer(self, works: Sequence[Work]) -> list[Outcome]:
        """Answers in the order of the requests, their predictions logged before; None for who must go the general path."""
        if len(works) == 1:
            return self._together(works[0].lineup, self._runner(works[0]), works)
        outcomes: list[Outcome] = [None] * len(works)
        groups: dict[tuple[int, int], list[int]] = {}
        runners = [self._runner(work) for work in works]
        for place, (work, runner) in enumerate(zip(works, runners, strict=True)):
            groups.setdefault((id(work.lineup), id(runner)), []).append(place)
        for places in groups.values():
            first = places[0]
            own = self._together(works[first].lineup, runners[first], [works[place] for place in places])
            for place, outcome in zip(places, own, strict=True):
                outcomes[place] = outcome
        return outcomes

    def _runner(self, work: Work) -> Runner:
        """Who answers: live, or the arm of the row's entity."""
        lineup = work.lineup
        if lineup.arms:
            assert work.call.rows is not None
            arm = lineup.arm_of_row(work.ids[0], work.call.rows[0])
            if arm is not None and self._sentinel.allows(arm.route):
                return arm
        return work.live

    def _together(self, lineup: Lineup, runner: Runner, works: Sequence[Work]) -> list[Outcome]:
        """Requests of one line-up that one runner answers."""
        if runner is lineup.live and not self._breaker.closed:
            return [None] * len(works)
        rows = [work.call.rows[0] for work in works if work.call.rows is not None]
        everybody = (runner, *lineup.silent)
        try:
            scores = [each.model.score_rows(rows) for each in everybody]
        except Exception:  # noqa: BLE001  the general path repeats it, and tells
            return [None] * len(works)
        if any(isnan(score) for own in scores for score in own):
            return [None] * len(works) if len(works) == 1 else [self._together(lineup, runner, [work])[0] for work in works]
        batches: list[PredictionBatch] = []
        answers: list[Outcome] = []
        for place, work in enumerate(works):
            answers.append(self._record(work, everybody, [own[place] for own in scores], batches))
        try:
            self._log.append(batches)
        except Exception as error:  # noqa: BLE001  each caller is told
            return [error] * len(works)
        self._count(lineup, runner, works)
        return answers

    def _record(self, work: Work, everybody: Sequence[Runner], scores: Sequence[float], batches: list[PredictionBatch]) -> Answer:
        """One request's records, added to the batches, and its answer."""
        assert work.call.rows is not None
        key, decided_at, project = work.ids[0], iso_micros(work.moment), work.lineup.routing.project
        features = dict(zip(work.live.model.names, zip(work.call.rows[0], strict=True), strict=True))
        took, first = self._took(work), ""
        personal = work.lineup.personal
        named = (key,) if personal is None else personal.entities((key,))
        for runner, score in zip(everybody, scores, strict=True):
            name = prediction_ids(project, named, decided_at, runner.route.variant)
            first = first or name[0]
            batches.append(work.record(runner, name, (key,), (score,), features, took))
        return Answer((answered(everybody[0], key, scores[0], first),), decided_at, work.lineup.routing.serial)

    def _count(self, lineup: Lineup, runner: Runner, works: Sequence[Work]) -> None:
        self._meters.answered(runner.route.variant, runner.route.version, len(works))
        for work in works:
            assert work.call.rows is not None
            for name in runner.model.unseen(work.call.rows[0]):
                self._meters.unknown(name, 1)
            if lineup.arms:
                self._sentinel.answered(runner.route, self._took(work), work.ids[0])
