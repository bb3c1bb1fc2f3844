"""A collector by itself: the loop's own `collect` and `clear` over a real state and real tables, killed wherever one likes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from baton.app.lifecycle import collecting
from baton.app.lifecycle.step import Step
from baton.backends.state.sql import open_sqlite
from baton.backends.tables.delta import DeltaTables


class Killed(BaseException):
    """The collector died here."""


class Collector:
    """Collects a folder of segments into tables, step by step. `dies` is asked at each point whether to die there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "segments").mkdir(exist_ok=True)
        self.points = 0
        self.dies_at = -1
        self._open()

    def _open(self) -> None:
        self.state = open_sqlite(self.folder / "state.db", create=True)
        self.tables = DeltaTables(self.folder / "tables")

    def restart(self) -> None:
        """Begin anew, as another process would."""
        self.state.close()
        self._open()

    def _point(self) -> None:
        self.points += 1
        if self.points == self.dies_at:
            raise Killed

    def _house(self) -> Any:
        def append(*given: Any, **named: Any) -> Any:
            self._point()
            made = self.tables.append(*given, **named)
            self._point()
            return made

        def commit(*given: Any, **named: Any) -> Any:
            self._point()
            made = self.state.commit(*given, **named)
            self._point()
            return made

        return SimpleNamespace(
            state=SimpleNamespace(cursor=self.state.cursor, commit=commit),
            workspace=SimpleNamespace(segments=self.folder / "segments"),
            tables=SimpleNamespace(append=append),
            definition=SimpleNamespace(entity=SimpleNamespace(key="entity")),
        )

    def step(self) -> int:
        """One daily step; returns how many batches it took."""
        house, number = self._house(), int(self.state.cursor("step") or "0") + 1
        batches, cursors = collecting.collect(cast("Step", SimpleNamespace(house=house, number=number)))
        house.state.commit([], cursors={**cursors, "step": str(number)})
        collecting.clear(house)
        self._point()
        return len(batches)

    def ids(self, table: str = "predictions") -> list[str]:
        """Every prediction id in a table, as often as it is there."""
        if not self.tables.exists(table):
            return []
        return list(self.tables.scan(table, ("prediction_id",))["prediction_id"].to_pylist())
