"""The data plane: a request's bytes in, a logged answer out; no transport, no clock of its own.

It holds one immutable line-up. `reload` makes the next one completely before it swaps a single reference, and a request
takes the reference once, so no answer ever mixes two routings.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from baton.delivery.routing import Routing, read_routing
from baton.delivery.split import in_canary
from baton.kernel.clock import Clock, from_micros, iso, micros, stopwatch
from baton.kernel.errors import BatonError, Conflict, Unavailable
from baton.registry.ports import Artifacts
from baton.serving.codec import Answer, Answered, Call
from baton.serving.feed import GivenFeed, StoreFeed, entity_rows, picked, plain
from baton.serving.lineup import Lineup, Runner, line_up
from baton.serving.model import ServedModel, load_model
from baton.serving.ports import Meters, OnlineSnapshots, PredictionLog
from baton.serving.prediction import PredictionBatch, prediction_ids

_logger = logging.getLogger("baton.serving")
NOTHING = Lineup(Routing("", -1, "", ()), None, None, (), None)


@dataclass(frozen=True, slots=True)
class Fittings:
    """What a data plane is connected to. `routing` reads the routing file; `replay` lets requests name their moment."""

    routing: Callable[[], bytes]
    verify: Callable[[bytes, bytes], bool]
    artifacts: Artifacts
    reader: OnlineSnapshots
    log: PredictionLog
    meters: Meters
    clock: Clock
    replay: bool = False


@dataclass(frozen=True, slots=True)
class Reload:
    """What came of reading the routing again; with an `error`, the line-up before it stays in service."""

    serial: int
    changed: bool
    error: BatonError | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A runner's scores of some rows (positions in the request)."""

    runner: Runner
    rows: Sequence[int]
    scores: Sequence[float]
    columns: dict[str, Any]


Feed = GivenFeed | StoreFeed


