"""Online features in LMDB: one embedded file, read by all server processes, written by one.

A value is msgpack `[known_at, *values]` under `view NUL key`; the watermark lies beside them and changes in the same
transaction. One process opens a folder once (LMDB's rule): whoever holds the store reads through it or its `reader()`.
"""

import errno
import fcntl
import os
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import lmdb
import msgspec

from baton.features.ports import Values
from baton.kernel.errors import BatonError, Conflict, Corrupt, InvalidInput, NotFound, Unavailable

MAP_SIZE = 1 << 30
_WATERMARK = b"\x00watermark"
_LONGEST_KEY = 511
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BROKEN = (lmdb.InvalidError, lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.VersionMismatchError, lmdb.PanicError)


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not a number, a text or None")


_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode
_decode_row = msgspec.msgpack.Decoder(tuple[Any, ...]).decode
_decode_mark = msgspec.msgpack.Decoder(int).decode


class _Map:
    """One opened environment and the snapshots that look into it; they must be let go of before the map may grow."""

    def __init__(self, folder: Path, *, readonly: bool, map_size: int, durable: bool = True) -> None:
        self.folder = folder
        self.snapshots: list[LmdbReader] = []
        try:
            self.env = lmdb.open(
                str(folder),
                map_size=map_size,
                readonly=readonly,
                create=not readonly,
                sync=durable,
                metasync=False,
                max_readers=512,
                readahead=False,
                mode=0o644,
            )
            _refuse_truncated(self.env, folder)
        except lmdb.Error as error:
            raise translated(error, folder) from error

    def begin(self) -> "lmdb.Transaction[memoryview]":
        try:
            return self.env.begin(buffers=True)
        except lmdb.MapResizedError:
            self.resize(0)
        except lmdb.ReadersFullError:
            self.env.reader_check()
        return self.env.begin(buffers=True)

    def resize(self, size: int) -> None:
        """Change the map's size; 0 takes over what another process made it."""
        for snapshot in self.snapshots:
            snapshot.lose()
        self.env.set_mapsize(size)


class LmdbReader:
    """Reads a store; for one thread."""

    def __init__(self, folder: Path, *, map_size: int = MAP_SIZE, opened: _Map | None = None) -> None:
        if opened is None:
            _refuse_absent(folder)
        self._map = opened or _Map(folder, readonly=True, map_size=map_size)
        self._txn: lmdb.Transaction[memoryview] | None = None
        self._map.snapshots.append(self)

    def begin(self) -> int | None:
        """Look at the newest state; returns its watermark."""
        self.end()
        try:
            self._txn = self._map.begin()
            mark = self._txn.get(_WATERMARK)
            return None if mark is None else _decode_mark(mark)
        except lmdb.Error as error:
            raise translated(error, self._map.folder) from error

    def read(self, view: str, keys: Sequence[str]) -> list[tuple[int, Values] | None]:
        """Per key: (known time, values) or None."""
        if self._txn is None:
            raise Conflict(
                "the online store is not being looked at",
                why="no snapshot is held, or the store's file grew under it",
                fix="call begin() first, or again",
            )
        prefix, get = view.encode() + b"\x00", self._txn.get
        try:
            return [None if (raw := get(_address(prefix, key))) is None else _row(raw) for key in keys]
        except lmdb.Error as error:
            raise translated(error, self._map.folder) from error
        except msgspec.DecodeError as error:
            raise Corrupt(
                f"a value of view {view} in the online store cannot be read",
                where=str(self._map.folder),
                why=str(error),
                fix="start the loop again: it is rebuilt from the tables",
            ) from error

    def end(self) -> None:
        """Let go of the snapshot, so that its pages can be used again."""
        self.lose()

    def lose(self) -> None:
        """Drop the snapshot: its pages may be about to move."""
        if self._txn is not None:
            self._txn.abort()
            self._txn = None

    def close(self) -> None:
        """Let go of the store's files."""
        self.end()
        self._map.env.close()


