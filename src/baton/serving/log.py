"""The prediction log: append-only segment files that the server writes and the worker collects.

A record is 4 bytes of length, 4 bytes of CRC-32 (both little-endian) and a msgpack PredictionBatch. All records of a
request go out in one write before its answer does, so a killed server loses no answer that anybody saw. What was written
survives the process; whether it also survives a power cut is a matter of `sync`. A writer holds a lock on its segment:
without one, nobody will write to it again, and once it is collected and that is committed, it can go.
"""

import errno
import fcntl
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from baton.kernel.errors import Corrupt, NotFound, Unavailable
from baton.serving import flusher
from baton.serving.flusher import Flusher, sync_folder
from baton.serving.ports import Kept
from baton.serving.prediction import PredictionBatch
from baton.serving.room import Full, Room

SEGMENT_SIZE = 16 * 1024 * 1024
Position = Mapping[str, int]
_HEAD = struct.Struct("<II")
_NAME = re.compile(r"(\d+)-(\d+)-(\d+)\.log")
_FIX = "move the segment aside and run baton up again; its rows before the offset are collected already"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    return str(value)


_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode
_decode = msgspec.msgpack.Decoder(PredictionBatch).decode


@dataclass(frozen=True, slots=True)
class Keeping:
    """How predictions are kept until they are collected.

    `sync` is what an answer waits for: `none` for the operating system to have the record, `each` for a sync of its own,
    `group` for the sync of all that queued meanwhile. `most` bounds the bytes of all segments (None: the disk does);
    `when_full` refuses requests then, or drops their records and counts them.
    """

    sync: str = "none"
    most: int | None = None
    when_full: str = "refuse"


