"""What the server counts, in Prometheus' words. Labels are bounded: variants, versions in service, features, routes, codes.

Counting is adding to a plain dict, for it happens several times a request; the text is made when it is asked for. Several
processes that serve one port leave their counts in a folder, and whoever is asked tells the sum.
"""

import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "baton_predictions": ("Rows answered", ("variant", "version", "model")),
    "baton_scoring_failures": ("Requests that a variant could not score", ("variant", "version", "model")),
    "baton_unknown_categories": ("Values never seen in training; they scored as missing", ("feature", "model")),
    "baton_canary_fallbacks": ("Requests in which somebody else answered for a variant that failed", ()),
    "baton_reload_failures": ("New routings that could not be put in service", ()),
    "baton_responses": ("Responses", ("route", "code")),
    "baton_shed": ("Requests refused to protect the others", ("reason",)),
    "baton_batches": ("Runs of a slow model for several requests at once", ()),
    "baton_log_dropped": ("Predictions answered but not logged, by the declared policy", ()),
}
_LATENCY = "baton_prediction_seconds"
_AT_ONCE = frozenset({"baton_canary_fallbacks", "baton_reload_failures", "baton_batches", "baton_log_dropped"})
FEATURES = 200
"""Features whose unseen values are counted apart."""
Key = tuple[str, ...]


class Counts(msgspec.Struct):
    """The counts of one process: per metric and labels, the latency by bucket, its sum in seconds."""

    counters: dict[str, float] = {}
    buckets: list[int] = msgspec.field(default_factory=lambda: [0] * (len(_SECONDS) + 1))
    seconds: float = 0.0


class ServingMetrics:
    """The counters of one server process; the data plane's Meters, and the edge's.

    With a `folder`, `share` leaves them there under the process's `slot`, and takes up what an earlier process left in it.
    """

    def __init__(self, folder: Path | None = None, slot: int = 0) -> None:
        self._folder, self._slot = folder, slot
        self._counts: Counter[Key] = Counter({(name,): 0 for name in _AT_ONCE})
        self._buckets, self._seconds = [0] * (len(_SECONDS) + 1), 0.0
        self._loaded: dict[Key, tuple[int, Mapping[str, int]]] = {(): (0, {})}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        if folder is not None:
            self._take_up(self._read(folder / _name(slot)))

    def answered(self, variant: str, version: int, rows: int) -> None:
        """Rows answered by a variant."""
        self._counts["baton_predictions", variant, str(version)] += rows

    def unknown(self, feature: str, count: int, model: Key = ()) -> None:
        """Values of a categorical feature that the model never saw. The features of many versions are not told apart for ever."""
        key = ("baton_unknown_categories", feature, *model)
        if key not in self._counts and sum(name[0] == key[0] for name in self._counts) >= FEATURES:
            key = ("baton_unknown_categories", "other", *model)
        self._counts[key] += count

    def fell_back(self) -> None:
        """Somebody else answered for a variant that failed."""
        self._counts["baton_canary_fallbacks",] += 1

    def failed(self, variant: str, version: int) -> None:
        """A variant could not score a request."""
        self._counts["baton_scoring_failures", variant, str(version)] += 1

    def loaded(self, serial: int, versions: Sequence[tuple[str, int]]) -> None:
        """A routing was put in service; the labels of versions that left go, so that their number stays bounded."""
        self.take_in((), serial, versions)

    def take_in(self, model: Key, serial: int, versions: Sequence[tuple[str, int]]) -> None:
        """`loaded` of a model: nothing for the only one, else its name."""
        self._loaded.pop((), None)
        self._loaded[model] = serial, dict(versions)
        kept = {str(version) for _, version in versions}
        for key in [key for key in self._counts if key[0] in ("baton_predictions", "baton_scoring_failures")]:
            if key[3:] == model and key[2] not in kept:
                del self._counts[key]

    def of(self, model: str) -> "ModelMeters":
        """The Meters of one of several models."""
        return ModelMeters(self, model)

    def add(self, key: Key, count: int) -> None:
        """Count something."""
        self._counts[key] += count

    def kept(self) -> None:
        """A new routing could not be loaded."""
        self._counts["baton_reload_failures",] += 1

    def responded(self, route: str, status: int | str) -> None:
        """A response left; `route` is one of the server's own templates or calls, or `other`."""
        self._counts["baton_responses", route, str(status)] += 1

    def shed(self, reason: str) -> None:
        """A request was refused to protect the others."""
        self._counts["baton_shed", reason] += 1

    def batched(self) -> None:
        """A slow model ran for several requests at once."""
        self._counts["baton_batches",] += 1

    def unlogged(self, rows: int) -> None:
        """Predictions were answered and not logged."""
        self._counts["baton_log_dropped",] += rows

    def took(self, seconds: float) -> None:
        """A prediction was answered in this time."""
        self._buckets[bisect_left(_SECONDS, seconds)] += 1
        self._seconds += seconds

    def exposition(self) -> bytes:
        """All counters as Prometheus text, over all processes."""
        return generate_latest(self._registry)

    def share(self) -> None:
        """Leave the counts where the other processes find them."""
        if self._folder is None:
            return
        aside = self._folder / f".{_name(self._slot)}.part"
        aside.write_bytes(msgspec.msgpack.encode(self._own()))
        aside.replace(self._folder / _name(self._slot))

    def collect(self) -> Iterator[Metric]:
        """The metric families, as a Prometheus registry asks for them."""
        whole = self._own()
        for other in self._others():
            _add(whole, other)
        for name, (text, labels) in _COUNTERS.items():
            family = CounterMetricFamily(name, text, labels=labels)
            for key, value in whole.counters.items():
                found, *values = key.split("\x1f")
                if found == name:
                    family.add_metric(values, value)
            yield family
        serial = GaugeMetricFamily("baton_routing_serial", "Serial of the routing in service", labels=("model",))
        versions = GaugeMetricFamily("baton_serving_version", "Version in service", labels=("variant", "model"))
        for model, (number, loaded) in self._loaded.items():
            serial.add_metric(model, number)
            for variant, version in loaded.items():
                versions.add_metric((variant, *model), version)
        yield from (serial, versions, _histogram(whole))

    def _own(self) -> Counts:
        return Counts({"\x1f".join(key): value for key, value in self._counts.items()}, list(self._buckets), self._seconds)

    def _others(self) -> Iterable[Counts]:
        if self._folder is None:
            return ()
        names = (entry.name for entry in os.scandir(self._folder) if entry.name.startswith("counts-"))
        return (self._read(self._folder / name) for name in sorted(names) if name != _name(self._slot))

    def _take_up(self, before: Counts) -> None:
        for key, value in before.counters.items():
            self._counts[tuple(key.split("\x1f"))] += int(value)
        self._buckets, self._seconds = list(before.buckets), before.seconds

    @staticmethod
    def _read(path: Path) -> Counts:
        try:
            return msgspec.msgpack.decode(path.read_bytes(), type=Counts)
        except (OSError, msgspec.MsgspecError):
            return Counts()