class DataPlane:
    """Answers prediction requests. One thread predicts; `reload` may run in another."""

    def __init__(self, fittings: Fittings) -> None:
        self._fit = fittings
        self._lineup = NOTHING
        self._loading = threading.Lock()
        self._complained: set[tuple[str, str]] = set()
        self._problem: BatonError | None = None

    @property
    def lineup(self) -> Lineup:
        """What is in service now."""
        return self._lineup

    @property
    def problem(self) -> BatonError | None:
        """Why the newest routing is not in service; None when it is."""
        return self._problem

    def reload(self) -> Reload:
        """Read the routing; put it in service once all its models are loaded and warmed, else keep what is there."""
        with self._loading:
            before = self._lineup
            try:
                routing = read_routing(self._fit.routing(), self._fit.verify)
                if routing == before.routing:
                    self._problem = None
                    return Reload(routing.serial, changed=False)
                if routing.serial < before.routing.serial:
                    raise Conflict(
                        "the routing file is older than what is in service",
                        why=f"serial {routing.serial} after {before.routing.serial}",
                        fix="restart the server if this is meant",
                    )
                known = {runner.route.bundle: runner.model for runner in before.runners}
                lineup = line_up(routing, lambda digest: known.get(digest) or self._load(digest), replay=self._fit.replay)
            except BatonError as error:
                self._problem = error
                self._fit.meters.kept()
                _logger.error("the routing is not put in service: %s", error)
                return Reload(before.routing.serial, changed=False, error=error)
            self._lineup, self._problem = lineup, None
            self._fit.meters.loaded(routing.serial, [(runner.route.variant, runner.route.version) for runner in lineup.runners])
            return Reload(routing.serial, changed=True)

    def watermark(self) -> int | None:
        """How far the online store has come."""
        try:
            return self._fit.reader.begin()
        finally:
            self._fit.reader.end()

    def predict(self, body: bytes) -> Answer:
        """Answer one request, its predictions logged before. Raises what went wrong, and logs nothing then."""
        lineup = self._lineup
        if lineup.live is None or lineup.codec is None:
            why = str(self._problem.what) if self._problem else "no release has reached all traffic"
            raise Unavailable(
                "no model is live",
                why=why,
                fix="baton status tells why; where no loop runs: baton up; GET /ready tells when it is in service",
            )
        elapsed = stopwatch()
        call = lineup.codec.decode(body)
        moment = micros(self._fit.clock.now()) if call.decided_at is None else call.decided_at
        try:
            return self._answer(lineup, lineup.live, call, moment, elapsed)
        finally:
            self._fit.reader.end()

    def _load(self, digest: str) -> ServedModel:
        return load_model(self._fit.artifacts.get(digest), self._fit.artifacts.seal_of(digest), self._fit.verify)

    def _answer(self, lineup: Lineup, live: Runner, call: Call, moment: int, elapsed: Callable[[], float]) -> Answer:
        ids, feed, watermark, missing = self._feed(live, call, moment)
        scored = self._score(lineup, live, feed, ids) if ids else []
        decided_at = iso(from_micros(moment))
        named = [
            prediction_ids(lineup.routing.project, [ids[row] for row in item.rows], decided_at, item.runner.route.variant)
            for item in scored
        ]
        took = int(elapsed() * 1e6)
        if scored:
            self._fit.log.append(
                [_batch(lineup.routing, item, ids, own, moment, took) for item, own in zip(scored, named, strict=True)]
            )
        self._count(scored)
        return Answer(_answers(scored, ids, named), decided_at, lineup.routing.serial, watermark, missing)

    def _feed(self, live: Runner, call: Call, moment: int) -> tuple[Sequence[str], Feed, int | None, Sequence[str]]:
        """The rows' ids and where their columns come from; for entities, the store's watermark and who was skipped."""
        if call.columns is not None:
            return call.ids, GivenFeed(call.columns), None, ()
        reader = self._fit.reader
        watermark = reader.begin()
        if call.watermark is not None and call.watermark != watermark:
            raise Conflict(
                f"the online store stands at watermark {watermark}, not at {call.watermark}",
                where="watermark",
                why="values were written, or not yet, since the caller looked",
                fix="look again and repeat the request",
            )
        if not call.skip_missing:
            return call.ids, StoreFeed(reader, call.ids, moment), watermark, ()
        found = entity_rows(live.model, call.ids, reader)
        kept = [key for key, row in zip(call.ids, found, strict=True) if row is not None]
        missing = [key for key, row in zip(call.ids, found, strict=True) if row is None]
        return kept, StoreFeed(reader, kept, moment), watermark, missing

    def _score(self, lineup: Lineup, live: Runner, feed: Feed, ids: Sequence[str]) -> list[Scored]:
        """Live first (it decides what is known), then canary, then the silent ones; those who answer share out the rows."""
        feed.columns(live.model)
        scored = self._canary(lineup, feed, ids)
        taken = {row for item in scored for row in item.rows}
        rest = [row for row in range(len(ids)) if row not in taken]
        if rest:
            scored.insert(0, _score_rows(live, feed, rest, len(ids)))
        for runner in lineup.silent:
            scored += self._attempt(runner, feed, range(len(ids)), len(ids))
        return scored

    def _canary(self, lineup: Lineup, feed: Feed, ids: Sequence[str]) -> list[Scored]:
        canary = lineup.canary
        if canary is None:
            return []
        salt = lineup.routing.salt + canary.route.release
        rows = [row for row, key in enumerate(ids) if in_canary(salt, key, canary.route.share)]
        done = self._attempt(canary, feed, rows, len(ids)) if rows else []
        if rows and not done:
            self._fit.meters.fell_back()
        return done

    def _attempt(self, runner: Runner, feed: Feed, rows: Sequence[int], total: int) -> list[Scored]:
        """Score, or count and log the failure: who is on trial must not break the answer."""
        try:
            return [_score_rows(runner, feed, rows, total)]
        except Exception as error:  # noqa: BLE001  whoever is on trial must not break the answer
            self._fit.meters.failed(runner.route.variant, runner.route.version)
            complaint = (runner.route.release, type(error).__name__)
            if complaint not in self._complained:
                self._complained.add(complaint)
                _logger.warning(
                    "%s %s (version %d) cannot score: %s", runner.route.variant, runner.route.release, runner.route.version, error
                )
            return []

    def _count(self, scored: Sequence[Scored]) -> None:
        for item in scored:
            route, signature = item.runner.route, item.runner.model.signature
            if route.variant not in ("live", "canary"):
                continue
            self._fit.meters.answered(route.variant, route.version, len(item.rows))
            for name, codes in signature.codes.items():
                unseen = sum(value is not None and value not in codes for value in item.columns[name])
                if unseen:
                    self._fit.meters.unknown(name, unseen)


def _score_rows(runner: Runner, feed: Feed, rows: Sequence[int], total: int) -> Scored:
    names = runner.model.names
    columns = picked(feed.columns(runner.model), names, None if len(rows) == total else rows)
    return Scored(runner, rows, runner.model.score(columns), columns)


def _batch(routing: Routing, item: Scored, ids: Sequence[str], own: Sequence[str], moment: int, took: int) -> PredictionBatch:
    route = item.runner.route
    return PredictionBatch(
        project=routing.project,
        decided_at=moment,
        model_version=route.version,
        release=route.release,
        variant=route.variant,
        prediction_ids=own,
        entities=[ids[row] for row in item.rows],
        scores=item.scores,
        features={name: plain(values) for name, values in item.columns.items()},
        latency_us=took,
        serial=routing.serial,
    )


def _answers(scored: Sequence[Scored], ids: Sequence[str], named: Sequence[Sequence[str]]) -> list[Answered]:
    """Rows in the order of the request, each from whoever answers for it."""
    answers: dict[int, Answered] = {}
    for item, own in zip(scored, named, strict=True):
        route, threshold = item.runner.route, item.runner.model.signature.threshold
        if route.variant not in ("live", "canary"):
            continue
        for row, score, name in zip(item.rows, item.scores, own, strict=True):
            answers[row] = Answered(ids[row], score, score >= threshold, name, route.version, route.release, route.variant)
    return [answers[row] for row in range(len(ids))]
