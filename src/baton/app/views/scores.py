"""The batches that were scored, newest first, each with where its scores went."""

from pathlib import Path
from typing import Any

import msgspec

from baton.app.bootstrap import read_state
from baton.serving.scoring import ScoringRun
from baton.serving.shipment import Shipment


def scores(folder: Path) -> list[dict[str, Any]]:
    """Every scoring run on record as plain values."""
    with read_state(folder) as (_, state):
        runs, shipments = state.all(ScoringRun), state.all(Shipment)
    newest = sorted(runs, key=lambda run: (run.planned_at, run.id), reverse=True)
    return [
        {**msgspec.to_builtins(run), "shipments": [msgspec.to_builtins(each) for each in shipments if each.run == run.id]}
        for run in newest
    ]
