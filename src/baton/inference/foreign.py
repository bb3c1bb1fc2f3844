"""The inside of a cell with a model in another form than ONNX: loads it once, then answers matrices with scores.

`python -m baton.inference.foreign`, started by `serving/foreign.py`. Its limits hold before anything is loaded; the form's
library is found by name, so that the server itself never reaches it. Each question may take so many seconds of processor
time and no more: the system ends a process that does not come back.
"""

import sys
from importlib import import_module
from typing import Any

import msgspec
import numpy as np

from baton.kernel.cell import allow_seconds, enter, receive, send
from baton.kernel.errors import BatonError, MissingExtra
from baton.registry.bundle import LIMIT
from baton.serving.foreign import FAILED, LOAD, READY, SCORES, STARTING, Failure, Load, patience

FORMATS = "baton.backends.frameworks.formats"


def main() -> None:
    """Answer until the socket closes."""
    peer, limits, _ = enter(sys.argv[1:])
    allow_seconds(int(STARTING) * limits.cores)
    model: Any = None
    wide = 0
    while True:
        try:
            kind, body = receive(peer, 2 * LIMIT)
        except OSError:
            return
        try:
            if kind == LOAD:
                model, wide = _loaded(body)
                send(peer, READY)
            else:
                rows = int.from_bytes(body[:8], "little")
                allow_seconds(int(patience(rows) + 1) * limits.cores)
                send(peer, SCORES, _scores(model, body, (rows, wide)).data)
        except Exception as error:  # noqa: BLE001  the server hears whatever it was
            send(peer, FAILED, msgspec.json.encode(_failure(error)))


def _loaded(body: bytearray) -> tuple[Any, int]:
    size = int.from_bytes(body[:4], "little")
    wanted = msgspec.json.decode(bytes(body[4 : 4 + size]), type=Load)
    model = import_module(FORMATS).loaded(wanted.form, bytes(memoryview(body)[4 + size :]), wanted.label)
    if model.width != wanted.width:
        raise ValueError(f"it takes {model.width} inputs, its signature has {wanted.width}")
    return model, wanted.width


def _scores(model: Any, body: bytearray, shape: tuple[int, int]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    matrix = np.frombuffer(body, dtype=np.float32, offset=8).reshape(shape)
    return np.ascontiguousarray(model.score(matrix), dtype=np.float64)


def _failure(error: Exception) -> Failure:
    if isinstance(error, MemoryError):
        return Failure("memory", "it asked for more")
    if isinstance(error, MissingExtra):
        return Failure("extra", error.what, error.fix)
    if isinstance(error, ImportError):
        return Failure("extra", str(error), "pip install lightgbm, or whatever library the model is of")
    if isinstance(error, BatonError):
        return Failure("model", f"{error.what}: {error.why}", error.fix)
    return Failure("model", f"{type(error).__name__}: {error}".splitlines()[0][:300])


if __name__ == "__main__":
    main()
