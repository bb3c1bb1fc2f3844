"""Delivery metrics of a workspace, as plain values."""

from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from baton.app.bootstrap import read_state
from baton.app.views.present import stands_at
from baton.kernel.clock import SystemClock, iso
from baton.kernel.errors import InvalidInput
from baton.team.metrics import Delivery, Spread, delivery


def delivery_metrics(workspace: Path, since: datetime | None, until: datetime | None) -> dict[str, Any]:
    """The metrics from `since` (the first fact when None) until `until` (where the workspace stands when None).

    Durations are in hours. Raises InvalidInput for an empty stretch, NotFound when nothing has run yet.
    """
    with read_state(workspace) as (_, state):
        facts = state.facts(limit=10_000_000)
        ends = until or max([stands_at(state) or SystemClock().now(), *(fact.effective_at for fact in facts[-1:])]) + timedelta(
            microseconds=1
        )
    begins = since or (facts[0].effective_at if facts else ends - timedelta(days=1))
    if begins >= ends:
        raise InvalidInput(
            f"from {iso(begins)} until {iso(ends)} there is no time",
            where="--since, --until",
            fix="name a beginning before the end",
        )
    return _plain(delivery(facts, begins, ends))


def _plain(found: Delivery) -> dict[str, Any]:
    told = asdict(found)
    flows = [{**asdict(flow), "lead": _hours(flow.lead)} for flow in found.flows]
    return {
        **told,
        "since": iso(found.since),
        "until": iso(found.until),
        "lead_time": _hours(found.lead_time),
        "restore": _hours(found.restore),
        "flows": flows,
        "waiting": {who: _hours(spans) for who, spans in found.waiting.items()},
    }


def _hours(found: Spread) -> dict[str, Any]:
    def hours(span: timedelta | None) -> float | None:
        return None if span is None else round(span / timedelta(hours=1), 2)

    return {"count": found.count, "median_hours": hours(found.median), "p90_hours": hours(found.p90)}
