"""Windowed aggregates kept up to date row by row, exact by construction.

Sums are integers, so adding a row when it becomes known and taking it away when it leaves the window gives the very
number that a fresh sum would. What differs from the offline join is only when the work is done.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import timedelta
from math import isfinite, sqrt

from baton.features.ports import Values
from baton.features.view import WindowView

FIXED_POINT = 1_000_000
Row = tuple[int, str, int]


class WindowState:
    """The running state of one window view.

    `scale` is 1 for integer columns and FIXED_POINT for floats. Rows are fed in order of (known time, row key); each is
    (known µs, key text, fixed-point value).
    """

    def __init__(self, view: WindowView, scale: int) -> None:
        self.view, self.scale = view, scale
        self._bounds = None if view.clip is None else (view.clip[0] * scale, view.clip[1] * scale)
        self._spans = [span // timedelta(microseconds=1) for span in view.spans]
        self._inside: list[deque[Row]] = [deque() for _ in self._spans]
        self._count: list[dict[str, int]] = [defaultdict(int) for _ in self._spans]
        self._sum: list[dict[str, int]] = [defaultdict(int) for _ in self._spans]
        self._squares: list[dict[str, int]] = [defaultdict(int) for _ in self._spans]
        self._last: dict[str, tuple[int, int]] = {}
        self._rows: dict[str, deque[tuple[int, int]]] | None = (
            defaultdict(deque) if {"min", "max"} & set(view.aggregates) else None
        )

    def advance(self, rows: Iterable[Row], now: int) -> set[str]:
        """Take in the rows that became known up to `now` and drop those that left a window; returns the keys touched."""
        touched: set[str] = set()
        for row in rows:
            self._enter(row)
            touched.add(row[1])
        for position, span in enumerate(self._spans):
            self._leave(position, now - span, touched)
        return touched

    def _enter(self, row: Row) -> None:
        known, key, value = row if self._bounds is None else (row[0], row[1], min(max(row[2], self._bounds[0]), self._bounds[1]))
        row = (known, key, value)
        for position, inside in enumerate(self._inside):
            inside.append(row)
            self._count[position][key] += 1
            self._sum[position][key] += value
            self._squares[position][key] += value * value
        self._last[key] = (known, value)
        if self._rows is not None:
            self._rows[key].append((known, value))

    def _leave(self, position: int, until: int, touched: set[str]) -> None:
        inside, count, total, squares = (
            self._inside[position],
            self._count[position],
            self._sum[position],
            self._squares[position],
        )
        while inside and inside[0][0] <= until:
            _, key, value = inside.popleft()
            touched.add(key)
            if count[key] == 1:
                del count[key], total[key], squares[key]
            else:
                count[key] -= 1
                total[key] -= value
                squares[key] -= value * value

    def values(self, key: str, now: int) -> Values | None:
        """The view's values of a key at `now`, None when every window is empty. `age` is the last row's instant in µs."""
        if not any(key in count for count in self._count):
            self._last.pop(key, None)
            if self._rows is not None:
                self._rows.pop(key, None)
            return None
        return tuple(value for position in range(len(self._spans)) for value in self._aggregates(position, key, now))

    def _aggregates(self, position: int, key: str, now: int) -> Iterable[float | int | None]:
        count = self._count[position].get(key, 0)
        if count == 0:
            return (0 if name == "count" else None for name in self.view.aggregates)
        total, squares = self._sum[position][key], self._squares[position][key]
        return (self._aggregate(name, position, key, now, count, total, squares) for name in self.view.aggregates)

    def _aggregate(
        self, name: str, position: int, key: str, now: int, count: int, total: int, squares: int
    ) -> float | int | None:
        if name == "count":
            return count
        if name == "mean":
            return total / count / self.scale
        if name == "sum":
            return total / self.scale
        if name == "last":
            return self._last[key][1] / self.scale
        if name == "age":
            return self._last[key][0]
        if name == "std":
            return deviation(count, total, squares) / self.scale if count > 1 else None
        return self._extreme(name, key, now - self._spans[position]) / self.scale

    def _extreme(self, name: str, key: str, since: int) -> int:
        rows = self._rows[key] if self._rows is not None else deque[tuple[int, int]]()
        while rows and self._spans and rows[0][0] <= since - (self._spans[-1] - self._spans[0]):
            rows.popleft()
        inside = [value for known, value in rows if known > since]
        return min(inside) if name == "min" else max(inside)


def deviation(count: int, total: int, squares: int) -> float:
    """Sample standard deviation from exact integer sums (at least two rows); rounded once, so no digits cancel."""
    return sqrt((count * squares - total * total) / (count * (count - 1)))


def fixed_point(values: Sequence[float | int | None], scale: int) -> list[int | None]:
    """Values as integers of 1/scale; None, NaN and infinities become None."""
    return [None if value is None or not isfinite(value) else round(value * scale) for value in values]