class ModelMeters:
    """Meters of one model among several: what it counts carries its name."""

    def __init__(self, whole: ServingMetrics, model: str) -> None:
        self._whole, self._model = whole, model

    def answered(self, variant: str, version: int, rows: int) -> None:
        """Rows answered by a variant."""
        self._whole.add(("baton_predictions", variant, str(version), self._model), rows)

    def unknown(self, feature: str, count: int) -> None:
        """Values of a categorical feature that the model never saw."""
        self._whole.unknown(feature, count, (self._model,))

    def fell_back(self) -> None:
        """Somebody else answered for a variant that failed."""
        self._whole.fell_back()

    def failed(self, variant: str, version: int) -> None:
        """A variant could not score a request."""
        self._whole.add(("baton_scoring_failures", variant, str(version), self._model), 1)

    def loaded(self, serial: int, versions: Sequence[tuple[str, int]]) -> None:
        """A routing was put in service."""
        self._whole.take_in((self._model,), serial, versions)

    def kept(self) -> None:
        """A new routing could not be loaded."""
        self._whole.kept()


def _name(slot: int) -> str:
    return f"counts-{slot}"


def _add(whole: Counts, other: Counts) -> None:
    for key, value in other.counters.items():
        whole.counters[key] = whole.counters.get(key, 0) + value
    whole.buckets = [one + more for one, more in zip(whole.buckets, other.buckets, strict=True)]
    whole.seconds += other.seconds


def _histogram(counts: Counts) -> Metric:
    text = "Time from a whole request to its logged answer"
    total, buckets = 0, []
    for bound, count in zip((*map(str, map(float, _SECONDS)), "+Inf"), counts.buckets, strict=True):
        total += count
        buckets.append((bound, total))
    family = HistogramMetricFamily(_LATENCY, text)
    family.add_metric((), buckets, counts.seconds)
    return family
