"""Scales: from values to places, with ticks a person would choose."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeGuard

_LARGEST = 1e15
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def finite(value: float | None) -> TypeGuard[float]:
    """Whether a picture can show the value: a number, and not beyond all measure."""
    return value is not None and math.isfinite(value) and abs(value) <= _LARGEST


def shown(values: Iterable[float | None]) -> list[float]:
    """The values that can be shown."""
    return [value for value in values if finite(value)]


@dataclass(frozen=True, slots=True)
class Linear:
    """Even steps: `low` lies at place `start`, `high` at `end`; of `whole` things there are no halves, so its ticks are whole."""

    low: float
    high: float
    start: float
    end: float
    whole: bool = False

    def at(self, value: float) -> float:
        """The place of a value, kept between start and end."""
        part = (value - self.low) / (self.high - self.low)
        return self.start + (self.end - self.start) * min(max(part, 0.0), 1.0)

    def ticks(self, count: int = 5) -> list[float]:
        """Round values from low to high, about as many as asked for; where that can be, with a tick at either end."""
        steps = [nice_step((self.high - self.low) / parts, self.whole) for parts in range(max(count - 1, 1), count + 2)]
        step = next((step for step in steps if _whole(self.low / step) and _whole(self.high / step)), steps[-1])
        first, last = math.ceil(self.low / step - 1e-6), math.floor(self.high / step + 1e-6)
        return [float(f"{index * step:.12g}") + 0.0 for index in range(first, last + 1)]


def _whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-6


def nice_step(least: float, whole: bool = False) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is not below the least; only whole ones where that is asked for."""
    least = max(least, 1.0) if whole else least
    power = 10.0 ** math.floor(math.log10(least))
    steps = [step * power for step in _STEPS if not whole or (step * power).is_integer()]
    return next((step for step in steps if step >= least * (1 - 1e-9)), 10 * power)


def counts(values: Iterable[float], unit: str = "") -> bool:
    """Whether values are whole numbers of things; shares are not, even where all are 0 or 1."""
    return unit != "%" and all(float(value).is_integer() for value in values)


def around(
    values: Sequence[float],
    count: int = 5,
    within: tuple[float | None, float | None] = (None, None),
    whole: bool = False,
) -> tuple[float, float]:
    """Round bounds around values, whole ones where asked for; `within` pins either side, unless a value lies beyond it."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    low, high = (low if within[0] is None else min(low, within[0])), (high if within[1] is None else max(high, within[1]))
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-3):
        tiny = abs(low) < 1e-9
        low, high = (0.0, 1.0) if tiny else (low - abs(low) * 0.1, high + abs(high) * 0.1)
    step = nice_step((high - low) / max(count - 1, 1), whole)
    return (math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step)


@dataclass(frozen=True, slots=True)
class Log:
    """Even powers of ten; what is not above zero lies at the low end."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value, kept between start and end."""
        low, high = math.log10(self.low), math.log10(self.high)
        part = (math.log10(value) - low) / (high - low) if value > 0 else 0.0
        return self.start + (self.end - self.start) * min(max(part, 0.0), 1.0)

    def ticks(self, count: int = 7) -> list[float]:
        """Powers of ten from low to high, every second or third when there are too many."""
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        step = max(1, math.ceil((last - first + 1) / max(count, 1)))
        return [10.0**power for power in range(first, last + 1) if power % step == 0]
