"""Known-time joins for training sets: each row sees only what was known at its own decision time.

Rows of a source and requests are coded as one integer (key code, time rank), sorted once, and answered by binary search;
windows are differences of prefix sums over integers, so they equal the online values exactly.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from baton.features.aggregate import FIXED_POINT
from baton.features.view import DECIDED_AT, FeaturePlan, LatestView, WindowView, age_micros

if TYPE_CHECKING:
    import pyarrow as pa

Array = np.ndarray[Any, Any]
Columns = dict[str, Array]


def join(
    plan: FeaturePlan, requests: "pa.Table", sources: "Mapping[str, pa.Table]", known_at: Mapping[str, str | None]
) -> Columns:
    """All feature columns for `requests`, in their order.

    `requests` has the entity's own columns and `decided_at` (timestamp, UTC). Each source table is ordered by (known time,
    row key); `known_at` names its known-time column, None when its rows are known from the start.
    """
    columns: Columns = {name: column_array(requests[name]) for name in (*plan.entity_needs(), DECIDED_AT)}
    decided = columns[DECIDED_AT].astype(np.int64)
    indexes: dict[tuple[str, tuple[str, ...]], KeyedTimes] = {}
    for view in plan.views:
        rows = sources[view.source]
        address = (view.source, view.key)
        if address not in indexes:
            indexes[address] = KeyedTimes(rows, known_at[view.source], requests, view.key, decided)
        index = indexes[address]
        columns |= (
            _latest(view, index, rows)
            if isinstance(view, LatestView)
            else _window(view, index, rows, known_at[view.source], requests, decided)
        )
    return columns


def column_array(column: "pa.ChunkedArray") -> Array:
    """A column as numpy: timestamps datetime64[us], texts objects, integers with nulls float64 with NaN."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        return np.asarray(column.cast(pa.timestamp("us")).to_numpy())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_dictionary(column.type):
        return np.array(column.to_pylist(), dtype=object)
    if pa.types.is_boolean(column.type):
        return np.asarray(column.cast(pa.int8()).to_numpy())
    return np.asarray(column.to_numpy())


