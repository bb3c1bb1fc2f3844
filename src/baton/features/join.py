"""Known-time joins for training sets: each row sees only what was known at its own decision time.

Rows of a source and requests are coded as one integer (key code, time), sorted once, and answered by binary search;
windows are differences of prefix sums over integers, so they equal the online values exactly. Where keys and time are too
many for one integer, what occurs is counted through instead.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from baton.features.aggregate import FIXED_POINT, deviation
from baton.features.view import DECIDED_AT, FeaturePlan, LatestView, WindowView, age_micros
from baton.kernel.errors import InvalidInput

if TYPE_CHECKING:
    import pyarrow as pa

Array = np.ndarray[Any, Any]
Columns = dict[str, Array]
LIMB = 21


def join(
    plan: FeaturePlan, requests: "pa.Table", sources: "Mapping[str, pa.Table]", known_at: Mapping[str, str | None]
) -> Columns:
    """All feature columns for `requests`, in their order.

    `requests` has the entity's own columns and `decided_at` (timestamp, UTC). Each source table is ordered by (known time,
    row key); `known_at` names its known-time column, None when its rows are known from the start.
    """
    columns: Columns = {name: column_array(requests[name]) for name in (*plan.entity_needs(), DECIDED_AT)}
    decided = columns[DECIDED_AT].astype(np.int64)
    for source, key in dict.fromkeys((view.source, view.key) for view in plan.views):
        rows, known = sources[source], known_at[source]
        index = KeyedTimes(rows, known, requests, key, decided)
        for view in (each for each in plan.views if (each.source, each.key) == (source, key)):
            columns |= (
                _latest(view, index, rows)
                if isinstance(view, LatestView)
                else _window(view, index, rows, known, requests, decided)
            )
    return columns


def column_array(column: "pa.ChunkedArray") -> Array:
    """A column as numpy: timestamps datetime64[us], texts objects, integers with nulls float64 with NaN."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        return np.asarray(column.cast(pa.timestamp("us")).to_numpy())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_dictionary(column.type):
        return _texts(column)
    if pa.types.is_boolean(column.type):
        return np.asarray(column.cast(pa.int8()).to_numpy())
    return np.asarray(column.to_numpy())


def _texts(column: "pa.ChunkedArray") -> Array:
    """Texts as objects, each different one once: a year of rows repeats few of them."""
    import pyarrow.compute as pc

    coded = column.dictionary_encode().combine_chunks()
    known = np.array([*coded.dictionary.to_pylist(), None], dtype=object)
    return np.asarray(known[pc.fill_null(coded.indices, -1).to_numpy()], dtype=object)


class KeyedTimes:
    """A source's rows sorted by (key, known time), and where each request falls among them."""

    def __init__(
        self, rows: "pa.Table", known_at: str | None, requests: "pa.Table", key: tuple[str, ...], decided: Array
    ) -> None:
        codes, wanted = _codes(rows, requests, key)
        known = np.zeros(rows.num_rows, np.int64) if known_at is None else column_array(rows[known_at]).astype(np.int64)
        ends = [value for times in (known, decided) if len(times) for value in (int(times.min()), int(times.max()))]
        self._floor, self._width = min(ends, default=0), max(ends, default=0) - min(ends, default=0) + 2
        self._moments = None if (int(codes.max(initial=0)) + 2) * self._width < 1 << 63 else np.unique(known)
        if self._moments is not None:
            self._width = len(self._moments) + 1
        place = codes * self._width + self._rank(known)
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
        inside = np.clip(self._rank(moments), -1, self._width - 2)
        found = np.empty(len(moments), np.int64)
        found[self._turn] = np.searchsorted(self._places, (self._wanted * self._width + inside)[self._turn], side="right")
        return np.where(self._wanted < 0, 0, found)

    def _rank(self, moments: Array) -> Array:
        """Where moments stand in time: their distance from the first, or among too many keys their rank among the rows'."""
        if self._moments is None:
            return np.asarray(moments - self._floor)
        return np.asarray(np.searchsorted(self._moments, moments, side="right") - 1)

    def last(self) -> tuple[Array, Array]:
        """Per request, the sorted index of the last row known by then and whether there is one."""
        found = (self._wanted >= 0) & (self.upper > self.first)
        return np.where(found, self.upper - 1, 0), found

    def age(self, index: Array, of: Array | slice = slice(None)) -> Array:
        """Microseconds from the rows at those sorted indexes to the decisions of the requests chosen by `of`."""
        return np.asarray(self._decided[of] - self.known[index])

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
    span = 1
    for column in key:
        a, b, size = _column_codes(rows[column], requests[column])
        left = np.where((left < 0) | (a < 0), -1, left * size + a)
        right = np.where((right < 0) | (b < 0), -1, right * size + b)
        span *= size
        if len(key) > 1 and span > len(left) + len(right):
            left, right = _dense(left, right)
            span = len(left) + 1
    return left, right


def _dense(left: Array, right: Array) -> tuple[Array, Array]:
    """The same codes counted through; -1 stays, and what the left side does not have becomes -1."""
    known = np.unique(left[left >= 0])
    if len(known) == 0:
        return np.full(len(left), -1), np.full(len(right), -1)
    at = np.minimum(np.searchsorted(known, right), len(known) - 1)
    return np.where(left < 0, -1, np.searchsorted(known, left)), np.where(known[at] == right, at, -1)


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
    if values.dtype.kind == "M":
        found, taken = found & ~np.isnat(taken), taken.astype(np.int64)
    if values.dtype == object:
        taken = taken.copy()
        taken[~found] = None
        return taken
    return np.where(found, taken.astype(np.float64), np.nan)


