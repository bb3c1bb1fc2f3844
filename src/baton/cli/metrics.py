"""`baton team metrics`."""

from collections.abc import Mapping
from typing import Any

import click

from baton.cli.main import Where, as_json
from baton.cli.right import Owned
from baton.cli.status import instant
from baton.cli.table import table


@click.command(cls=Owned, action="read")
@click.option("--since", default=None, help="First instant, e.g. 2023-03-01.  [default: the beginning]")
@click.option("--until", default=None, help="End, not included.  [default: where the workspace stands]")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def metrics(where: Where, since: str | None, until: str | None, plain: bool) -> None:
    """How the team delivers: lead times, waiting, rework, deployments, failures, time to restore, automation."""
    from baton.app.views.metrics import delivery_metrics

    told = delivery_metrics(where.workspace, instant(since), instant(until))
    click.echo(as_json(told) if plain else _page(told))


def _page(told: Mapping[str, Any]) -> str:
    rows = [
        ["deployments", f"{told['deployments']} ({told['per_month']:.1f} in 30 days)"],
        ["lead time for change", _time(told["lead_time"])],
        ["change failure rate", _share(told["failure_rate"])],
        ["time to restore", _time(told["restore"])],
        ["hand-offs without a person", _share(told["handoffs_automatic"])],
        ["steps without a person", _share(told["steps_automatic"])],
    ]
    flows = [
        [
            flow["edge"],
            f"{flow['offered']}",
            f"{flow['accepted']} ({flow['by_people']} by people)",
            f"{flow['declined']}",
            f"{flow['escalated']}",
            f"{flow['lapsed']}",
            _time(flow["lead"]),
        ]
        for flow in told["flows"]
    ]
    waits = [[who, _time(spans)] for who, spans in told["waiting"].items()]
    parts = [table(["", ""], rows, title=f"{told['since'][:10]} to {told['until'][:10]}")]
    if flows:
        headers = ["hand-off", "offered", "accepted", "sent back", "escalated", "lapsed", "lead time, median (90 %)"]
        parts.append(table(headers, flows))
    if waits:
        parts.append(table(["waited for", "median (90 %) of each wait"], waits))
    return "\n\n".join(parts)


def _time(spans: Mapping[str, Any]) -> str:
    if not spans["count"]:
        return "–"
    return f"{_hours(spans['median_hours'])} ({_hours(spans['p90_hours'])}) over {spans['count']}"


def _hours(hours: float) -> str:
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} d"


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
