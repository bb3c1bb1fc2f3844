"""A model in another form than ONNX, seen from the server: it lives in a cell of its own and is asked over a socket.

The server never loads the model's library. A cell that hangs beyond the deadline is killed, one that died is replaced, both
beside the requests: while there is none every ask fails at once (Unavailable), and the breaker and whoever stands in for the
model answer. Called by `serving/model.py`; the inside is `inference/foreign.py`.
"""

import logging
import os
import threading
import weakref
from typing import Any

import msgspec
import numpy as np

from baton.kernel.cell import Cell, Ended, Late, Limits
from baton.kernel.clock import stopwatch
from baton.kernel.errors import BatonError, Corrupt, MissingExtra, Unavailable
from baton.registry.bundle import Bundle

Array = np.ndarray[Any, Any]
_logger = logging.getLogger("baton.serving")
MODULE = "baton.inference.foreign"
LOAD, SCORE, READY, SCORES, FAILED = b"L", b"S", b"R", b"P", b"E"
STARTING, DEADLINE, EACH = 60.0, 2.0, 0.001
MEMORY = 1 << 30
REST = 0.2, 30.0
"""The seconds before a cell that failed again is started anew: at first, and at most; they double."""


class Load(msgspec.Struct, frozen=True):
    """What the cell is to load: the form, the class whose probability is the score, how many inputs."""

    form: str
    label: str
    width: int


class Failure(msgspec.Struct, frozen=True):
    """Why it could not: `kind` is memory, extra, or model."""

    kind: str
    why: str
    fix: str = ""


def patience(rows: int) -> float:
    """How many seconds a question about so many rows may take."""
    return DEADLINE + rows * EACH


def limits_of(bundle: Bundle, memory: int = 0, cores: int = 0) -> Limits:
    """What its process may use: as the server was told, else as the manifest declares, else a gibibyte and more for a large model."""
    running = bundle.manifest.running
    usual = max(MEMORY, 8 * len(bundle.model))
    return Limits(memory or running.memory or usual, cores or running.cpu or 1)


class Foreign:
    """One model in its cell. `score` may be called from any thread; one is answered at a time."""

    def __init__(self, bundle: Bundle, limits: Limits) -> None:
        manifest = bundle.manifest
        self._load = Load(manifest.running.form, manifest.lineage.get("label", ""), len(manifest.signature.names))
        self._name, self._model, self._limits = manifest.project, bundle.model, limits
        self._asking = threading.Lock()
        self._owner = os.getpid()
        cell = self._started()
        self._cell: Cell | None = cell
        self._rest, self._up = REST[0], stopwatch()
        self._restarting = False
        self._closing = weakref.finalize(self, lambda: None)
        self._watch(cell)

    @property
    def pid(self) -> int | None:
        """The process that holds the model now, None while there is none."""
        return self._cell.pid if self._cell is not None else None

    def score(self, matrix: Array) -> Array:
        """One float64 a row. Raises Unavailable at once while there is no process, and when it dies or is too late."""
        rows = np.ascontiguousarray(matrix, dtype=np.float32)
        with self._asking:
            cell = self._mine()
            if cell is None:
                raise self._down("it is being started anew")
            try:
                count = len(rows).to_bytes(8, "little")
                kind, body = cell.ask(SCORE, count, rows.data, seconds=patience(len(rows)), most=8 * len(rows) + 4096)
            except (Late, Ended) as error:
                self._lost(cell)
                raise self._down(error.why or error.what) from error
        if kind == FAILED:
            raise _told(self._name, msgspec.json.decode(bytes(body), type=Failure), self._limits)
        if kind != SCORES or len(body) != 8 * len(rows):
            raise self._down("it answered with something else than scores")
        return np.frombuffer(body, dtype=np.float64)

    def close(self) -> None:
        """End the process for good."""
        with self._asking:
            self._restarting = True
            cell, self._cell = self._cell, None
        if cell is not None:
            cell.kill()

    def _mine(self) -> Cell | None:
        """The cell, unless it is that of the process this one was forked from."""
        if self._owner != os.getpid():
            self._owner, self._restarting = os.getpid(), False
            self._cell = None
            self._restart()
        return self._cell

    def _lost(self, cell: Cell) -> None:
        """Kill what hangs and start another beside the requests."""
        self._cell = None
        cell.kill()
        self._restart()

    def _restart(self) -> None:
        if self._restarting:
            return
        self._restarting = True
        if self._up() > REST[1]:
            self._rest = REST[0]
        wait, self._rest = self._rest, min(2 * self._rest, REST[1])
        _logger.warning("the process of model %s is gone and is started anew", self._name)
        threading.Thread(target=_again, args=(weakref.ref(self), wait), name="foreign", daemon=True).start()

    def _started(self) -> Cell:
        """A cell with the model loaded. Raises Unavailable, MissingExtra or Corrupt, saying which limit was too small."""
        cell = Cell(MODULE, self._limits)
        head = msgspec.json.encode(self._load)
        try:
            kind, body = cell.ask(LOAD, len(head).to_bytes(4, "little"), head, self._model, seconds=STARTING)
        except Late as error:
            cell.kill()
            raise _slow(self._name) from error
        except Ended as error:
            cell.kill()
            raise _told(self._name, Failure("memory", error.why), self._limits) from error
        if kind != READY:
            cell.kill()
            raise _told(self._name, msgspec.json.decode(bytes(body), type=Failure), self._limits)
        return cell

    def _watch(self, cell: Cell) -> None:
        """Let the process end with this object."""
        self._closing.detach()
        self._closing = weakref.finalize(self, cell.kill)

    def _revive(self) -> bool:
        """One try to start another; tells whether it is there."""
        try:
            cell = self._started()
        except BatonError as error:
            _logger.error("the process of model %s does not start: %s", self._name, error)
            return False
        with self._asking:
            self._cell, self._restarting, self._up = cell, False, stopwatch()
            self._watch(cell)
        return True

    def _down(self, why: str) -> Unavailable:
        return Unavailable(
            f"the process of model {self._name} does not answer",
            why=why,
            fix="it is replaced by itself; try again in a few seconds",
        )


def _again(reference: "weakref.ref[Foreign]", wait: float) -> None:
    """Start a model's process anew until it is there, or nobody wants it any more."""
    pause = threading.Event()
    while True:
        pause.wait(wait)
        model = reference()
        if model is None or model._revive():  # noqa: SLF001  the thread of that object, which it may outlive
            return
        wait = min(2 * wait, REST[1])
        del model


def _told(name: str, failure: Failure, limits: Limits) -> BatonError:
    if failure.kind == "memory":
        return Unavailable(
            f"model {name} does not fit into its memory limit",
            where=f"{limits.memory >> 20} MiB",
            why=failure.why,
            fix="give it more: baton serve … --memory 2G, or --memory when it is imported",
        )
    if failure.kind == "extra":
        return MissingExtra(f"model {name} needs a part that is not installed", why=failure.why, fix=failure.fix)
    return Corrupt(f"model {name} cannot be used", why=failure.why, fix=failure.fix or "import it again")


def _slow(name: str) -> Unavailable:
    return Unavailable(
        f"model {name} does not load in time",
        why=f"{STARTING:.0f} seconds are the most",
        fix="give it more: --cpu 2, --memory 4G",
    )
