"""Online stores: the suite on each implementation, and what only LMDB can get wrong."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from baton.backends.online.lmdb_store import LmdbReader, LmdbStore
from baton.kernel.errors import Corrupt, NotFound, Unavailable
from baton.testing.online import MemoryOnline
from baton.testing.online_suite import OnlineStoreSuite


class LmdbPlace:
    """A folder; in one process LMDB is opened once, so readers come from the store."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stores = folder, list[LmdbStore]()

    def store(self) -> LmdbStore:
        self._stores.append(LmdbStore(self._folder, create=True))
        return self._stores[-1]

    def reader(self) -> LmdbReader:
        return self._stores[-1].reader()

    def close(self) -> None:
        for store in self._stores:
            store.close()


class TestMemory(OnlineStoreSuite):
    @pytest.fixture
    def place(self) -> MemoryOnline:
        return MemoryOnline()


class TestLmdb(OnlineStoreSuite):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[LmdbPlace]:
        place = LmdbPlace(tmp_path / "online")
        yield place
        place.close()


def run(code: str, *arguments: str) -> str:
    """What a fresh process prints."""
    head = "import sys\nfrom pathlib import Path\nfrom baton.backends.online.lmdb_store import *\nfolder = Path(sys.argv[1])\n"
    done = subprocess.run(
        [sys.executable, "-c", head + code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_absent_store_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        LmdbReader(tmp_path / "online")
    with pytest.raises(NotFound, match="does not exist"):
        LmdbStore(tmp_path / "online")
    assert not (tmp_path / "online").exists()


@pytest.mark.parametrize("content", [b"", b"not a database " * 1000])
def test_a_corrupt_store_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.mdb").write_bytes(content)
    with pytest.raises(Corrupt) as caught:
        LmdbReader(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "rebuilt" in caught.value.fix


def test_a_store_cut_short_says_so(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path, create=True)
    store.write([("v", str(number), 1, ("x" * 100,)) for number in range(1000)], watermark=1)
    store.close()
    data = tmp_path / "data.mdb"
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    with pytest.raises(Corrupt, match="broken"):
        LmdbReader(tmp_path)


def test_the_map_grows_for_the_writer_and_its_readers(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path, create=True, map_size=1 << 16)
    store.write([("v", "a", 1, (1,))], watermark=1)
    reader = store.reader()
    reader.begin()
    store.write([("v", str(number), 2, ("x" * 1000,)) for number in range(2000)], watermark=2)
    assert reader.begin() == 2
    assert reader.read("v", ["a", "1999"]) == [(1, (1,)), (2, ("x" * 1000,))]
    store.close()


def test_a_reader_in_another_process_follows_a_grown_map(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path, create=True, map_size=1 << 16)
    store.write([("v", "a", 1, (1,))], watermark=1)
    code = """
reader = LmdbReader(folder, map_size=1 << 16)
print(reader.begin(), reader.read('v', ['a']), flush=True)
sys.stdin.readline()
print(reader.read('v', ['1999']), reader.begin(), reader.read('v', ['1999'])[0][0])
"""
    head = "import sys\nfrom pathlib import Path\nfrom baton.backends.online.lmdb_store import *\nfolder = Path(sys.argv[1])\n"
    with subprocess.Popen(
        [sys.executable, "-c", head + code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        assert child.stdout.readline().strip() == "1 [(1, (1,))]"
        store.write([("v", str(number), 2, ("x" * 1000,)) for number in range(2000)], watermark=2)
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline().strip() == "[None] 2 2"
    store.close()


def test_a_second_writing_process_is_refused(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path, create=True)
    code = "try:\n    LmdbStore(folder)\nexcept Exception as error:\n    print(type(error).__name__, error.fix)"
    assert run(code, str(tmp_path)).startswith("Unavailable stop the other")
    store.close()
    run("LmdbStore(folder).close()", str(tmp_path))


def test_a_killed_writer_leaves_whole_transactions(tmp_path: Path) -> None:
    code = """
import os, signal
store = LmdbStore(folder, create=True, durable=False)
for hour in range(1, 6): store.write([('v', str(n), hour, (hour,)) for n in range(100)], watermark=hour)
store.write((('v', str(n), 9, (9,)) if n < 50 else os.kill(os.getpid(), signal.SIGKILL) for n in range(100)), watermark=9)
"""
    with pytest.raises(AssertionError):
        run(code, str(tmp_path))
    store = LmdbStore(tmp_path)
    assert store.begin() == 5
    assert store.read("v", ["0", "99"]) == [(5, (5,)), (5, (5,))]
    store.close()


def test_a_full_disk_is_said_and_nothing_changes(tmp_path: Path) -> None:
    code = """
import resource, signal
store = LmdbStore(folder, create=True)
store.write([('v', 'a', 1, (1,))], watermark=1)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, resource.RLIM_INFINITY))
try: store.write([('v', str(n), 2, ('x' * 1000,)) for n in range(5000)], watermark=2)
except Exception as error: print(type(error).__name__, error.what)
print(store.begin(), store.read('v', ['a', '7']))
"""
    said, state = run(code, str(tmp_path)).splitlines()
    assert said == "Unavailable the disk of the online store is full"
    assert state == "1 [(1, (1,)), None]"


def test_values_out_of_numpy_are_plain(tmp_path: Path) -> None:
    import numpy as np

    store = LmdbStore(tmp_path, create=True)
    row: tuple[Any, ...] = (np.float64(0.5), np.int32(3), np.str_("x"))
    store.write([("v", "a", 1, row)], watermark=1)
    store.begin()
    found = store.read("v", ["a"])[0]
    assert found == (1, (0.5, 3, "x"))
    store.close()


def test_an_unfit_value_is_refused(tmp_path: Path) -> None:
    from baton.kernel.errors import InvalidInput

    store = LmdbStore(tmp_path, create=True)
    unfit: list[Any] = [object(), 1 << 70]
    for value in unfit:
        with pytest.raises(InvalidInput, match="cannot be kept"):
            store.write([("v", "a", 1, (value,))], watermark=1)
    assert store.begin() is None
    store.close()


def test_errors_are_retryable_only_when_waiting_helps() -> None:
    assert Unavailable.retryable and not Corrupt.retryable
