"""A project with everything that a tick needs, each thing known by its port only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from baton.app.lifecycle.arrivals import Arrivals
from baton.app.ports import Jobs, Scorer, Trainer
from baton.app.workspace import Workspace
from baton.data.ingest import Intake
from baton.data.ports import Query, SourceReader, Tables
from baton.features.ports import OnlineStore
from baton.features.view import FeaturePlan
from baton.ledger.ports import State
from baton.project.definition import Definition
from baton.project.loader import Loaded
from baton.registry.ports import Artifacts, Keys


@dataclass(frozen=True)
class House:
    """What `bootstrap.open_house` puts together and the lifecycle works with."""

    folder: Path
    loaded: Loaded
    plan: FeaturePlan
    workspace: Workspace
    state: State
    tables: Tables
    query: Query
    artifacts: Artifacts
    keys: Keys
    reader: SourceReader
    intakes: Mapping[str, Intake]
    arrivals: Arrivals
    online: OnlineStore
    jobs: Jobs
    trainer: Trainer
    scorer: Scorer
    alias: Callable[[str], str] | None = None
    """What a personal entity is logged as; None while entities are not personal."""

    @property
    def definition(self) -> Definition:
        """What the project declares."""
        return self.loaded.definition
