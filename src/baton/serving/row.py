"""Single rows on their way from values to scores: into preallocated tensors, the one of one row bound to the session once.

The general path makes a matrix for every request; for a single row that costs more than the model. Both give the same
bits, which a property test holds them to. One thread scores.
"""

import struct
from bisect import bisect_right
from collections.abc import Sequence
from math import nan
from typing import Any

import numpy as np

from baton.registry.bundle import Calibration
from baton.registry.signature import Signature

MOST = 64


class RowScorer:
    """Scores rows as they come. Made for a session that takes one float32 matrix; refuses (ValueError) outputs it cannot bind."""

    def __init__(self, session: Any, signature: Signature, calibration: Calibration) -> None:
        width = len(signature.names)
        self._categories = [
            (position, signature.codes[item.name]) for position, item in enumerate(signature.features) if item.kind == "category"
        ]
        self._tensor, self._many = (np.zeros((rows, width), dtype=np.float32) for rows in (1, MOST))
        source, target = session.get_inputs()[0].name, session.get_outputs()[-1].name
        self._out = session.run([target], {source: self._tensor})[0]
        if self._out.dtype != np.float32:
            raise ValueError(f"the output is {self._out.dtype}")
        self._session, self._source, self._target, self._stride = session, source, [target], 4 * width
        self._many_bytes = memoryview(self._many.data).cast("B")
        self._bytes = memoryview(self._tensor.data).cast("B")
        self._probability = memoryview(self._out.data).cast("B").cast("f")
        self._pack = struct.Struct(f"{width}f").pack_into
        self._knots = calibration.raw, calibration.probability
        binding = session.io_binding()
        binding.bind_input(source, "cpu", 0, np.float32, self._tensor.shape, self._tensor.ctypes.data)
        binding.bind_output(target, "cpu", 0, np.float32, self._out.shape, self._out.ctypes.data)
        self._binding, self._run = binding, session.run_with_iobinding

    def score(self, rows: Sequence[Sequence[Any]]) -> list[float]:
        """The calibrated probabilities of some rows (values in the signature's order, None = missing); NaN where there is none."""
        if len(rows) == 1:
            self._pack(self._bytes, 0, *self._codes(rows[0]))
            self._run(self._binding)
            return [interpolate(self._probability[-1], *self._knots)]
        scores: list[float] = []
        for start in range(0, len(rows), MOST):
            scores += self._several(rows[start : start + MOST])
        return scores

    def _several(self, rows: Sequence[Sequence[Any]]) -> list[float]:
        for place, row in enumerate(rows):
            self._pack(self._many_bytes, place * self._stride, *self._codes(row))
        out = self._session.run(self._target, {self._source: self._many[: len(rows)]})[0]
        return [interpolate(raw, *self._knots) for raw in out.reshape(len(rows), -1)[:, -1].tolist()]

    def _codes(self, values: Sequence[Any]) -> Sequence[Any]:
        """The numbers that the model sees of one row."""
        row = list(values)
        for position, codes in self._categories:
            row[position] = codes.get(row[position])
        return [nan if value is None else value for value in row] if None in row else row


def interpolate(at: float, knots: Sequence[float], values: Sequence[float]) -> float:
    """`numpy.interp` of one number, bit for bit; without knots the number itself."""
    if not knots or at != at:
        return at
    place = bisect_right(knots, at) - 1
    if place < 0:
        return values[0]
    if place >= len(knots) - 1 or knots[place] == at:
        return values[place]
    slope = (values[place + 1] - values[place]) / (knots[place + 1] - knots[place])
    return slope * (at - knots[place]) + values[place]
