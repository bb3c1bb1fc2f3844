"""Ingest: one source's rows, read ahead, judged once, released as they become known, and landed exactly once.

Released rows feed the loop hour by hour; landed rows are committed to tables at a coarser grain. Verdicts over a landing do
not depend on how far was read ahead. A killed process goes on from its two cursors: what was landed again is recognised by
its step, and every landing is proven by reading back what is stored. A row that came in behind a landing, late by its own
known time, is no part of it: not after it was committed, and not when it is repeated either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from baton.data.check import Verdict, decide, lateness, measure
from baton.data.contract import Contract
from baton.data.ports import ContractEngine, SourceReader, Tables
from baton.data.quarantine import quarantined
from baton.data.snapshot import Snapshot, content_digest
from baton.data.source import table_of
from baton.kernel.clock import from_micros, iso, micros
from baton.kernel.errors import Corrupt
from baton.project.definition import Source
from baton.project.tablename import QUARANTINE

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Micros: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

# Before every instant; rows of a source without known_at are known right after it
_BEGIN = -(2**62)
_PLACE = "__baton_place"


@dataclass(frozen=True, slots=True)
class Landing:
    """What one landing brought: rows known in `(since, until]`; since None is the beginning.

    `left` rows left the source, `landed` of them are in the table, `rejected` in quarantine (`counts` by rule). `digest` is
    the content digest of the landed rows, equal on both sides; `version` the table's version, None while there is no table.
    """

    source: str
    since: datetime | None
    until: datetime
    left: int
    landed: int
    rejected: int
    digest: str
    counts: Mapping[str, int]
    version: int | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows with the microseconds at which they became known, ascending."""

    rows: pa.Table
    known: Micros

    def between(self, low: int, high: int) -> pa.Table:
        start, stop = self.known.searchsorted((low, high), side="right").tolist()
        return self.rows.slice(start, stop - start)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What one read brought, judged; complete up to `until`."""

    kept: _Part
    rejected: _Part
    until: int


class Intake:
    """The buffer of one source. Not for several threads. Begins at the beginning unless `resume` says otherwise.

    `prefetch` is how far beyond the asked instant a read goes. Raises what the ports raise; after an error nothing has
    moved and the call may be repeated.
    """

    def __init__(
        self,
        source_name: str,
        source: Source,
        reader: SourceReader,
        engine: ContractEngine,
        contract: Contract,
        tables: Tables,
        prefetch: timedelta,
    ) -> None:
        self._name, self._table, self._source = source_name, table_of(source_name), source
        self._reader, self._engine, self._contract, self._tables = reader, engine, contract, tables
        self._prefetch = prefetch
        self.resume(None)

    @property
    def released(self) -> datetime | None:
        """Up to when rows were released; None before the first release."""
        return None if self._released == _BEGIN else from_micros(self._released)

    @property
    def landed(self) -> datetime | None:
        """Up to when rows were landed; None before the first landing."""
        return None if self._landed == _BEGIN else from_micros(self._landed)

    def resume(self, after: datetime | None, landed: datetime | Literal["same"] | None = "same") -> None:
        """Go on after these cursors: `after` for releases (None: from the beginning), `landed` for landings.

        Forgets the buffer. Rows between the two are read again but not released again.
        """
        self._released = _BEGIN if after is None else micros(after)
        self._landed = self._released if landed == "same" else _BEGIN if landed is None else micros(landed)
        self._read = min(self._released, self._landed)
        self._chunks: list[_Chunk] = []
        self._seen = self._remembered()
        self._newest: int | None = None

    def release(self, until: datetime, horizon: datetime | None = None) -> pa.Table:
        """The kept rows that became known in `(last released, until]`, ordered by known time; empty when there are none.

        On a wall clock pass now as `horizon`: nothing beyond it is read, since rows may still arrive there.
        """
        mark = micros(until)
        self._reach(mark, horizon)
        rows = self._between("kept", self._released, mark)
        self._released = max(self._released, mark)
        return rows

    @property
    def log_rules(self) -> dict[str, str]:
        """The columns whose values are not logged as they are."""
        return self._contract.log_rules

    def land(self, until: datetime, step: int) -> Landing:
        """Commit the rows known in `(last landed, until]` under `step`, rejected ones to quarantine, and prove it.

        Repeating a landing with the same step and instant after a crash changes nothing, and tells the same. Raises Corrupt
        when what is stored is not what left the source; then the cursor stays.
        """
        mark = micros(until)
        self._reach(mark, until)
        kept, rejected = self._between("kept", self._landed, mark), self._between("rejected", self._landed, mark)
        repeated = self._landed_at(self._table, step)
        snapshot = self._tables.append(self._table, kept, step=step)
        stored = self._stored(self._table, tuple(kept.column_names), until, self._source.known_at)
        kept = _among(kept, stored, self._source.key) if repeated else kept
        left = self._prove(self._table, kept, stored, until, step)
        held = self._hold(rejected, until, step)
        landing = self._landing(kept, rejected, held, until, left, snapshot)
        self._landed = max(self._landed, mark)
        self._forget()
        return landing

    def _reach(self, mark: int, horizon: datetime | None) -> None:
        if mark <= self._read and self._chunks:
            return
        far = max(
            mark, self._read, min(mark + self._prefetch // timedelta(microseconds=1), micros(horizon) if horizon else 2**62)
        )
        after = None if self._read == _BEGIN else from_micros(self._read)
        rows = self._reader.read(self._source, after, from_micros(far))
        judged = self._engine.judge(rows, self._contract, self._seen)
        self._chunks.append(_Chunk(self._part(judged.kept), self._part(judged.rejected), far))
        self._remember(judged.kept)
        # a source without known_at never brings more: one read is all
        self._read = far if self._source.known_at else 2**62
        self._forget()

    def _part(self, rows: pa.Table) -> _Part:
        import numpy as np
        import pyarrow as pa

        rows = rows.combine_chunks()
        if self._source.known_at is None:
            return _Part(rows, np.full(rows.num_rows, _BEGIN + 1, dtype=np.int64))
        stamps = rows[self._source.known_at].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        return _Part(rows, np.asarray(stamps.to_numpy()))

    def _between(self, part: Literal["kept", "rejected"], low: int, high: int) -> pa.Table:
        slices = [getattr(chunk, part).between(low, max(low, high)) for chunk in self._chunks]
        filled = [rows for rows in slices if rows.num_rows]
        return _joined(filled) if filled else slices[-1]

    def _landed_at(self, table: str, step: int, writer: str = "baton") -> bool:
        """Whether a landing of this step, that was killed before its end, stored its rows already."""
        last = self._tables.last_step(table, writer) if self._tables.exists(table) else None
        return last is not None and last >= step

    def _prove(self, table: str, rows: pa.Table, stored: pa.Table, until: datetime, step: int) -> str:
        """The content digest, equal on both sides."""
        left = content_digest(rows)
        if stored.num_rows != rows.num_rows or content_digest(stored) != left:
            raise self._unequal(table, rows.num_rows, stored.num_rows, until, step)
        return left

    def _hold(self, rejected: pa.Table, until: datetime, step: int) -> int:
        """Commit rejected rows to quarantine and count them there."""
        import pyarrow.compute as pc

        rows = quarantined(self._name, self._source, rejected)
        if not rows.num_rows:
            return 0
        repeated = self._landed_at(QUARANTINE, step, self._name)
        self._tables.append(QUARANTINE, rows, step=step, writer=self._name)
        held = self._stored(QUARANTINE, tuple(rows.column_names), until, "known_at" if self._source.known_at else None)
        held = held.filter(pc.equal(held["source"], self._name))
        self._prove(QUARANTINE, _among(rows, held, ("key", "row")) if repeated else rows, held, until, step)
        return int(held.num_rows)

    def _stored(self, table: str, columns: tuple[str, ...], until: datetime, on: str | None) -> pa.Table:
        if on is not None:
            return self._tables.scan(table, columns, self.landed, until, on)
        rows = self._tables.scan(table, columns)
        return rows if self._landed == _BEGIN else rows.slice(0, 0)

    def _unequal(self, table: str, left: int, landed: int, until: datetime, step: int) -> Corrupt:
        since = iso(self.landed) if self.landed else "the beginning"
        return Corrupt(
            f"what landed of source '{self._name}' is not what left it: {left} rows left, {landed} are stored",
            where=f"table {table}, known after {since} until {iso(until)}",
            why=f"the content digests differ; step {step} may have been committed earlier with other rows",
            fix="compare the source with the table; a source must not change rows that are already known",
        )

    def _landing(
        self, kept: pa.Table, rejected: pa.Table, held: int, until: datetime, digest: str, snapshot: Snapshot
    ) -> Landing:
        names = rejected.column(rejected.num_columns - 2).to_pylist() if rejected.num_rows else []
        counts = {name: names.count(name) for name in sorted(set(names))}
        left = kept.num_rows + rejected.num_rows
        late = lateness(self._newest_known(kept, until), until, self._contract.freshness) if self._source.known_at else None
        verdict = decide(left, counts, self._measured(kept, rejected), tolerance=self._contract.tolerance, late=late)
        return Landing(self._name, self.landed, until, left, kept.num_rows, held, digest, counts, snapshot.version, verdict)

    def _measured(self, kept: pa.Table, rejected: pa.Table) -> tuple[Any, ...]:
        if not self._contract.measures:
            return ()
        whole = _joined([kept, rejected.select(list(range(rejected.num_columns - 2)))])
        return tuple(measure(whole, what) for what in self._contract.measures)

    def _newest_known(self, kept: pa.Table, until: datetime) -> datetime | None:
        """When the newest kept row became known, looked up in the table only once after a resume."""
        import pyarrow.compute as pc

        if self._contract.freshness is None or self._source.known_at is None:
            return None
        if kept.num_rows or self._newest is None:
            rows = (
                kept
                if kept.num_rows
                else self._tables.scan(self._table, (self._source.known_at,), None, until, self._source.known_at)
            )
            newest = pc.max(rows[self._source.known_at]).as_py()
            self._newest = None if newest is None else micros(newest)
        return None if self._newest is None else from_micros(self._newest)

    def _remembered(self) -> pa.Table | None:
        """Unique columns of the rows kept before the cursor, when the contract needs them."""
        columns = self._contract.unique_columns
        if not columns or self._read == _BEGIN or not self._source.known_at or not self._tables.exists(self._table):
            return None
        return self._tables.scan(self._table, columns, None, from_micros(self._read), self._source.known_at)

    def _remember(self, kept: pa.Table) -> None:
        columns = self._contract.unique_columns
        if columns and self._source.known_at:
            fresh = kept.select(list(columns))
            self._seen = fresh if self._seen is None else _joined([self._seen, fresh])

    def _forget(self) -> None:
        done = min(self._released, self._landed)
        self._chunks = [chunk for chunk in self._chunks[:-1] if chunk.until > done] + self._chunks[-1:]


def _among(rows: pa.Table, stored: pa.Table, key: tuple[str, ...]) -> pa.Table:
    """The rows whose key is among what is stored."""
    import numpy as np
    import pyarrow as pa

    if rows.num_rows <= stored.num_rows:
        return rows
    placed = rows.select(list(key)).append_column(_PLACE, pa.array(np.arange(rows.num_rows)))
    there = placed.join(stored.select(list(key)), list(key), join_type="left semi")
    return rows.take(there[_PLACE].combine_chunks().sort())


def _joined(tables: list[pa.Table]) -> pa.Table:
    """Tables one after the other; types that a source widened between two reads are widened too."""
    import pyarrow as pa

    if len(tables) == 1:
        return tables[0]
    same = all(table.schema.equals(tables[0].schema) for table in tables)
    return pa.concat_tables(tables, promote_options="none" if same else "permissive")
