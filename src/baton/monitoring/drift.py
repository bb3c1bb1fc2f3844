"""How far a day's inputs strayed from what the live version saw in training."""

from collections.abc import Mapping
from typing import Any

import numpy as np

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
            cuts = np.unique(np.quantile(known, np.linspace(0.1, 0.9, 9)))
            edges[name] = [float(value) for value in cuts]
            shares[name] = [float(value) for value in _shares(known, cuts)]
    return Reference(low, high, edges, shares)


def _shares(known: Array, cuts: Array) -> Array:
    return np.bincount(np.searchsorted(cuts, known, side="left"), minlength=len(cuts) + 1) / len(known)


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

    Under no drift n·PSI of B bins is about χ² with B − 1 degrees of freedom, so (B − 1)/n + 2·sqrt(2(B − 1))/n is taken
    off: a value above 0 is more than about two standard deviations of noise (methods after Yurdakul 2018).
    """
    made = {}
    for name, edges in reference.edges.items():
        values = columns[name]
        known = values[np.isfinite(values)]
        bins = len(edges) + 1
        if len(known) < 50 or bins < 2:
            continue
        found = np.clip(_shares(known, np.asarray(edges)), 1e-4, None)
        expected = np.clip(np.asarray(reference.shares[name]), 1e-4, None)
        psi = float(np.sum((found - expected) * np.log(found / expected)))
        noise = (bins - 1 + 2 * float(np.sqrt(2 * (bins - 1)))) / len(known)
        made[name] = round(max(0.0, psi - noise), 6)
    return made
