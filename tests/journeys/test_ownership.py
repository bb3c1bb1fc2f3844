"""The promise of ownership under blows: exactly one accountable at every instant, nothing dropped, one escalation a level."""

import os
import random
import select
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import cast

import pytest
from journeys.random_team import CRASHES, OWNED, START, Crash, Memory, World, broken, dropped, stuck

from baton.app.lifecycle.people import recorded_team
from baton.backends.state.sql import open_sqlite
from baton.ledger.draft import Draft
from baton.ledger.ports import State
from baton.ledger.verify import verify
from baton.project.phase import PHASES
from baton.team.handoff import Handoff

KILLS, EVENTS = 500, 20_000


def endure(seed: int, events: int) -> Counter[str]:
    """So many blows in memory, dying at one failpoint in a hundred, every promise checked after each of them."""
    state = Memory()
    world = World(state, seed)
    told: Counter[str] = Counter()

    def crash(point: str) -> None:
        if world.chance.random() < 0.005:
            raise Crash(point)

    world.crash = crash
    for number in range(events):
        try:
            name = world.blow()
        except Crash as died:
            name = f"died {died}"
        told[name] += 1
        team = recorded_team(Draft(cast("State", state)), OWNED)
        faults = broken(team, world.present, (PHASES[number % len(PHASES)],))
        faults += stuck(state, team, world.present) if name == "tick" else []
        assert not faults, (seed, number, name, faults)
    assert (dropped(state, team), state.faults) == ([], [])
    told["escalations"], told["facts"] = len(state.told), state.size
    return told


@pytest.mark.parametrize("seed", range(4))
def test_no_instant_without_exactly_one_accountable(seed: int) -> None:
    told = endure(seed, 4_000)
    assert told["escalations"] > 100 and {f"died {point}" for point in CRASHES} <= set(told)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_million_random_events(capsys: pytest.CaptureFixture[str]) -> None:
    told: Counter[str] = Counter()
    for seed in range(20):
        told += endure(1000 + seed, 50_000)
    with capsys.disabled():
        sys.stdout.write(f"\n{sum(told.values()) - told['escalations'] - told['facts']:,} events: {dict(told)}\n")
    assert sum(told[f"died {point}"] for point in CRASHES) > 1_000


def live_dangerously(path: Path, seed: int, events: int) -> None:
    """A process that acts on a database until it is killed; each event is told by one byte."""
    state = open_sqlite(path, create=True)
    facts = state.facts(after=max(0, state.head().size - 1))
    world = World(state, seed, now=max([START, *(fact.recorded_at for fact in facts)]))
    world.subject = 100 * seed
    for _ in range(events):
        world.blow()
        os.write(1, b".")


def one_life(path: Path, seed: int, patience: float) -> tuple[int, bool]:
    """Fork a process that acts, and kill it after so many seconds of acting; how many events it told, and whether it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.dup2(writing, 1)
            live_dangerously(path, seed, 400)
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    select.select([reading], [], [], 30)
    time.sleep(patience)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    told = b""
    while chunk := os.read(reading, 65536):
        told += chunk
    os.close(reading)
    return len(told), os.WIFSIGNALED(status)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_five_hundred_kills_on_a_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, chance, killed, events, lives = tmp_path / "state.db", random.Random(5), 0, 0, 0
    while killed < KILLS or events < EVENTS:
        told, died = one_life(path, lives, chance.uniform(0.0, 0.25))
        killed, events, lives = killed + died, events + told, lives + 1
        if lives % 10 == 0:
            state = open_sqlite(path)
            team, last = recorded_team(Draft(state), OWNED), state.facts(after=state.head().size - 1)[-1]
            assert broken(team, last.recorded_at) == [] == dropped(state, team)
            state.close()
    state = open_sqlite(path)
    levels = Counter((fact.subject, fact.payload["level"]) for fact in state.facts(kind="handoff.escalated", limit=10**6))
    assert max(levels.values()) == 1
    assert verify(state).faults == ()
    with capsys.disabled():
        facts, handoffs = state.head().size, len(state.all(Handoff))
        sys.stdout.write(
            f"\n{events:,} events, {killed} kills, {facts:,} facts, {handoffs:,} hand-offs, {len(levels)} escalations\n"
        )
    state.close()
