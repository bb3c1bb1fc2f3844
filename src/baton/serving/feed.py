"""Where the columns of a request come from: given with it, or looked up by entity, once per distinct features plan."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np

from baton.features.online import compute_requests, entity_view, look_up
from baton.features.ports import OnlineReader
from baton.features.view import DECIDED_AT, FeaturePlan
from baton.kernel.errors import BatonError, InvalidInput, NotFound, Unavailable
from baton.serving.model import Array, Columns, ServedModel

SHOWN = 10
_NEVER = np.iinfo(np.int64).min


class GivenFeed:
    """The values came with the request."""

    def __init__(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self._columns = columns

    def columns(self, model: ServedModel) -> Columns:
        """The columns given. Raises InvalidInput when this model needs one that was not."""
        absent = [name for name in model.names if name not in self._columns]
        if absent:
            raise InvalidInput(f"version {model.version} needs features that were not given: {', '.join(absent[:SHOWN])}")
        return self._columns


class StoreFeed:
    """The values are looked up, all from the snapshot that the reader holds. Keeps what it assembled for the next model."""

    def __init__(self, reader: OnlineReader, entities: Sequence[str], decided_at: int) -> None:
        self._reader, self._entities, self._decided_at = reader, entities, decided_at
        self._made: dict[object, Columns] = {}

    def columns(self, model: ServedModel) -> Columns:
        """The model's columns for all entities. Raises NotFound, naming up to ten, when some are unknown."""
        made = self._made.get(model.feed_key)
        if made is None:
            rows = entity_rows(model, self._entities, self._reader)
            known = [row for row in rows if row is not None]
            if len(known) < len(rows):
                raise unknown_entities([key for key, row in zip(self._entities, rows, strict=True) if row is None])
            made = self._made[model.feed_key] = assemble(model, known, self._reader, self._decided_at)
        return made


Feed = GivenFeed | StoreFeed


def entity_rows(model: ServedModel, entities: Sequence[str], reader: OnlineReader) -> list[dict[str, Any] | None]:
    """The entities' own columns, None for those that are not known.

    Raises InvalidInput when the model cannot be asked by entity, Unavailable when the stored rows have another shape.
    """
    if not model.plan.names:
        raise InvalidInput(
            "this model cannot be asked by entity",
            where="entities",
            why="its bundle declares no features to look up",
            fix="send inputs",
        )
    needs, view = model.plan.entity_needs(), entity_view(model.signature.entity_source)
    found = reader.read(view, entities)
    if any(row is not None and len(row[1]) != len(needs) for row in found):
        raise Unavailable(
            f"the stored rows of {model.signature.entity_source} do not fit version {model.version}",
            why=f"it needs {', '.join(needs)}",
            fix="wait for the next tick; or remove the folder online and start again: it is rebuilt",
        )
    return [None if row is None else dict(zip(needs, row[1], strict=True)) for row in found]


def unknown_entities(missing: Sequence[str]) -> NotFound:
    """The complaint about entities that are not in the online store."""
    shown = ", ".join(missing[:SHOWN]) + (", …" if len(missing) > SHOWN else "")
    return NotFound(
        f"{len(missing)} unknown: {shown}",
        where="entities",
        why="the online store has no row for them yet",
        fix='ask again once they have arrived, or add "missing": "skip"',
    )


def assemble(model: ServedModel, rows: Sequence[Mapping[str, Any]], reader: OnlineReader, decided_at: int) -> Columns:
    """All columns of the model's plan: the entity's own, the views', then the request functions'."""
    plan = model.plan
    columns: dict[str, Any] = {**look_up(plan, rows, reader, decided_at)}
    if plan.requests:
        columns |= _requested(plan, columns, model.time_columns, len(rows), decided_at)
    return columns


def _requested(
    plan: FeaturePlan, columns: Mapping[str, Sequence[Any]], times: frozenset[str], rows: int, decided_at: int
) -> dict[str, Array]:
    inputs = {name for call in plan.requests for name in call.inputs if name in columns}
    arrays = {name: as_array(columns[name], time=name in times) for name in inputs}
    arrays[DECIDED_AT] = np.full(rows, decided_at, dtype=np.int64).view("datetime64[us]")
    try:
        compute_requests(plan, arrays)
    except Exception as error:
        raise BatonError(
            "a request function of features.py failed",
            why=f"{type(error).__name__}: {error}",
            fix="mend it and package the version again",
        ) from error
    return {call.name: arrays[call.name] for call in plan.requests}


def as_array(values: Sequence[Any], *, time: bool) -> Array:
    """A looked-up column as request functions see it: datetime64[us] (NaT), texts as objects (None), else float64 (NaN)."""
    if time:
        return np.array([_NEVER if value is None else value for value in values], dtype=np.int64).view("datetime64[us]")
    if any(isinstance(value, str) for value in values):
        return np.array(values, dtype=object)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def picked(columns: Columns, names: Sequence[str], rows: Sequence[int] | None) -> dict[str, Any]:
    """Some columns, and of them some rows (None is all)."""
    if rows is None:
        return {name: columns[name] for name in names}
    return {name: _rows_of(columns[name], rows) for name in names}


def plain(values: Sequence[Any] | Array) -> Sequence[Any]:
    """A column as it is logged: plain values, None where missing."""
    if not isinstance(values, np.ndarray):
        return values
    items = values.tolist()
    return [None if isnan(value) else value for value in items] if values.dtype.kind == "f" else items


def _rows_of(values: Sequence[Any] | Array, rows: Sequence[int]) -> Any:
    return values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]
