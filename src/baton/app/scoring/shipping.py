"""Published scores go out: into a file that is whole or absent, or to a signed webhook, part by part.

A part that is sent again is the same bytes under the same key, so a receiver that looks at the key has each row once.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baton.app.bootstrap import open_hook
from baton.app.ports import Hook
from baton.app.scoring.publishing import entity_column
from baton.app.workspace import Workspace
from baton.kernel.clock import Clock, iso
from baton.kernel.digest import canonical
from baton.kernel.errors import BatonError, InvalidInput, NotFound, Unavailable
from baton.serving.scoring import ScoringRun
from baton.serving.shipment import PART, Shipment, delivered, failed, form_of, is_hook, missed, part_key
from baton.team.address import shown
from baton.team.ports import Busy

if TYPE_CHECKING:
    import pyarrow as pa

TRIES = 5
"""How often one part is posted before the shipment is left for later."""
LONGEST = 60.0
"""The most seconds that are waited between two tries."""
SLICE = 65_536
KIND = "baton.scores"


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of sending: parts taken so far, how often which answer came, and the error that ended it, if one did."""

    parts: int
    receipts: dict[str, int]
    error: BatonError | None = None

    @property
    def receipt(self) -> str:
        """The answers in one line."""
        return ", ".join(words if count == 1 else f"{count} × {words}" for words, count in self.receipts.items())[:200]


def require_place(address: str, workspace: Workspace) -> None:
    """Raise, before anything is done, when nothing can be delivered there."""
    if is_hook(address):
        open_hook(workspace, address)
        return
    path = Path(address)
    if path.is_dir():
        raise InvalidInput(f"'{address}' is a folder", where="to", fix=f"name a file in it, e.g. {path / 'scores.parquet'}")
    form_of(address)
    if not path.parent.is_dir():
        raise NotFound(f"there is no folder '{path.parent}'", where="to", fix=f"mkdir -p {path.parent}")


def told(address: str) -> str:
    """A place as it may be shown: a file whole, of a webhook its host."""
    return address if address.startswith("${") or not is_hook(address) else shown(address)


@dataclass(frozen=True, slots=True)
class Way:
    """How a batch goes out: the workspace that signs, the address, the entity's key, a clock, and what waits some seconds."""

    workspace: Workspace
    address: str
    key: str
    clock: Clock
    wait: Callable[[float], Any]


def send(way: Way, run: ScoringRun, rows: "pa.Table", sent: int) -> Sent:
    """Deliver the rows of a run; `sent` is how many parts were taken before. Errors are told, not raised."""
    try:
        if not is_hook(way.address):
            to_file(Path(way.address), rows)
            return Sent(1, {f"{rows.num_rows} rows": 1})
        hook = open_hook(way.workspace, way.address)
    except BatonError as error:
        return Sent(sent, {}, error)
    except OSError as error:
        return Sent(sent, {}, Unavailable("the file cannot be written", where=way.address, why=error.strerror or str(error)))
    return to_hook(hook, way, run, rows, sent)


def to_file(path: Path, rows: "pa.Table") -> None:
    """Write rows as Parquet or CSV, by the file's name; whole or not at all."""
    import pyarrow.csv
    import pyarrow.parquet

    writer: Any = pyarrow.csv.CSVWriter if form_of(str(path)) == ".csv" else pyarrow.parquet.ParquetWriter
    with _whole(path) as beside, writer(str(beside), rows.schema) as out:
        for start in range(0, rows.num_rows, SLICE):
            out.write_table(rows.slice(start, SLICE))


def to_hook(hook: Hook, way: Way, run: ScoringRun, rows: "pa.Table", sent: int) -> Sent:
    """Post rows in parts, in order, from the first one that was not taken yet."""
    receipts, parts = Counter[str](), -(-rows.num_rows // PART)
    for number in range(sent, parts):
        body = part_of(run, rows.slice(number * PART, PART), way.key, number, parts)
        try:
            receipts[_patiently(hook, way, part_key(run.id, number), body)] += 1
        except BatonError as error:
            return Sent(number, dict(receipts), error)
    return Sent(parts, dict(receipts))


def part_of(run: ScoringRun, rows: "pa.Table", key: str, number: int, parts: int) -> bytes:
    """The body of one part; the same for the same run, whenever it is sent."""
    entity = entity_column(key)
    taken = rows.select([entity, "score", "label"]).to_pylist()
    data = {
        "run": run.id,
        "model_version": run.version,
        "as_of": iso(run.cause.as_of),
        "part": number + 1,
        "parts": parts,
        "rows": [{key: row[entity], "score": row["score"], "label": row["label"]} for row in taken],
    }
    return canonical({"type": KIND, "timestamp": iso(run.planned_at), "data": data})


def _patiently(hook: Hook, way: Way, key: str, body: bytes) -> str:
    """Post one part, trying again while that may help."""
    for attempt in range(1, TRIES + 1):
        try:
            return hook.post(key, body, way.clock.now())
        except Unavailable as error:
            asked = error.after.total_seconds() if isinstance(error, Busy) else 0.0
            if attempt == TRIES or asked > LONGEST:
                raise
            way.wait(max(asked, float(2 ** (attempt - 1))))
    raise AssertionError


def outcome_of(known: Shipment, came: Sent, at: datetime) -> Shipment:
    """The shipment after an attempt."""
    if came.error is None:
        return delivered(known, came.parts, came.receipt)
    words = f"{came.error.what}{f' ({came.error.why})' if came.error.why else ''}"
    if came.error.retryable:
        asked = came.error.after if isinstance(came.error, Busy) else timedelta()
        return missed(known, came.parts, words, at, asked)
    return failed(known, came.parts, words)


def verb_of(shipment: Shipment) -> str:
    """What happened to a shipment, in the past tense."""
    return "missed" if shipment.status == "due" else shipment.status


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A place beside a file to write it to; it takes the file's name once it is complete and on disk."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        with beside.open("rb") as stream:
            os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
