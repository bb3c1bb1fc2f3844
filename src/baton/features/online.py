"""Assemble the features of a request from the online store, by the very plan that made the training set."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from baton.features.view import DECIDED_AT, FeaturePlan, LatestView, View, WindowView, age_micros

if TYPE_CHECKING:
    import numpy as np

    from baton.features.ports import OnlineReader, Values

SEPARATOR = "\x1f"
Columns = dict[str, list[Any]]


def key_text(parts: Sequence[object]) -> str | None:
    """The store's key of a row: its key columns joined by the unit separator; None when one of them is null."""
    return None if any(part is None for part in parts) else SEPARATOR.join(str(part) for part in parts)


def entity_view(source: str) -> str:
    """The online address of the entity's own rows."""
    return f"entity.{source}"


def look_up(plan: FeaturePlan, rows: Sequence[Mapping[str, Any]], reader: "OnlineReader", decided_at: int) -> Columns:
    """All columns of some entities at one instant: the entity's own, then each view's features.

    `rows` are the entities' own columns (plan.entity_needs()), `decided_at` microseconds UTC. An absent, expired or
    future-dated row gives nulls (counts give 0).
    """
    columns: Columns = {name: [row.get(name) for row in rows] for name in plan.entity_needs()}
    for view in plan.views:
        keys = [key_text([row.get(column) for column in view.key]) for row in rows]
        known = list(dict.fromkeys(key for key in keys if key is not None))
        found = zip(known, reader.read(view.name, known), strict=True)
        made: dict[str | None, Values] = {key: _values(view, row, decided_at) for key, row in found}
        made[None] = _values(view, None, decided_at)
        values = [made[key] for key in keys]
        for position, name in enumerate(view.features):
            columns[name] = [row[position] for row in values]
    return columns


def _values(view: View, found: "tuple[int, Values] | None", decided_at: int) -> "Values":
    if isinstance(view, LatestView):
        expired = found is None or not 0 <= decided_at - found[0] < age_micros(view)
        return (None,) * len(view.features) if expired or found is None else found[1]
    return _aged(view, found[1] if found else None, decided_at)


def _aged(view: WindowView, values: "Values | None", decided_at: int) -> "Values":
    """Stored `age` is the instant of the last row; at the request it becomes seconds since."""
    aggregates = view.aggregates * len(view.spans)
    if values is None:
        return tuple(0 if name == "count" else None for name in aggregates)
    return tuple(
        (decided_at - int(value)) / 1e6 if name == "age" and value is not None else value
        for name, value in zip(aggregates, values, strict=True)
    )


def compute_requests(plan: FeaturePlan, columns: "dict[str, np.ndarray[Any, Any]]") -> None:
    """Add the request functions' features to the columns, in declared order. Raises ValueError on a wrong length."""
    rows = len(columns[DECIDED_AT])
    for call in plan.requests:
        made = call.function(*(columns[name] for name in call.inputs))
        if len(made) != rows:
            raise ValueError(f"{call.name} returned {len(made)} values for {rows} rows")
        columns[call.name] = made
