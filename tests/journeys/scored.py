"""A project with a model in service, to score batches with: payments with a window, a request function and a category."""

import random
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from baton.app.lifecycle.live import live
from baton.app.new import from_table
from baton.app.scoring.command import Asked, score
from baton.app.scoring.order import Wish
from baton.app.workspace import create
from baton.backends.tables.delta import DeltaTables
from baton.kernel.clock import SimulatedClock

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
STANDS = BEGIN + timedelta(days=30, hours=1)
FEATURES = """
from baton.features import entity, on_request, window

entity(columns=["amount", "country"])
window("payments", key="country", over=["24h"], of={"amount": ["count", "mean", "max", "age"]})


@on_request(inputs=["at", "decided_at"])
def hours_old(at, decided_at):
    return (decided_at - at).astype("float64") / 3.6e9
"""


def payments(path: Path) -> Path:
    """Two payments an hour for thirty days; dear ones tend to be fraud."""
    draw = random.Random(3)
    lines = ["payment,at,amount,country,fraud"]
    for number in range(1440):
        at = BEGIN + number * timedelta(minutes=30)
        amount = draw.gauss(100, 30)
        fraud = draw.random() < (0.7 if amount > 120 else 0.1)
        lines.append(f"p{number},{at.isoformat()},{amount:.2f},{draw.choice(['de', 'fr', 'it'])},{int(fraud)}")
    path.write_text("\n".join(lines))
    return path


def served(folder: Path, more: str = "") -> Path:
    """The project after its first tick; `more` is added to its baton.yaml."""
    project = folder / "fraud"
    from_table("fraud", project, payments(folder / "payments.csv"), "fraud", "at", "payment")
    (project / "features.py").write_text(FEATURES)
    with (project / "baton.yaml").open("a") as stream:
        stream.write(more)
    said, stop = list[str](), threading.Event()
    stop.set()
    live(project, create(project / ".baton", "wall"), 0, said.append, SimulatedClock(STANDS), stop)
    assert any("serving on http" in line for line in said), said
    return project


def copied(project: Path, into: Path) -> Path:
    """A copy to work on."""
    return Path(shutil.copytree(project, into / "fraud"))


class Now:
    """A clock that tells the machine's time, as receivers expect it."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def scored(project: Path, wish: Wish = Wish(chunk=500), to: str = "", **more: object) -> dict[str, object]:  # noqa: B008
    """What `baton score` tells; waits are not waited."""
    asked = Asked(wish, to, **more)  # type: ignore[arg-type]
    return score(project, project / ".baton", asked, Now(), lambda _: None)


def table_of(project: Path, name: str = "scores") -> list[tuple[str, float]]:
    """Entity and score of every row of a table of scores, in order."""
    tables = DeltaTables(project / ".baton" / "tables")
    if not tables.exists(name):
        return []
    rows = tables.scan(name)
    return sorted(zip(rows["payment"].to_pylist(), rows["score"].to_pylist(), strict=True))
