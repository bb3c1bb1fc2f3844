"""How the prediction log keeps what it is given: synced alone or in groups, bounded, on a full disk, and removed in the end."""

import errno
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from baton.kernel.errors import Unavailable
from baton.serving import flusher
from baton.serving.log import Keeping, SegmentLog, read_segments, record, remove_collected, stored
from baton.serving.prediction import PredictionBatch


def batch(number: int, rows: int = 2) -> PredictionBatch:
    names = [f"e{number}-{row}" for row in range(rows)]
    return PredictionBatch("flights", number, 1, "rel-1", "live", names, names, [0.5] * rows, {"distance": [1.5] * rows}, 900, 4)


ONE = len(record(batch(0)))


def moments(folder: Path) -> list[int]:
    return [item.decided_at for item in read_segments(folder, {})[0]]


def no_sync() -> None:
    pass


class Disk:
    """Syncs that are held until they are let go, counted."""

    def __init__(self, error: OSError | None = None) -> None:
        self.go, self.count, self.error = threading.Event(), 0, error

    def sync(self, _: int) -> None:
        assert self.go.wait(10)
        self.count += 1
        if self.error is not None:
            raise self.error


def appended(log: SegmentLog, number: int) -> tuple[threading.Event, list[Exception | None]]:
    """Append, and what is heard once it is kept."""
    heard: list[Exception | None] = []
    told = threading.Event()

    def done(error: Exception | None) -> None:
        heard.append(error)
        told.set()

    log.append([batch(number)])
    assert log.kept is not None
    log.kept(done)
    return told, heard


def test_by_default_nobody_waits_and_a_request_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[int] = []
    syncs: list[int] = []
    write = os.write

    def counted(handle: int, data: bytes) -> int:
        writes.append(len(data))
        return write(handle, data)

    monkeypatch.setattr(os, "write", counted)
    monkeypatch.setattr(os, "fsync", syncs.append)
    monkeypatch.setattr(flusher, "sync_file", syncs.append)
    log = SegmentLog(tmp_path, 1)
    log.append([batch(1), batch(2)])
    assert (log.kept, len(writes), syncs) == (None, 1, [])


def test_those_that_queue_while_a_sync_runs_share_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    monkeypatch.setattr(flusher, "sync_file", disk.sync)
    log = SegmentLog(tmp_path, 1, keeping=Keeping("group"))
    waiting = [appended(log, number) for number in range(50)]
    assert not any(told.is_set() for told, _ in waiting), "nobody hears before the disk has it"
    disk.go.set()
    assert all(told.wait(10) for told, _ in waiting)
    assert [heard for _, heard in waiting] == [[None]] * 50
    assert disk.count <= 2
    assert moments(tmp_path) == list(range(50))


def test_a_group_spans_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    monkeypatch.setattr(flusher, "sync_file", disk.sync)
    log = SegmentLog(tmp_path, 1, size=1, keeping=Keeping("group"))
    waiting = [appended(log, number) for number in range(5)]
    disk.go.set()
    assert all(told.wait(10) for told, _ in waiting)
    assert moments(tmp_path) == [0, 1, 2, 3, 4]


def test_what_could_not_be_synced_is_refused_and_another_row_of_segments_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(OSError(errno.EIO, "the disk is broken"))
    disk.go.set()
    monkeypatch.setattr(flusher, "sync_file", disk.sync)
    log = SegmentLog(tmp_path, 7, keeping=Keeping("group"))
    told, heard = appended(log, 1)
    assert told.wait(10)
    assert isinstance(heard[0], Unavailable)
    assert "broken" in heard[0].why
    disk.error = None
    told, heard = appended(log, 2)
    assert told.wait(10)
    assert heard == [None]
    assert sorted(path.name.split("-", 1)[1] for path in tmp_path.iterdir()) == ["7-000000.log", "8-000000.log"]


def test_each_waits_for_a_sync_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handles: list[int] = []
    monkeypatch.setattr(flusher, "sync_file", handles.append)
    log = SegmentLog(tmp_path, 1, keeping=Keeping("each"))
    for number in range(3):
        log.append([batch(number)])
    assert (len(handles), log.kept) == (3, None)


def test_a_full_log_refuses_until_it_was_collected(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, 1, keeping=Keeping(most=20 * ONE))
    answered = 0
    with pytest.raises(Unavailable) as caught:
        for answered in range(1000):
            log.append([batch(answered)])
    assert "serving.log.most" in caught.value.fix
    assert 10 <= answered <= 20
    assert stored(tmp_path) <= 20 * ONE
    batches, position = read_segments(tmp_path, {})
    assert len(batches) == answered
    remove_collected(tmp_path, position, no_sync)
    log._room._until = -1.0  # type: ignore[union-attr]
    log.append([batch(5000)])
    assert moments(tmp_path) == [5000]


def test_a_full_log_drops_and_counts_where_that_is_declared(tmp_path: Path) -> None:
    dropped: list[int] = []
    log = SegmentLog(tmp_path, 1, keeping=Keeping(most=10 * ONE, when_full="drop"), unlogged=dropped.append)
    for number in range(100):
        log.append([batch(number)])
    kept = moments(tmp_path)
    assert kept == list(range(len(kept)))
    assert len(kept) + sum(dropped) / 2 == 100
    assert stored(tmp_path) <= 10 * ONE


