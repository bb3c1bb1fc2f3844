"""Kill -9 at any moment and start again: the replay ends in the same state and the same ledger as one never killed."""

import shutil
from pathlib import Path

import pytest
from journeys.killing import fingerprint, run, run_killed, short_flights

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
