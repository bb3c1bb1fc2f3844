"""Stability: whether one sample of numbers is spread like another, told by deciles and aware of how many there are.

Under equal spreads, n·PSI over B bins is about χ² with B − 1 degrees of freedom (Yurdakul 2018); two samples of n and m
bring the noise of both. What sampling alone explains is taken off before anything is concluded.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

BINS = 10
NARROWEST = 1e-9
"""The smallest spread that a distance is measured in, for samples of one value."""
RAREST = 1e-4
"""The smallest share that a bin counts with, so that an empty one does not make the index endless."""


def deciles_of(values: "Array") -> "Array":
    """The nine inner deciles of some finite values; some are the same where values repeat."""
    import numpy as np

    return np.quantile(values, np.linspace(1 / BINS, 1 - 1 / BINS, BINS - 1))


def edges_of(values: "Array") -> "Array":
    """The edges between bins: the deciles, each once."""
    import numpy as np

    return np.unique(deciles_of(values))


def shares_of(values: "Array", edges: "Array") -> "Array":
    """The share of the values in each bin that the edges make; a value on an edge belongs to the bin below."""
    import numpy as np

    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1) / len(values)


def excess(found: "Sequence[float] | Array", expected: "Sequence[float] | Array", *sizes: int) -> float:
    """The population stability index of two lists of shares less the noise of the `sizes` that they were counted on.

    Above 0 it is more than about two standard deviations of noise; never below 0.
    """
    import numpy as np

    here, there = (np.clip(np.asarray(shares), RAREST, None) for shares in (found, expected))
    index = float(np.sum((here - there) * np.log(here / there)))
    degrees = len(here) - 1
    noise = sum((degrees + 2 * float(np.sqrt(2 * degrees))) / size for size in sizes)
    return max(0.0, index - noise)


def distance(here: "Sequence[float] | Array", there: "Sequence[float] | Array", spread: float) -> float:
    """How far the deciles of two samples lie apart on average, in units of `spread`.

    The index sees shares only: where values crowd, a step too small to matter carries many of them over an edge. This
    tells whether they went anywhere.
    """
    import numpy as np

    apart = float(np.mean(np.abs(np.asarray(here) - np.asarray(there))))
    return apart / max(spread, NARROWEST)
