"""One day of service, as judged: what was asked and answered, how scores met the truth, and how far inputs strayed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Day:
    """A day of decisions (UTC). `versions` are the model versions that answered; `outside` the share of rows per feature
    beyond the training range of the version that was live; `error` mean score − label over rows whose label arrived."""

    KIND: ClassVar[str] = "day"
    id: str
    status: str
    day: datetime
    requests: int
    predictions: int
    versions: tuple[int, ...]
    outside: Mapping[str, float] = field(default_factory=dict)
    drift: Mapping[str, float] = field(default_factory=dict)
    mean_score: float | None = None
    labelled: int = 0
    error: float | None = None
    brier: float | None = None


def looked_back_on(now: datetime) -> datetime:
    """The start of the day that a daily step at `now` looks back on."""
    return now - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a version saw in training, per numeric feature: its 1 % and 99 % quantiles and decile edges with their shares."""

    low: Mapping[str, float]
    high: Mapping[str, float]
    edges: Mapping[str, Sequence[float]]
    shares: Mapping[str, Sequence[float]]
