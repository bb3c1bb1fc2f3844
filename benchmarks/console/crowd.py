"""A replayed year with a crowd in it: 500 more model versions, 10,000 hand-offs and 1,000 incidents, told in order of time.

    .venv/bin/python benchmarks/console/crowd.py SOURCE TARGET [seed]

SOURCE is a project with a replayed `.baton`; TARGET becomes a copy of it whose ledger tells both stories as one, so that
its clock never goes back. The same seed makes the same ledger. Some reasons hold markup and letters of many scripts.
"""

import random
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

import msgspec
from stories import Told, World, crowd

from baton.app.declared import load_owned
from baton.app.lifecycle.people import recorded_team
from baton.app.lifecycle.turn import Turn
from baton.app.workspace import DEFAULT, Workspace, keep_witness
from baton.backends.state.sql import SqlState, open_sqlite
from baton.backends.state.sqlite import read_sqlite
from baton.data.standing import SourceState
from baton.delivery.release import Release
from baton.delivery.weighing import Weighing
from baton.incidents.incident import Incident
from baton.incidents.proposal import Proposal
from baton.kernel.digest import canonical
from baton.kernel.errors import NotFound
from baton.ledger.draft import Draft
from baton.ledger.fact import Act, Change, Record
from baton.ledger.ports import LedgerReader
from baton.monitoring.day import Day
from baton.monitoring.month import Month
from baton.registry.version import ModelVersion
from baton.team.approval import Approval
from baton.team.charter import Charter
from baton.team.consultation import Consultation
from baton.team.handoff import Handoff
from baton.team.notice import Notice
from baton.team.override import Override
from baton.team.person import Person
from baton.team.task import Task

BATCH = 500
KINDS: dict[str, type[Any]] = {
    kind.KIND: kind
    for kind in (
        Approval,
        Charter,
        Consultation,
        Day,
        Handoff,
        Incident,
        ModelVersion,
        Month,
        Notice,
        Override,
        Person,
        Proposal,
        Release,
        SourceState,
        Task,
        Turn,
        Weighing,
    )
}
"""What a replay records; a kind that is missing here stops the crowd."""


def crowded(source: Path, target: Path, seed: int = 7, *, share: float = 1.0) -> Path:
    """Copy the project `source` with its replayed workspace to `target`, with a crowd of so large a share; returns `target`.

    Raises FileExistsError when `target` is there, NotFound when `source` was never replayed.
    """
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("state.db*", "ledger.head", "lock", "*.lock", "__pycache__"))
    known = read_sqlite(source / DEFAULT / "state.db")
    state = open_sqlite(target / DEFAULT / "state.db", create=True)
    try:
        world = _world(source, known, random.Random(seed))
        # What a story would tell after the year is not known yet.
        told = (change for change in crowd(world, share) if change.act.at <= world.until)
        changes = [*_replayed(known), *told]
        changes.sort(key=lambda change: change.act.recorded_at or change.act.at)
        _tell(state, changes)
        for name, value, at in known.measurements():
            state.measure(name, value, at)
        # What was told before the crowd came has been read by all; who reads on must not find a year's news at once.
        size = str(state.head().size)
        state.commit([], cursors={**_cursors(source), "notices": size})
        keep_witness(Workspace(target / DEFAULT, "replay"), state.head())
    finally:
        known.close()
        state.close()
    return target


def _tell(state: SqlState, changes: list[Change]) -> None:
    for first in range(0, len(changes), BATCH):
        draft = Draft(state)
        for each in changes[first : first + BATCH]:
            draft.record(each.act, each.record, each.verb, each.reason, **each.payload)
        draft.commit({}, {})


def _replayed(known: LedgerReader) -> Told:
    """What the source's ledger tells, as it told it."""
    for fact in known.facts():
        record: Record = msgspec.json.decode(canonical(fact.state), type=KINDS[fact.subject_kind])
        act = Act(fact.actor, fact.role, fact.effective_at, fact.recorded_at)
        yield Change(act, record, fact.kind.partition(".")[2], fact.reason, fact.payload)


def _cursors(source: Path) -> dict[str, str]:
    connection = sqlite3.connect(source / DEFAULT / "state.db")
    try:
        return dict(connection.execute("SELECT name, value FROM cursors"))
    finally:
        connection.close()


def _world(source: Path, known: LedgerReader, chance: random.Random) -> World:
    span = known.span()
    if span is None:
        raise NotFound("the ledger is empty", where=str(source), fix="baton replay first")
    since, until = span
    team = recorded_team(known, load_owned(source).owned)
    readings = tuple(reading for weighing in known.all(Weighing) for reading in weighing.readings)
    first = max((version.version for version in known.all(ModelVersion)), default=0) + 1
    return World(chance, team, since, until, first, readings)


if __name__ == "__main__":
    print(crowded(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 7))
