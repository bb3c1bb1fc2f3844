"""Rollouts in replays of the flights example: broken models are caught where they can be, and every strategy does what it says."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from journeys.killing import EAGER, fingerprint, run, run_killed, short_flights

from baton.app.views.tables import ask

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
STEPS = "rollout:\n  steps:\n    - {kind: shadow, hold: 1d}\n    - {kind: canary, share: 0.2, hold: 1d}\n"
QUICK = (STEPS, STEPS + "  margin: 0.05\n")
"""A margin that a model trained on three weeks of winter can be shown to keep within a few days."""


def project(folder: Path, rollout: str, faults: str = "") -> Path:
    until = f"until: 2024-01-01\n  faults: [{faults}]" if faults else "until: 2024-01-01"
    made = short_flights(folder / "flights", "2023-01-01", "2023-01-20", "2024-01-01", *EAGER, (STEPS, rollout))
    text = (made / "baton.yaml").read_text()
    (made / "baton.yaml").write_text(text.replace("until: 2024-01-01", until.replace("2024-01-01", "2023-01-31")))
    return made


def baton(folder: Path, workspace: Path, *words: str) -> str:
    command = [sys.executable, "-m", "baton.cli", "--project", str(folder), "--workspace", str(workspace), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def told(folder: Path, workspace: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(baton(folder, workspace, "status", "--json"))
    return found


def test_a_broken_canary_is_rolled_back_and_the_incident_says_why(tmp_path: Path) -> None:
    """What was scored silently was sound; only what then answered is broken, so that only the canary can tell."""
    made = project(tmp_path, QUICK[1])
    baton(made, tmp_path / "w", "replay", "--inject", "broken-canary@2023-01-20")
    workspace = tmp_path / "w-broken-canary@2023-01-20"
    status = told(made, workspace)
    first, broken = status["releases"][:2]
    assert (first["status"], broken["status"]) == ("live", "rolled-back")
    (incident,) = (each for each in status["incidents"] if each["signal"] == "release")
    assert "version 2 was rolled back as canary with a share of 20%" in incident["cause"]
    assert "wrong answers among" in incident["cause"] and incident["owner"] == "sam"
    assert incident["evidence"]["because"] and incident["evidence"]["release"] == broken["id"]
    assert status["weighings"][broken["id"]]["move"] == "roll-back"
    (fault,) = json.loads(baton(made, workspace, "ledger", "show", "--kind", "fault.", "--json"))
    assert "is broken, its scores are far too high" in fault["reason"]
    shown = json.loads(baton(made, workspace, "release", "show", "2", "--json", "--picture", str(tmp_path / "x.svg")))
    readings = {each["name"]: each for each in shown["readings"]}
    assert readings["outcome"]["decided"] == "harm" and readings["split"]["decided"] == "open"
    assert readings["outcome"]["harm"]["evidence"] >= readings["outcome"]["harm"]["threshold"]
    assert (tmp_path / "x.svg").read_text().startswith("<svg") and "wrong answers" in (tmp_path / "x.svg").read_text()
    words = baton(made, workspace, "release", "show", "2")
    assert "roll-back. Roll back:" in words and "outcome" in words


def test_a_broken_candidate_never_answers_anybody(tmp_path: Path) -> None:
    """Broken as soon as it is packaged, it is caught while it scores silently."""
    made = project(tmp_path, QUICK[1], "{at: 2023-01-22, break: candidate}")
    run(made, tmp_path / "w", tmp_path / "log")
    status = told(made, tmp_path / "w")
    broken = status["releases"][1]
    assert broken["status"] == "rolled-back"
    (incident,) = (each for each in status["incidents"] if each["signal"] == "release")
    assert "version 2 was rolled back as shadow: Worse by more than 0.05" in incident["cause"]
    sql = "SELECT count(*) AS rows FROM predictions WHERE variant = 'canary' AND model_version = 2"
    assert ask(tmp_path / "w", sql).to_pylist() == [{"rows": 0}]


def test_a_killed_replay_weighs_and_rolls_back_the_same(tmp_path: Path) -> None:
    made = project(tmp_path, QUICK[1], "{at: 2023-01-20, break: canary}")
    run(made, tmp_path / "calm", tmp_path / "calm.log")
    assert "rolled-back" in [each["status"] for each in told(made, tmp_path / "calm")["releases"]]
    dealt = run_killed(made, tmp_path / "killed", tmp_path / "killed.log", kills=12, seed=3, longest=9.0)
    assert dealt == 12 and fingerprint(made, tmp_path / "killed") == fingerprint(made, tmp_path / "calm")


@pytest.mark.parametrize(
    ("rollout", "statuses"),
    [
        ("rollout:\n  strategy: all-at-once\n", ("retired", "live")),
        ("rollout:\n  strategy: blue-green\n  keep: 30d\n", ("kept", "live")),
        ("rollout:\n  strategy: champion-challenger\n", ("live", "shadow")),
    ],
)
def test_every_strategy_does_what_it_says(tmp_path: Path, rollout: str, statuses: tuple[str, str]) -> None:
    made = project(tmp_path, rollout)
    run(made, tmp_path / "w", tmp_path / "log", "--until", "2023-01-26")
    assert tuple(each["status"] for each in told(made, tmp_path / "w")["releases"][:2]) == statuses
    if "kept" in statuses:
        before = fingerprint(made, tmp_path / "w")["routes"]
        assert [variant for variant, *_ in before] == ["live", "fallback", "shadow"] and before[1][1] == 1
        assert "version 1 answers" in baton(made, tmp_path / "w", "rollback", "--reason", "callers complain")
        after = fingerprint(made, tmp_path / "w")["routes"]
        assert (after[0][0], after[0][1]) == ("live", 1)
