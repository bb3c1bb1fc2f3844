"""Run a replay that is killed with SIGKILL at random moments and started again until it ends; fingerprint what it left."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from baton.app.lifecycle.routing import routing_of
from baton.app.views.present import look
from baton.backends.state.sql import open_sqlite
from baton.backends.tables.delta import DeltaTables
from baton.ledger.verify import verify
from baton.project.loader import load

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"


EAGER = (
    ("settle: 14d", "settle: 2d"),
    ("false_alarm_days: 1825", "false_alarm_days: 10"),
    ("novelty: 0.10 ", "novelty: 0.01 "),
    ("trials: 3", "trials: 1"),
)
"""What makes a short stretch retrain."""


def short_flights(into: Path, start: str, live: str, until: str, *more: tuple[str, str]) -> Path:
    """A copy of the flights example that replays a shorter stretch; `more` are further texts and what takes their place."""
    shutil.copytree(FLIGHTS, into, ignore=shutil.ignore_patterns(".baton*", "__pycache__"))
    text = (into / "baton.yaml").read_text()
    for name, value in (
        ("start: 2023-01-01", f"start: {start}"),
        ("live: 2023-03-01", f"live: {live}"),
        ("until: 2024-01-01", f"until: {until}"),
        *more,
    ):
        assert name in text
        text = text.replace(name, value)
    (into / "baton.yaml").write_text(text)
    return into


def command(project: Path, workspace: Path) -> list[str]:
    """The replay as a person starts it."""
    return [sys.executable, "-m", "baton.cli", "--project", str(project), "--workspace", str(workspace), "replay"]


def run(project: Path, workspace: Path, log: Path, *more: str) -> None:
    """Replay to the end, undisturbed; `more` are further options."""
    with log.open("ab") as out:
        subprocess.run([*command(project, workspace), *more], stdout=out, stderr=out, check=True, timeout=900)


def run_killed(project: Path, workspace: Path, log: Path, kills: int, seed: int, longest: float) -> int:
    """Replay to the end, killed up to `kills` times after a random while of at most `longest` seconds; returns the kills dealt."""
    chance, dealt = random.Random(seed), 0
    while True:
        with log.open("ab") as out:
            process = subprocess.Popen(command(project, workspace), stdout=out, stderr=out, start_new_session=True)
            try:
                code = process.wait(timeout=chance.uniform(0.3, longest) if dealt < kills else 900)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL) if chance.random() < 0.5 else os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                dealt += 1
                time.sleep(0.05)
                continue
        if code == 0:
            return dealt
        raise AssertionError(f"the replay failed by itself with code {code}: {log.read_text(errors='replace')[-3000:]}")


def run_dying(log: Path, place: int, days: Sequence[str], *what: str) -> list[str]:
    """Run `failpoints.py` life after life until it ends by itself; returns the writes it died of."""
    dealt = log.with_suffix(".dealt")
    started = [sys.executable, str(Path(__file__).with_name("failpoints.py")), str(dealt), str(place), ",".join(days), *what]
    while True:
        with log.open("ab") as out:
            code = subprocess.run(started, stdout=out, stderr=out, check=False, timeout=300).returncode
        if code == 0:
            return dealt.read_text().splitlines() if dealt.exists() else []
        assert code == -signal.SIGKILL, log.read_text(errors="replace")[-3000:]


def fingerprint(project: Path, workspace: Path) -> dict[str, Any]:
    """Everything that a replay leaves and that must not depend on its kills."""
    state = open_sqlite(workspace / "state.db")
    tables = DeltaTables(workspace / "tables")
    names = sorted(path.name for path in (workspace / "tables").iterdir() if tables.exists(path.name))
    try:
        found = verify(state)
        assert not found.faults, found.faults
        routing = routing_of(load(project).definition, state, 0)
        snapshots = {name: tables.snapshot(name) for name in names}
        return {
            "facts": found.facts,
            "root": found.root,
            "tables": {name: (snapshot.rows, snapshot.digest) for name, snapshot in snapshots.items() if snapshot is not None},
            "routes": [(route.variant, route.version, route.bundle) for route in routing.routes],
            "status": json.dumps(look(project, workspace, None) | {"traffic": "measured"}, sort_keys=True, default=str),
        }
    finally:
        state.close()
