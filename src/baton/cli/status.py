"""`baton status`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from baton.cli.main import Where, as_json
from baton.kernel.errors import InvalidInput

RECENT = 7
"""Days of traffic in the summary; `--json` has all of them."""


@click.command()
@click.option("--json", "plain", is_flag=True, help="Everything, for machines.")
@click.option("--as-of", "moment", default=None, help="An earlier instant, e.g. 2023-06-01 or 2023-06-01T12:00:00Z.")
@click.pass_obj
def status(where: Where, plain: bool, moment: str | None) -> None:
    """What runs, who holds the baton for what since when, what is late, what is wrong."""
    from baton.app.views.present import look

    told = look(where.project, where.workspace, instant(moment))
    click.echo(as_json(told) if plain else summary(told))


def instant(text: str | None) -> datetime | None:
    """An instant typed by a person. Raises InvalidInput with an example."""
    from baton.kernel.clock import parse_instant

    if text is None:
        return None
    try:
        return parse_instant(text)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"'{text}' is no instant", why=str(error), fix="write e.g. 2023-06-01 or 2023-06-01T12:00:00Z"
        ) from error


def summary(told: Mapping[str, Any]) -> str:
    """The status as a person reads it."""
    parts = [
        _head(told),
        _live(told),
        _waits(told["handoffs"]),
        _incidents(told["incidents"]),
        _traffic(told["traffic"]),
        _months(told["months"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _day(text: str | None) -> str:
    return (text or "")[:16].replace("T", " ")


def _head(told: Mapping[str, Any]) -> str:
    loop = told["loop"]
    closed = "closed" if loop["closed"] else "not closed yet"
    return f"{told['project']} at {_day(told['at'])} UTC ({told['clock']} clock): {loop['turns']} turns, {loop['retrainings']} retrainings, loop {closed}"


def _live(told: Mapping[str, Any]) -> str:
    lines = [
        f"  {release['status']:<8} version {release['version']}  since {_day(str(release['since']))}  {release['id']}"
        for release in told["releases"]
        if release["status"] in ("live", "canary", "shadow")
    ]
    failed = [turn for turn in told["turns"] if turn["status"] == "failed"]
    why = f": {failed[-1]['id']} failed: {failed[-1]['outcome']}" if failed else ""
    return "In traffic\n" + ("\n".join(lines) or f"  nothing yet{why}")


def _waits(handoffs: Sequence[Mapping[str, Any]]) -> str:
    lines = [_wait(each) for each in handoffs if each["status"] == "offered"]
    return "Waiting for somebody\n" + ("\n".join(lines) or "  nobody")


def _wait(each: Mapping[str, Any]) -> str:
    until = f"{_day(str(each['deadline']))}{'  LATE' if each['late'] else ''}"
    return (
        f"  {each['waiting_on']} holds up '{each['payload']}' ({each['subject']}) since {_day(str(each['since']))}, until {until}"
        f"\n      baton accept {each['id']}"
    )


def _incidents(incidents: Sequence[Mapping[str, Any]]) -> str:
    return "Incidents\n" + ("\n".join(map(_incident, incidents)) or "  none")


def _incident(each: Mapping[str, Any]) -> str:
    mended = f"\n      mended by {each['mended_by']}" if each["mended_by"] else ""
    return f"  {_day(str(each['opened_at']))}  {each['status']:<10} {each['owner']:<6} {each['cause']}{mended}"


def _traffic(days: Sequence[Mapping[str, Any]]) -> str:
    if not days:
        return ""
    return "\n".join(["Day         versions  requests  errors   latency p50 / p99 ms", *map(_served, days[-RECENT:])])


def _served(each: Mapping[str, Any]) -> str:
    versions, errors = ",".join(map(str, each["versions"])), "–" if each["errors"] is None else f"{each['errors']:,}"
    latency = f"{_number(each['p50_ms'], 1):>11} / {_number(each['p99_ms'], 1)}"
    return f"{each['day']}  {versions:<8}  {each['requests']:>8,}  {errors:>6}  {latency}"


def _months(months: Sequence[Mapping[str, Any]]) -> str:
    if not months:
        return ""
    return "\n".join(
        ["Month    predictions  labelled   late    AUC live/first   Brier live/first      value", *map(_month, months)]
    )


def _month(each: Mapping[str, Any]) -> str:
    quality = f"{_number(each['auc'], 3)} / {_number(each['frozen_auc'], 3)}    {_number(each['brier'], 4)} / {_number(each['frozen_brier'], 4)}"
    return f"{each['month']}  {each['predictions']:>11,}  {each['labelled']:>8,}  {_number(each['late_rate'], 3)}  {quality}  {each['value'] or 0:>10,.0f}"


def _number(value: float | None, digits: int) -> str:
    return f"{value:.{digits}f}" if value is not None else " " * (digits + 1) + "–"
