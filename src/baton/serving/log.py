"""The prediction log: append-only segment files that the server writes and the worker collects.

A record is 4 bytes of length, 4 bytes of CRC-32 (both little-endian) and a msgpack PredictionBatch. All records of a
request go out in one write before its answer does, so a killed server loses no answer that anybody saw; what was
written survives the process, not a power cut in the same instant.
"""

import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from baton.kernel.errors import Corrupt, NotFound, Unavailable
from baton.serving.prediction import PredictionBatch

SEGMENT_SIZE = 16 * 1024 * 1024
Position = Mapping[str, int]
_HEAD = struct.Struct("<II")
_NAME = re.compile(r"(\d+)-(\d+)-(\d+)\.log")
_FIX = "move the segment aside and run baton up again; its rows before the offset are collected already"


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    return str(value)


_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode
_decode = msgspec.msgpack.Decoder(PredictionBatch).decode


class SegmentLog:
    """Writes segments `<process>-<start>-<n>.log`; one per process. `start` is any number that grows from start to start."""

    def __init__(self, folder: Path, start: int, *, size: int = SEGMENT_SIZE) -> None:
        if not folder.is_dir():
            raise NotFound(
                "the folder of the prediction log does not exist",
                where=str(folder),
                fix="baton up creates it; or point to the right workspace",
            )
        self._folder, self._size = folder, size
        self._stem, self._number, self._written, self._handle = f"{os.getpid()}-{start}", 0, 0, -1

    def append(self, batches: Sequence[PredictionBatch]) -> None:
        """Put the batches on record with one write. Raises Unavailable, recording none of them, when the disk is full."""
        data = b"".join(map(record, batches))
        try:
            if self._handle < 0 or self._written >= self._size:
                self._rotate()
            done = os.write(self._handle, data)
        except OSError as error:
            raise self._refusal(str(error)) from error
        if done < len(data):
            self._take_back()
            raise self._refusal(f"only {done} of {len(data)} bytes were taken")
        self._written += done

    def close(self) -> None:
        """Let go of the current segment."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _rotate(self) -> None:
        self.close()
        path = self._folder / f"{self._stem}-{self._number:06d}.log"
        self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self._number, self._written = self._number + 1, 0

    def _take_back(self) -> None:
        """Cut the half record off, so that the next one does not follow rubble."""
        try:
            os.ftruncate(self._handle, self._written)
        except OSError:
            self._written = self._size

    def _refusal(self, why: str) -> Unavailable:
        return Unavailable(
            "the prediction cannot be logged, so it is not given",
            where=str(self._folder),
            why=why,
            fix="free some space on the disk of the workspace",
        )


def record(batch: PredictionBatch) -> bytes:
    """A batch as it stands in a segment."""
    body = _encode(batch)
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


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
    names = sorted((entry.name for entry in os.scandir(folder) if _NAME.fullmatch(entry.name)), key=_order)
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
