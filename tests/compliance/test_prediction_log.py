"""The prediction log: what was written is read once, in order; damage is told apart from a write in progress."""

import json
import os
from pathlib import Path

import pytest

from baton.kernel.errors import Corrupt, NotFound, Unavailable
from baton.serving.log import SegmentLog, read_segments, record
from baton.serving.prediction import PredictionBatch


def batch(number: int, rows: int = 2) -> PredictionBatch:
    names = [f"e{number}-{row}" for row in range(rows)]
    return PredictionBatch(
        "flights",
        number,
        1,
        "rel-1",
        "live",
        names,
        names,
        [0.5] * rows,
        {"carrier": ["AA", None][:rows], "distance": [1.5, 2][:rows]},
        900,
        4,
    )


def segments(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_written_is_read_once(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, 1)
    log.append([batch(1), batch(2)])
    first, position = read_segments(tmp_path, {})
    log.append([batch(3)])
    second, position = read_segments(tmp_path, json.loads(json.dumps(position)))
    assert (first, second) == ([batch(1), batch(2)], [batch(3)])
    assert read_segments(tmp_path, position) == ([], position)


def test_a_repeated_step_takes_the_very_same_records(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, 1, size=200)
    for number in range(10):
        log.append([batch(number)])
    first, until = read_segments(tmp_path, {})
    for number in range(10, 20):
        log.append([batch(number)])
    again, position = read_segments(tmp_path, {}, until=until)
    assert again == first
    assert [item.decided_at for item in read_segments(tmp_path, position)[0]] == list(range(10, 20))


def test_segments_are_rotated_and_read_in_order(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, 1, size=200)
    for number in range(50):
        log.append([batch(number)])
    assert len(segments(tmp_path)) > 10
    batches, position = read_segments(tmp_path, {})
    assert [item.decided_at for item in batches] == list(range(50))
    assert len(position) == len(segments(tmp_path))


def test_a_later_start_comes_later(tmp_path: Path) -> None:
    for start in (20, 3):
        log = SegmentLog(tmp_path, start)
        log.append([batch(start)])
        log.close()
    assert [item.decided_at for item in read_segments(tmp_path, {})[0]] == [3, 20]


@pytest.mark.parametrize("kept", [1, 7, 8, 20])
def test_a_torn_tail_waits(tmp_path: Path, kept: int) -> None:
    log = SegmentLog(tmp_path, 1)
    log.append([batch(1)])
    path, whole = segments(tmp_path)[0], record(batch(2))
    with path.open("ab") as stream:
        stream.write(whole[:kept])
    told: list[tuple[str, int]] = []
    batches, position = read_segments(tmp_path, {}, lambda name, offset: told.append((name, offset)))
    assert (batches, told) == ([batch(1)], [(path.name, len(record(batch(1))))])
    with path.open("ab") as stream:
        stream.write(whole[kept:])
    assert read_segments(tmp_path, position)[0] == [batch(2)]


def test_zeros_after_a_power_cut_are_a_torn_tail(tmp_path: Path) -> None:
    SegmentLog(tmp_path, 1).append([batch(1)])
    with segments(tmp_path)[0].open("ab") as stream:
        stream.write(bytes(64))
    told: list[str] = []
    assert read_segments(tmp_path, {}, lambda name, _: told.append(name))[0] == [batch(1)]
    assert len(told) == 1


def test_damage_in_the_middle_names_segment_and_offset(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, 1)
    log.append([batch(1)])
    log.append([batch(2)])
    path, first = segments(tmp_path)[0], len(record(batch(1)))
    data = bytearray(path.read_bytes())
    data[first + 12] ^= 1
    path.write_bytes(data)
    with pytest.raises(Corrupt) as caught:
        read_segments(tmp_path, {})
    assert caught.value.where == f"{path}:{first}"


def test_a_length_that_lies_in_a_completed_segment_is_damage(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, 1, size=1)
    log.append([batch(1)])
    log.append([batch(2)])
    path = segments(tmp_path)[0]
    data = bytearray(path.read_bytes())
    data[2] ^= 0x40
    path.write_bytes(data)
    with pytest.raises(Corrupt, match="offset 0"):
        read_segments(tmp_path, {})


def test_a_segment_that_shrank_is_damage(tmp_path: Path) -> None:
    SegmentLog(tmp_path, 1).append([batch(1)])
    _, position = read_segments(tmp_path, {})
    segments(tmp_path)[0].write_bytes(b"")
    with pytest.raises(Corrupt, match="offset"):
        read_segments(tmp_path, position)


def test_a_stranger_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert read_segments(tmp_path, {}) == ([], {})


def test_half_a_write_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = SegmentLog(tmp_path, 1)
    log.append([batch(1)])
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:10]))
    with pytest.raises(Unavailable, match="not given"):
        log.append([batch(2)])
    monkeypatch.undo()
    log.append([batch(3)])
    assert read_segments(tmp_path, {})[0] == [batch(1), batch(3)]


def test_a_full_disk_refuses(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, 1)
    log.append([batch(1)])
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, log._handle)
    with pytest.raises(Unavailable) as caught:
        log.append([batch(2)])
    assert "space" in caught.value.fix
    log.close()


def test_an_absent_folder_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        SegmentLog(tmp_path / "segments", 1)
