"""The stationary control: the same history, but every day after going live is a day from before, drawn at random.

Nothing drifts in such a year, so a loop that raises alarms or retrains in it does so without cause.
"""

from datetime import date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from baton.data.ports import SourceReader
from baton.kernel.clock import EPOCH, micros
from baton.project.definition import ReplayPlan, Source

if TYPE_CHECKING:
    import pyarrow as pa

Array = np.ndarray[Any, Any]
DAY_US = 86_400_000_000
SPILL = timedelta(days=4)


class Resampled:
    """A source reader that makes the days from `live` on out of the days before it.

    A row belongs to the local day (in the plan's zone) of its day column. All of a day's rows, of every source, move
    together by whole local days; keys get the new day as a suffix, so that they stay unique. The first and the last day
    before `live` are not drawn: they may be incomplete.
    """

    def __init__(self, reader: SourceReader, plan: ReplayPlan, days: "dict[str, str]", entity: str, seed: int) -> None:
        self._reader, self._plan, self._days, self._entity = reader, plan, days, entity
        self._zone = ZoneInfo(plan.zone)
        first, live, last = (_local_day(micros(moment), self._zone) for moment in (plan.start, plan.live, plan.until))
        pool = np.arange(first + 1, live - 1)
        self._targets = np.arange(live, last + 1)
        self._drawn = np.random.default_rng(seed).choice(pool, len(self._targets))
        self._live = live
        self._made: dict[str, pa.Table] = {}

    def schema(self, source: Source) -> dict[str, str]:
        """As the real source."""
        return self._reader.schema(source)

    def read(self, source: Source, after: datetime | None, until: datetime) -> "pa.Table":
        """Rows of the made-up history with known time in (after, until]."""
        import pyarrow.compute as pc

        if source.known_at is None:
            return self._reader.read(source, after, until)
        address = f"{source.path}|{source.known_at}|{','.join(source.columns)}"
        if address not in self._made:
            self._made[address] = self._make(source)
        rows = self._made[address]
        keep = pc.less_equal(rows[source.known_at], until)
        if after is not None:
            keep = pc.and_(keep, pc.greater(rows[source.known_at], after))
        return rows.filter(keep)

    def _make(self, source: Source) -> "pa.Table":
        import pyarrow as pa

        assert source.known_at is not None
        rows = self._reader.read(source, None, self._plan.live + SPILL)
        column = self._day_column(source, rows)
        day = np.array([_local_day(value, self._zone) for value in rows[column].cast(pa.int64()).to_pylist()])
        parts = [rows.filter(pa.array(day < self._live))]
        by_day = {int(code): np.flatnonzero(day == code) for code in np.unique(day)}
        parts += [
            self._moved(rows.take(by_day[int(drawn)]), int(target), int(drawn))
            for target, drawn in zip(self._targets, self._drawn, strict=True)
            if int(drawn) in by_day
        ]
        made = pa.concat_tables(parts)
        made = made.sort_by([(source.known_at, "ascending"), *((key, "ascending") for key in source.key)]).combine_chunks()
        return made.filter(_first_of_each(made, source.key))

    def _day_column(self, source: Source, rows: "pa.Table") -> str:
        known_at = str(source.known_at)
        wanted = self._days.get(known_at, known_at)
        return wanted if wanted in rows.column_names else known_at

    def _moved(self, rows: "pa.Table", target: int, drawn: int) -> "pa.Table":
        import pyarrow as pa
        import pyarrow.compute as pc

        shift = _midnight(target, self._zone) - _midnight(drawn, self._zone)
        for position, field in enumerate(rows.schema):
            if pa.types.is_timestamp(field.type):
                moved = pc.add(rows[field.name].cast(pa.int64()), shift)
                rows = rows.set_column(position, field, moved.cast(field.type))
        if self._entity in rows.column_names:
            position = rows.schema.get_field_index(self._entity)
            suffix = f"@{(date(1970, 1, 1) + timedelta(days=target)).isoformat()}"
            rows = rows.set_column(
                position, rows.schema.field(position), pc.binary_join_element_wise(rows[self._entity], suffix, "")
            )
        return rows


def _first_of_each(rows: "pa.Table", key: tuple[str, ...]) -> "pa.Array":
    """Where a key stands for the first time: a day that is an hour shorter than the drawn one makes its last hour meet the next."""
    import pyarrow as pa

    place = pa.array(np.arange(rows.num_rows))
    first = rows.select(list(dict.fromkeys(key))).append_column("place", place).group_by(list(key)).aggregate([("place", "min")])
    kept = np.zeros(rows.num_rows, bool)
    kept[first["place_min"].to_numpy()] = True
    return pa.array(kept)


def _local_day(instant: int, zone: ZoneInfo) -> int:
    """Days since 1970-01-01 of the local date; offsets are looked up per UTC hour."""
    return (instant + _offset(instant // 3_600_000_000, zone)) // DAY_US


@cache
def _offset(hour: int, zone: ZoneInfo) -> int:
    span = (EPOCH + timedelta(hours=hour)).astimezone(zone).utcoffset() or timedelta(0)
    return span // timedelta(microseconds=1)


def _midnight(day: int, zone: ZoneInfo) -> int:
    """The instant of a local noon less twelve hours: unlike midnight it exists once on every day."""
    local = datetime.combine(date(1970, 1, 1) + timedelta(days=day), datetime.min.time(), zone) + timedelta(hours=12)
    return micros(local) - 12 * 3_600_000_000
