"""Ten thousand open hand-offs: the inbox of one person and of everybody, and a people's step that finds nothing due.

    .venv/bin/python benchmarks/inbox/run.py [hand-offs] [rounds]

Aims: an inbox in 50 ms in process, a step with nothing due in 20 ms. Beside them stands the same question asked of the
same database by hand: one SELECT over the JSON of the records, and nothing else.
"""

import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import cast

from baton.app.lifecycle.answering import answer, next_due
from baton.app.lifecycle.offering import hand_over
from baton.app.lifecycle.office import Office
from baton.app.lifecycle.people import declare, recorded_team
from baton.app.lifecycle.tick import Loop, somebody_due
from baton.app.views.inbox import items
from baton.backends.state.sql import SqlState, open_sqlite
from baton.ledger.draft import Draft
from baton.project.ownership import TeamFile
from baton.team.edge import EDGES
from baton.team.handoff import Handoff, Result

ROLES = ("product-manager", "data-engineer", "data-scientist", "ml-engineer", "mlops-engineer", "devops-engineer", "sre")
OWNED = TeamFile.model_validate(
    {
        "project": "many",
        "people": [{"name": f"p{place}", "roles": [ROLES[place % 7]], "deputy": f"p{(place + 1) % 20}"} for place in range(20)],
        "handoffs": {name: {"accept": "person", "within": "30d"} for name in EDGES},
    }
)
AT = datetime(2026, 1, 1, tzinfo=UTC)
SELECT = "SELECT body FROM records WHERE kind = 'handoff' AND status = 'offered' AND json_extract(body, '$.waiting_on') = ?"


def fill(state: SqlState, count: int) -> None:
    """So many open hand-offs, committed a thousand at a time."""
    edges = list(EDGES)
    for first in range(0, count, 1000):
        draft = Draft(state)
        office = Office(draft, declare(draft, OWNED, AT), OWNED, AT)
        for number in range(first, min(first + 1000, count)):
            hand_over(
                office,
                edges[number % len(edges)],
                Result(f"subject {number}", {"auc": 0.8, "rows": number}, (), {"model": f"{number:064x}"}),
            )
        draft.commit({}, {})


def took(question: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median and worst milliseconds."""
    spans = []
    for _ in range(rounds):
        began = time.perf_counter()
        question()
        spans.append(1000 * (time.perf_counter() - began))
    return statistics.median(spans), max(spans)


def main() -> None:
    """Fill, ask, print."""
    count, rounds = (int(sys.argv[place]) if len(sys.argv) > place else default for place, default in ((1, 10_000), (2, 15)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        state = open_sqlite(path, create=True)
        fill(state, count)
        team, now = recorded_team(state, OWNED), AT + timedelta(hours=1)
        by_hand = sqlite3.connect(path)

        waiting = state.all(Handoff, status=("offered",), limit=count)
        loop = cast(
            "Loop", SimpleNamespace(house=SimpleNamespace(state=state), replayed=False, size=state.head().size, people_due=None)
        )
        loop.people_due = next_due(team, waiting, {}, now)
        person = team.accountable("define", now).person.id
        questions = {
            f"inbox of {person}": lambda: items(state, team, now, person),
            "inbox of everybody": lambda: items(state, team, now),
            "a tick, nothing due": lambda: somebody_due(loop, now),
            "a step after somebody's act": lambda: answer(Office(Draft(state), team, OWNED, now), {}),
            f"SELECT by hand, {person}": lambda: by_hand.execute(SELECT, (person,)).fetchall(),
        }
        print(f"{count:,} open hand-offs, {len(items(state, team, now, person))} told of {person}'s")
        for name, question in questions.items():
            middle, worst = took(question, rounds)
            print(f"  {name:<26} {middle:8.1f} ms   worst {worst:8.1f} ms")


if __name__ == "__main__":
    main()