def test_several_writers_keep_one_bound(tmp_path: Path) -> None:
    most = 400 * ONE
    logs = [SegmentLog(tmp_path, start, keeping=Keeping(most=most, when_full="drop")) for start in range(16)]
    for number in range(100):
        for log in logs:
            log.append([batch(number)])
    assert 0.9 * most < stored(tmp_path) <= most + 16 * ONE


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("when_full", ["refuse", "drop"])
def test_a_write_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, when_full: str) -> None:
    dropped: list[int] = []
    log = SegmentLog(tmp_path, 1, keeping=Keeping(when_full=when_full), unlogged=dropped.append)
    log.append([batch(1)])

    def fail(*_: Any) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "write", fail)
    if when_full == "drop" and code != errno.EIO:
        log.append([batch(2)])
        assert dropped == [2]
    else:
        with pytest.raises(Unavailable, match="not given"):
            log.append([batch(2)])
    monkeypatch.undo()
    log.append([batch(3)])
    assert moments(tmp_path) == [1, 3]


def test_rubble_that_cannot_be_cut_off_does_not_stop_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = SegmentLog(tmp_path, 1)
    log.append([batch(1)])
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:10]))

    def stuck(*_: Any) -> None:
        raise OSError(errno.EIO, "stuck")

    monkeypatch.setattr(os, "ftruncate", stuck)
    with pytest.raises(Unavailable):
        log.append([batch(2)])
    monkeypatch.undo()
    log.append([batch(3)])
    assert moments(tmp_path) == [1, 3]


LIMITED = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from baton.kernel.errors import Unavailable
from baton.serving.log import SegmentLog
from test_log_keeping import batch
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
log, refused = SegmentLog(Path(sys.argv[1]), 1), 0
for number in range(100):
    try:
        log.append([batch(number)])
        print(number, flush=True)
    except Unavailable:
        refused += 1
assert refused, "the limit was never met"
"""


def test_a_disk_that_takes_no_more_loses_nothing_that_was_given(tmp_path: Path) -> None:
    assert resource.RLIMIT_FSIZE
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), here], capture_output=True, text=True, check=True, timeout=60
    )
    assert moments(tmp_path) == [int(line) for line in done.stdout.split()]


# --- removal ----------------------------------------------------------------------------------------------------------


def written(folder: Path, count: int, *, close: bool = True, size: int = ONE) -> SegmentLog:
    log = SegmentLog(folder, 1, size=size)
    for number in range(count):
        log.append([batch(number)])
    if close:
        log.close()
    return log


def names(folder: Path) -> list[str]:
    return sorted(path.name.rsplit("-", 1)[1] for path in folder.iterdir())


def test_what_was_collected_is_removed_but_for_the_segment_that_is_written(tmp_path: Path) -> None:
    log = written(tmp_path, 3, close=False)
    _, position = read_segments(tmp_path, {})
    order: list[str] = []
    assert len(remove_collected(tmp_path, position, lambda: order.append("sync"))) == 2
    assert (names(tmp_path), order) == (["000002.log"], ["sync"])
    log.append([batch(3)])
    log.append([batch(4)])
    batches, position = read_segments(tmp_path, position)
    assert [item.decided_at for item in batches] == [3, 4]
    log.close()
    remove_collected(tmp_path, position, no_sync)
    assert names(tmp_path) == []


def test_nothing_that_was_not_collected_is_removed(tmp_path: Path) -> None:
    written(tmp_path, 4)
    _, everything = read_segments(tmp_path, {})
    first = dict(list(everything.items())[:2])
    assert len(remove_collected(tmp_path, first, no_sync)) == 2
    assert [item.decided_at for item in read_segments(tmp_path, first)[0]] == [2, 3]
    assert remove_collected(tmp_path, {}, no_sync) == []


def test_a_torn_tail_goes_with_its_segment_once_nobody_can_finish_it(tmp_path: Path) -> None:
    log = written(tmp_path, 1, close=False, size=10_000)
    path = next(tmp_path.iterdir())
    with path.open("ab") as stream:
        stream.write(record(batch(9))[:-3])
    _, position = read_segments(tmp_path, {})
    assert remove_collected(tmp_path, position, no_sync) == [], "its writer may still be at it"
    log.close()
    assert len(remove_collected(tmp_path, position, no_sync)) == 1


def test_damage_stays_to_be_looked_at(tmp_path: Path) -> None:
    written(tmp_path, 1, size=10_000)
    path = next(tmp_path.iterdir())
    damaged = bytearray(record(batch(9)))
    damaged[20] ^= 1
    with path.open("ab") as stream:
        stream.write(damaged)
    assert remove_collected(tmp_path, {path.name: ONE}, no_sync) == []


def test_a_segment_removed_under_its_new_writer_is_left_for_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector that is quicker than the writer's lock takes an empty file away; nothing may be written to it then."""
    opened: list[Path] = []
    real = os.open

    def snatched(path: Any, *rest: Any, **more: Any) -> int:
        handle = real(path, *rest, **more)
        if str(path).endswith(".log") and not opened:
            opened.append(Path(path))
            opened[0].unlink()
        return handle

    monkeypatch.setattr(os, "open", snatched)
    log = SegmentLog(tmp_path, 1)
    log.append([batch(1)])
    assert moments(tmp_path) == [1]
    assert not opened[0].exists()


def test_old_records_without_odds_are_read(tmp_path: Path) -> None:
    import struct
    import zlib

    import msgspec

    whole = msgspec.msgpack.decode(msgspec.msgpack.encode(batch(1)))
    body = msgspec.msgpack.encode(whole[:-1])
    (tmp_path / "1-1-000000.log").write_bytes(struct.pack("<II", len(body), zlib.crc32(body)) + body)
    (found,), _ = read_segments(tmp_path, {})
    assert (found.odds, found.decided_at) == (1.0, 1)


def test_a_thousand_writes_cost_what_they_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default has no thread, no lock and no look at the folder."""
    before = threading.active_count()
    log = SegmentLog(tmp_path, 1)

    def look(*_: Any) -> None:
        raise AssertionError("it looked at the folder")

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", look)
        for number in range(1000):
            log.append([batch(number)])
    assert threading.active_count() == before