class SegmentLog:
    """Writes segments `<process>-<start>-<n>.log`; one per process. `start` is any number that grows from start to start.

    `unlogged` hears of rows that were dropped.
    """

    def __init__(
        self,
        folder: Path,
        start: int,
        *,
        size: int = SEGMENT_SIZE,
        keeping: Keeping = Keeping(),
        unlogged: Callable[[int], None] = lambda _: None,
    ) -> None:
        if not folder.is_dir():
            raise NotFound(
                "the folder of the prediction log does not exist",
                where=str(folder),
                fix="baton up creates it; or point to the right workspace",
            )
        self._folder, self._keeping, self._unlogged = folder, keeping, unlogged
        self._size = size if keeping.most is None else min(size, max(keeping.most // 8, 1))
        self._room = None if keeping.most is None else Room(lambda: stored(folder), keeping.most)
        self._flusher = Flusher() if keeping.sync == "group" else None
        self._start, self._number, self._written, self._handle = start, 0, 0, -1
        self._each, self._spoiled = keeping.sync == "each", False

    def append(self, batches: Sequence[PredictionBatch]) -> None:
        """Put the batches on record with one write. Raises Unavailable, recording none of them, when that cannot be done;
        what does not fit is dropped instead, where that is declared."""
        data = b"".join(map(record, batches))
        try:
            if self._handle < 0 or self._written >= self._size or self._spoiled:
                self._rotate()
            if self._room is not None:
                self._room.take(len(data))
            done = os.write(self._handle, data)
        except OSError as error:
            self._give_up(batches, error)
            return
        if done < len(data):
            self._take_back()
            self._give_up(batches, OSError(errno.ENOSPC, f"only {done} of {len(data)} bytes were taken"))
            return
        self._written += done
        if self._each:
            self._sync()

    @property
    def kept(self) -> Kept | None:
        """Takes calls to be made, in any thread, once all that was appended is on the disk, or with why it is not; None
        when answers wait for nothing."""
        return None if self._flusher is None else self._when_synced

    def close(self) -> None:
        """Let go of the current segment."""
        if self._handle >= 0:
            if self._flusher is not None:
                self._flusher.retire(self._handle)
            else:
                os.close(self._handle)
            self._handle = -1

    def _when_synced(self, done: Callable[[Exception | None], None]) -> None:
        assert self._flusher is not None

        def synced(error: OSError | None) -> None:
            if error is not None:
                self._spoiled = True
            done(None if error is None else self._refusal(str(error), "look at the disk of the workspace"))

        if self._handle < 0:
            done(None)
        else:
            self._flusher.put(self._handle, synced)

    def _sync(self) -> None:
        try:
            flusher.sync_file(self._handle)
        except OSError as error:
            self._spoiled = True
            raise self._refusal(str(error), "look at the disk of the workspace") from error

    def _rotate(self) -> None:
        """Begin another segment. One whose end is in doubt begins another row of segments, so that it may stay torn."""
        self.close()
        if self._spoiled:
            self._start, self._number, self._spoiled = self._start + 1, 0, False
        while self._handle < 0:
            path = self._folder / f"{os.getpid()}-{self._start}-{self._number:06d}.log"
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            self._number, self._written = self._number + 1, 0
            if _hold(handle) and os.fstat(handle).st_nlink:
                self._handle = handle
            else:
                os.close(handle)
        if self._keeping.sync != "none":
            sync_folder(self._folder)

    def _take_back(self) -> None:
        """Cut the half record off, so that the next one does not follow rubble."""
        try:
            os.ftruncate(self._handle, self._written)
        except OSError:
            self._spoiled = True

    def _give_up(self, batches: Sequence[PredictionBatch], error: OSError) -> None:
        if isinstance(error, Full) and self._written:
            self._step_aside()
        if error.errno in _FULL and self._keeping.when_full == "drop":
            self._unlogged(sum(len(batch.entities) for batch in batches))
            return
        if isinstance(error, Full):
            raise self._refusal(str(error), "run the loop: baton up collects it every day; or raise serving.log.most") from error
        raise self._refusal(str(error), "free some space on the disk that the log is on") from error

    def _step_aside(self) -> None:
        """Leave the segment to the collector: one that is written to is never removed."""
        try:
            self._rotate()
        except OSError:
            self.close()

    def _refusal(self, why: str, fix: str) -> Unavailable:
        return Unavailable(
            "the prediction cannot be logged, so it is not given",
            where=str(self._folder),
            why=why,
            fix=fix,
        )


def record(batch: PredictionBatch) -> bytes:
    """A batch as it stands in a segment."""
    body = _encode(batch)
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def stored(folder: Path) -> int:
    """The bytes of all segments in a folder."""
    total = 0
    for entry in os.scandir(folder):
        if _NAME.fullmatch(entry.name):
            with suppress(FileNotFoundError):
                total += entry.stat().st_size
    return total


def remove_collected(folder: Path, position: Position, settle: Callable[[], None] = os.sync) -> list[str]:
    """Remove the segments that nobody writes to any more and of which a position has every whole record; returns their names.

    The caller has committed the position, and what was read up to it; `settle` puts that on the disk before the first one
    goes. A tail that its writer left torn was never acknowledged and goes with its segment; one that looks damaged stays.
    """
    gone: list[str] = []
    for name in _names(folder):
        path = folder / name
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            if _hold(handle, sure=True) and _is_read(path, position.get(name, 0)):
                if not gone:
                    settle()
                path.unlink()
                gone.append(name)
        finally:
            os.close(handle)
    return gone


def _is_read(path: Path, offset: int) -> bool:
    try:
        return next(_records(_tail(path, offset), path, offset), None) is None
    except Corrupt:
        return False


def _hold(handle: int, *, sure: bool = False) -> bool:
    """Lock a segment for as long as the handle is open; false when somebody else has it. A file system that knows no locks
    holds nobody up, and is not `sure`."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return not sure
    return True


def _names(folder: Path) -> list[str]:
    return sorted((entry.name for entry in os.scandir(folder) if _NAME.fullmatch(entry.name)), key=_order)


def read_segments(
    folder: Path, after: Position, torn: Callable[[str, int], None] | None = None, until: Position | None = None
) -> tuple[list[PredictionBatch], Position]:
    """All batches logged since a position, and the new position (a fresh dict: segment name to offset, fit for JSON).

    With `until`, a position that an earlier call returned, exactly the batches up to it.

    Segments come in order of their process's start. A torn tail (a write in progress, or a killed process's last one) is
    left for the next call and reported to `torn` with segment and offset. Raises Corrupt, naming both, when a record
    before the tail is damaged; nothing is consumed then.
    """
    batches: list[PredictionBatch] = []
    position: dict[str, int] = {}
    names = _names(folder)
    for name, following in zip(names, [*names[1:], ""], strict=False):
        offset = after.get(name, 0)
        data = _tail(folder / name, offset)
        for batch, end in _records(data, folder / name, offset):
            if until is not None and end > until.get(name, 0):
                break
            batches.append(batch)
            position[name] = end
        position.setdefault(name, offset)
        left = 0 if until is not None else offset + len(data) - position[name]
        if left and _order(following)[:2] == _order(name)[:2]:
            raise _damage(folder / name, position[name], "its length runs past the end of a segment that was completed")
        if left and torn is not None:
            torn(name, position[name])
    return batches, position


def _order(name: str) -> tuple[int, int, int]:
    match = _NAME.fullmatch(name)
    return (int(match[2]), int(match[1]), int(match[3])) if match else (-1, -1, -1)


def _tail(path: Path, offset: int) -> bytes:
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size < offset:
            raise _damage(path, offset, f"the segment ends at {size}, before what was already read")
        stream.seek(offset)
        return stream.read(size - offset)


def _records(data: bytes, path: Path, base: int) -> Iterator[tuple[PredictionBatch, int]]:
    """Each whole record and the offset after it."""
    at = 0
    while at + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, at)
        body = data[at + _HEAD.size : at + _HEAD.size + length]
        if len(body) < length or (length == 0 and not any(data[at:])):
            return
        try:
            if zlib.crc32(body) != checksum:
                raise _damage(path, base + at, "its checksum differs")
            batch = _decode(body)
        except msgspec.MsgspecError as error:
            raise _damage(path, base + at, str(error)) from error
        at += _HEAD.size + length
        yield batch, base + at


def _damage(path: Path, offset: int, why: str) -> Corrupt:
    return Corrupt(
        f"the prediction log is damaged in {path.name} at offset {offset}", where=f"{path}:{offset}", why=why, fix=_FIX
    )
