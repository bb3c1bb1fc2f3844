"""`baton up` on a clock of its own: what happens to a loop that is interrupted, starved of a source, or set back in time."""

import re
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from journeys.failpoints import Ahead
from journeys.orders import orders
from journeys.trained import train_once
from journeys.visitors import Browser

from baton.app.lifecycle.console import Console
from baton.app.lifecycle.live import live
from baton.app.workspace import create
from baton.backends.executors.durable import DurableJobs
from baton.backends.state.sql import SqlState, open_sqlite
from baton.backends.tables.delta import DeltaTables
from baton.data.standing import SourceState
from baton.incidents.incident import Incident
from baton.kernel.clock import parse_instant
from baton.kernel.errors import InvalidProject, Unavailable
from baton.ledger.verify import verify
from baton.team.handoff import Handoff

START = parse_instant("2026-10-04")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A month of orders, one every quarter of an hour from the 4th of October on, the last ones in November."""
    train_once("orders", monkeypatch)
    return orders(tmp_path, START, timedelta(minutes=15))


class Scripted(Ahead):
    """The clock, with something that happens each time the loop waits; the instant it returns is where the clock is set to."""

    def __init__(
        self, project: Path, start: str, until: str, script: Callable[[datetime], datetime | None] | None = None
    ) -> None:
        super().__init__(project, parse_instant(start), parse_instant(until))
        self._script = script

    def wait(self, timeout: float | None = None) -> bool:
        """Time goes by."""
        over = super().wait(timeout)
        self._now = (self._script(self._now) if self._script else None) or self._now
        return over


def up(project: Path, clock: Scripted) -> list[str]:
    """Run it until the clock ends it; returns what it said."""
    said = list[str]()
    live(project, create(project / ".baton", "wall"), 0, said.append, clock, clock)
    return said


@pytest.fixture
def state(project: Path) -> Iterator[Callable[[], SqlState]]:
    """Opens the state of the project's workspace."""
    opened = list[SqlState]()

    def look() -> SqlState:
        opened.append(open_sqlite(project / ".baton" / "state.db"))
        return opened[-1]

    yield look
    for each in opened:
        each.close()


