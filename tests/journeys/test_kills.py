"""Kill -9 at any moment and start again: the replay ends in the same state and the same ledger as one never killed."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from journeys.killing import EAGER, command, fingerprint, run, run_dying, run_killed, short_flights
from journeys.orders import orders

from baton.backends.state.sql import open_sqlite
from baton.backends.tables.delta import DeltaTables
from baton.kernel.clock import parse_instant
from baton.ledger.verify import verify

WRITES = 13
"""As many as a daily step makes that starts a release: from the online store to the routing file."""
KILLS = 50
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def test_two_months_killed_fifty_times_end_like_two_months_undisturbed(tmp_path: Path) -> None:
    project = short_flights(tmp_path / "flights", "2023-01-01", "2023-02-01", "2023-03-01")
    run(project, tmp_path / "calm", tmp_path / "calm.log")
    calm, dealt, round_ = fingerprint(project, tmp_path / "calm"), 0, 0
    while dealt < KILLS:
        workspace = tmp_path / f"killed-{round_}"
        dealt += run_killed(project, workspace, tmp_path / "killed.log", kills=KILLS - dealt, seed=11 + round_, longest=5.0)
        assert fingerprint(project, workspace) == calm
        round_ += 1
    assert dealt == KILLS


def test_a_replay_killed_after_any_write_of_a_daily_step_ends_like_one_undisturbed(tmp_path: Path) -> None:
    """A day on which a second model is trained and goes on trial, and one on which both have answered; the loop lives on."""
    project = short_flights(tmp_path / "flights", "2023-01-01", "2023-01-20", "2023-01-29", *EAGER)
    run(project, tmp_path / "calm", tmp_path / "calm.log")
    run(project, tmp_path / "before", tmp_path / "before.log", "--until", "2023-01-23")
    calm, deaths = fingerprint(project, tmp_path / "calm"), list[str]()
    for place in range(1, WRITES + 1):
        workspace = tmp_path / f"killed-{place}"
        shutil.copytree(tmp_path / "before", workspace)
        what = command(project, workspace)[3:]
        died = run_dying(tmp_path / f"{place}.log", place, ("2023-01-24", "2023-01-27"), "replay", *what)
        assert fingerprint(project, workspace) == calm, died
        deaths += died
        shutil.rmtree(workspace)
    tables = ("schedule", "landings", "weather", "labels", "predictions", "challenger_predictions")
    for write in (*(f"append {table} " for table in tables), "rename routing.json", "collected.from,day", "collected.until"):
        assert any(write in death for death in deaths), f"none died of {write}"


def test_a_replay_cut_short_and_gone_on_with_ends_like_one_in_one_go(tmp_path: Path) -> None:
    project = short_flights(tmp_path / "flights", "2023-01-01", "2023-01-25", "2023-02-08")
    run(project, tmp_path / "whole", tmp_path / "whole.log")
    for cut in ("2023-01-10", "2023-01-28", "2023-02-02"):
        run(project, tmp_path / "cut", tmp_path / "cut.log", "--until", cut)
    run(project, tmp_path / "cut", tmp_path / "cut.log")
    assert fingerprint(project, tmp_path / "cut") == fingerprint(project, tmp_path / "whole")


def test_a_lost_online_store_is_rebuilt_and_the_loop_goes_on(tmp_path: Path) -> None:
    project = short_flights(tmp_path / "flights", "2023-01-01", "2023-01-25", "2023-02-08")
    run(project, tmp_path / "whole", tmp_path / "whole.log")
    run(project, tmp_path / "lost", tmp_path / "lost.log", "--until", "2023-02-02")
    shutil.rmtree(tmp_path / "lost" / "online")
    run(project, tmp_path / "lost", tmp_path / "lost.log")
    assert fingerprint(project, tmp_path / "lost") == fingerprint(project, tmp_path / "whole")


def test_baton_up_killed_in_a_daily_step_and_started_hours_later_counts_nothing_twice(tmp_path: Path) -> None:
    start, apart = parse_instant("2026-10-04"), timedelta(minutes=15)
    project, ordered = orders(tmp_path, start, apart), (parse_instant("2026-11-02") - start) // apart + 1
    run_dying(tmp_path / "before.log", 1, (), "up", str(project), "2026-10-31T22:10:00Z", "2026-10-31T23:50:00Z")
    shutil.move(project / ".baton", tmp_path / "before")
    deaths = list[str]()
    for place in range(1, WRITES + 1):
        shutil.copytree(tmp_path / "before", project / ".baton")
        what = ("up", str(project), "2026-11-01T00:05:00Z", "2026-11-02T00:30:00Z")
        died = run_dying(tmp_path / f"{place}.log", place, ("2026-11-01",), *what)
        assert_once(project / ".baton", ordered)
        deaths += died
        shutil.rmtree(project / ".baton")
    for write in ("begun", "append orders", "append labels", "append predictions", "collected.until", "collected.from,day"):
        assert any(write in death for death in deaths), f"none died of {write}"


def assert_once(workspace: Path, ordered: int) -> None:
    """Every row that arrived is there once, and the record is whole."""
    tables, state = DeltaTables(workspace / "tables"), open_sqlite(workspace / "state.db")
    try:
        predictions, landed, labels = (tables.scan(name) for name in ("predictions", "orders", "labels"))
        assert predictions.num_rows == len(set(predictions["prediction_id"].to_pylist())) > 0
        assert landed.num_rows == labels.num_rows == len(set(landed["order_id"].to_pylist())) == ordered
        assert not verify(state).faults
        assert state.cursor("day") == "2026-11-02T00:00:00Z"
    finally:
        state.close()
