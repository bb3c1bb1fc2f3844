"""A request on its way through the data plane: who scores which rows, and what is logged and answered of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from baton.delivery.routing import Route
from baton.serving.codec import Answered, Call, Explanation
from baton.serving.feed import Feed, picked, plain
from baton.serving.lineup import Lineup, Runner
from baton.serving.model import Array
from baton.serving.prediction import PredictionBatch, prediction_ids

DEFAULT = "default"
_TRIED = 64


@dataclass(slots=True)
class Part:
    """What one runner scores of a request: rows (positions in the request), their columns and matrix, then scores.

    `skipped` is a part of live while its breaker is open: it stays without scores.
    """

    runner: Runner
    rows: Sequence[int]
    columns: dict[str, Any]
    matrix: Array | None
    scores: Sequence[float] | None = None
    skipped: bool = False
    explanations: Sequence[Explanation] = ()

    def run(self) -> None:
        """Score, in any thread, unless it is to be skipped. Raises what the model does."""
        if self.skipped:
            return
        assert self.matrix is not None
        self.scores = self.runner.model.scores(self.matrix)

    def unseen(self) -> Iterator[tuple[str, int]]:
        """The inputs with categories the model never saw, and how often: what is missing to the model and was not to the caller."""
        if self.matrix is None:
            return
        for place, name, codes in self.runner.model.categories:
            if np.isnan(self.matrix[:, place]).any():
                count = sum(value is not None and value not in codes for value in self.columns[name])
                if count:
                    yield name, count

    def culprits(self) -> Sequence[int]:
        """The rows that fail by themselves, of the first 64; when none does, the first row stands for what failed."""
        if self.matrix is None or len(self.rows) == 1:
            return self.rows
        return [row for place, row in enumerate(self.rows[:_TRIED]) if self._fails(place)] or self.rows[:1]

    def _fails(self, place: int) -> bool:
        assert self.matrix is not None
        try:
            self.runner.model.scores(self.matrix[place : place + 1])
        except Exception:  # noqa: BLE001  whatever it is, the row has no score
            return True
        return False


@dataclass(slots=True)
class Work:
    """A request that was read. `began` is when, by the plane's stopwatch; `parts` is filled when it is prepared.

    `unexplained` is what hindered the explanation that was asked for.
    """

    lineup: Lineup
    live: Runner
    call: Call
    moment: int
    began: float
    ids: Sequence[str]
    watermark: int | None = None
    missing: Sequence[str] = ()
    parts: list[Part] = field(default_factory=list)
    unexplained: Exception | None = None

    @property
    def cost_us(self) -> float:
        """What scoring it will take, by what the models took when they were warmed."""
        rows = len(self.call.ids)
        return sum(runner.model.cost_us(rows) for runner in (self.live, *self.lineup.silent))

    def part(self, runner: Runner, feed: Feed, rows: Sequence[int], *, skipped: bool = False) -> Part:
        """What a runner has to score. Raises what its model says of the columns."""
        chosen = None if len(rows) == len(self.ids) else rows
        columns = picked(feed.columns(runner.model), runner.model.names, chosen)
        return Part(runner, rows, columns, runner.model.encode(columns), skipped=skipped)

    def shares(self, feed: Feed, allows: Callable[[Route], bool]) -> list[tuple[Runner, Sequence[int]]]:
        """Who scores which rows: live and the arms share them out, the silent ones see all."""
        everything = range(len(self.ids))
        rows = self._arms(feed, allows) if self.lineup.arms else {}
        taken = {row for own in rows.values() for row in own}
        rest = [row for row in everything if row not in taken] if taken else everything
        shares: list[tuple[Runner, Sequence[int]]] = [(self.live, rest)] if rest else []
        shares += [(arm, rows[arm.route.variant]) for arm in self.lineup.arms if arm.route.variant in rows]
        return [*shares, *((runner, everything) for runner in self.lineup.silent)]

    def _arms(self, feed: Feed, allows: Callable[[Route], bool]) -> dict[str, list[int]]:
        columns = feed.columns(self.live.model)
        rows: dict[str, list[int]] = {}
        for row, key in enumerate(self.ids):
            arm = self.lineup.arm(key, lambda name, row=row: columns[name][row])  # type: ignore[misc]
            if arm is not None and allows(arm.route):
                rows.setdefault(arm.route.variant, []).append(row)
        return rows

    def default_part(self, rows: Sequence[int], columns: dict[str, Any], score: float) -> Part:
        """The declared score for rows that nobody could score."""
        route = Route(DEFAULT, self.live.route.version, self.live.route.release, self.live.route.bundle)
        return Part(Runner(route, self.live.model), rows, columns, None, [score] * len(rows))

    def columns_of(self, rows: Sequence[int]) -> dict[str, Any]:
        """The columns of rows that some part of this request was to score, by the inputs of live."""
        whole = next(part for part in self.parts if set(rows) <= set(part.rows))
        places = {row: place for place, row in enumerate(whole.rows)}
        return picked(whole.columns, tuple(whole.columns), [places[row] for row in rows])

    def eligible(self, runner: Runner, rows: Sequence[int]) -> list[str]:
        """The entities of rows, without those that live answers because they lie outside the segments of the arms."""
        segments = [arm.route.where for arm in self.lineup.arms if arm.route.where] if runner is self.live else []
        if segments and self.parts:
            columns = self.columns_of(rows)
            inside = [all(columns[name][place] in wanted for name, wanted in segments[0].items()) for place in range(len(rows))]
            rows = [row for row, within in zip(rows, inside, strict=True) if within]
        return [self.ids[row] for row in rows]

    def identify(self, part: Part, decided_at: str) -> list[str]:
        """The prediction ids of a part."""
        return self.names([self.ids[row] for row in part.rows], decided_at, part.runner.route.variant)

    def names(self, entities: Sequence[str], decided_at: str, variant: str) -> list[str]:
        """The prediction ids of entities; of personal ones, by what they are logged as."""
        if self.lineup.personal is not None:
            entities = self.lineup.personal.entities(entities)
        return prediction_ids(self.lineup.routing.project, entities, decided_at, variant)

    def batch(self, part: Part, own: Sequence[str], took: int) -> PredictionBatch:
        """A scored part as it is logged."""
        features = {name: plain(values) for name, values in part.columns.items()}
        return self.record(part.runner, own, [self.ids[row] for row in part.rows], part.scores or (), features, took)

    def record(
        self,
        runner: Runner,
        ids: Sequence[str],
        entities: Sequence[str],
        scores: Sequence[float],
        features: Mapping[str, Sequence[Any]],
        took: int,
    ) -> PredictionBatch:
        """Rows scored by one runner as they are logged."""
        route, routing, personal = runner.route, self.lineup.routing, self.lineup.personal
        if personal is not None:
            features, entities = personal.features(features), personal.entities(entities)
        return PredictionBatch(
            routing.project,
            self.moment,
            route.version,
            route.release,
            route.variant,
            ids,
            entities,
            scores,
            features,
            took,
            routing.serial,
            self.lineup.odds(runner),
        )

    def answers(self, scored: Sequence[Part], named: Sequence[Sequence[str]]) -> list[Answered]:
        """Rows in the order of the request, each from whoever answers for it."""
        answering = [(part, own) for part, own in zip(scored, named, strict=True) if part.runner.answers]
        if len(answering) == 1 and not answering[0][0].explanations and len(answering[0][1]) == len(self.ids):
            return _answered_all(answering[0][0], self.ids, answering[0][1])
        answers: dict[int, Answered] = {}
        for part, own in zip(scored, named, strict=True):
            if part.runner.answers:
                assert part.scores is not None
                why: Sequence[Explanation | None] = part.explanations or [None] * len(part.rows)
                for row, score, name, explanation in zip(part.rows, part.scores, own, why, strict=True):
                    answers[row] = answered(part.runner, self.ids[row], score, name, explanation)
        return [answers[row] for row in range(len(self.ids))]


def _answered_all(part: Part, ids: Sequence[str], names: Sequence[str]) -> list[Answered]:
    """One runner's answers to a whole request: its rows are in order then."""
    route, threshold = part.runner.route, part.runner.model.signature.threshold
    told = route.version, route.release, route.variant
    return [
        Answered(entity, score, score >= threshold, name, *told)
        for entity, score, name in zip(ids, part.scores or (), names, strict=True)
    ]


def answered(runner: Runner, entity: str, score: float, name: str, explanation: Explanation | None = None) -> Answered:
    """One row's answer."""
    route, label = runner.route, score >= runner.model.signature.threshold
    return Answered(entity, score, label, name, route.version, route.release, route.variant, explanation)
