"""`baton score`: a person, or a job, has a batch scored now.

Three acts on the record: the run began; it was published, withheld or failed; its scores were delivered. The work between
them touches no record, so that a process killed anywhere and begun again ends with the same table and nothing twice.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from baton.app.bootstrap import open_artifacts, open_tables
from baton.app.declared import load_project
from baton.app.scoring import publishing, shipping
from baton.app.scoring.job import Prepared, prepare, stage
from baton.app.scoring.order import Order, Wish, order_of
from baton.app.scoring.publishing import PHASE, Press
from baton.app.scoring.shipping import Way
from baton.app.scoring.staging import Staging
from baton.app.seat import Seat, seat
from baton.app.views.present import stands_at
from baton.app.workspace import Workspace, existing
from baton.kernel.clock import Clock
from baton.kernel.errors import BatonError, InvalidInput, Refused
from baton.ledger.fact import Act
from baton.project.definition import Definition
from baton.serving.scoring import ScoringRun
from baton.serving.shipment import Shipment, is_hook, shipment_of


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed: the rows, where the scores go besides their table, and a decision for the case that they are withheld."""

    wish: Wish
    to: str = ""
    anyway: bool = False
    why: str = ""
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """The project that a command speaks of, and who asks."""

    project: Path
    folder: Path
    definition: Definition
    asked: Asked

    def act(self, here: Seat, action: str) -> Act:
        """The act of whoever asks, once they may."""
        by = here.name(here.office.team.responsible(PHASE, here.now).id)
        return Act(by, here.allow(action, by, PHASE).role, here.now)

    def press(self, here: Seat) -> Press:
        """What publishing needs."""
        return Press(here.workspace, open_tables(here.workspace), open_artifacts(here.workspace), self.definition.entity.key)


def score(
    project: Path,
    folder: Path,
    asked: Asked,
    clock: Clock,
    wait: Callable[[float], Any],
    report: Callable[[int, int], None] = lambda *_: None,
) -> dict[str, Any]:
    """Score what was asked for, check it, publish and deliver it; returns what to tell.

    Raises Refused when the scores are withheld, and what the reading, the model or the receiver raised.
    """
    site = Site(project, folder, load_project(project).definition, asked)
    _require_reason(asked)
    prepared = _prepared(site)
    run = _begun(site, prepared)
    again = not run.open
    if run.open:
        run = _done(site, replace(prepared, run=run), report)
    elif run.status == "withheld" and asked.anyway:
        stage(_place(site), replace(prepared, run=run))
        run = _freed(site, run.id)
    if run.status == "withheld":
        raise _withheld(run)
    Staging(_place(site), run.id).clear()
    sent = _delivered(site, run, clock, wait) if asked.to else None
    return {**msgspec.to_builtins(run), "again": again, "shipment": msgspec.to_builtins(sent)}


def plan(project: Path, folder: Path, asked: Asked) -> dict[str, Any]:
    """What `score` would do; nothing is written."""
    site = Site(project, folder, load_project(project).definition, asked)
    prepared = _prepared(site)
    with seat(project, folder, asked.person) as here:
        known = here.draft.get(ScoringRun, prepared.run.id)
    told = msgspec.to_builtins(known or prepared.run)
    return {**told, "chunks": len(prepared.run.spans()), "to": shipping.told(asked.to)}


def _require_reason(asked: Asked) -> None:
    if asked.anyway and not asked.why.strip():
        raise InvalidInput("why are they published anyway?", where="--why", why="it goes on the record", fix='--why "…"')


def _place(site: Site) -> Workspace:
    return existing(site.folder)


def _prepared(site: Site) -> Prepared:
    """Everything that can be wrong with the order is told before anything is written."""
    with seat(site.project, site.folder, site.asked.person) as here:
        site.act(here, "score.run")
        if site.asked.anyway:
            site.act(here, "score.publish")
        order: Order = order_of(site.asked.wish, site.definition, here.draft, stands_at(here.state))
        publishing.require_ours(site.press(here).tables, order.table)
        if site.asked.to:
            shipping.require_place(site.asked.to, here.workspace)
        return prepare(site.definition, here.workspace, order, here.now)


