"""The work of a run: read the rows, score them chunk by chunk, leave the scores staged. Touches no record.

The loop has it done in a process of its own (`python -m baton.app.scoring.job`), which gives back the memory; a command
does it in its own. Killed at any point and begun again, it goes on at the first chunk that is not there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from baton.app.bootstrap import open_artifacts, open_query, open_tables, open_workspace_keys
from baton.app.declared import load_project
from baton.app.job import serve
from baton.app.scoring.order import Order
from baton.app.scoring.rows import Rows, read
from baton.app.scoring.staging import Staging
from baton.app.workspace import Workspace, existing
from baton.kernel.errors import BatonError, InvalidInput
from baton.project.definition import Definition
from baton.serving.model import ServedModel, load_model
from baton.serving.scoring import Cause, ScoringRun, run_id


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run with what it takes to do it: rows that were read, a model that was loaded."""

    run: ScoringRun
    rows: Rows
    model: ServedModel


def prepare(definition: Definition, workspace: Workspace, order: Order, at: datetime) -> Prepared:
    """Load the model and read the rows of an order: now it is known which run it is. Writes nothing."""
    model, tables = _model(workspace, order.bundle), open_tables(workspace)
    rows = read(definition, model, tables, open_query(), workspace.tables, order)
    cause = Cause(order.bundle, order.source, order.query, rows.digest, order.as_of, order.table)
    run = ScoringRun(
        id=run_id(cause),
        status="planned",
        version=order.version,
        cause=cause,
        rows=rows.count,
        threshold=model.signature.threshold,
        planned_at=at,
        chunk=order.chunk,
        schedule=order.schedule,
        inputs=rows.inputs,
    )
    return Prepared(run, rows, model)


def stage(workspace: Workspace, prepared: Prepared, report: Callable[[int], None] = lambda _: None) -> None:
    """Score every chunk that is not there yet; `report` is told how many rows are done.

    Raises InvalidInput, naming the entity, for a row that has no score.
    """
    staging = Staging(workspace, prepared.run.id)
    for span in prepared.run.spans():
        if not staging.has(span):
            entities, columns = prepared.rows.part(span)
            staging.put(span, entities, _scores(prepared.model, columns, entities))
        report(span.stop)


def _model(workspace: Workspace, bundle: str) -> ServedModel:
    artifacts = open_artifacts(workspace)
    return load_model(artifacts.get(bundle), artifacts.seal_of(bundle), open_workspace_keys(workspace).verify)


def _scores(model: ServedModel, columns: Mapping[str, Any], entities: Any) -> list[float]:
    try:
        return model.score(columns)
    except InvalidInput as error:
        row = error.where.rpartition(" ")[2]
        where = f"entity {entities[int(row)].as_py()}" if row.isdigit() and int(row) < len(entities) else error.where
        raise InvalidInput(
            f"the model has no score for {where}", where=where, why=error.why or error.what, fix=error.fix
        ) from error


def work(project: Path, folder: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """Do an order in this process; the answer is its run, whose scores are staged then, or why there are none."""
    workspace, order = existing(folder), msgspec.convert(request, Order)
    made = dict[str, Any]()
    try:
        prepared = prepare(load_project(project).definition, workspace, order, order.as_of)
        made["run"] = msgspec.to_builtins(prepared.run)
        stage(workspace, prepared)
    except BatonError as error:
        if error.retryable:
            raise
        made["refused"] = {"what": error.what, "where": error.where, "why": error.why, "fix": error.fix}
    return made


def main() -> None:
    """Score in a process of its own."""
    serve(work, "batch scoring", partial(import_module, "onnxruntime"))


if __name__ == "__main__":
    main()