def test_a_first_tick_that_was_interrupted_is_finished_at_the_next_start(
    project: Path, monkeypatch: pytest.MonkeyPatch, state: Callable[[], SqlState]
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(DurableJobs, "run", interrupted)
        up(project, Scripted(project, "2026-10-31T22:10:00Z", "2026-10-31T22:10:00Z"))
    assert state().cursor("day") is None
    said = up(project, Scripted(project, "2026-10-31T22:35:00Z", "2026-10-31T22:35:00Z"))
    assert said[0].startswith("first tick at 2026-10-31T22:10:00Z")
    assert any("serving on" in line for line in said)
    assert state().cursor("day") == "2026-10-31T22:10:00Z"


def test_a_table_that_ended_long_ago_trains_too(project: Path) -> None:
    said = up(project, Scripted(project, "2027-03-01T22:10:00Z", "2027-03-01T22:10:00Z"))
    assert any("serving on" in line for line in said)


def interrupted(*_: object) -> None:
    """Ctrl-C."""
    raise KeyboardInterrupt


def test_a_daily_step_that_failed_is_repeated_as_of_its_own_instant_until_it_succeeds(
    project: Path, monkeypatch: pytest.MonkeyPatch, state: Callable[[], SqlState]
) -> None:
    up(project, Scripted(project, "2026-10-31T22:10:00Z", "2026-10-31T22:30:00Z"))
    monkeypatch.setattr(SqlState, "measure", full_disk_until(parse_instant("2026-11-01T02:00:00Z"), SqlState.measure))
    clock = Scripted(project, "2026-10-31T23:50:00Z", "2026-11-02T03:00:00Z")
    FULL.clear()
    FULL.append(clock)
    said = up(project, clock)
    troubles = [line for line in said if "will be tried again" in line]
    assert len(troubles) == 1 and "the disk is full" in troubles[0] and "fix: free space" in troubles[0]
    landed = DeltaTables(project / ".baton" / "tables").scan("orders")
    assert landed.num_rows == len(set(landed["order_id"].to_pylist())) == known_by("2026-11-02")
    (source,) = state().all(SourceState)
    assert source.rows == landed.num_rows, "the record has what the failed attempt landed"
    assert state().cursor("day") == "2026-11-02T00:00:00Z"


FULL: list[Ahead] = []


def full_disk_until(end: datetime, inner: Callable[..., None]) -> Callable[..., None]:
    """A measurement that cannot be written until then."""
    from baton.kernel.errors import Unavailable

    def measure(self: SqlState, name: str, value: float, at: datetime) -> None:
        if FULL[0].now() < end:
            raise Unavailable("the disk is full", fix="free space")
        inner(self, name, value, at)

    return measure


def known_by(day: str) -> int:
    """How many orders were known by then."""
    return (parse_instant(day) - START) // timedelta(minutes=15) + 1


def gone(path: Path) -> None:
    path.unlink()


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_a_column(path: Path) -> None:
    pq.write_table(pq.read_table(path).drop(["amount"]), path)


def of_another_type(path: Path) -> None:
    rows = pq.read_table(path)
    place = rows.schema.get_field_index("amount")
    pq.write_table(
        rows.set_column(place, "amount", pc.binary_join_element_wise(rows["amount"].cast(pa.string()), "€", " ")), path
    )


@pytest.mark.parametrize("broken", [gone, truncated, without_a_column, of_another_type])
def test_a_broken_source_is_somebodys_incident_and_heals_by_itself(
    project: Path, state: Callable[[], SqlState], broken: Callable[[Path], None]
) -> None:
    file = project / "data" / "orders.parquet"
    sound, seen = file.read_bytes(), dict[str, list[Incident]]()

    def script(now: datetime) -> None:
        if now == parse_instant("2026-10-31T23:30:00Z"):
            broken(file)
        if now == parse_instant("2026-11-01T03:50:00Z"):
            seen["broken"] = state().all(Incident)
            seen["handed"] = [each for each in state().all(Handoff) if each.edge == "incident"]  # type: ignore[misc]
            file.write_bytes(sound)

    said = up(project, Scripted(project, "2026-10-31T22:50:00Z", "2026-11-02T01:00:00Z", script))
    (incident,) = seen["broken"]
    assert (incident.status, incident.subject, incident.owner, incident.signal) == ("open", "source orders", "me", "source")
    assert len(seen["handed"]) == 1
    assert sum("cannot be read; the loop goes on" in line for line in said) == 1
    assert sum("is read again" in line for line in said) == 1
    (after,), (source,) = state().all(Incident), state().all(SourceState)
    assert (after.status, source.status) == ("resolved", "kept")
    landed = DeltaTables(project / ".baton" / "tables").scan("orders")
    assert landed.num_rows == len(set(landed["order_id"].to_pylist())) == source.rows == known_by("2026-11-02")
    assert not verify(state()).faults


def test_a_source_that_was_broken_over_a_restart_misses_nothing(project: Path) -> None:
    file = project / "data" / "orders.parquet"
    sound = file.read_bytes()

    def breaks(now: datetime) -> None:
        if now == parse_instant("2026-10-31T23:10:00Z"):
            gone(file)

    def heals(now: datetime) -> None:
        if now == parse_instant("2026-11-01T05:10:00Z"):
            file.write_bytes(sound)

    up(project, Scripted(project, "2026-10-31T22:50:00Z", "2026-11-01T01:10:00Z", breaks))
    file.write_bytes(sound)
    file.with_suffix(".kept").write_bytes(sound)
    up(project, Scripted(project, "2026-11-01T03:50:00Z", "2026-11-02T01:10:00Z", heals))
    landed = DeltaTables(project / ".baton" / "tables").scan("orders")
    assert landed.num_rows == len(set(landed["order_id"].to_pylist())) == known_by("2026-11-02")


@pytest.mark.parametrize("broken", [gone, of_another_type])
def test_a_loop_that_starts_while_a_source_is_broken_goes_on_without_it(
    project: Path, state: Callable[[], SqlState], broken: Callable[[Path], None]
) -> None:
    declared, file = project / "baton.yaml", project / "data" / "orders.parquet"
    declared.write_text(re.sub(r" +contract:.*\n", "", declared.read_text()))
    up(project, Scripted(project, "2026-10-31T22:50:00Z", "2026-10-31T23:10:00Z"))
    sound = file.read_bytes()
    broken(file)

    def heals(now: datetime) -> None:
        if now == parse_instant("2026-11-01T03:10:00Z"):
            seen.extend(state().all(Incident))
            file.write_bytes(sound)

    seen = list[Incident]()
    said = up(project, Scripted(project, "2026-10-31T23:50:00Z", "2026-11-02T00:10:00Z", heals))
    assert [(each.subject, each.owner, each.signal) for each in seen] == [("source orders", "me", "source")]
    assert sum("is read again" in line for line in said) == 1
    assert DeltaTables(project / ".baton" / "tables").scan("orders").num_rows == known_by("2026-11-02")


def test_a_first_start_without_data_is_refused(project: Path) -> None:
    gone(project / "data" / "orders.parquet")
    with pytest.raises(InvalidProject, match="the file of source 'orders' is not there"):
        up(project, Scripted(project, "2026-10-31T22:50:00Z", "2026-10-31T23:10:00Z"))


def test_a_clock_that_is_set_back_is_told_once(project: Path) -> None:
    set_back = [parse_instant("2026-11-01T02:10:00Z")]

    def script(now: datetime) -> datetime | None:
        if now not in set_back:
            return None
        set_back.clear()
        return now - timedelta(hours=5)

    said = up(project, Scripted(project, "2026-10-31T22:50:00Z", "2026-11-01T04:10:00Z", script))
    told = [line for line in said if "nothing ticks until then" in line]
    assert told == ["the clock says 2026-10-31T21:10:00Z, the loop stands at 2026-11-01T01:00:00Z: nothing ticks until then"]


def test_the_console_is_there_first_is_started_again_when_it_ends_and_ends_with_the_loop(project: Path) -> None:
    workspace, said, pids = create(project / ".baton", "wall"), list[str](), list[int]()
    console = Console(project, workspace.folder, 0)

    def script(now: datetime) -> None:
        process = console._process
        assert process is not None
        pids.append(process.pid)
        if len(pids) == 1:
            process.kill()
            process.wait()

    clock = Scripted(project, "2026-10-31T22:10:00Z", "2026-10-31T22:50:00Z", script)

    def say(words: str) -> None:
        said.append(words)
        if "first tick" in words:  # the console is there before anything is trained
            path = said[0].partition(f"http://127.0.0.1:{console.port}")[2]
            mine = Browser(console.port)
            assert path.startswith("/sign-in?once=") and mine.get(path).status == 303
            browsers.append(mine)
        if "starting it again" in words:
            ports.append(console.port)

    browsers, ports = list[Browser](), list[int]()
    live(project, workspace, 0, say, clock, clock, console)
    assert "open http://127.0.0.1:" in said[0] and said[1].startswith("first tick")
    assert [line for line in said if "console ended" in line] == ["the console ended; starting it again"]
    assert len(set(pids)) == 2 and ports == [console.port] and browsers
    assert not console.alive() and said[-1] == "stopped"
    with pytest.raises(ConnectionRefusedError):
        browsers[0].get("/")


@pytest.mark.parametrize("whose", ["console", "model server"])
def test_a_port_that_somebody_has_is_told_before_anything_starts(project: Path, whose: str) -> None:
    workspace, said = create(project / ".baton", "wall"), list[str]()
    clock = Scripted(project, "2026-10-31T22:10:00Z", "2026-10-31T22:10:00Z")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        console = Console(project, workspace.folder, port if whose == "console" else 0)
        with pytest.raises(Unavailable, match=f"the {whose} cannot have port {port}") as caught:
            live(project, workspace, 0 if whose == "console" else port, said.append, clock, clock, console)
    assert ("--port N" if whose == "console" else "--serving-port N") in caught.value.fix
    assert said == [] and not console.alive() and not (workspace.folder / "console.port").exists()


def test_a_console_that_does_not_come_up_again_stops_no_tick(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, said = create(project / ".baton", "wall"), list[str]()
    console = Console(project, workspace.folder, 0)

    def script(now: datetime) -> None:
        if console.alive():
            console.stop()
            monkeypatch.setattr(Console, "_command", lambda _: [sys.executable, "-c", "raise SystemExit('no more')"])

    clock = Scripted(project, "2026-10-31T22:10:00Z", "2026-11-01T00:30:00Z", script)
    live(project, workspace, 0, said.append, clock, clock, console)
    (told,) = [line for line in said if "will be tried again" in line]
    assert "no more" in told and [line for line in said if "console ended" in line] == ["the console ended; starting it again"]
    assert open_sqlite(workspace.state).cursor("day") == "2026-11-01T00:00:00Z"
