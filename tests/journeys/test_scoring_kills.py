"""Batch scoring killed with SIGKILL after any of its writes, or at any moment, and run again: the same table, nothing twice."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from journeys.killing import fingerprint, run, run_dying, short_flights
from journeys.scored import Now, copied, served, table_of
from receivers import Hooks

from baton.app.bootstrap import read_state
from baton.app.scoring.command import Asked, score
from baton.app.scoring.order import Wish
from baton.backends.tables.delta import DeltaTables
from baton.kernel.clock import iso, micros, parse_instant
from baton.ledger.verify import verify
from baton.serving.scoring import ScoringRun
from baton.serving.shipment import Shipment
from baton.testing.server import running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SCORE = ("score", "--chunk", "400", "--to")
WRITES = 8
"""Begin, four chunks, the append, its commit; then the file and the commit of its shipment."""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return served(tmp_path_factory.mktemp("scored"))


def ended(project: Path) -> dict[str, Any]:
    """What must not depend on kills: the scores, and where runs and shipments stand. Instants and receipts may differ."""
    with read_state(project / ".baton") as (_, state):
        assert not verify(state).faults
        runs, shipments = state.all(ScoringRun), state.all(Shipment)
    return {
        "scores": table_of(project),
        "runs": [(each.id, each.status, each.rows, each.profile, tuple(each.reasons)) for each in runs],
        "shipments": [(each.status, each.sent) for each in shipments],
        "staged": [path.name for path in (project / ".baton" / "scoring").iterdir()],
    }


def life(project: Path, log: Path, place: int, to: str) -> tuple[int, str]:
    """One life of the command; its exit code, and what it died of."""
    script, dealt = Path(__file__).with_name("scoring_failpoints.py"), log.with_suffix(".dealt")
    words = [sys.executable, str(script), str(dealt), str(place), "--project", str(project), *SCORE, to]
    with log.open("ab") as out:
        env = {**os.environ, "PYTHONPATH": str(script.parents[1])}
        code = subprocess.run(words, stdout=out, stderr=out, check=False, timeout=120, env=env).returncode
    return code, dealt.read_text() if dealt.exists() else ""


def test_killed_after_any_write_and_run_again_it_ends_the_same(first: Path, tmp_path: Path) -> None:
    calm = copied(first, tmp_path / "calm")
    assert life(calm, tmp_path / "calm.log", 0, str(calm / "out.csv"))[0] == 0, (tmp_path / "calm.log").read_text()
    expected, deaths, place = ended(calm), list[str](), 1
    while True:
        project, log = copied(first, tmp_path / f"{place}"), tmp_path / f"{place}.log"
        out = project / "out.csv"
        code, died = life(project, log, place, str(out))
        if code == 0:
            break
        assert code == -signal.SIGKILL, log.read_text()
        assert len(table_of(project)) in (0, 1440), "all of it is seen, or nothing"
        assert not out.exists() or out.read_bytes().count(b"\n") == 1441
        assert life(project, log, 0, str(out))[0] == 0, log.read_text()
        assert ended(project) == expected, died
        assert out.read_bytes().count(b"\n") == 1441
        deaths.append(died)
        place += 1
    assert place > WRITES
    for write in ("commit 1", "rename 0-400.parquet", "rename 1200-1440.parquet", "append scores", "rename out.csv"):
        assert any(write in death for death in deaths), f"none died of {write}: {deaths}"


def test_killed_at_any_moment_a_receiver_that_looks_at_keys_has_every_row_once(first: Path, tmp_path: Path) -> None:
    chance, project = random.Random(4), copied(first, tmp_path)
    command = [sys.executable, "-m", "baton.cli", "--project", str(project), *SCORE]
    with Hooks() as hooks, (tmp_path / "log").open("ab") as out:
        for _ in range(12):
            process = subprocess.Popen([*command, hooks.url], stdout=out, stderr=out)
            try:
                process.wait(timeout=chance.uniform(0.8, 3.0))
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
        assert subprocess.run([*command, hooks.url], stdout=out, stderr=out, check=False, timeout=120).returncode == 0
        bodies = {(post.headers["webhook-id"], post.body) for post in hooks.posts}
    assert len({key for key, _ in bodies}) == len(bodies) == 2, "under one key there is one body"
    end = ended(project)
    assert len(end["scores"]) == 1440 and [each[1] for each in end["runs"]] == ["published"]
    assert end["shipments"] == [("delivered", 2)]


def test_a_replay_that_scores_each_day_and_is_killed_on_one_ends_like_one_undisturbed(tmp_path: Path) -> None:
    project = short_flights(tmp_path / "flights", "2023-01-01", "2023-01-20", "2023-01-24")
    with (project / "baton.yaml").open("a") as stream:
        stream.write("scoring:\n  nightly: {from: schedule, to: out/never.csv}\n")
    run(project, tmp_path / "calm", tmp_path / "calm.log")
    calm = fingerprint(project, tmp_path / "calm")
    assert calm["tables"]["scores"][0] > 1000 and not (project / "out").exists(), "a replay tells nobody outside"
    deaths = list[str]()
    for place in (5, 6, 7, 8, 9, 10):
        workspace = tmp_path / f"killed-{place}"
        what = ("--project", str(project), "--workspace", str(workspace), "replay")
        deaths += run_dying(tmp_path / f"{place}.log", place, ("2023-01-20", "2023-01-22"), "replay", *what)
        assert fingerprint(project, workspace) == calm, deaths
    assert any("append scores" in death for death in deaths), deaths


def test_over_flights_with_joins_of_four_sources_a_batch_is_what_the_server_answers(tmp_path: Path) -> None:
    project, workspace = short_flights(tmp_path / "flights", "2023-01-01", "2023-01-20", "2023-01-22"), tmp_path / "work"
    run(project, workspace, tmp_path / "log")
    until = parse_instant("2023-01-22")
    asked = Asked(Wish(chunk=300), anyway=True, why="flights of one evening are not those of a week")
    told = score(project, workspace, asked, Now(), lambda _: None)
    rows = DeltaTables(workspace / "tables").scan("scores").to_pylist()
    assert told["cause"]["as_of"] == "2023-01-22T00:00:00Z" and len(rows) == told["rows"] > 500
    online = dict[str, float]()
    with running(workspace, "--replay") as server:
        for start in range(0, len(rows), 500):
            entities = [row["flight_id"] for row in rows[start : start + 500]]
            status, body = server.predict(entities=entities, decided_at=iso(until), watermark=micros(until))
            assert status == 200, body
            online |= {each["entity"]: each["score"] for each in body["predictions"]}
    assert max(abs(row["score"] - online[row["flight_id"]]) for row in rows) < 1e-9
    assert len(set(online.values())) > 100
