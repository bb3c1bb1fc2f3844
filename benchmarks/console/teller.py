"""Another process that records something whenever it is told to: one incident a line of words, and when it was committed (Unix, ms).

python teller.py WORKSPACE
"""

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from baton.app.workspace import existing, keep_witness
from baton.backends.state.sql import open_sqlite
from baton.incidents.incident import Incident
from baton.ledger.draft import Draft
from baton.ledger.fact import Act


def main(folder: Path) -> None:
    """Read words, record them, tell when."""
    workspace = existing(folder)
    state = open_sqlite(workspace.state)
    span = state.span()
    at = span[1] if span is not None else datetime.now(UTC)
    for number, line in enumerate(sys.stdin):
        at += timedelta(seconds=1)
        words = line.strip()
        draft = Draft(state)
        opened = Incident(f"incident-told-{at:%Y%m%d%H%M%S}-{number}", "open", 3, "service", "the benchmark", words, "", at, at)
        draft.record(Act("baton", "", at), opened, "opened", words)
        head = draft.commit({}, {})
        done = time.time() * 1000
        keep_witness(workspace, head)
        print(done, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
