"""The door: commands that it tells people to type are typed as it was called."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from baton.cli.ending import ending
from baton.cli.main import Where, door
from baton.kernel.errors import BatonError, InvalidInput


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


def test_a_command_that_an_error_advises_is_typed_as_it_is(checkout: Path) -> None:
    mine = checkout / "my project"
    where = Where(mine, mine / ".baton")
    told = where.advice("let ann do it: baton approve approval-1; or baton new NAME. No baton waits, .venv/bin/baton up neither")
    typed = ".venv/bin/baton --project 'my project' approve approval-1"
    assert told == f"let ann do it: {typed}; or baton new NAME. No baton waits, .venv/bin/baton up neither"
    assert where.advice(told) == told
    failed = CliRunner().invoke(door, ["--project", "my project", "inbox"], standalone_mode=False)
    assert isinstance(failed.exception, BatonError) and ".venv/bin/baton --project 'my project' check" in failed.exception.fix


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("handof", "handoff"), ("team cover", "coverage"), ("handoff chek", "check"), ("token lst", "list"), ("ledger shw", "show")],
)
def test_an_unknown_command_is_told_with_the_nearest(typed: str, meant: str) -> None:
    told = CliRunner().invoke(door, typed.split())
    assert told.exit_code == 2 and f"did you mean '{meant}'?" in told.output


def test_an_end_is_an_instant_or_a_time_from_now() -> None:
    now = datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert ending("2d", now) == now + timedelta(days=2)
    assert ending("2026-02-01", now) == datetime(2026, 2, 1, tzinfo=UTC) and ending(None, now) is None
    for wrong in ("tomorrow", "2dd", "99999999999999d", ""):
        with pytest.raises(InvalidInput, match="is no instant") as caught:
            ending(wrong, now)
        assert "such as 2d" in caught.value.fix and "isoformat" not in caught.value.why


def test_after_a_replay_the_console_is_named_first(checkout: Path) -> None:
    from baton.cli.loop import _next_steps

    mine = checkout / "year"
    lines = _next_steps(Where(mine, mine / ".baton")).strip().splitlines()
    assert lines[1].strip().startswith(".venv/bin/baton --project year up  ") and "the console" in lines[1]
