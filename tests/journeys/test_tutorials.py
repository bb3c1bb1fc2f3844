"""Tutorials that cannot lie: every console block of a page is run, in order, by the real command."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("tutorial/who-has-the-baton.md",)


def blocks(page: str, kind: str) -> list[str]:
    """The fenced blocks of a kind."""
    return re.findall(rf"```{kind}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_fraud_story_runs_as_written(tmp_path: Path) -> None:
    page = PAGES[0]
    (tmp_path / "fraud").mkdir()
    (tmp_path / "fraud" / "team.yaml").write_text(blocks(page, "yaml")[0])
    told = run(tmp_path, [line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")])
    assert "deploy    falls to kim (deputy)" in told
    assert "waits on kim" in told and "refused: it is not what was offered" in told
    assert "whole: every fact" in told and "0 orphan minutes" in told
    assert told.index("handoff.superseded") < told.rindex("handoff.accepted")


def run(folder: Path, commands: list[str]) -> str:
    """Run commands in one shell that stops at the first failure; what they said."""
    here = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)}
    script = "set -e\n" + "\n".join(commands)
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=here, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_bringing_a_model_runs_as_written(tmp_path: Path) -> None:
    page = "howto/bring-your-own-model.md"
    (tmp_path / "train.py").write_text(blocks(page, "python")[0])
    (tmp_path / "schema.yaml").write_text(blocks(page, "yaml")[0])
    commands = [line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]
    told = run(tmp_path, ["python train.py", *commands])
    assert "form     onnx, gives a probability" in told and "is whole: bundle" in told
    assert '"label":true' in told and "listening on http" in told


@pytest.mark.parametrize("page", PAGES)
def test_a_tutorial_has_something_to_run(page: str) -> None:
    assert sum(block.count("$ ") for block in blocks(page, "console")) >= 10
