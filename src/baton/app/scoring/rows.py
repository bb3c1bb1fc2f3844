"""The rows to be scored, chunk by chunk: of a source with the features assembled as in training, or of a query as they come.

All that is held of a whole input are its own columns; the features exist for one chunk at a time.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from baton.app.scoring.order import Order
from baton.app.trainingset import assembled, source_rows
from baton.data.ports import Query, Tables
from baton.data.snapshot import content_digest
from baton.features.join import Array, column_array
from baton.features.view import DECIDED_AT
from baton.kernel.clock import micros
from baton.kernel.errors import InvalidInput, NotFound
from baton.project.definition import Definition
from baton.project.tablename import LABELS, PREDICTIONS
from baton.serving.model import ServedModel

if TYPE_CHECKING:
    import pyarrow as pa

MOST = 5_000_000
SHOWN = 5
LARGEST = float(np.finfo(np.float32).max)
"""The largest number that a model's matrix holds."""


class Rows(Protocol):
    """An input: how many rows, what they are by digest, which tables they come from, and any stretch of them."""

    @property
    def count(self) -> int:
        """How many rows there are."""
        ...

    @property
    def digest(self) -> str:
        """The digest of all that was read, by which the same input is recognised."""
        ...

    @property
    def inputs(self) -> Mapping[str, Mapping[str, Any]]:
        """Table → version and digest, as they were when the rows were read."""
        ...

    def part(self, span: range) -> "tuple[pa.ChunkedArray, Mapping[str, Array]]":
        """Entities and model columns of a stretch of rows."""
        ...


class SourceRows:
    """All entities of a source that were known by an instant, the latest row of each, with their features at that instant.

    That is what the model server answers at the same instant. Of a project with a decision, only entities that are still
    to be decided on.
    """

    def __init__(self, definition: Definition, model: ServedModel, tables: Tables, order: Order) -> None:
        self._definition, self._model, self._as_of = definition, model, order.as_of
        self._rows = _entities(definition, model, tables, order)
        names = {view.source for view in model.plan.views}
        self._sources = {
            name: source_rows(definition, model.plan, tables, _landed(tables, name), order.as_of) for name in sorted(names)
        }
        self.count = self._rows.num_rows
        self.digest = content_digest(self._rows)
        self.inputs = _snapshots(tables, sorted(names | {order.source}))

    def part(self, span: range) -> "tuple[pa.ChunkedArray, Mapping[str, Array]]":
        """See `Rows.part`."""
        import pyarrow as pa

        rows = self._rows.slice(span.start, len(span))
        decided = pa.array(np.full(rows.num_rows, micros(self._as_of)), pa.int64()).cast(pa.timestamp("us", "UTC"))
        columns = assembled(self._definition, self._model.plan, rows.append_column(DECIDED_AT, decided), self._sources)
        return rows[self._definition.entity.key], {name: columns[name] for name in self._model.names}


class QueryRows:
    """The answer of a query that has the entity's key and every input of the model."""

    def __init__(self, definition: Definition, model: ServedModel, tables: Tables, asked: "pa.Table", names: list[str]) -> None:
        self._key, self._model = definition.entity.key, model
        self._rows = _fit(asked, self._key, model)
        self.count = self._rows.num_rows
        self.digest = content_digest(self._rows)
        self.inputs = _snapshots(tables, names)

    def part(self, span: range) -> "tuple[pa.ChunkedArray, Mapping[str, Array]]":
        """See `Rows.part`."""
        rows = self._rows.slice(span.start, len(span))
        return rows[self._key], {name: column_array(rows[name]) for name in self._model.names}


def read(definition: Definition, model: ServedModel, tables: Tables, query: Query, folder: Path, order: Order) -> Rows:
    """The rows of an order. Raises InvalidInput when there are none, or when they cannot be scored."""
    rows: Rows
    if order.query:
        rows = _asked(definition, model, tables, query, folder, order)
    else:
        rows = SourceRows(definition, model, tables, order)
    if not rows.count:
        raise InvalidInput(
            "there is nothing to score",
            where=order.source or "the query",
            why="no row of it is left to be decided on" if definition.decision and not order.query else "it has no rows",
            fix="baton sql shows what is there",
        )
    return rows


