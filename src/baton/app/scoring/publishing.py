"""The end of a run: its scores are checked, and seen only then. One append makes all of them visible, or none.

Called by the command and by the loop, each with an office of its own. Tables are written before the commit: killed in
between and begun again, the append is recognised by the run that it carries.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from time import monotonic, sleep
from typing import IO, TYPE_CHECKING, Any

import msgspec

from baton.app.lifecycle.office import Office
from baton.app.lifecycle.turn import Turn
from baton.app.scoring.staging import ENTITY, SCORE, Staging
from baton.app.workspace import Workspace
from baton.data.ports import Tables
from baton.kernel.clock import EPOCH
from baton.kernel.errors import InvalidInput, NotFound, Unavailable
from baton.ledger.fact import SYSTEM, Act
from baton.registry.ports import Artifacts
from baton.registry.version import ModelVersion
from baton.serving.scoring import (
    DRIFT,
    Profile,
    ScoringRun,
    check,
    moved,
    profile_of,
    published_anyway,
    settled,
    standard_of,
)
from baton.team.task import Task, done, opened, task_id

if TYPE_CHECKING:
    import pyarrow as pa

PHASE = "deploy"
"""The phase whose people answer for batch scoring."""
RUN, SCORED_AT = "run_id", "scored_at"
OWN = frozenset({RUN, "score", "label", "model_version", SCORED_AT, "as_of"})
PATIENCE, LOOK = 60.0, 0.05
"""Seconds to wait for one's turn, and between two looks."""
STEP = 1
"""A run appends once, under its own name."""


@dataclass(frozen=True, slots=True)
class Press:
    """What publishing needs: where tables and artefacts are, and the entity's key."""

    workspace: Workspace
    tables: Tables
    artifacts: Artifacts
    key: str


@contextmanager
def alone(workspace: Workspace, patience: float = PATIENCE) -> Iterator[None]:
    """One process at a time begins and ends runs: of two with the same one the second finds what the first did. Neither takes long.

    Raises Unavailable when another one keeps its turn for longer than `patience` seconds.
    """
    path, until = workspace.folder / "scoring.lock", monotonic() + patience
    with path.open("a") as turn:
        while not _taken(turn):
            if monotonic() > until:
                raise Unavailable(
                    "another process publishes scores, and does not come to an end",
                    where=str(path),
                    why=f"waited {patience:g} s for it",
                    fix=f"see which one: fuser {path}; end it, then again",
                )
            sleep(LOOK)
        yield


def _taken(turn: IO[str]) -> bool:
    try:
        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def started(run: ScoringRun, known: ScoringRun | None) -> ScoringRun:
    """The run as it is scored: a new one, one that failed and is tried again, or one that was cut short and goes on."""
    if known is None:
        return moved(run, "scoring")
    return moved(known, "scoring") if known.status == "failed" else known


def settle(press: Press, office: Office, act: Act, run: ScoringRun, tolerance: float = DRIFT) -> ScoringRun:
    """Check a scored run, and publish or withhold it; who answers for deployment gets a task when it is withheld."""
    rows = Staging(press.workspace, run.id).rows(run.spans())
    scores = rows[SCORE].to_numpy()
    standard = standard_of(run, office.draft.all(ScoringRun), _holdout(press, office, run))
    verdict = check(scores, standard, tolerance)
    ended = settled(run, verdict, profile_of(scores), office.now)
    reason = "; ".join(verdict.reasons)
    if verdict.passed:
        _append(press, ended, rows)
    else:
        owner = office.team.responsible(PHASE, office.now).id
        what = f"scores were withheld: {reason}; publish them (baton score --publish-anyway --why …), or let them be"
        office.draft.record(Act(SYSTEM, "", office.now), opened(owner, PHASE, what, run.id, office.now), "opened", what)
    return office.draft.record(act, ended, ended.status, reason)


def publish_anyway(press: Press, office: Office, act: Act, run: ScoringRun, why: str) -> ScoringRun:
    """Publish what was withheld, on a person's word; the task about it is done by that."""
    freed = published_anyway(run, act.actor, why, office.now)
    _append(press, freed, Staging(press.workspace, run.id).rows(run.spans()))
    task = office.draft.get(Task, task_id(run.id, PHASE))
    if task is not None and task.status == "open":
        office.draft.record(act, done(task, act.actor, office.now, f"published anyway: {why}"), "done", why)
    return office.draft.record(act, freed, "published", why, anyway=True, withheld=list(run.reasons))


def fail(office: Office, act: Act, run: ScoringRun, reason: str) -> ScoringRun:
    """Put on record that a run came to nothing."""
    gone = replace(moved(run, "failed", reasons=(reason,)), ended_at=office.now)
    return office.draft.record(act, gone, "failed", reason)


def require_ours(tables: Tables, name: str) -> None:
    """Raise InvalidInput when a table is there and holds no scores."""
    if not tables.exists(name):
        return
    try:
        tables.scan(name, (RUN,), until=EPOCH, on=SCORED_AT)
    except NotFound as error:
        raise InvalidInput(
            f"scores cannot go into table '{name}'",
            where="--table",
            why="it holds something else",
            fix=f"e.g. --table {name}_scores",
        ) from error


def published_rows(press: Press, run: ScoringRun) -> "pa.Table":
    """The rows of a published run, as they stand in its table, by entity."""
    import pyarrow as pa
    import pyarrow.compute as pc

    before = run.planned_at - timedelta(microseconds=1)
    rows = press.tables.scan(run.cause.table, None, before, run.planned_at, SCORED_AT)
    rows = rows.filter(pc.equal(rows[RUN], pa.scalar(run.id)))
    return rows.sort_by([(entity_column(press.key), "ascending")])


def entity_column(key: str) -> str:
    """What the entity's key is called among the columns of scores."""
    return f"entity_{key}" if key in OWN else key


def _append(press: Press, run: ScoringRun, rows: "pa.Table") -> None:
    press.tables.append(run.cause.table, _table(run, rows, press.key), step=STEP, writer=run.id)


def _table(run: ScoringRun, rows: "pa.Table", key: str) -> "pa.Table":
    import pyarrow as pa

    instant = pa.timestamp("us", "UTC")

    def each(value: Any, kind: "pa.DataType") -> "pa.Array":
        return pa.repeat(pa.scalar(value, kind), rows.num_rows)

    return pa.table(
        {
            RUN: each(run.id, pa.string()),
            entity_column(key): rows[ENTITY],
            "score": rows[SCORE],
            "label": pa.array(rows[SCORE].to_numpy() >= run.threshold).cast(pa.int8()),
            "model_version": each(run.version, pa.int32()),
            SCORED_AT: each(run.planned_at, instant),
            "as_of": each(run.cause.as_of, instant),
        }
    )


def _holdout(press: Press, office: Office, run: ScoringRun) -> Profile | None:
    """How the version's own hold-out was scored; None for versions that were trained before this was kept."""
    version = office.draft.get(ModelVersion, f"version-{run.version}")
    turn = office.draft.get(Turn, version.turn) if version is not None else None
    if turn is None or not turn.candidate:
        return None
    kept = json.loads(press.artifacts.get(turn.candidate)).get("scores")
    return msgspec.convert(kept, Profile) if kept is not None else None
