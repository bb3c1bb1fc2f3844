"""A batch of predictions as it is logged: columnar, one record per request and variant."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


class PredictionBatch(msgspec.Struct, frozen=True, array_like=True):
    """The predictions of one request by one variant.

    `decided_at` is microseconds UTC; `prediction_ids`, `entities`, `scores` and every feature column have one value a
    row. `features` are the values as the model saw them before encoding (None = missing). `odds` is the share of
    entities for which this variant answered when these were decided: sequential tests need the one in force then.
    """

    project: str
    decided_at: int
    model_version: int
    release: str
    variant: str
    prediction_ids: Sequence[str]
    entities: Sequence[str]
    scores: Sequence[float]
    features: Mapping[str, Sequence[Any]]
    latency_us: int
    serial: int
    odds: float = 1.0


def prediction_ids(project: str, entities: Sequence[str], decided_at: str, variant: str) -> list[str]:
    """`derived_id("pr", project, entity, decided_at, variant)` of each entity, with the common parts hashed once."""
    if len(entities) == 1:
        return [_identify(_part(project) + _part(entities[0]) + _part(decided_at) + _part(variant))]
    start = hashlib.sha256(b"pr|" + _part(project).encode())
    end = _part(decided_at) + _part(variant)
    ids = []
    for entity in entities:
        whole = start.copy()
        whole.update(f"{len(entity)}:{entity}{end}".encode())
        ids.append("pr-" + whole.hexdigest()[:12])
    return ids


def _identify(parts: str) -> str:
    return "pr-" + hashlib.sha256(f"pr|{parts}".encode()).hexdigest()[:12]


def _part(text: str) -> str:
    return f"{len(text)}:{text}"
