"""Numbers as words: as ticks of an axis, equal in form, and alone, as exact as is useful."""

from __future__ import annotations

import math
from collections.abc import Sequence

_SIZES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_CURRENCIES = frozenset("$€£¥")


def told(value: float | None, unit: str = "") -> str:
    """One value to be read: "75.1 %" for a fraction, "$1,240", "0.031", "12.4 ms"; a dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    if unit == "%":
        return _signed(value * 100, 2 if abs(value) < 0.01 else 1, " %")
    return _dressed(unit, _figures(value))


def ticks_told(values: Sequence[float], unit: str = "") -> list[str]:
    """The labels of ticks, all with the decimals that their step needs, large ones in thousands or millions."""
    factor = 100.0 if unit == "%" else 1.0
    largest = max((abs(value) for value in values), default=0.0) * factor
    size, letter = next(((size, letter) for size, letter in _SIZES if largest >= max(size, 1e4)), (1.0, ""))
    scaled = [value * factor / size for value in values]
    decimals = _decimals(scaled)
    if 0 < largest < 1e-6:
        return [_dressed(unit, f"{value:.3g}".replace("-", "−")) for value in scaled]
    if decimals is None:
        return [_dressed(unit, f"{value:.4g}".replace("-", "−")) for value in scaled]
    return [_dressed(unit, _plain(value, decimals) + (letter if value else "")) for value in scaled]


def _decimals(values: Sequence[float]) -> int | None:
    """How many decimals tell all of them; None for numbers so small that no seven do."""
    largest = max((abs(value) for value in values), default=0.0)
    return next(
        (count for count in range(8) if all(abs(value - round(value, count)) <= largest * 1e-7 for value in values)), None
    )


def _figures(value: float) -> str:
    size = abs(value)
    if size >= 1e6:
        scale, letter = next(((scale, letter) for scale, letter in _SIZES if size >= scale))
        return _trimmed(_plain(value / scale, 2)) + letter
    if size >= 1000 or value == int(value):
        return _plain(value, 0)
    if size < 1e-4:
        return f"{value:.2g}".replace("-", "−")
    return _trimmed(_plain(value, max(0, 2 - math.floor(math.log10(size)))))


def _trimmed(said: str) -> str:
    return said.rstrip("0").rstrip(".") if "." in said else said


def _plain(value: float, decimals: int) -> str:
    said = f"{abs(value):,.{decimals}f}"
    return f"−{said}" if value < 0 and said.strip("0.,") else said


def _signed(value: float, decimals: int, ending: str) -> str:
    return _plain(value, decimals) + ending


def _dressed(unit: str, said: str) -> str:
    if unit in _CURRENCIES:
        return f"−{unit}{said[1:]}" if said.startswith("−") else f"{unit}{said}"
    return f"{said} {unit}" if unit else said
