"""Scores of scheduled batches on their way out, beside the loop: a file or a receiver that fails never holds up a tick."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from baton.app.bootstrap import open_artifacts, open_state, open_tables
from baton.app.declared import load_project
from baton.app.lifecycle.office import Office
from baton.app.lifecycle.people import recorded_team
from baton.app.scoring import publishing, shipping
from baton.app.scoring.publishing import PHASE, Press
from baton.app.scoring.shipping import Way
from baton.app.workspace import keep_witness
from baton.kernel.clock import Clock
from baton.kernel.errors import BatonError, Conflict, Refused
from baton.ledger.draft import Draft
from baton.ledger.ports import State, StateReader
from baton.project.definition import Definition
from baton.serving.scoring import ScoringRun
from baton.serving.shipment import Shipment, is_hook


def waiting(state: StateReader, at: datetime) -> list[tuple[Shipment, ScoringRun]]:
    """The shipments of scheduled runs that are to be tried now."""
    found = [each for each in state.all(Shipment, status=("due",)) if each.next_try is None or each.next_try <= at]
    runs = ((each, state.get(ScoringRun, each.run)) for each in found)
    return [(each, run) for each, run in runs if run is not None and run.schedule]


def carry(project: Path, folder: Path, clock: Clock, wait: Callable[[float], Any], say: Callable[[str], None]) -> None:
    """Send whatever is due, once, and record what came of it. Errors are told, and what failed is tried again later."""
    try:
        definition = load_project(project).definition
        with open_state(folder) as (workspace, state):
            for shipment, run in waiting(state, clock.now()):
                way = Way(workspace, _address(project, definition, run, shipment), definition.entity.key, clock, wait)
                made = _carry(definition, state, way, shipment, run)
                if made.status != "delivered":
                    say(f"scores did not reach {made.to}: {made.error}")
    except (BatonError, OSError) as error:
        say(f"scores will be sent later: {error}")


def _carry(definition: Definition, state: State, way: Way, shipment: Shipment, run: ScoringRun) -> Shipment:
    press = Press(way.workspace, open_tables(way.workspace), open_artifacts(way.workspace), way.key)
    if way.address:
        came = shipping.send(way, run, publishing.published_rows(press, run), shipment.sent)
    else:
        came = shipping.Sent(shipment.sent, {}, Refused("baton.yaml does not name this place any more"))
    draft = Draft(state)
    office = Office(draft, recorded_team(draft, definition), definition, max(way.clock.now(), run.planned_at))
    made = shipping.outcome_of(shipment, came, office.now)
    draft.record(office.act(PHASE), made, shipping.verb_of(made), made.error or made.receipt, receipts=came.receipts)
    try:
        keep_witness(way.workspace, draft.commit({}, expect={}))
    except Conflict:
        return state.get(Shipment, shipment.id) or made
    return made


def _address(project: Path, definition: Definition, run: ScoringRun, shipment: Shipment) -> str:
    """Where the scores go; empty when what is declared now is another place. Relative files lie in the project, which makes
    room for them."""
    declared = definition.scoring.get(run.schedule)
    to = declared.to if declared is not None and declared.to is not None else ""
    if not to or shipping.told(to) != shipment.to:
        return ""
    if is_hook(to):
        return to
    if not Path(to).is_absolute():
        (project / to).parent.mkdir(parents=True, exist_ok=True)
    return str(project / to)
