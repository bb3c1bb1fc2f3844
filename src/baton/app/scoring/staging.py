"""Scores that nobody sees yet: a file per chunk, in a folder per run, each whole or absent, until they are published."""

import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from baton.app.workspace import Workspace, replace_file
from baton.kernel.errors import Corrupt

if TYPE_CHECKING:
    import pyarrow as pa

ENTITY, SCORE = "entity", "score"


class Staging:
    """The chunks of one run. What a chunk holds follows from the run's id, so one that is there need not be made again."""

    def __init__(self, workspace: Workspace, run: str) -> None:
        self._folder = workspace.folder / "scoring" / run

    def has(self, span: range) -> bool:
        """Whether a chunk is there."""
        return self._path(span).is_file()

    def put(self, span: range, entities: "pa.ChunkedArray", scores: list[float]) -> None:
        """Keep a chunk."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = io.BytesIO()
        pq.write_table(pa.table({ENTITY: entities, SCORE: pa.array(scores, pa.float64())}), sink)
        try:
            self._keep(span, sink.getvalue())
        except FileNotFoundError:  # another process published the same run at this moment, and let go of its chunks
            self._keep(span, sink.getvalue())

    def rows(self, spans: tuple[range, ...]) -> "pa.Table":
        """All chunks in order. Raises Corrupt when one is missing or cannot be read."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pa.concat_tables([pq.read_table(self._path(span)) for span in spans])
        except (OSError, pa.ArrowException) as error:
            raise Corrupt(
                "scores that wait to be published cannot be read",
                where=str(self._folder),
                why=str(error).splitlines()[0],
                fix="remove that folder and score again",
            ) from error

    def clear(self) -> None:
        """Let go of them: they are published, or never will be."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _keep(self, span: range, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        replace_file(self._path(span), data)

    def _path(self, span: range) -> Path:
        return self._folder / f"{span.start}-{span.stop}.parquet"


def staged(workspace: Workspace) -> list[str]:
    """The ids of all runs that have scores waiting."""
    folder = workspace.folder / "scoring"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