class LmdbStore(LmdbReader):
    """Reads and writes; holds the writer's lock until closed.

    `durable=False` leaves syncing to the system: a killed process loses nothing, a machine that loses power may lose the
    store, which can be rebuilt from tables. A write for which the map is too small doubles it; snapshots held in this
    process then end and must begin again.
    """

    def __init__(self, folder: Path, *, create: bool = False, map_size: int = MAP_SIZE, durable: bool = True) -> None:
        if create:
            folder.mkdir(parents=True, exist_ok=True)
        else:
            _refuse_absent(folder)
        self._lock = _lock(folder / "writer.lock")
        try:
            super().__init__(folder, opened=_Map(folder, readonly=False, map_size=map_size, durable=durable))
        except BatonError:
            os.close(self._lock)
            raise

    def write(self, changes: Iterable[tuple[str, str, int, Values | None]], watermark: int) -> None:
        """Put or delete, and set the watermark, in one transaction. The last change of a key wins."""
        ready = _packed(changes)
        try:
            while not self._commit(ready, _encode(watermark)):
                self._map.resize(self._map.env.info()["map_size"] * 2)
        except lmdb.Error as error:
            raise translated(error, self._map.folder) from error

    def reader(self) -> LmdbReader:
        """Another snapshot of the same store, for this process."""
        return LmdbReader(self._map.folder, opened=self._map)

    def close(self) -> None:
        """Let go of the files and of the writer's lock; readers got from here end with it."""
        for snapshot in self._map.snapshots:
            snapshot.lose()
        super().close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _commit(self, ready: list[tuple[bytes, bytes | None]], watermark: bytes) -> bool:
        """False when the map is too small; nothing was written then."""
        try:
            with self._map.env.begin(write=True) as txn:
                for address, value in ready:
                    if value is None:
                        txn.delete(address)
                    else:
                        txn.put(address, value)
                txn.put(_WATERMARK, watermark)
        except lmdb.MapFullError:
            return False
        return True


def translated(error: lmdb.Error, folder: Path) -> BatonError:
    """LMDB's complaint in our words: a full disk may pass, a broken file will not."""
    if isinstance(error, _BROKEN):
        return Corrupt(
            "the online store is broken",
            where=str(folder),
            why=str(error),
            fix="remove the folder online and start again: it is rebuilt from the tables",
        )
    if any(os.strerror(code) in str(error) for code in _FULL):
        return Unavailable(
            "the disk of the online store is full", where=str(folder), why=str(error), fix="free some space and try again"
        )
    return Unavailable(
        "the online store does not answer", where=str(folder), why=str(error), fix="close whoever else holds it and try again"
    )


def _packed(changes: Iterable[tuple[str, str, int, Values | None]]) -> list[tuple[bytes, bytes | None]]:
    try:
        return [
            (_address(view.encode() + b"\x00", key), None if values is None else _encode((known_at, *values)))
            for view, key, known_at, values in changes
        ]
    except (TypeError, OverflowError, UnicodeEncodeError) as error:
        raise InvalidInput(
            "a value cannot be kept in the online store", why=str(error), fix="write numbers below 2^63, texts or None"
        ) from error


def _address(prefix: bytes, key: str) -> bytes:
    """LMDB keys end at 511 bytes; a longer one is stored by its digest."""
    address = prefix + key.encode(errors="surrogatepass")
    return address if len(address) <= _LONGEST_KEY else b"\x01" + sha256(address).digest()


def _row(raw: memoryview) -> tuple[int, Values]:
    row = _decode_row(raw)
    return row[0], row[1:]


def _lock(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise Unavailable(
            "the online store is being written by another process",
            where=str(path),
            fix="stop the other 'baton up' or replay of this workspace first",
        ) from error
    return handle


def _refuse_absent(folder: Path) -> None:
    if not (folder / "data.mdb").is_file():
        raise NotFound(
            "the online store does not exist", where=str(folder), fix="baton up creates it; or point to the right workspace"
        )
    if (folder / "data.mdb").stat().st_size == 0:
        raise Corrupt(
            "the online store is empty",
            where=str(folder),
            why="data.mdb has no bytes",
            fix="remove the folder online and start again: it is rebuilt from the tables",
        )


def _refuse_truncated(env: lmdb.Environment, folder: Path) -> None:
    """Reading beyond the end of a mapped file kills the process, so look before."""
    needed = (env.info()["last_pgno"] + 1) * env.stat()["psize"]
    if (folder / "data.mdb").stat().st_size < needed:
        env.close()
        raise Corrupt(
            "the online store is broken",
            where=str(folder),
            why="data.mdb was cut short",
            fix="remove the folder online and start again: it is rebuilt from the tables",
        )