@contextmanager
def _turn(site: Site) -> Iterator[Seat]:
    """A seat at which a run begins or ends; what others did before is on record when it is taken."""
    with publishing.alone(_place(site)), seat(site.project, site.folder, site.asked.person) as here:
        yield here


def _begun(site: Site, prepared: Prepared) -> ScoringRun:
    """The run on record: a new one, one to go on with, or one that is done."""
    with _turn(site) as here:
        known = here.draft.get(ScoringRun, prepared.run.id)
        if known is not None and known.status not in ("planned", "failed"):
            return known
        act = site.act(here, "score.run")
        _end_others(here, act, prepared.run)
        run = publishing.started(prepared.run, known)
        here.draft.record(act, run, "started", f"{run.rows} rows by version {run.version}")
        here.commit()
        return run


def _end_others(here: Seat, act: Act, run: ScoringRun) -> None:
    """Runs of the same question at the same instant that were cut short: their rows are no more what they were."""
    for other in here.draft.all(ScoringRun, status=("scoring",)):
        same = (other.cause.asked, other.cause.bundle, other.cause.as_of) == (run.cause.asked, run.cause.bundle, run.cause.as_of)
        if same and other.id != run.id and not other.schedule:
            publishing.fail(here.office, act, other, f"its rows have changed since it began: {run.id} takes its place")
            Staging(here.workspace, other.id).clear()


def _done(site: Site, prepared: Prepared, report: Callable[[int, int], None]) -> ScoringRun:
    """Score, check, publish; what goes wrong is put on record and raised."""
    rows = prepared.run.rows
    try:
        stage(_place(site), prepared, lambda done: report(done, rows))
    except BatonError as error:
        _fail(site, prepared.run.id, error)
        raise
    with _turn(site) as here:
        run = _present(here, prepared.run.id)
        if run.open:
            run = publishing.settle(site.press(here), here.office, site.act(here, "score.run"), run)
        if run.status == "withheld" and site.asked.anyway:
            run = _publish(site, here, run)
        here.commit()
        return run


def _freed(site: Site, id: str) -> ScoringRun:
    with _turn(site) as here:
        run = _publish(site, here, _present(here, id))
        here.commit()
        return run


def _publish(site: Site, here: Seat, run: ScoringRun) -> ScoringRun:
    act = site.act(here, "score.publish")
    return publishing.publish_anyway(site.press(here), here.office, act, run, site.asked.why.strip())


def _fail(site: Site, id: str, error: BatonError) -> None:
    with seat(site.project, site.folder, site.asked.person) as here:
        run = _present(here, id)
        if run.status == "scoring":
            publishing.fail(
                here.office, site.act(here, "score.run"), run, f"{error.what}{f' ({error.why})' if error.why else ''}"
            )
            here.commit()


def _present(here: Seat, id: str) -> ScoringRun:
    run = here.draft.get(ScoringRun, id)
    assert run is not None
    return run


def _withheld(run: ScoringRun) -> Refused:
    return Refused(
        f"{run.id}: {run.rows} scores are withheld",
        where=f"table {run.cause.table}",
        why="; ".join(run.reasons),
        fix='if they are right, type the same again with: --publish-anyway --why "…"',
    )


def _delivered(site: Site, run: ScoringRun, clock: Clock, wait: Callable[[float], Any]) -> Shipment:
    """Send what is not there yet, and record what came of it. Raises what kept it from arriving."""
    address = site.asked.to
    with seat(site.project, site.folder, site.asked.person) as here:
        press = site.press(here)
        anew = shipment_of(run.id, address, shipping.told(address))
        known = here.draft.get(Shipment, anew.id) or anew
    arrived = known.status == "delivered"
    if arrived and (is_hook(address) or Path(address).exists()):
        return known
    rows = publishing.published_rows(press, run)
    came = shipping.send(Way(press.workspace, address, press.key, clock, wait), run, rows, known.sent)
    made = known if arrived else _shipped(site, known, came)
    if came.error is not None:
        raise came.error
    return made


def _shipped(site: Site, known: Shipment, came: shipping.Sent) -> Shipment:
    with seat(site.project, site.folder, site.asked.person) as here:
        made = shipping.outcome_of(known, came, here.now)
        act = site.act(here, "score.run")
        here.draft.record(act, made, shipping.verb_of(made), made.error or made.receipt, receipts=came.receipts)
        here.commit()
        return made
