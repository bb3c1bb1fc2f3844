"""The door: commands that it tells people to type are typed as it was called."""

import sys
from pathlib import Path

import pytest

from baton.cli.main import Where


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose program is not on the PATH, called from its folder."""
    program = tmp_path / ".venv" / "bin" / "baton"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "argv", [".venv/bin/baton", "inbox"])
    return tmp_path


def test_a_program_off_the_path_is_named_by_its_path(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Where(checkout, checkout / ".baton")
    assert here.typed("baton accept h-1") == ".venv/bin/baton accept h-1"
    monkeypatch.setattr(sys, "argv", ["/somewhere/baton/cli/__main__.py", "inbox"])
    assert here.typed("baton inbox") == f"{sys.executable} -m baton.cli inbox"


def test_on_the_path_its_name_will_do(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout / ".venv" / "bin"))
    assert Where(checkout, checkout / ".baton").typed("baton inbox") == "baton inbox"


def test_project_and_workspace_are_named_where_they_are_not_the_ones_at_hand(checkout: Path) -> None:
    mine = checkout / "my project"
    assert Where(mine, mine / ".baton").typed("baton up") == ".venv/bin/baton --project 'my project' up"
    assert Where(checkout, checkout / "w").typed("baton up") == ".venv/bin/baton --workspace w up"
    assert Where(Path("/far"), Path("/far/w")).typed("baton up") == ".venv/bin/baton --project /far --workspace /far/w up"
