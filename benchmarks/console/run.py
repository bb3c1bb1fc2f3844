"""What a page asks of a crowded ledger, at present and as of the middle of the year: median and worst milliseconds.

    .venv/bin/python benchmarks/console/run.py CROWD [rounds] [plans]

CROWD is a project that `crowd.py` made. Aims: 20 ms at present, 60 ms as of an instant. `plans` adds how SQLite goes
about what is slower.
"""

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path

from baton.app.workspace import DEFAULT
from baton.backends.state.sqlite import SqliteReader, read_sqlite
from baton.delivery.release import Release
from baton.delivery.weighing import Weighing
from baton.incidents.incident import Incident
from baton.kernel.errors import NotFound
from baton.ledger.ports import StateReader
from baton.monitoring.day import Day
from baton.registry.version import ModelVersion
from baton.team.approval import Approval
from baton.team.handoff import Handoff
from baton.team.notice import Notice
from baton.team.person import Person

PRESENT_MS, PAST_MS = 20.0, 60.0
Question = Callable[[StateReader], object]


def asked(state: SqliteReader) -> dict[str, Question]:
    """What pages ask, at present and as of an instant alike."""
    middle = state.latest(Handoff, limit=9000)[-1].id
    weighed = state.latest(Weighing, limit=1)[0].id
    return {
        "get handoff": lambda look: look.get(Handoff, middle),
        "get weighing": lambda look: look.get(Weighing, weighed),
        "all people": lambda look: look.all(Person),
        "all days": lambda look: look.all(Day),
        "all releases on trial": lambda look: look.all(Release, status=("shadow", "canary", "live")),
        "latest handoffs": lambda look: look.latest(Handoff),
        "latest handoffs before": lambda look: look.latest(Handoff, before=middle),
        "latest handoffs offered": lambda look: look.latest(Handoff, status=("offered",)),
        "latest handoffs of a subject": lambda look: look.latest(Handoff, where={"subject": "version 3"}),
        "latest handoffs offered to one": lambda look: look.latest(Handoff, status=("offered",), where={"waiting_on": "priya"}),
        "latest handoffs given by one": lambda look: look.latest(Handoff, where={"giver": "dana"}),
        "latest versions": lambda look: look.latest(ModelVersion),
        "latest version by number": lambda look: look.latest(ModelVersion, where={"version": "300"}, limit=1),
        "latest releases of a version": lambda look: look.latest(Release, where={"version": "300"}),
        "latest incidents open": lambda look: look.latest(Incident, status=("open", "mitigating")),
        "latest approvals": lambda look: look.latest(Approval),
        "latest notices failed": lambda look: look.latest(Notice, status=("failed",)),
        "latest notices of one": lambda look: look.latest(Notice, where={"to": "priya"}),
        "earliest handoffs due": lambda look: look.earliest(Handoff, "deadline", status=("offered",)),
        "earliest handoffs due for one": lambda look: look.earliest(
            Handoff, "deadline", status=("offered",), where={"waiting_on": "mo"}
        ),
        "counts handoffs": lambda look: look.counts(Handoff),
        "counts handoffs by edge": lambda look: look.counts(Handoff, "edge"),
        "counts handoffs offered by whom": lambda look: look.counts(Handoff, "waiting_on", status=("offered",)),
        "counts incidents by severity": lambda look: look.counts(Incident, "severity"),
        "counts versions": lambda look: look.counts(ModelVersion),
    }


def span(state: SqliteReader) -> tuple[datetime, datetime]:
    """From when to when the ledger tells."""
    told = state.span()
    if told is None:
        raise NotFound("the ledger is empty", fix="crowd.py makes one")
    return told


def told(state: SqliteReader) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """What pages ask of the facts: all of them, and those until the middle of the year."""
    first, last = span(state)
    until = first + (last - first) / 2
    subject, size = state.latest(Handoff, limit=5000)[-1].id, state.head().size
    return {
        "recent": (state.recent, lambda: state.recent(until=until)),
        "recent before": (lambda: state.recent(before=size // 2), lambda: state.recent(before=size // 3, until=until)),
        "recent handoffs": (lambda: state.recent(kind="handoff."), lambda: state.recent(kind="handoff.", until=until)),
        "recent of a kind": (
            lambda: state.recent(kind="release.rolled-back"),
            lambda: state.recent(kind="release.rolled-back", until=until),
        ),
        "recent of nobody": (lambda: state.recent(actor="nobody"), lambda: state.recent(actor="nobody", until=until)),
        "recent of one person": (lambda: state.recent(actor="kim"), lambda: state.recent(actor="kim", until=until)),
        "recent accepted by one": (
            lambda: state.recent(actor="priya", kind="handoff.accepted"),
            lambda: state.recent(actor="priya", kind="handoff.accepted", until=until),
        ),
        "recent about a subject": (lambda: state.recent(subject=subject), lambda: state.recent(subject=subject, until=until)),
        "recent about nothing": (lambda: state.recent(subject="x"), lambda: state.recent(subject="x", until=until)),
        "facts about a subject": (lambda: state.facts(subject=subject), lambda: state.facts(subject=subject, until=until)),
        "span": (state.span, state.span),
    }


def took(question: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median and worst milliseconds."""
    spent = []
    for _ in range(rounds):
        begun = time.perf_counter()
        question()
        spent.append(1000 * (time.perf_counter() - begun))
    return statistics.median(spent), max(spent)


def plan(state: SqliteReader, question: Callable[[], object]) -> list[str]:
    """How SQLite goes about what a question asks."""
    statements: list[str] = []
    connection = state._connection  # noqa: SLF001
    connection.set_trace_callback(statements.append)
    question()
    connection.set_trace_callback(None)
    return [str(row[3]) for text in statements for row in connection.execute(f"EXPLAIN QUERY PLAN {text}")]


def main(crowd: Path, rounds: int, plans: bool) -> None:
    """Print a line a question, and what takes longer than it should."""
    with closing(read_sqlite(crowd / DEFAULT / "state.db")) as state:
        first, last = span(state)
        past, end = state.as_of(first + (last - first) / 2), state.as_of(last)
        questions = {
            name: tuple(partial(question, look) for look in (state, past, end)) for name, question in asked(state).items()
        }
        print(f"{'':34}{'present':>16}{'mid-year':>16}{'year end, past':>18}")
        for name, ways in (questions | told(state)).items():
            times = [took(way, rounds) for way in ways]
            slow = [at for at, (median, _) in enumerate(times) if median > (PAST_MS if at else PRESENT_MS)]
            print(f"{name:34}" + "".join(f"{median:9.2f} {worst:6.1f}" for median, worst in times) + ("  slow" if slow else ""))
            for at in slow if plans else ():
                print("\n".join(f"      {line}" for line in plan(state, ways[at])))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5, "plans" in sys.argv)
