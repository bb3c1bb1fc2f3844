"""Alarms that may be watched every day: e-detectors (Shin, Ramdas, Rinaldo, NEJSDS 2023).

A stream gives one bounded number a day: the day is the observation, because its rows share their weather. The null of a
stream is that, given the past, its mean is at most `null`. A bet of size λ against it multiplies by 1 + λ(x − null),
whose mean is at most 1 under the null. The Shiryaev–Roberts sum starts such a bet every day and
adds them up, so R(t) − t is a supermartingale: the mean time to a false alarm at level c is at least c days, and the
chance of one within n days at most n/c. A mean of e-detectors is one too: averaging over sides, bets and features pays
for having looked at all of them.

What it does not cover: days whose mean, given the days before, is above `null` although the long-run mean is not. Days that
depend strongly on each other are such days, and then there are more false alarms than n/c; the tolerance is the reserve.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
BETS = np.array([0.1, 0.2, 0.4, 0.7])
CLIP = 0.10
MOST = 1e12


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence after the last day, the day from which it grew most, and each stream's own evidence."""

    value: float
    change_point: int
    streams: tuple[float, ...]


def e_detector(values: Array, null: float, floor: float) -> Evidence:
    """Run over daily values (days, streams), each at least `floor`; NaN is a day without evidence."""
    values = np.asarray(values, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    bets = BETS / (null - floor)
    running = np.zeros((values.shape[1], len(bets)))
    course = np.zeros(len(values))
    for day, row in enumerate(values):
        seen = np.isfinite(row)[:, None]
        gain = np.where(seen, 1.0 + bets * (np.where(np.isfinite(row), row, null)[:, None] - null), 1.0)
        running = np.minimum((1.0 + running) * gain, MOST)
        course[day] = running.mean()
    growth = np.log(np.maximum(course, 1e-12))
    start = int(np.argmin(growth - np.log(np.arange(1, len(course) + 1)))) if len(course) else 0
    return Evidence(float(course[-1]) if len(course) else 0.0, start, tuple(float(value) for value in running.mean(axis=1)))


def calibration_evidence(error: Array, tolerance: float) -> Evidence:
    """Evidence that mean score and truth differ: day means of score − label, clipped to ±0.10, both sides watched."""
    clipped = np.clip(np.asarray(error, dtype=np.float64), -CLIP, CLIP)
    return e_detector(np.column_stack([clipped, -clipped]), tolerance, -CLIP)


def novelty_evidence(outside: Array, tolerance: float) -> Evidence:
    """Evidence that inputs left what the model was trained on: per feature, a day's share of rows outside its 1 %–99 % range."""
    return e_detector(outside, tolerance, 0.0)
