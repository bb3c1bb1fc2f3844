"""The archive as a console meets it: a process beside it that is asked, killed, hurried and outlived."""

import fcntl
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from journeys import archived

from baton.app.archive import lane
from baton.app.archive.archive import Archive
from baton.app.archive.lane import Lane
from baton.app.bootstrap import open_archive
from baton.app.workspace import existing
from baton.backends.tables.delta import DeltaTables
from baton.kernel.errors import InvalidInput, InvalidProject, NotFound, Overloaded, Refused, Unavailable

ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = {}"
HEAVY = ("duckdb", "pyarrow", "deltalake", "numpy", "pandas", "lightgbm", "onnx", "typst")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archived.project(tmp_path_factory.mktemp("archived"))


@pytest.fixture
def archive(project: Path) -> Iterator[Archive]:
    archive = open_archive(project, existing(project / ".baton"))
    yield archive
    archive.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What went to a process."""
    seen, really = list[bytes](), Lane.ask

    def ask(self: Lane, request: bytes, seconds: float) -> Any:
        seen.append(request)
        return really(self, request, seconds)

    monkeypatch.setattr(Lane, "ask", ask)
    return seen


def until(holds: Callable[[], object]) -> None:
    """Wait, not for ever, until something holds."""
    for _ in range(3000):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("it never came to that")


def busy(pid: int) -> Callable[[], bool]:
    """Whether a process has worked for a third of a second since this was asked for: it is in the midst of its question."""

    def worked() -> int:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(told[11]) + int(told[12])

    before, enough = worked(), os.sysconf("SC_CLK_TCK") // 3
    return lambda: worked() - before > enough


def files(project: Path) -> list[str]:
    folder = project / ".baton" / "archive"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_page_seen_again_asks_nobody_until_a_row_comes(archive: Archive, project: Path, asked: list[bytes]) -> None:
    first = archive.ask("rows", table="payments", limit=1)
    first["rows"].clear()  # each caller has values of its own
    again = archive.ask("rows", table="payments", limit=1)
    assert len(again["rows"]) == 1 and len(asked) == 1
    archive.ask("rows", limit=2, table="payments")
    assert len(asked) == 2
    tables = DeltaTables(project / ".baton" / "tables")
    tables.append("payments", tables.scan("payments").slice(0, 1), step=99)
    assert archive.ask("rows", table="payments", limit=1)["total"] == again["total"] + 1 and len(asked) == 3


def test_what_is_asked_by_many_at_once_is_asked_once(archive: Archive, asked: list[bytes]) -> None:
    archive.warm()
    together = threading.Barrier(12)

    def ask(_: int) -> Any:
        together.wait()
        return archive.ask("profile", table="predictions")["rows"]

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(ask, range(12))) == {2976}
    assert len(asked) == 1


def test_errors_come_over_as_what_they_were(archive: Archive, project: Path) -> None:
    with pytest.raises(NotFound) as caught:
        archive.ask("rows", table="lables")
    assert (caught.value.what, caught.value.where, caught.value.fix) == (
        "there is no table 'lables'",
        "tables",
        "did you mean 'labels'?",
    )
    with pytest.raises(InvalidInput, match="plain values"):
        archive.ask("rows", table=object())
    with pytest.raises(InvalidInput, match="only one query"):
        archive.ask("sql", text="DROP TABLE labels")
    rules = (project / "baton.yaml").read_text()
    (project / "baton.yaml").write_text("nothing: 1")
    with pytest.raises(InvalidProject) as found:
        archive.ask("calibration")
    assert found.value.mistakes[0].file == "baton.yaml"
    (project / "baton.yaml").write_text(rules)
    assert archive.ask("calibration")["labelled"] > 1000


def test_an_answer_is_bounded(archive: Archive) -> None:
    with pytest.raises(Refused, match="too long to show") as caught:
        archive.ask("sql", text="SELECT repeat('x', 100000) FROM range(100)", limit=100)
    assert "download" in caught.value.fix
    assert archive.ask("sql", text="SELECT 1")["rows"] == [[1]]


def test_a_deadline_stops_the_question_and_not_the_archive(archive: Archive) -> None:
    archive.ask("sql", text="SELECT 1")
    before = archive._long.pid
    with pytest.raises(Unavailable, match="took too long") as caught:
        archive.ask("sql", seconds=0.3, text=ENDLESS.format(1))
    assert caught.value.retryable and caught.value.fix
    assert archive.ask("sql", text="SELECT 2")["rows"] == [[2]] and archive._long.pid != before


def test_a_killed_process_fails_its_own_caller_only(archive: Archive) -> None:
    archive.ask("sql", text="SELECT 1")
    pid = archive._long.pid
    assert pid is not None
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(archive.ask, "sql", text=ENDLESS.format(2))
        until(busy(pid))
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(Unavailable, match="has ended") as caught:
            waiting.result(20)
    assert "SIGKILL" in caught.value.why
    assert archive.ask("sql", text="SELECT 3")["rows"] == [[3]]


def test_a_process_that_died_unasked_fails_nobody(archive: Archive) -> None:
    archive.ask("tables")
    assert archive._pages.pid is not None
    ended = os.pidfd_open(archive._pages.pid)
    os.kill(archive._pages.pid, signal.SIGKILL)
    assert select.select([ended], [], [], 30)[0]
    os.close(ended)
    assert archive.ask("tables", until="2026-03-05")["tables"]


def test_somebodys_long_query_keeps_no_page_waiting(archive: Archive) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(archive.ask, "sql", seconds=5, text=ENDLESS.format(3))
        until(archive._long._turn.locked)
        assert archive.ask("tables")["tables"]
        assert not waiting.done()
        archive._long.close()
        with pytest.raises(Unavailable):
            waiting.result(20)


def test_who_comes_when_too_many_wait_is_told_at_once(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "MOST_WAITING", 1)
    with ThreadPoolExecutor(3) as pool:
        first = [pool.submit(archive.ask, "sql", seconds=2, text=ENDLESS.format(n)) for n in (4, 5)]
        until(lambda: archive._long._waiting == 2)
        with pytest.raises(Overloaded, match="too much is asked"):
            archive.ask("sql", text="SELECT 1")
        for each in first:
            with pytest.raises(Unavailable):
                each.result(20)
    assert archive.ask("sql", text="SELECT 4")["rows"] == [[4]]


def test_a_file_goes_out_whole_and_leaves_nothing(archive: Archive, project: Path) -> None:
    made = archive.export("download_rows", table="labels")
    assert files(project) == []
    data = b"".join(made)
    assert (made.name, made.media) == ("labels.csv", "text/csv; charset=utf-8") and len(data) == made.size
    assert data.count(b"\n") == 1340 and made.stream.closed
    with pytest.raises(NotFound):
        archive.export("download_rows", table="lables")
    assert files(project) == [] and (project / ".baton" / "archive").stat().st_mode & 0o777 == 0o700


def test_a_file_is_bounded(archive: Archive, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "LONGEST_FILE", 5000)
    for form in ("csv", "parquet"):
        with pytest.raises(Refused, match="cannot be written"):
            archive.export("download_rows", table="predictions", form=form)
    assert files(project) == []


def test_what_a_killed_console_left_is_swept_and_no_more(archive: Archive, project: Path) -> None:
    archive.export("download_rows", table="labels").stream.close()
    folder = project / ".baton" / "archive"
    (folder / "1-1.part").write_bytes(b"left")
    with (folder / "2-1.part").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        open_archive(project, existing(project / ".baton")).close()
        assert files(project) == ["2-1.part"]
    (folder / "2-1.part").unlink()


def test_it_ends_when_nobody_asks(project: Path) -> None:
    archive = Archive(project, existing(project / ".baton"), idle=0.5)
    archive.warm()
    pid = archive._pages.pid
    assert pid is not None
    ended = os.pidfd_open(pid)
    assert select.select([ended], [], [], 30)[0]
    os.close(ended)
    assert archive.ask("tables")["tables"] and archive._pages.pid != pid
    archive.close()


CONSOLE = """
import sys
from pathlib import Path
from baton.app.bootstrap import open_archive
from baton.app.workspace import existing
project = Path(sys.argv[1])
archive = open_archive(project, existing(project / ".baton"))
archive.warm()
archive.ask("tables")
archive._long.warm()
heavy = sorted(name for name in {heavy!r} if name in sys.modules)
print(archive._pages.pid, archive._long.pid, heavy, flush=True)
archive.ask("sql", text={text!r})
"""


def test_it_ends_with_its_console_and_the_console_holds_no_table_library(project: Path) -> None:
    code = CONSOLE.format(heavy=HEAVY, text=ENDLESS.format(6))
    with subprocess.Popen([sys.executable, "-c", code, str(project)], stdout=subprocess.PIPE, text=True) as console:
        assert console.stdout is not None
        pages, long, heavy = console.stdout.readline().split(maxsplit=2)
        assert heavy.strip() == "[]"
        ends = [os.pidfd_open(int(pid)) for pid in (pages, long)]
        until(busy(int(long)))
        console.kill()
        for ended in ends:
            assert select.select([ended], [], [], 30)[0], "it outlived the console"
            os.close(ended)