def _window(
    view: WindowView, index: KeyedTimes, rows: "pa.Table", known_at: str | None, requests: "pa.Table", decided: Array
) -> Columns:
    values, present, scale = integers(rows[view.column], view.clip)
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


def integers(column: "pa.ChunkedArray", clip: tuple[int, int] | None = None) -> tuple[Array, Array, int]:
    """A numeric column as (fixed-point int64 within `clip`, present, scale): integers as they are, floats in millionths.

    Raises InvalidInput for a float beyond what int64 holds in millionths.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_floating(column.type):
        present = np.asarray(pc.is_valid(column).to_numpy())
        whole = np.asarray(pc.fill_null(column.cast(pa.int64()), 0).to_numpy())
        return whole if clip is None else np.clip(whole, *clip), present, 1
    values = np.asarray(column.to_numpy()).astype(np.float64)
    present = np.isfinite(values)
    values = np.where(present, values, 0.0) if clip is None else np.clip(np.where(present, values, 0.0), *clip)
    if (largest := float(np.abs(values).max(initial=0.0))) * FIXED_POINT >= 1 << 62:
        raise _too_large(largest)
    return np.rint(values * FIXED_POINT).astype(np.int64), present, FIXED_POINT


class _Prefix:
    """Answers aggregates over index ranges [low, high) of one ordered integer column."""

    def __init__(self, ordered: Array, index: KeyedTimes, scale: int) -> None:
        self._values, self._index, self._scale = ordered, index, scale
        self._sum = _running(ordered)
        self._largest = _largest(ordered)
        self._cache: dict[str, list[Array]] = {}
        self._squares: list[tuple[Array, int]] | None = None

    def aggregate(self, name: str, low: Array, high: Array) -> Array:
        count = high - low
        some = count > 0
        if name == "count":
            return count.astype(np.float64)
        made = np.full(len(low), np.nan)
        lo, hi = low[some], high[some]
        if self._largest * int(count.max(initial=0)) >= 1 << 63:
            raise _too_large(self._largest / self._scale)
        made[some] = getattr(self, f"_{name}_of")(lo, hi, some)
        return made

    def _sum_of(self, low: Array, high: Array, _: Array) -> Array:
        return _ratio(self._sum[high] - self._sum[low], self._scale)

    def _mean_of(self, low: Array, high: Array, _: Array) -> Array:
        return _ratio(self._sum[high] - self._sum[low], high - low) / self._scale

    def _last_of(self, _low: Array, high: Array, _: Array) -> Array:
        return _ratio(self._values[high - 1], self._scale)

    def _age_of(self, _low: Array, high: Array, some: Array) -> Array:
        return self._index.age(high - 1, some) / 1e6

    def _std_of(self, low: Array, high: Array, _: Array) -> Array:
        if self._squares is None:
            self._squares = _squares(self._values)
        squares = sum(
            ((sums[high] - sums[low]).astype(object) * weight for sums, weight in self._squares), np.zeros(len(low), object)
        )
        rows = zip((high - low).tolist(), (self._sum[high] - self._sum[low]).tolist(), squares.tolist(), strict=True)
        return np.array([deviation(n, *sums) / self._scale if n > 1 else np.nan for n, *sums in rows], dtype=np.float64)

    def _min_of(self, low: Array, high: Array, _: Array) -> Array:
        return _ratio(self._extreme("min", np.minimum, low, high), self._scale)

    def _max_of(self, low: Array, high: Array, _: Array) -> Array:
        return _ratio(self._extreme("max", np.maximum, low, high), self._scale)

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


def _running(values: Array) -> Array:
    return np.concatenate(([0], np.cumsum(values)))


def _largest(values: Array) -> int:
    return max(int(values.max(initial=0)), -int(values.min(initial=0)))


def _ratio(whole: Array, by: Array | int) -> Array:
    """Quotients rounded once, as Python divides integers; numpy would round a numerator beyond 2^53 first."""
    if _largest(whole) < 1 << 53:
        return np.asarray(whole / by)
    return np.array(
        [n / d for n, d in zip(whole.tolist(), np.broadcast_to(by, whole.shape).tolist(), strict=True)], dtype=np.float64
    )


def _squares(values: Array) -> list[tuple[Array, int]]:
    """Running sums with weights that make up the sums of squares: values in limbs of 21 bits, so that no product overflows."""
    size = np.abs(values)
    limbs = [(size >> LIMB * place) & ((1 << LIMB) - 1) for place in range(3)]
    pairs = [(p, q) for p in range(3) for q in range(p, 3) if limbs[p].any() and limbs[q].any()]
    return [(_running(limbs[p] * limbs[q]), (1 if p == q else 2) << LIMB * (p + q)) for p, q in pairs]


def _too_large(value: float) -> InvalidInput:
    return InvalidInput(
        f"values up to {value:.3g} are too large for a window",
        why="its sums are exact integers (of floats, in millionths) and have to stay below 2^63",
        fix="bound them: window(…, clip=(low, high))",
    )
