"""`baton status`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from baton.cli.main import Where, as_json
from baton.cli.right import Owned
from baton.kernel.errors import InvalidInput

RECENT = 7
"""Days of traffic in the summary; `--json` has all of them."""


@click.command(cls=Owned, action="read")
@click.option("--json", "plain", is_flag=True, help="Everything, for machines.")
@click.option("--as-of", "moment", default=None, help="An earlier instant, e.g. 2023-06-01 or 2023-06-01T12:00:00Z.")
@click.pass_obj
def status(where: Where, plain: bool, moment: str | None) -> None:
    """What runs, who holds the baton for what since when, what is late, what is wrong."""
    from baton.app.views.present import look

    told = look(where.project, where.workspace, instant(moment))
    click.echo(as_json(told) if plain else summary(told, where))


def instant(text: str | None) -> datetime | None:
    """An instant typed by a person. Raises InvalidInput with an example."""
    from baton.kernel.clock import parse_instant

    if text is None:
        return None
    try:
        return parse_instant(text)
    except (ValueError, OverflowError) as error:
        why = "" if str(error).startswith("Invalid isoformat") else str(error)
        raise InvalidInput(f"'{text}' is no instant", why=why, fix="write e.g. 2023-06-01 or 2023-06-01T12:00:00Z") from error


def summary(told: Mapping[str, Any], where: Where) -> str:
    """The status as a person reads it, with commands as they are typed there."""
    parts = [
        _head(told),
        _live(told),
        _overridden(told["overrides"], where),
        _waits(told["handoffs"], told["approvals"], where),
        _handed(told["handoffs"]),
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
    moment = f"at {_day(told['at'])} UTC" if told["at"] else "not ticked yet"
    return f"{told['project']} {moment} ({told['clock']} clock): {loop['turns']} turns, {loop['retrainings']} retrainings, loop {closed}"


def _live(told: Mapping[str, Any]) -> str:
    lines = [
        f"  {release['status']:<8} version {release['version']}  since {_day(str(release['since']))}  {release['id']}"
        + _weighed(release, told["weighings"])
        for release in told["releases"]
        if release["status"] in ("live", "canary", "shadow", "arm", "kept")
    ]
    failed = [turn for turn in told["turns"] if turn["status"] == "failed"]
    why = f": {failed[-1]['id']} failed: {failed[-1]['outcome']}" if failed else ""
    return "In traffic\n" + ("\n".join(lines) or f"  nothing yet{why}")


def _weighed(release: Mapping[str, Any], weighings: Mapping[str, Any]) -> str:
    """What the latest look at a release on trial said."""
    look = weighings.get(release["group"] or release["id"])
    if look is None or release["status"] not in ("canary", "shadow", "arm"):
        return ""
    return f"\n      {_day(look['at'])} {look['move']}: {look['why']}"


def _overridden(overrides: Sequence[Mapping[str, Any]], where: Where) -> str:
    resume = where.typed('baton resume --reason "…"')
    lines = [
        f"  {'HALTED: no version answers' if each['kind'] == 'halt' else each['kind']}: {each['asked_by']}, because: {each['reason']}"
        f"\n      until {_day(str(each['until'])) if each['until'] else f'somebody ends it: {resume}'}  {each['id']}"
        for each in overrides
        if each["status"] == "holding"
    ]
    return "Overridden\n" + "\n".join(lines) if lines else ""


def _waits(handoffs: Sequence[Mapping[str, Any]], approvals: Sequence[Mapping[str, Any]], where: Where) -> str:
    lines = [_wait(each, where) for each in handoffs if each["status"] == "offered"]
    lines += [
        f"  approval by {each['need']} people: {each['what']}, asked for since {_day(str(each['requested_at']))}"
        + (f", {', '.join(given['by'] for given in each['given'])} approved" if each["given"] else "")
        + "\n      "
        + where.typed(f"baton approve {each['id']}")
        for each in approvals
        if each["status"] == "requested"
    ]
    return "Waiting for somebody\n" + ("\n".join(lines) or "  nobody")


def _wait(each: Mapping[str, Any], where: Where) -> str:
    until = f"{_day(str(each['deadline']))}{'  LATE' if each['late'] else ''}"
    return (
        f"  {each['waiting_on']} holds up '{each['payload']}' ({each['subject']}) since {_day(str(each['since']))}, until {until}"
        "\n      " + where.typed(f"baton accept {each['id']}")
    )


def _handed(handoffs: Sequence[Mapping[str, Any]]) -> str:
    """How many results changed hands by policy and by people, and the latest that did not go smoothly."""
    if not handoffs:
        return ""
    taken = [each for each in handoffs if each["status"] == "accepted"]
    by_policy = sum(each["answered_by"] == "policy" for each in taken)
    sent = [each for each in handoffs if each["status"] == "declined" and each["answered_by"] != "policy"]
    moved = [each for each in handoffs if each["level"]]
    head = f"Hand-offs: {by_policy} taken by policy, {len(taken) - by_policy} by people, {len(sent)} sent back, {len(moved)} escalated"
    lines = [
        f"  {_day(str(each['answered_at']))}  {each['answered_by']} sent back {_what(each)}: {each['reason']}" for each in sent
    ]
    lines += [
        f"  {_day(str(each['since']))}  {_what(each)} went from {' to '.join((*each['asked'], _whom(each)))}" for each in moved
    ]
    return "\n".join([head, *sorted(lines)[-6:]])


def _what(each: Mapping[str, Any]) -> str:
    return f"'{each['payload']}' ({each['subject']})"


def _whom(each: Mapping[str, Any]) -> str:
    ends = {
        "accepted": f"{each['waiting_on']}, who took it",
        "offered": str(each["waiting_on"]),
        "lapsed": f"nobody: {each['giver']} keeps it",
    }
    return ends.get(each["status"], f"{each['waiting_on']} ({each['status']})")


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
