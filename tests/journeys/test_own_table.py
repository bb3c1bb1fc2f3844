"""A person's own table of events: from `baton new` to a model in service, on the wall clock."""

import random
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from baton.app.bootstrap import read_state
from baton.app.lifecycle.live import live
from baton.app.new import from_table
from baton.app.views.present import look
from baton.app.workspace import create
from baton.kernel.clock import SimulatedClock
from baton.kernel.errors import Corrupt
from baton.registry.version import ModelVersion

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def month_of_events(path: Path) -> Path:
    """Two payments an hour for thirty days; dear ones tend to be fraud."""
    draw = random.Random(3)
    lines = ["payment,at,amount,country,fraud"]
    for number in range(1440):
        at = BEGIN + number * HOUR / 2
        amount = draw.gauss(100, 30)
        fraud = draw.random() < (0.7 if amount > 120 else 0.1)
        lines.append(f"p{number},{at.isoformat()},{amount:.2f},{draw.choice(['de', 'fr', 'it'])},{int(fraud)}")
    path.write_text("\n".join(lines))
    return path


def up(project: Path) -> list[str]:
    """`baton up`, ended once its server stands; what it said."""
    said, stop = list[str](), threading.Event()
    stop.set()
    live(project, create(project / ".baton", "wall"), 0, said.append, SimulatedClock(BEGIN + timedelta(days=30, hours=1)), stop)
    return said


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("first")
    from_table("fraud", folder / "fraud", month_of_events(folder / "payments.csv"), "fraud", "at", "payment")
    return folder / "fraud", up(folder / "fraud")


@pytest.fixture
def project(first: tuple[Path, list[str]], tmp_path: Path) -> Path:
    """A copy of the project after its first tick."""
    return Path(shutil.copytree(first[0], tmp_path / "fraud"))


def test_a_month_of_events_with_a_time_becomes_a_model_in_service(first: tuple[Path, list[str]]) -> None:
    project, said = first
    told = look(project, project / ".baton", None)
    assert [each["status"] for each in told["releases"]] == ["live"], said
    assert any("serving on http" in line for line in said)


def test_a_damaged_bundle_is_told_when_the_server_starts(project: Path) -> None:
    with read_state(project / ".baton") as (workspace, state):
        (version,) = state.all(ModelVersion)
    damaged = workspace.artifacts / version.bundle
    damaged.chmod(0o644)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    said = "\n".join(up(project))
    assert "nothing can be served: no model is live: " in said and "serving on" not in said


def test_lost_keys_are_not_replaced_by_new_ones_that_would_disown_what_was_signed(project: Path) -> None:
    shutil.rmtree(project / ".baton" / "keys")
    with pytest.raises(Corrupt, match="lost its signing keys") as caught:
        up(project)
    assert "restore" in caught.value.fix and not (project / ".baton" / "keys").exists()
