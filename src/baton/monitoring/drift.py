"""How far a day's inputs strayed from what the live version saw in training."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from baton.evaluation.stability import edges_of, excess, shares_of
from baton.monitoring.day import Reference

Array = np.ndarray[Any, Any]


def reference_of(columns: Mapping[str, Array]) -> Reference:
    """The reference of training columns; columns without a finite value are left out."""
    low: dict[str, float] = {}
    high: dict[str, float] = {}
    edges: dict[str, list[float]] = {}
    shares: dict[str, list[float]] = {}
    for name, values in columns.items():
        if values.dtype == object:
            continue
        known = values[np.isfinite(values)]
        if len(known):
            low[name], high[name] = (float(value) for value in np.quantile(known, (0.01, 0.99)))
            cuts = edges_of(known)
            edges[name] = [float(value) for value in cuts]
            shares[name] = [float(value) for value in shares_of(known, cuts)]
    return Reference(low, high, edges, shares)


def outside_share(reference: Reference, columns: Mapping[str, Array]) -> dict[str, float]:
    """Per feature, the share of rows outside the reference range; nulls are not outside."""
    made = {}
    for name, low in reference.low.items():
        values = columns[name]
        with np.errstate(invalid="ignore"):
            made[name] = round(float(np.mean((values < low) | (values > reference.high[name]))), 6)
    return made


def excess_psi(reference: Reference, columns: Mapping[str, Array]) -> dict[str, float]:
    """Population stability index over the training deciles, less what sampling alone explains.

    Above 0 it is more than about two standard deviations of noise: see `evaluation/stability.py`.
    """
    made = {}
    for name, edges in reference.edges.items():
        values = columns[name]
        known = values[np.isfinite(values)]
        if len(known) < 50 or not edges:
            continue
        found = shares_of(known, np.asarray(edges))
        made[name] = round(excess(found, reference.shares[name], len(known)), 6)
    return made
