"""The one place that picks backends and puts a house together."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from baton.app.lifecycle.arrivals import Arrivals
from baton.app.workspace import Workspace, held
from baton.backends.artifacts.files import FileArtifacts
from baton.backends.engines.duckdb_contract import DuckContracts
from baton.backends.executors.child import Child
from baton.backends.executors.durable import DurableJobs
from baton.backends.keys import Sealer, open_keys
from baton.backends.online.lmdb_store import LmdbStore
from baton.backends.sources.files import FileSources
from baton.backends.state.sql import SqlState, open_sqlite
from baton.backends.tables.delta import DeltaTables
from baton.data.contract import Contract, default_contract, parse_contract
from baton.data.ingest import Intake
from baton.data.ports import SourceReader
from baton.features.view import FeaturePlan, plan_from_source
from baton.kernel.errors import BatonError, Conflict, InvalidProject, Mistake
from baton.project.definition import Definition, Source
from baton.project.loader import Loaded, load
from baton.team.raci import Team, effective, team_of

PREFETCH = timedelta(days=14)
Wrap = Callable[[SourceReader, Definition], SourceReader]


@dataclass(frozen=True)
class House:
    """A project with everything that a tick needs."""

    folder: Path
    loaded: Loaded
    plan: FeaturePlan
    team: Team
    workspace: Workspace
    state: SqlState
    tables: DeltaTables
    artifacts: FileArtifacts
    keys: Sealer
    reader: SourceReader
    intakes: Mapping[str, Intake]
    arrivals: Arrivals
    online: LmdbStore
    jobs: DurableJobs
    trainer: Child

    @property
    def definition(self) -> Definition:
        """What the project declares."""
        return self.loaded.definition


def load_project(folder: Path) -> Loaded:
    """Read and check the project's file, owners included. Raises InvalidProject with every mistake."""
    return load(folder, lambda definition: effective(definition.raci))


def read_plan(folder: Path, definition: Definition) -> FeaturePlan:
    """Run the project's feature file. Raises InvalidProject when it is missing or wrong."""
    if not (folder / definition.features).is_file():
        raise InvalidProject(
            (
                Mistake(
                    "baton.yaml",
                    1,
                    f"the feature file '{definition.features}' is not there",
                    "write it, or name another one: features: FILE.py",
                ),
            )
        )
    return plan_from_source((folder / definition.features).read_text(), str(definition.features))


def contract_of(name: str, source: Source, folder: Path, reader: SourceReader) -> Contract:
    """The declared contract of a source, or the default one for what it holds."""
    if source.contract is not None:
        return parse_contract((folder / source.contract).read_text(), str(source.contract))
    return default_contract(name, reader.schema(source), source.key)


@contextmanager
def open_house(folder: Path, workspace: Workspace, wrap: Wrap | None = None) -> Iterator[House]:
    """Open everything for ticking, held against a second process; closes what it opened. `wrap` may put a reader in front of the sources."""
    loaded = load_project(folder)
    definition, plan = loaded.definition, read_plan(folder, loaded.definition)
    reader: SourceReader = FileSources(folder)
    if wrap is not None:
        reader = wrap(reader, definition)
    with ExitStack() as stack:
        stack.enter_context(held(workspace))
        tables = DeltaTables(workspace.tables)
        intakes = {
            name: Intake(name, source, reader, DuckContracts(), contract_of(name, source, folder, reader), tables, PREFETCH)
            for name, source in definition.sources.items()
        }
        state = open_sqlite(workspace.state, create=True)
        stack.callback(state.close)
        _same_plan(state, plan)
        # A replay can be replayed: syncing each of its thousands of small commits would only cost time.
        online = LmdbStore(workspace.online, create=True, durable=workspace.clock == "wall")
        stack.callback(online.close)
        trainer = Child("baton.app.training", (str(folder), str(workspace.folder)))
        stack.callback(trainer.close)
        jobs = DurableJobs(workspace.engine, {"train": partial(_train, trainer)})
        stack.callback(jobs.close)
        yield House(
            folder=folder,
            loaded=loaded,
            plan=plan,
            team=team_of(definition),
            workspace=workspace,
            state=state,
            tables=tables,
            artifacts=FileArtifacts(workspace.artifacts, create=True),
            keys=open_keys(workspace.keys),
            reader=reader,
            intakes=intakes,
            arrivals=Arrivals(definition, plan, intakes, online, tables),
            online=online,
            jobs=jobs,
            trainer=trainer,
        )


def _same_plan(state: SqlState, plan: FeaturePlan) -> None:
    """Refuse feature definitions other than those that the online values and the training sets of this workspace come from."""
    known = state.cursor("plan")
    if known is None:
        state.commit([], cursors={"plan": plan.digest})
    elif known != plan.digest:
        raise Conflict(
            "the feature file has changed since this workspace began",
            where="features.py",
            why="values online and logged come from the earlier definitions; mixing both would skew the model",
            fix="put the file back, or start a workspace of its own: --workspace DIR (a replay: --fresh)",
        )


def _train(trainer: Child, request: Mapping[str, Any]) -> dict[str, Any]:
    """A training that is refused is an answer too, so that a resumed loop sees the same one."""
    try:
        return trainer.ask(request)
    except BatonError as error:
        if error.retryable:
            raise
        return {"refused": {"what": error.what, "where": error.where, "why": error.why, "fix": error.fix}}
