"""An online store in memory: the obvious implementation, for tests of whoever reads or writes online features."""

from collections.abc import Iterable, Sequence

from baton.features.ports import Values
from baton.kernel.errors import Conflict, Unavailable

_Rows = dict[tuple[str, str], tuple[int, Values]]


class MemoryOnline:
    """The place: what is stored, and whether somebody writes."""

    def __init__(self) -> None:
        self.watermark: int | None = None
        self.rows: _Rows = {}
        self.taken = False

    def store(self) -> "MemoryStore":
        """Open for writing. Raises Unavailable while another store is open."""
        return MemoryStore(self)

    def reader(self) -> "MemoryReader":
        """Open for reading."""
        return MemoryReader(self)


class MemoryReader:
    """Reads a place; each snapshot is the rows as they were at `begin`."""

    def __init__(self, place: MemoryOnline) -> None:
        self._place = place
        self._seen: _Rows | None = None

    def begin(self) -> int | None:
        """Look at the newest state; returns its watermark."""
        self._seen = self._place.rows
        return self._place.watermark

    def read(self, view: str, keys: Sequence[str]) -> list[tuple[int, Values] | None]:
        """Per key: (known time, values) or None."""
        if self._seen is None:
            raise Conflict("the online store is not being looked at", fix="call begin() first")
        return [self._seen.get((view, key)) for key in keys]

    def end(self) -> None:
        """Let go of the snapshot."""
        self._seen = None

    def close(self) -> None:
        """Let go of the place."""
        self.end()


class MemoryStore(MemoryReader):
    """Reads and writes; the only writer until closed."""

    def __init__(self, place: MemoryOnline) -> None:
        if place.taken:
            raise Unavailable("the online store is being written by another process", fix="close the other one first")
        super().__init__(place)
        place.taken = True

    def write(self, changes: Iterable[tuple[str, str, int, Values | None]], watermark: int) -> None:
        """Put or delete, and set the watermark: readers see all of it or nothing."""
        rows = dict(self._place.rows)
        for view, key, known_at, values in changes:
            if values is None:
                rows.pop((view, key), None)
            else:
                rows[view, key] = (known_at, tuple(values))
        self._place.rows, self._place.watermark = rows, watermark

    def close(self) -> None:
        """Let go of the place and of the right to write."""
        super().close()
        self._place.taken = False
