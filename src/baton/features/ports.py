"""What the features room needs from the outside: a store that answers at request time."""

from collections.abc import Iterable, Sequence
from typing import Protocol

Values = tuple[float | int | str | None, ...]


class OnlineReader(Protocol):
    """Reads feature values by key.

    All reads between `begin` calls see one consistent state. Safe for many processes; a reader never blocks the writer.
    """

    def begin(self) -> int | None:
        """Look at the newest state; returns its watermark (microseconds since 1970-01-01 UTC), None when nothing was written."""
        ...

    def read(self, view: str, keys: Sequence[str]) -> list[tuple[int, Values] | None]:
        """Per key: (known time in microseconds, values) or None."""
        ...


class OnlineStore(OnlineReader, Protocol):
    """Also writes. One writer at a time; a second one raises Unavailable."""

    def write(self, changes: Iterable[tuple[str, str, int, Values | None]], watermark: int) -> None:
        """Put (view, key, known time, values), or delete where values is None, and set the watermark, all in one transaction."""
        ...

    def close(self) -> None:
        """Let go of the store's files."""
        ...
