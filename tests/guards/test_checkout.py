"""A fresh checkout, in a folder with a space in its name: set up from the lock, run, and run again without work."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of this checkout, as they would be committed, set up from nothing."""
    place = tmp_path_factory.mktemp("fresh") / "a check out"
    told = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    for name in filter(None, told.stdout.split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    run(place, "make", "-j4", ".venv/.base.stamp")
    return place


def run(place: Path, *command: str) -> str:
    """Run a command there, without whatever environment is active here; returns what it said."""
    clean = {
        name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS", "MAKELEVEL")
    }
    told = subprocess.run(command, cwd=place, env=clean, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert told.returncode == 0, told.stdout
    return told.stdout


def test_it_runs_weeks_of_flights_and_verifies_its_ledger(checkout: Path) -> None:
    baton = str(checkout / ".venv" / "bin" / "baton")
    run(checkout, baton, "replay", "examples/flights", "--until", "2023-03-05")
    assert "whole: every fact" in run(checkout, baton, "--project", "examples/flights", "ledger", "verify")


def test_setting_up_again_does_nothing(checkout: Path) -> None:
    assert "up to date" in run(checkout, "make", ".venv/.base.stamp")


def test_a_moved_checkout_is_set_up_anew(checkout: Path) -> None:
    moved = checkout.rename(checkout.with_name("moved away"))
    try:
        run(moved, "make", ".venv/.base.stamp")
        assert run(moved, str(moved / ".venv" / "bin" / "baton"), "--version").startswith("baton, version")
    finally:
        moved.rename(checkout)
        run(checkout, "make", ".venv/.base.stamp")


def test_a_half_made_environment_is_mended(checkout: Path) -> None:
    (checkout / ".venv" / ".base.stamp").unlink()
    (checkout / ".venv" / "bin" / "python").unlink()
    run(checkout, "make", ".venv/.base.stamp")
    assert run(checkout, str(checkout / ".venv" / "bin" / "baton"), "--version").startswith("baton, version")
