"""The guard: takes a canary out of traffic at the event that proves it worse, with nobody else running.

Every process that serves counts bad events (requests that could not be scored, answers slower than a cut point) in its
own column of a file that all of them map. At each bad event of the canary the sums are tested (`delivery.sequential`): if
the evidence passes, a flag in the same file is raised, and from then on no process gives the canary a request. The file
belongs to one release and survives the processes; a small record beside it tells the loop, which rolls the release back
on the record when it runs again.

    int64[HEAD]               magic, flag, instant of the flag (µs); from 8 on, units counted per criterion
    float64[STEPS]            the share in force at each step of the rollout
    int64[PROCESSES][STEPS][CRITERIA][2]    bad events: the canary's, live's
    int64[CRITERIA][UNITS]    digests of the units that had their event; a unit counts once, whoever served it

A full table of units ends the counting of its criterion: to stop by the number of units, whoever's they are, harms no
guarantee.
"""

import mmap
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import msgspec

from baton.delivery.routing import Route, Routing
from baton.delivery.sequential import RateTest
from baton.kernel.clock import Clock, iso, micros
from baton.kernel.errors import Corrupt

CANARY = "canary"
MAGIC = 0x4241544F4E475531
HEAD, STEPS, PROCESSES, CRITERIA = 16, 32, 16, 6
UNITS = 8192
CELLS = PROCESSES * STEPS * CRITERIA * 2
SIZE = 8 * (HEAD + STEPS + CELLS + CRITERIA * UNITS)
_FULL = UNITS * 3 // 4
_FLAG, _WHEN, _ADMITTED = 1, 2, 8


class Tripped(msgspec.Struct, frozen=True):
    """Why a release was taken out of traffic: the criterion, and the evidence against the threshold it passed.

    `counts` are, per share in force, the bad events of the canary and of live.
    """

    release: str
    version: int
    serial: int
    at: str
    criterion: str
    evidence: float
    threshold: float
    counts: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Watched:
    """The canary of a routing and its board; `names` are the criteria, `threshold` what evidence must reach for each."""

    route: Route
    serial: int
    board: "Board"
    names: tuple[str, ...]
    slow_us: tuple[int, ...]
    alpha: float


class Board:
    """The counters of one release, shared by all processes. Each writes its own column only."""

    def __init__(self, path: Path, slot: int) -> None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.fstat(handle).st_size < SIZE:
                os.ftruncate(handle, SIZE)
            self._map = mmap.mmap(handle, SIZE)
        finally:
            os.close(handle)
        whole = memoryview(self._map)
        self._head = whole[: 8 * HEAD].cast("q")
        self._shares = whole[8 * HEAD : 8 * (HEAD + STEPS)].cast("d")
        self._cells = whole[8 * (HEAD + STEPS) : 8 * (HEAD + STEPS + CELLS)].cast("q")
        self._units = whole[8 * (HEAD + STEPS + CELLS) :].cast("q")
        self._slot = slot
        if self._head[0] not in (0, MAGIC):
            raise Corrupt("the guard's board is of another kind", where=str(path), fix="remove it: the guard begins anew")
        self._head[0] = MAGIC

    @property
    def tripped(self) -> bool:
        """Whether the flag is up."""
        return self._head[_FLAG] != 0

    def trip(self, at: int) -> bool:
        """Raise the flag; tells whether it was down."""
        first = not self.tripped
        self._head[_FLAG] = 1
        if first:
            self._head[_WHEN] = at
        return first

    def share(self, step: int, share: float) -> None:
        """Note the share in force at a step."""
        self._shares[step] = share

    def add(self, step: int, criterion: int, count: int, *, canary: bool) -> None:
        """Count bad events of this process."""
        self._cells[self._place(self._slot, step, criterion) + (not canary)] += count

    def admit(self, criterion: int, entity: str) -> bool:
        """Whether a unit has its first event of a kind now; from now on it has had it. False, too, when no more are counted."""
        digest = int.from_bytes(blake2b(entity.encode(), digest_size=8).digest(), signed=True) or 1
        start = criterion * UNITS
        for step in range(UNITS):
            at = start + (digest + step) % UNITS
            known = self._units[at]
            if known == digest:
                return False
            if known == 0:
                if self._head[_ADMITTED + criterion] >= _FULL:
                    return False
                self._units[at] = digest
                self._head[_ADMITTED + criterion] += 1
                return True
        return False

    def counts(self, criterion: int) -> dict[float, tuple[int, int]]:
        """Per share, the bad events of the canary and of live, over all processes."""
        found: dict[float, tuple[int, int]] = {}
        for step in range(STEPS):
            places = [self._place(slot, step, criterion) for slot in range(PROCESSES)]
            mine, theirs = sum(self._cells[at] for at in places), sum(self._cells[at + 1] for at in places)
            if mine or theirs:
                before = found.get(self._shares[step], (0, 0))
                found[self._shares[step]] = (before[0] + mine, before[1] + theirs)
        return found

    @staticmethod
    def _place(slot: int, step: int, criterion: int) -> int:
        return ((slot * STEPS + step) * CRITERIA + criterion) * 2


