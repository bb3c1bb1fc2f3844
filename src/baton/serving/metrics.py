"""What the server counts, in Prometheus' words. Labels are bounded: variants, versions in service, features, routes, codes."""

from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class ServingMetrics:
    """The counters of one server process; the data plane's Meters, and the edge's."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._rows = Counter("baton_predictions", "Rows answered", ("variant", "version"), registry=registry)
        self._failures = Counter(
            "baton_scoring_failures", "Requests that a variant could not score", ("variant", "version"), registry=registry
        )
        self._unknown = Counter(
            "baton_unknown_categories", "Values never seen in training; they scored as missing", ("feature",), registry=registry
        )
        self._fallbacks = Counter("baton_canary_fallbacks", "Requests in which live answered for the canary", registry=registry)
        self._kept = Counter("baton_reload_failures", "New routings that could not be put in service", registry=registry)
        self._serial = Gauge("baton_routing_serial", "Serial of the routing in service", registry=registry)
        self._version = Gauge("baton_serving_version", "Version in service", ("variant",), registry=registry)
        self._responses = Counter("baton_responses", "Responses", ("route", "code"), registry=registry)
        self._latency = Histogram(
            "baton_prediction_seconds", "Time from a whole request to its logged answer", buckets=_SECONDS, registry=registry
        )
        self._children: dict[tuple[object, ...], Any] = {}

    def answered(self, variant: str, version: int, rows: int) -> None:
        """Rows answered by a variant."""
        self._child(self._rows, variant, str(version)).inc(rows)

    def unknown(self, feature: str, count: int) -> None:
        """Values of a categorical feature that the model never saw."""
        self._child(self._unknown, feature).inc(count)

    def fell_back(self) -> None:
        """The live model answered in place of the canary."""
        self._fallbacks.inc()

    def failed(self, variant: str, version: int) -> None:
        """A variant could not score a request."""
        self._child(self._failures, variant, str(version)).inc()

    def loaded(self, serial: int, versions: Sequence[tuple[str, int]]) -> None:
        """A routing was put in service; the labels of versions that left go, so that their number stays bounded."""
        self._serial.set(serial)
        self._version.clear()
        for variant, version in versions:
            self._version.labels(variant).set(version)
        self._forget({(variant, str(version)) for variant, version in versions})

    def kept(self) -> None:
        """A new routing could not be loaded."""
        self._kept.inc()

    def responded(self, route: str, status: int) -> None:
        """A response left; `route` is one of the server's own paths, or `other`."""
        self._child(self._responses, route, str(status)).inc()

    def took(self, seconds: float) -> None:
        """A prediction was answered in this time."""
        self._latency.observe(seconds)

    def exposition(self) -> bytes:
        """All counters as Prometheus text."""
        return generate_latest(self._registry)

    def _child(self, metric: Counter, *labels: str) -> Counter:
        key = (metric, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child

    def _forget(self, kept: set[tuple[str, str]]) -> None:
        for metric in (self._rows, self._failures):
            for key in [key for key in list(self._children) if key[0] is metric and key[1:] not in kept]:
                del self._children[key]
                metric.remove(*key[1:])
