"""Kill -9 at any moment and start again: the replay ends in the same state and the same ledger as one never killed."""

from pathlib import Path

import pytest
from journeys.killing import fingerprint, run, run_killed, short_flights

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def test_two_months_killed_fifty_times_end_like_two_months_undisturbed(tmp_path: Path) -> None:
    project = short_flights(tmp_path / "flights", "2023-01-01", "2023-02-01", "2023-03-01")
    run(project, tmp_path / "calm", tmp_path / "calm.log")
    dealt = run_killed(project, tmp_path / "killed", tmp_path / "killed.log", kills=50, seed=11, longest=6.0)
    assert dealt == 50
    assert fingerprint(project, tmp_path / "killed") == fingerprint(project, tmp_path / "calm")