class Guard:
    """The sentinel of a server process over a folder that all its processes share."""

    def __init__(self, folder: Path, clock: Clock, slot: int = 0) -> None:
        self._folder, self._clock, self._slot = folder, clock, slot
        self._watched: _Watched | None = None

    def watch(self, routing: Routing) -> None:
        """Another routing is in service: its canary, if it has one, is watched on the board of its release."""
        route = routing.find(CANARY)
        if route is None or routing.watch is None:
            self._watched = None
            return
        slow = () if route.where else routing.watch.slow_us[: CRITERIA - 1]
        board = Board(self._folder / f"guard-{route.release}.bin", self._slot)
        board.share(route.step % STEPS, route.share)
        names = ("errors", *(f"answers above {cut / 1000:g} ms" for cut in slow))
        self._watched = _Watched(route, routing.serial, board, names, slow, routing.watch.alpha)

    def allows(self, route: Route) -> bool:
        """Whether an arm may answer; false from the event on that proved it worse."""
        watched = self._watched
        return watched is None or not watched.board.tripped or route.release != watched.route.release

    def answered(self, route: Route, took_us: int, entity: str) -> None:
        """Live or an arm answered for an entity; slow answers are counted."""
        watched = self._watched
        if watched is None or not watched.slow_us or took_us <= watched.slow_us[0]:
            return
        for number, cut in enumerate(watched.slow_us, 1):
            if took_us > cut:
                self._bad(watched, route, number, (entity,))

    def failed(self, route: Route, entities: Sequence[str]) -> None:
        """Live or an arm could not score these entities."""
        if self._watched is not None:
            self._bad(self._watched, route, 0, entities)

    def _bad(self, watched: _Watched, route: Route, criterion: int, entities: Sequence[str]) -> None:
        """Count the events of units that had none yet, and test when they are the canary's."""
        canary = route.release == watched.route.release
        if not canary and route.variant != "live":
            return
        fresh = sum(watched.board.admit(criterion, entity) for entity in entities)
        if fresh:
            watched.board.add(watched.route.step % STEPS, criterion, fresh, canary=canary)
            if canary and not watched.board.tripped:
                self._test(watched, criterion)

    def _test(self, watched: _Watched, criterion: int) -> None:
        """The evidence of this criterion; alpha is shared out evenly among the criteria (Bonferroni)."""
        counts, threshold = watched.board.counts(criterion), len(watched.names) / watched.alpha
        evidence = RateTest.of(counts).evidence
        if evidence < threshold:
            return
        now = self._clock.now()
        if watched.board.trip(micros(now)):
            route = watched.route
            shown = {f"{share:g}": pair for share, pair in counts.items()}
            record = Tripped(
                route.release, route.version, watched.serial, iso(now), watched.names[criterion], evidence, threshold, shown
            )
            place(self._folder / f"guard-{route.release}.json", msgspec.json.encode(record))


def place(path: Path, data: bytes) -> None:
    """Put a small file in place, whole or not at all, and on the disk before this returns."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    with aside.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    aside.replace(path)


def tripped(folder: Path) -> list[Tripped]:
    """What guards recorded in a folder, oldest first. A record that cannot be read raises Corrupt naming it."""
    found = []
    for path in sorted(folder.glob("guard-*.json")):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Tripped))
        except msgspec.MsgspecError as error:
            raise Corrupt("a guard's record cannot be read", where=str(path), why=str(error), fix="remove it") from error
    return sorted(found, key=lambda record: record.at)


def forget(folder: Path, kept: Sequence[str]) -> None:
    """Remove the boards and records of releases that are no longer on trial."""
    for path in folder.glob("guard-*"):
        if path.stem.removeprefix("guard-") not in kept:
            path.unlink(missing_ok=True)
