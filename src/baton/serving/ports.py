"""What the serving room needs from the outside: online values, a prediction log, counters."""

from collections.abc import Sequence
from typing import Protocol

from baton.features.ports import OnlineReader
from baton.serving.prediction import PredictionBatch


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