def _asked(definition: Definition, model: ServedModel, tables: Tables, query: Query, folder: Path, order: Order) -> QueryRows:
    """Ask the query over all tables but the one that it is to fill: a run must not read what it wrote."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and tables.exists(path.name))
    files = {name: tables.files(name) for name in names if name != order.table}
    try:
        asked = query(order.query, files, max_rows=MOST + 1, memory_limit="2GB", seconds=600)
    except NotFound as error:
        why = "scores are not made out of the table that they go into" if error.where == order.table else error.why
        raise NotFound(
            f"there is no table '{error.where}'", where="the query", why=why, fix=f"known: {', '.join(files)}"
        ) from None
    if asked.num_rows > MOST:
        raise InvalidInput(f"the query gives more than {MOST:,} rows", where="the query", fix="score it in parts")
    known = [name for name in (*definition.sources, LABELS, *PREDICTIONS) if name in files]
    return QueryRows(definition, model, tables, asked, known)


def _entities(definition: Definition, model: ServedModel, tables: Tables, order: Order) -> "pa.Table":
    """The latest row of every entity known by then, by key; only the columns that features need."""
    import pyarrow as pa
    import pyarrow.compute as pc

    key, source, decision = definition.entity.key, definition.sources[order.source], definition.decision
    needs = tuple(dict.fromkeys((key, *model.plan.entity_needs())))
    when = (decision.at,) if decision else ()
    sorting = tuple(dict.fromkeys((*((source.known_at,) if source.known_at else ()), *source.key)))
    read = tuple(dict.fromkeys((*needs, *when, *sorting)))
    name = _landed(tables, order.source)
    rows = tables.scan(name, read, until=order.as_of, on=source.known_at) if source.known_at else tables.scan(name, read)
    rows = rows.sort_by([(column, "ascending") for column in sorting])
    rows = rows.set_column(rows.column_names.index(key), key, rows[key].cast(pa.string())).filter(pc.is_valid(rows[key]))
    place = pa.array(np.arange(rows.num_rows))
    last = pa.table({"key": rows[key], "place": place}).group_by("key").aggregate([("place", "max")])
    rows = rows.take(last["place_max"])
    if decision:
        rows = rows.filter(pc.greater(rows[decision.at].cast(pa.timestamp("us", "UTC")), pa.scalar(order.as_of)))
    return rows.select(list(needs)).sort_by([(key, "ascending")]).combine_chunks()


def _fit(asked: "pa.Table", key: str, model: ServedModel) -> "pa.Table":
    """The answer's needed columns in the types the model takes, by key. Raises InvalidInput naming what does not fit."""
    import pyarrow as pa

    missing = [name for name in (key, *model.names) if name not in asked.column_names]
    if missing:
        raise InvalidInput(
            f"the query gives no column '{missing[0]}'",
            where="the query",
            why=f"version {model.version} needs {', '.join((key, *model.names)[:20])}; missing: {', '.join(missing[:20])}",
            fix=f"SELECT … AS {missing[0]}",
        )
    columns = {key: asked[key].cast(pa.string())}
    _once(columns[key], key)
    for item in model.signature.features:
        columns[item.name] = (_text if item.kind == "category" else _number)(asked[item.name], item.name, columns[key])
    return pa.table(columns).sort_by([(key, "ascending")]).combine_chunks()


def _once(keys: "pa.ChunkedArray", key: str) -> None:
    import pyarrow.compute as pc

    if keys.null_count:
        raise InvalidInput(f"{keys.null_count} rows have no {key}", where="the query", fix=f"add WHERE {key} IS NOT NULL")
    counted = pc.value_counts(keys)
    twice = sorted(each["values"].as_py() for each in counted.filter(pc.greater(counted.field("counts"), 1))[:1000])
    if twice:
        raise InvalidInput(
            f"entities stand more than once: {', '.join(twice[:SHOWN])}{', …' if len(twice) > SHOWN else ''}",
            where="the query",
            why=f"every {key} gets one score",
            fix=f"choose one row of each, e.g. QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY …) = 1",
        )


def _text(column: "pa.ChunkedArray", name: str, _: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa

    types = pa.types
    text = types.is_string(column.type) or types.is_large_string(column.type) or types.is_dictionary(column.type)
    if not text and column.null_count < len(column):
        raise InvalidInput(
            f"column '{name}' has to be text", where="the query", why=f"it is {column.type}", fix=f"CAST({name} AS VARCHAR)"
        )
    return column.cast(pa.string())


def _number(column: "pa.ChunkedArray", name: str, keys: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    types = pa.types
    if types.is_boolean(column.type):
        column = column.cast(pa.int8())
    numeric = types.is_integer(column.type) or types.is_floating(column.type) or types.is_decimal(column.type)
    if not numeric and column.null_count < len(column):
        raise InvalidInput(
            f"column '{name}' has to be a number", where="the query", why=f"it is {column.type}", fix=f"CAST({name} AS DOUBLE)"
        )
    values = column.cast(pa.float64(), safe=False)
    endless = pc.fill_null(pc.greater(pc.abs(values), LARGEST), False)
    if pc.any(endless).as_py():
        first = keys.filter(endless)[0].as_py()
        raise InvalidInput(
            f"column '{name}' is endless for entity {first}",
            where="the query",
            why="a number has to be finite, or null when it is not known",
            fix=f"CASE WHEN isfinite({name}) THEN {name} END",
        )
    return values


def _landed(tables: Tables, name: str) -> str:
    if not tables.exists(name):
        raise InvalidInput(f"source '{name}' has no rows yet", where="--from", why="nothing of it has landed", fix="baton status")
    return name


def _snapshots(tables: Tables, names: list[str]) -> dict[str, dict[str, Any]]:
    found = {name: tables.snapshot(name) for name in names}
    return {name: {"version": each.version, "digest": each.digest} for name, each in found.items() if each is not None}
