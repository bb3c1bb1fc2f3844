"""Cells: a child may use what it was given and no more, and whatever it does the parent goes on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from baton.kernel.cell import Cell, Ended, Late, Limits

MIB = 1 << 20


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cell]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setenv("SECRET_TOKEN", "x")
    made = Cell("inmate", Limits(memory=256 * MIB, seconds=20), "more")
    yield made
    made.kill()


def test_frames_come_back_whole(cell: Cell) -> None:
    for size in (0, 1, 70_000):
        assert cell.ask(b"e", b"x" * size, seconds=10) == (b"e", bytearray(b"x" * size))


def test_it_has_no_secrets_and_its_arguments(cell: Cell) -> None:
    _, told = cell.ask(b"v", seconds=10)
    assert b"SECRET" not in told and b"OMP_NUM_THREADS" in told and b"1 ['more']" in told


def test_memory_is_bounded(cell: Cell) -> None:
    assert cell.ask(b"m", b"1000000", seconds=10)[1] == b"1000000"
    assert cell.ask(b"m", str(400 * MIB).encode(), seconds=10)[1] == b"no"


def test_no_file_is_written(cell: Cell) -> None:
    assert cell.ask(b"f", seconds=10)[1] == b"no"


def test_who_hangs_is_late(cell: Cell) -> None:
    cell.ask(b"e", seconds=10)
    with pytest.raises(Late, match=r"0\.2 seconds"):
        cell.ask(b"s", seconds=0.2)


def test_who_spins_is_ended_by_the_system(cell: Cell) -> None:
    with pytest.raises(Ended) as caught:
        cell.ask(b"c", seconds=30)
    assert "processor time" in caught.value.why


def test_who_dies_is_told_with_its_status(cell: Cell) -> None:
    with pytest.raises(Ended) as caught:
        cell.ask(b"x", seconds=10)
    assert "status 3" in caught.value.why and "256 MiB" in caught.value.why


def test_killed_it_is_gone(cell: Cell) -> None:
    cell.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(cell.pid, 0)
    with pytest.raises(Ended):
        cell.ask(b"e", seconds=1)


def test_an_answer_that_is_too_large_is_not_taken(cell: Cell) -> None:
    with pytest.raises(Ended):
        cell.ask(b"e", b"x" * 1000, seconds=10, most=10)
