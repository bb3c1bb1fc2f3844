"""The data plane: a request's bytes in, a logged answer out; no transport, no clock of its own.

It holds one immutable line-up. `reload` makes the next one completely before it swaps a single reference, and a request
takes the reference once, so no answer ever mixes two routings.

    read (decode, look up) ─▶ prepare (who scores which rows, as matrices) ─▶ run (any thread) ─▶ finish (log, answer)

One row that came with its values takes a path of its own with the same outcome and none of the arrays.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from baton.delivery.routing import Routing, read_routing
from baton.kernel.clock import Clock, iso_micros, micros, stopwatch
from baton.kernel.errors import BatonError, Conflict, InvalidInput, NotFound, Unavailable, without_values
from baton.registry.ports import Artifacts
from baton.serving.breaker import Breaker
from baton.serving.codec import Answer, Call
from baton.serving.explain import explain
from baton.serving.feed import Feed, GivenFeed, StoreFeed, entity_rows
from baton.serving.lineup import LIVE, Lineup, Runner, guarded, line_up
from baton.serving.model import ServedModel, load_model
from baton.serving.ports import Kept, Meters, OnlineSnapshots, PredictionLog, Sentinel
from baton.serving.quick import QuickPath, is_quick
from baton.serving.work import Part, Work

_logger = logging.getLogger("baton.serving")
NOTHING = Lineup(Routing("", -1, "", ()))


def no_key() -> bytes:
    """For a place that has no key: personal values cannot be logged there, so nothing is served."""
    raise NotFound("there is no key to hash personal values with", fix="serve from a workspace: its folder keys holds one")


@dataclass(frozen=True, slots=True)
class Fittings:
    """What a data plane is connected to. `routing` reads the routing file; `replay` lets requests name their moment.

    `slot` is this process's place among all that serve the same workspace, and their number. An answer waits for `kept`
    where there is one; `log_key` is what personal values are hashed with. `memory` and `cores` are what a model may use, 0 what
    it declares itself.
    """

    routing: Callable[[], bytes]
    verify: Callable[[bytes, bytes], bool]
    artifacts: Artifacts
    reader: OnlineSnapshots
    log: PredictionLog
    meters: Meters
    clock: Clock
    sentinel: Sentinel
    replay: bool = False
    slot: tuple[int, int] = (0, 1)
    kept: Kept | None = None
    log_key: Callable[[], bytes] = no_key
    memory: int = 0
    cores: int = 0


@dataclass(frozen=True, slots=True)
class Reload:
    """What came of reading the routing again; with an `error`, the line-up before it stays in service."""

    serial: int
    changed: bool
    error: BatonError | None = None


class DataPlane:
    """Answers prediction requests. One thread reads, prepares and finishes; `Part.run` and `reload` may be elsewhere."""

    def __init__(self, fittings: Fittings) -> None:
        self._fit = fittings
        self._lineup = NOTHING
        self._loading = threading.Lock()
        self._complained: set[tuple[str, str]] = set()
        self._problem: BatonError | None = None
        self._timer = stopwatch()
        self._last = 0
        self.breaker = Breaker(self._timer)
        self.kept = fittings.kept
        self._quick = QuickPath(fittings.log, fittings.meters, fittings.sentinel, self.breaker, self._took)

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
                lineup = guarded(lineup, self._fit.log_key)
            except BatonError as error:
                self._problem = error
                self._fit.meters.kept()
                _logger.error("the routing is not put in service: %s", error)
                return Reload(before.routing.serial, changed=False, error=error)
            self._fit.sentinel.watch(routing)
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
        return self.answer(self.read(body))

    def read(self, body: bytes) -> Work:
        """Decode a request and fix its moment. Raises Unavailable while no model is live, or what is wrong with it."""
        lineup, began = self._lineup, self._timer()
        if lineup.live is None or lineup.codec is None:
            raise self._nobody()
        call = lineup.codec.decode(body)
        return self.begin(lineup, call, began)

    def read_as(self, lineup: Lineup, decode: Callable[[Lineup], Call]) -> Work:
        """`read` of what some protocol decodes for a line-up of this plane."""
        began = self._timer()
        if lineup.live is None:
            raise self._nobody()
        return self.begin(lineup, decode(lineup), began)

    def begin(self, lineup: Lineup, call: Call, began: float | None = None) -> Work:
        """Work on a call that some protocol decoded for this line-up. Raises Unavailable while no model is live."""
        if lineup.live is None:
            raise self._nobody()
        moment = self._moment() if call.decided_at is None else call.decided_at
        return Work(lineup, lineup.live, call, moment, self._timer() if began is None else began, call.ids)

    def answer(self, work: Work) -> Answer:
        """Score and answer at once, in this thread. Raises like `predict`."""
        (outcome,) = self.answer_all((work,))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def answer_all(self, works: Sequence[Work]) -> list[Answer | Exception]:
        """Answer requests that queued up together, each with its own outcome; single given rows share what they can."""
        quick = [work for work in works if is_quick(work)]
        answers = dict(zip(map(id, quick), self._quick.answer(quick), strict=True)) if quick else {}
        return [answers.get(id(work)) or self._outcome(work) for work in works]

    def _outcome(self, work: Work) -> Answer | Exception:
        try:
            self.prepare(work)
            for part in work.parts:
                self.settle(work, part, _outcome(part))
            if work.call.explain:
                explain(work)
            return self.finish(work)
        except Exception as error:  # noqa: BLE001  the caller's to tell
            return error

    def prepare(self, work: Work) -> None:
        """Look up what is to be looked up, and set out who scores which rows. Raises NotFound, InvalidInput or Conflict."""
        try:
            feed = self._feed(work)
            if work.ids:
                feed.columns(work.live.model)
                shares = work.shares(feed, self._fit.sentinel.allows)
                work.parts = [part for runner, rows in shares for part in self._part(work, feed, runner, rows)]
        finally:
            self._fit.reader.end()

    def settle(self, work: Work, part: Part, error: Exception | None) -> None:
        """Note how a part's run ended. Raises InvalidInput for a row that live has no score for."""
        live = part.runner is work.live
        if error is None:
            if not part.skipped and part.runner.route.variant == LIVE:
                self.breaker.succeeded()
            return
        part.scores = None
        if live and isinstance(error, InvalidInput):
            raise error
        self._failed(work, part.runner, part.culprits(), error)

    def finish(self, work: Work) -> Answer:
        """Log and answer what was scored. Rows whose arm failed go to live, those that live failed to who stands in for it.

        Raises Unavailable when nobody could score a row, or when the answer cannot be logged.
        """
        if work.unexplained is not None:
            raise work.unexplained
        lost = [row for part in work.parts if part.runner.answers and part.scores is None for row in part.rows]
        scored = [part for part in work.parts if part.scores is not None]
        if lost:
            scored.append(self._rescue(work, lost))
        decided_at = iso_micros(work.moment)
        named = [work.identify(part, decided_at) for part in scored]
        took = self._took(work)
        if scored:
            self._fit.log.append([work.batch(part, own, took) for part, own in zip(scored, named, strict=True)])
        for part in scored:
            if part.runner.answers:
                self._count(part)
        answering = [part.runner for part in scored if part.runner.answers]
        if work.lineup.arms and len(answering) == 1 and not lost:
            self._fit.sentinel.answered(answering[0].route, took, work.ids[0])
        return Answer(work.answers(scored, named), decided_at, work.lineup.routing.serial, work.watermark, work.missing)

    def _nobody(self) -> Unavailable:
        why = str(self._problem.what) if self._problem else "no release has reached all traffic"
        return Unavailable(
            "no model is live",
            why=why,
            fix="baton status tells why; where no loop runs: baton up; GET /ready tells when it is in service",
        )

    def _moment(self) -> int:
        """The present, each microsecond at most once among all processes: two answers never share an id."""
        slot, slots = self._fit.slot
        now = micros(self._fit.clock.now())
        now += (slot - now) % slots
        self._last = now if now > self._last else self._last + slots
        return self._last

    def _load(self, digest: str) -> ServedModel:
        fit = self._fit
        data, seal = fit.artifacts.get(digest), fit.artifacts.seal_of(digest)
        return load_model(data, seal, fit.verify, memory=fit.memory, cores=fit.cores)

    def _took(self, work: Work) -> int:
        return int((self._timer() - work.began) * 1e6)

    def _feed(self, work: Work) -> Feed:
        """Where the rows' columns come from; for entities, notes the store's watermark and who is skipped."""
        call, codec = work.call, work.lineup.codec
        if call.columns is not None:
            return GivenFeed(call.columns)
        if call.rows is not None:
            assert codec is not None
            return GivenFeed(codec.columns(call.rows))
        reader = self._fit.reader
        work.watermark = watermark = reader.begin()
        if call.watermark is not None and call.watermark != watermark:
            raise Conflict(
                f"the online store stands at watermark {watermark}, not at {call.watermark}",
                where="watermark",
                why="values were written, or not yet, since the caller looked",
                fix="look again and repeat the request",
            )
        if call.skip_missing:
            found = entity_rows(work.live.model, call.ids, reader)
            work.ids = [key for key, row in zip(call.ids, found, strict=True) if row is not None]
            work.missing = [key for key, row in zip(call.ids, found, strict=True) if row is None]
        return StoreFeed(reader, work.ids, work.moment)

    def _part(self, work: Work, feed: Feed, runner: Runner, rows: Sequence[int]) -> list[Part]:
        """A runner's part. Who is on trial and cannot even be fed has none; live takes the rows that it was to answer."""
        if runner is work.live:
            return [work.part(runner, feed, rows, skipped=runner.route.variant == LIVE and not self.breaker.allows())]
        try:
            return [work.part(runner, feed, rows)]
        except Exception as error:  # noqa: BLE001  whoever is on trial must not break the answer
            self._failed(work, runner, rows, error)
            if not runner.answers:
                return []
            self._fit.meters.fell_back()
            return [work.part(work.live, feed, rows)]

    def _rescue(self, work: Work, lost: Sequence[int]) -> Part:
        """Scores for rows whose runner failed, by the first who can: live (unless it was live that failed), its fallback,
        the declared default. Raises Unavailable when there is none."""
        live_failed = any(part.runner is work.live and part.scores is None for part in work.parts)
        columns, default = work.columns_of(lost), work.lineup.routing.default
        for runner in (None if live_failed else work.live, work.lineup.fallback):
            if runner is None:
                continue
            try:
                part = Part(runner, lost, columns, runner.model.encode(columns))
                part.run()
            except InvalidInput:
                raise
            except Exception as error:  # noqa: BLE001  the next one may be able to
                self._failed(work, runner, lost, error)
            else:
                self._fit.meters.fell_back()
                return part
        if default is None:
            raise Unavailable(
                "the model could not score this request",
                why="it failed, and nobody is declared to stand in for it",
                fix="see the server's log; declare a fallback under rollout in baton.yaml",
            )
        self._fit.meters.fell_back()
        return work.default_part(lost, columns, default)

    def _failed(self, work: Work, runner: Runner, rows: Sequence[int], error: Exception) -> None:
        """Count and log the failure of a runner; the sentinel and the breaker hear of it."""
        route = runner.route
        self._fit.meters.failed(route.variant, route.version)
        if runner.answers and work.lineup.arms:
            self._fit.sentinel.failed(route, work.eligible(runner, rows))
        if route.variant == LIVE:
            self.breaker.failed()
        complaint = (route.release, type(error).__name__)
        if complaint not in self._complained:
            self._complained.add(complaint)
            _logger.warning(
                "%s %s (version %d) cannot score: %s", route.variant, route.release, route.version, without_values(error)
            )

    def _count(self, part: Part) -> None:
        route = part.runner.route
        self._fit.meters.answered(route.variant, route.version, len(part.rows))
        for name, unseen in part.unseen():
            self._fit.meters.unknown(name, unseen)


def _outcome(part: Part) -> Exception | None:
    try:
        part.run()
    except Exception as error:  # noqa: BLE001  settled by the caller
        return error
    return None
