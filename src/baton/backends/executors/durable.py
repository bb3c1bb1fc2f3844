"""Durable jobs on DBOS: a job started under an id runs once, is resumed after a kill, and keeps its answer.

Arguments and answers are plain JSON texts; nothing is pickled.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baton.kernel.errors import Refused

_work: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {}


class PlainJson:
    """The serializer of DBOS's own records: JSON, so that no byte of its database can run."""

    def name(self) -> str:
        """Its name in the records."""
        return "baton_json"

    def serialize(self, data: Any) -> str:
        """JSON text; what JSON cannot hold becomes its repr."""
        return json.dumps(data, default=_spelled)

    def deserialize(self, serialized_data: str) -> Any:
        """The value of a JSON text; a recorded error comes back as Refused."""
        value = json.loads(serialized_data)
        return Refused(value["__error__"]) if isinstance(value, dict) and "__error__" in value else value


def _spelled(value: Any) -> Any:
    return {"__error__": str(value)} if isinstance(value, BaseException) else repr(value)


class DurableJobs:
    """Runs named jobs as durable workflows on a SQLite database of their own. One per process."""

    def __init__(self, database: Path, jobs: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]) -> None:
        self._database = database
        _work.update(jobs)
        self._engine: _Engine | None = None

    def run(self, id: str, job: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Run the job under that id and wait; a second call with the id returns the first one's answer.

        An attempt that raised is not an answer: the next call tries again.
        """
        engine = self._launched()
        with engine.dbos.SetWorkflowID(self._attempt(engine.dbos, id)):
            handle = engine.dbos.DBOS.start_workflow(engine.workflow, job, json.dumps(request))
        answer: dict[str, Any] = json.loads(handle.get_result())
        return answer

    def _attempt(self, dbos: Any, id: str) -> str:
        """The id of the attempt to run or join: the first one that has not ended in an error."""
        number = 1
        while (known := dbos.DBOS.get_workflow_status(f"{id}.{number}")) is not None and known.status == "ERROR":
            number += 1
        return f"{id}.{number}"

    def _launched(self) -> "_Engine":
        if self._engine is None:
            self._engine = _launch(self._database)
        return self._engine

    def close(self) -> None:
        """Stop the engine's threads."""
        if self._engine is not None:
            self._engine.dbos.DBOS.destroy()
            self._engine = None


@dataclass(frozen=True, slots=True)
class _Engine:
    """The launched library and the workflow registered with it."""

    dbos: Any
    workflow: Callable[[str, str], str]


def _launch(database: Path) -> _Engine:
    import dbos

    # An attempt that fails is told by the error it raises; the engine's own log would print a traceback beside it.
    logging.getLogger("dbos").setLevel(logging.CRITICAL)
    config: Any = {
        "name": "baton",
        "system_database_url": f"sqlite:///{database}",
        "application_version": "baton-1",
        "run_admin_server": False,
        "log_level": "CRITICAL",
        "serializer": PlainJson(),
    }
    dbos.DBOS(config=config)
    step = dbos.DBOS.step(name="baton-job-step")(_step)

    def work(job: str, request: str) -> str:
        answer: str = step(job, request)
        return answer

    workflow = dbos.DBOS.workflow(name="baton-job")(work)
    dbos.DBOS.launch()
    return _Engine(dbos, workflow)


def _step(job: str, request: str) -> str:
    """One step: a step that ran but left no mark runs again, so jobs are idempotent by content."""
    return json.dumps(_work[job](json.loads(request)))
