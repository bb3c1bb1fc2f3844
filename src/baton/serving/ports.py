"""What the serving room needs from the outside: online values, a prediction log, counters."""

from collections.abc import Callable, Sequence
from typing import Protocol

from baton.delivery.routing import Route, Routing
from baton.features.ports import OnlineReader
from baton.serving.prediction import PredictionBatch

Kept = Callable[[Callable[[Exception | None], None]], None]
"""Takes a call that is made, in any thread, once all that was logged is on the disk, or with why it is not."""


class OnlineSnapshots(OnlineReader, Protocol):
    """An online reader whose snapshot can be let go of, so that an idle server does not pin old pages."""

    def end(self) -> None:
        """Let go of the state looked at; harmless when there is none. Reading then needs a new `begin`."""
        ...


class PredictionLog(Protocol):
    """Takes the predictions of one request, before the answer leaves."""

    def append(self, batches: Sequence[PredictionBatch]) -> None:
        """Put the batches on record in one piece; raises Unavailable, and records none of them, when it cannot."""
        ...


class Sentinel(Protocol):
    """Watches the arms of a release and takes one out of traffic by itself. Never raises; each call takes microseconds."""

    def watch(self, routing: Routing) -> None:
        """Another routing is in service."""
        ...

    def allows(self, route: Route) -> bool:
        """Whether an arm may answer."""
        ...

    def answered(self, route: Route, took_us: int, entity: str) -> None:
        """Live or an arm answered a request about an entity, and nobody else a part of it, in so many microseconds."""
        ...

    def failed(self, route: Route, entities: Sequence[str]) -> None:
        """Live or an arm could not score these entities."""
        ...


class Meters(Protocol):
    """Counts what a data plane does. Never raises."""

    def answered(self, variant: str, version: int, rows: int) -> None:
        """Rows answered by a variant."""
        ...

    def unknown(self, feature: str, count: int) -> None:
        """Values of a categorical feature that the model never saw; they scored as missing."""
        ...

    def fell_back(self) -> None:
        """The live model answered in place of the canary."""
        ...

    def failed(self, variant: str, version: int) -> None:
        """A variant could not score a request."""
        ...

    def loaded(self, serial: int, versions: Sequence[tuple[str, int]]) -> None:
        """A routing with these (variant, version) was put in service."""
        ...

    def kept(self) -> None:
        """A new routing could not be loaded, the old one stays in service."""
        ...
