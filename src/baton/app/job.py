"""The inside of a child process that does one long job: a JSON request in, one JSON line out, then its memory is given back.

Called by the modules that `backends/executors/child.py` starts: training and batch scoring.
"""

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from baton.kernel.errors import BatonError

Work: TypeAlias = Callable[[Path, Path, Mapping[str, Any]], dict[str, Any]]
"""A job of a project and a workspace: from its request to its answer."""


def answer(work: Work, what: str, project: Path, workspace: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """Run one request; an error becomes its description. `what` names the job, for errors that nobody foresaw."""
    try:
        return {"ok": work(project, workspace, request)}
    except BatonError as error:
        told = {"what": error.what, "where": error.where, "why": error.why, "fix": error.fix}
        return {"error": {**told, "retryable": error.retryable}}
    except Exception as error:  # noqa: BLE001  whatever it is, the caller must get an answer
        trace = traceback.extract_tb(error.__traceback__)[-1]
        return {
            "error": {
                "what": f"{what} failed: {type(error).__name__}: {error}",
                "where": f"{trace.filename}:{trace.lineno}",
                "why": "",
                "fix": "mend it and start again",
                "retryable": False,
            }
        }


def serve(work: Work, what: str, warm: Callable[[], object]) -> None:
    """Answer the one request that comes on standard input. When that closes, the caller is gone: then end too.

    `warm` loads what the job needs before the request comes, while the caller is busy elsewhere.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    warm()
    project, workspace = (Path(argument) for argument in sys.argv[1:3])
    told = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    request = sys.stdin.buffer.readline()
    threading.Thread(target=_end_with_caller, daemon=True).start()
    if request:
        told.write(json.dumps(answer(work, what, project, workspace, json.loads(request))) + "\n")


def _end_with_caller() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)
