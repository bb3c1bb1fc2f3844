"""The traffic of a day: how much was asked, how much of it failed, and how long answers took. Measured, never decided on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from baton.monitoring.day import Day, looked_back_on

ERRORS, P50, P99 = "predict.errors", "predict.p50.ms", "predict.p99.ms"
"""Names of a daily step's measurements: requests failed since the one before, latency quantiles in milliseconds."""
PROMISED = 0.999
"""The share of requests that should be answered, where a project declares none."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """One day (UTC). `requests` were answered or failed; `errors` of them got a status of 500 or more. Latency in ms, from a
    request's body to its scores, over answered requests. None: not measured that day."""

    day: str
    versions: tuple[int, ...]
    requests: int
    errors: int | None
    p50_ms: float | None
    p99_ms: float | None


def traffic(days: Iterable[Day], measured: Iterable[tuple[str, float, datetime]]) -> list[Traffic]:
    """All days with traffic, oldest first; `measured` are names, values and instants, oldest first."""
    served = {day.id: day for day in days}
    found: dict[str, dict[str, float]] = {}
    for name, value, at in measured:
        if name in (ERRORS, P50, P99):
            told = found.setdefault(looked_back_on(at).date().isoformat(), {})
            # A step that was killed and run again measures twice: failures as they came since, latency of the same requests.
            told[name] = told.get(name, 0.0) + value if name == ERRORS else value
    return [_of(id, served.get(id), found.get(id, {})) for id in sorted({*served, *found})]


def _of(id: str, day: Day | None, told: dict[str, float]) -> Traffic:
    errors = int(told[ERRORS]) if ERRORS in told else None
    answered, versions = (day.requests, day.versions) if day is not None else (0, ())
    return Traffic(id, versions, answered + (errors or 0), errors, told.get(P50), told.get(P99))