class KeyedTimes:
    """A source's rows sorted by (key, known time), and where each request falls among them."""

    def __init__(
        self, rows: "pa.Table", known_at: str | None, requests: "pa.Table", key: tuple[str, ...], decided: Array
    ) -> None:
        codes, wanted = _codes(rows, requests, key)
        known = np.zeros(rows.num_rows, np.int64) if known_at is None else column_array(rows[known_at]).astype(np.int64)
        self._floor = min(int(known.min(initial=0)), int(decided.min(initial=0)))
        self._width = max(int(known.max(initial=0)), int(decided.max(initial=0))) - self._floor + 2
        if len(codes) and (int(codes.max(initial=0)) + 2) * self._width >= 1 << 63:
            raise OverflowError("too many keys over too long a time for one join; train on a shorter window")
        place = codes * self._width + (known - self._floor)
        usable = codes >= 0
        self.order = np.argsort(place, kind="stable")
        self.order = self.order[usable[self.order]]
        self._places = place[self.order]
        self.known = known[self.order]
        self._wanted = wanted
        self._decided = decided
        # Binary searches in ascending order stay in the cache: several times faster than in the order of the requests.
        self._turn = _grouped(wanted, decided)
        self.upper = self.bound(decided)
        starts = np.searchsorted(self._places, np.arange(int(wanted.max(initial=0)) + 1) * self._width, side="left")
        self.first = starts[np.maximum(wanted, 0)]

    def bound(self, moments: Array) -> Array:
        """Per request, how many sorted rows stand at or before (its key, that moment)."""
        inside = np.clip(moments - self._floor, -1, self._width - 2)
        found = np.empty(len(moments), np.int64)
        found[self._turn] = np.searchsorted(self._places, (self._wanted * self._width + inside)[self._turn], side="right")
        return np.where(self._wanted < 0, 0, found)

    def last(self) -> tuple[Array, Array]:
        """Per request, the sorted index of the last row known by then and whether there is one."""
        found = (self._wanted >= 0) & (self.upper > self.first)
        return np.where(found, self.upper - 1, 0), found

    def age(self, index: Array) -> Array:
        """Microseconds from the rows at those sorted indexes to the requests' decisions."""
        return self._decided - self.known[index]

    def since(self, span: timedelta) -> Array:
        """Per request, the sorted index where its trailing window begins."""
        lower = self.bound(self._decided - span // timedelta(microseconds=1))
        return np.maximum(lower, np.where(self._wanted < 0, 0, self.first))


def _grouped(codes: Array, moments: Array) -> Array:
    """An order by (code, moment): a stable one by small codes, which is a radix sort, when the moments ascend already."""
    if len(moments) < 2 or bool(np.all(moments[1:] >= moments[:-1])):
        small = codes.astype(np.int16) if int(codes.max(initial=0)) < 1 << 15 else codes
        return np.argsort(small, kind="stable")
    return np.lexsort((moments, codes))


def _codes(rows: "pa.Table", requests: "pa.Table", key: tuple[str, ...]) -> tuple[Array, Array]:
    """Key codes of both sides over one dictionary; -1 where a part of the key is null."""
    left = np.zeros(rows.num_rows, np.int64)
    right = np.zeros(requests.num_rows, np.int64)
    for column in key:
        a, b, size = _column_codes(rows[column], requests[column])
        left = np.where((left < 0) | (a < 0), -1, left * size + a)
        right = np.where((right < 0) | (b < 0), -1, right * size + b)
    return left, right


def _column_codes(left: "pa.ChunkedArray", right: "pa.ChunkedArray") -> tuple[Array, Array, int]:
    import pyarrow as pa
    import pyarrow.compute as pc

    def plain(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
        return column.cast(pa.string()) if not pa.types.is_integer(column.type) else column.cast(pa.int64())

    a, b = plain(left), plain(right)
    if a.type != b.type:
        a, b = a.cast(pa.string()), b.cast(pa.string())
    known = pc.unique(a).drop_null()
    return _index_in(a, known), _index_in(b, known), len(known) + 1


def _index_in(column: "pa.ChunkedArray", known: "pa.Array") -> Array:
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(pc.index_in(column, value_set=known, skip_nulls=True), -1).to_numpy()).astype(np.int64)


def _latest(view: LatestView, index: KeyedTimes, rows: "pa.Table") -> Columns:
    at, found = index.last()
    if len(index.order) == 0:
        found, source_rows = np.zeros(len(at), bool), np.zeros(len(at), np.int64)
    else:
        found = found & (index.age(at) < age_micros(view))
        source_rows = index.order[at]
    return {name: _taken(rows, column, source_rows, found) for name, column in zip(view.features, view.columns, strict=True)}


def _taken(rows: "pa.Table", column: str, at: Array, found: Array) -> Array:
    values = column_array(rows[column])
    if len(values) == 0:
        return np.full(
            len(at), None if values.dtype == object else np.nan, dtype=object if values.dtype == object else np.float64
        )
    taken = values[at]
    if values.dtype == object:
        taken = taken.copy()
        taken[~found] = None
        return taken
    return np.where(found, taken.astype(np.float64), np.nan)


def _window(
    view: WindowView, index: KeyedTimes, rows: "pa.Table", known_at: str | None, requests: "pa.Table", decided: Array
) -> Columns:
    values, present, scale = integers(rows[view.column])
    if view.clip is not None:
        values = np.clip(values, view.clip[0] * scale, view.clip[1] * scale)
    if not present.all():
        kept = rows.filter(present)
        index = KeyedTimes(kept, known_at, requests, view.key, decided)
        values = values[present]
    ordered = values[index.order]
    columns: Columns = {}
    names = iter(view.features)
    prefix = _Prefix(ordered, index, scale)
    for span in view.spans:
        low, high = index.since(span), np.maximum(index.upper, index.since(span))
        for aggregate in view.aggregates:
            columns[next(names)] = prefix.aggregate(aggregate, low, high)
    return columns


def integers(column: "pa.ChunkedArray") -> tuple[Array, Array, int]:
    """A numeric column as (fixed-point int64, present, scale): integers as they are, floats in millionths."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(column.type):
        values = np.asarray(column.to_numpy()).astype(np.float64)
        present = np.isfinite(values)
        return np.rint(np.where(present, values, 0.0) * FIXED_POINT).astype(np.int64), present, FIXED_POINT
    present = np.asarray(pc.is_valid(column).to_numpy())
    return np.asarray(pc.fill_null(column.cast(pa.int64()), 0).to_numpy()), present, 1


class _Prefix:
    """Answers aggregates over index ranges [low, high) of one ordered integer column."""

    def __init__(self, ordered: Array, index: KeyedTimes, scale: int) -> None:
        self._values, self._index, self._scale = ordered, index, scale
        self._sum = np.concatenate(([0], np.cumsum(ordered)))
        self._cache: dict[str, list[Array]] = {}
        self._squares: Array | None = None

    def aggregate(self, name: str, low: Array, high: Array) -> Array:
        count = high - low
        some = count > 0
        if name == "count":
            return count.astype(np.float64)
        made = np.full(len(low), np.nan)
        lo, hi = low[some], high[some]
        made[some] = getattr(self, f"_{name}_of")(lo, hi, some)
        return made

    def _sum_of(self, low: Array, high: Array, _: Array) -> Array:
        return (self._sum[high] - self._sum[low]) / self._scale

    def _mean_of(self, low: Array, high: Array, _: Array) -> Array:
        return (self._sum[high] - self._sum[low]) / (high - low) / self._scale

    def _last_of(self, _low: Array, high: Array, _: Array) -> Array:
        return self._values[high - 1] / self._scale

    def _age_of(self, _low: Array, high: Array, some: Array) -> Array:
        positions = np.zeros(len(some), np.int64)
        positions[some] = high - 1
        return self._index.age(positions)[some] / 1e6

    def _std_of(self, low: Array, high: Array, _: Array) -> Array:
        if self._squares is None:
            self._squares = np.concatenate(([0], np.cumsum(self._values * self._values)))
        count = high - low
        total, squares = self._sum[high] - self._sum[low], self._squares[high] - self._squares[low]
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = (squares - total * total / count) / (count - 1)
            made = np.sqrt(np.maximum(0.0, spread)) / self._scale
        return np.where(count > 1, made, np.nan)

    def _min_of(self, low: Array, high: Array, _: Array) -> Array:
        return self._extreme("min", np.minimum, low, high) / self._scale

    def _max_of(self, low: Array, high: Array, _: Array) -> Array:
        return self._extreme("max", np.maximum, low, high) / self._scale

    def _extreme(self, name: str, pick: Any, low: Array, high: Array) -> Array:
        """Range minimum by a sparse table: two overlapping power-of-two blocks cover any range."""
        if name not in self._cache:
            levels = [self._values]
            while (step := 1 << (len(levels) - 1)) * 2 <= len(self._values):
                levels.append(pick(levels[-1][:-step], levels[-1][step:]))
            self._cache[name] = levels
        made = np.empty(len(low), np.int64)
        depth = np.frexp((high - low).astype(np.float64))[1] - 1
        for level in np.unique(depth):
            at = depth == level
            row = self._cache[name][level]
            made[at] = pick(row[low[at]], row[high[at] - (1 << int(level))])
        return made
