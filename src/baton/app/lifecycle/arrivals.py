"""What became known: rows released by known time, brought into the online store in the same breath."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any

from baton.data.ingest import Intake
from baton.features.aggregate import FIXED_POINT, Row, WindowState
from baton.features.online import entity_view, key_text
from baton.features.ports import OnlineStore, Values
from baton.features.view import FeaturePlan, LatestView, WindowView
from baton.kernel.clock import from_micros, micros
from baton.kernel.errors import BrokenSource
from baton.project.definition import Definition

if TYPE_CHECKING:
    import pyarrow as pa

    from baton.data.ports import Tables

Change = tuple[str, str, int, Values | None]
KEPT = timedelta(days=2)
AHEAD = timedelta(days=30)


class Arrivals:
    """Moves all sources forward together and keeps the online store at the same instant.

    `advance` is exact after a kill: the store's watermark says how far it came, and `warm` rebuilds what was in memory
    from the tables and the sources. With `patient`, a source that cannot be read is passed over and stands in `broken`;
    its rows arrive once it can.
    """

    def __init__(
        self,
        definition: Definition,
        plan: FeaturePlan,
        intakes: Mapping[str, Intake],
        online: OnlineStore,
        tables: "Tables",
        *,
        patient: bool = False,
    ) -> None:
        self._definition, self._plan, self._intakes, self._online, self._tables = definition, plan, intakes, online, tables
        self._windows: dict[str, list[WindowState]] = defaultdict(list)
        self._latest: dict[str, list[LatestView]] = defaultdict(list)
        self._due: dict[int, dict[str, None]] = defaultdict(dict)
        self._place: dict[str, int] = {}
        self._patient = patient
        self.broken: dict[str, BrokenSource] = {}

    def warm(self, watermark: datetime | None, landed: datetime | None, missed: Mapping[str, datetime] | None = None) -> None:
        """Rebuild the memory as of `watermark`; `landed` is up to when rows stand in the tables. Writes nothing.

        `missed` names sources that landed last at an earlier instant.
        """
        upto = {name: (missed or {}).get(name, landed) for name in self._intakes}
        for view in self._plan.views:
            if isinstance(view, LatestView):
                self._latest[view.source].append(view)
        for name, intake in self._intakes.items():
            intake.resume(upto[name])
        if watermark is None:
            return
        spans = [span for view in self._plan.views if isinstance(view, WindowView) for span in view.spans]
        since = watermark - max([*spans, AHEAD])
        for name in self._intakes:
            source, landed = self._definition.sources[name], upto[name]
            if landed is not None and source.known_at and self._tables.exists(name):
                stored = self._tables.scan(name, after=since, until=landed, on=source.known_at)
                self._take(
                    name, stored.sort_by([(source.known_at, "ascending"), *((key, "ascending") for key in source.key)]), watermark
                )
            if source.known_at or landed is None:
                self._take(name, self._released(name, watermark), watermark)

    def rebuild(self, at: datetime) -> None:
        """Write a lost online store anew, from the tables as they stood at the last daily step."""
        changes: list[Change] = []
        for view in self._plan.views:
            if isinstance(view, LatestView):
                self._latest[view.source].append(view)
        for name, source in ((name, self._definition.sources[name]) for name in self._intakes if self._tables.exists(name)):
            rows = self._tables.scan(name) if source.known_at is None else self._tables.scan(name, until=at, on=source.known_at)
            order = [
                (column, "ascending") for column in dict.fromkeys((*((source.known_at,) if source.known_at else ()), *source.key))
            ]
            changes += self._take(name, rows.sort_by(order), at)
        self._online.write(changes, micros(at))
        for memory in (self._windows, self._latest, self._due, self._place):
            memory.clear()

    def advance(self, now: datetime, horizon: datetime | None = None) -> int:
        """Release what became known up to `now` and write it online; returns how many rows arrived."""
        at, arrived = micros(now), 0
        changes: list[Change] = []
        for name in self._intakes:
            rows = self._released(name, now, horizon)
            arrived += rows.num_rows
            changes += self._take(name, rows, now)
        changes += self._forget(now)
        self._online.write(changes, at)
        return arrived

    def due(self, now: datetime) -> list[str]:
        """The entities to be decided on at `now`, in order of their keys' arrival."""
        return list(self._due.get(micros(now), ()))

    def _released(self, name: str, until: datetime, horizon: datetime | None = None) -> "pa.Table":
        """What a source brings; nothing while it cannot be read and that is to be borne."""
        import pyarrow as pa

        try:
            rows = self._intakes[name].release(until, horizon)
        except BrokenSource as error:
            if not self._patient:
                raise
            self.broken[name] = error
            return pa.table({})
        self.broken.pop(name, None)
        return rows

    def _take(self, name: str, rows: "pa.Table", now: datetime) -> list[Change]:
        """Bring rows of a source into memory; returns what the online store has to change."""
        at, cells = micros(now), Cells(rows, self._definition.sources[name].known_at)
        changes: list[Change] = []
        for state in self._states(name, rows):
            touched = state.advance(_window_rows(state, cells) if rows.num_rows else (), at)
            changes += [(state.view.name, key, at, state.values(key, at)) for key in sorted(touched)]
        if rows.num_rows:
            for view in self._latest[name]:
                changes += _latest_changes(view, cells)
            if name == self._definition.entity.source:
                changes += self._entities(cells)
        return changes

    def _states(self, name: str, rows: "pa.Table") -> list[WindowState]:
        if name not in self._windows and rows.num_columns:
            import pyarrow as pa

            views = [view for view in self._plan.views if isinstance(view, WindowView) and view.source == name]
            self._windows[name] = [
                WindowState(view, FIXED_POINT if pa.types.is_floating(rows.schema.field(view.column).type) else 1)
                for view in views
            ]
        return self._windows[name]

    def _entities(self, cells: "Cells") -> list[Change]:
        entity, decision = self._definition.entity, self._definition.decision
        keys = [str(key) for key in cells.column(entity.key)]
        if decision is not None:
            every, lead = (span // timedelta(microseconds=1) for span in (decision.every, decision.lead[0]))
            for key, at in zip(keys, cells.column(decision.at), strict=True):
                self._due[self._place.get(key, -1)].pop(key, None)
                self._place[key] = (at - lead) // every * every
                self._due[self._place[key]][key] = None
        address = entity_view(entity.source)
        values = zip(*(cells.column(name) for name in self._plan.entity_needs()), strict=True)
        return [(address, key, at, found) for key, at, found in zip(keys, cells.known, values, strict=True)]

    def _forget(self, now: datetime) -> list[Change]:
        """Drop entities whose decision is long past: the store holds what can still be asked for."""
        limit = micros(now - KEPT)
        old = [moment for moment in self._due if moment < limit]
        gone = [key for moment in old for key in self._due.pop(moment)]
        for key in gone:
            self._place.pop(key, None)
        return [(entity_view(self._definition.entity.source), key, 0, None) for key in gone]


class Cells:
    """Rows as lists, each column and each key taken out once however many views ask for it."""

    def __init__(self, rows: "pa.Table", known_at: str | None) -> None:
        self._rows = rows
        self._columns: dict[str, list[Any]] = {}
        self._keys: dict[tuple[str, ...], list[str | None]] = {}
        self.known = [0] * rows.num_rows if known_at is None or not rows.num_rows else self.column(known_at)

    def column(self, name: str) -> list[Any]:
        """Values as the online store keeps them: instants in microseconds."""
        if name not in self._columns:
            self._columns[name] = _plain(self._rows[name])
        return self._columns[name]

    def keys(self, columns: tuple[str, ...]) -> list[str | None]:
        """The store's key of each row, None where a part is null."""
        if columns not in self._keys:
            self._keys[columns] = [key_text(parts) for parts in zip(*map(self.column, columns), strict=True)]
        return self._keys[columns]


def _plain(column: "pa.ChunkedArray") -> list[Any]:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    values: list[Any] = column.to_pylist()
    return values


def _window_rows(state: WindowState, cells: Cells) -> Iterable[Row]:
    scale = state.scale
    for known, value, key in zip(cells.known, cells.column(state.view.column), cells.keys(state.view.key), strict=True):
        if key is not None and value is not None and isfinite(value):
            yield known, key, value if scale == 1 else round(value * scale)


def _latest_changes(view: LatestView, cells: Cells) -> list[Change]:
    values = zip(*map(cells.column, view.columns), strict=True)
    made = zip(cells.known, cells.keys(view.key), values, strict=True)
    return [(view.name, key, at, found) for at, key, found in made if key is not None]


def label_rows(rows: "pa.Table", definition: Definition) -> "pa.Table":
    """Truth out of landed rows of the label's source: entity key, label 0 or 1, known_at. Rows without a value give none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rule, source = definition.label, definition.sources[definition.label.source]
    rows = rows.filter(pc.is_valid(rows[rule.column]))
    value = rows[rule.column]
    truth = pc.greater(value.cast(pa.float64()), rule.above) if rule.above is not None else _equal(value, rule.equals)
    known = rows[source.known_at] if source.known_at else pa.array([from_micros(0)] * rows.num_rows, pa.timestamp("us", "UTC"))
    return pa.table(
        {definition.entity.key: rows[definition.entity.key].cast(pa.string()), "label": truth.cast(pa.int8()), "known_at": known}
    )


def _equal(value: "pa.ChunkedArray", wanted: float | str | None) -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(wanted, str):
        return pc.equal(value.cast(pa.string()), wanted)
    return pc.equal(value.cast(pa.float64()), float(wanted if wanted is not None else 1))
