"""`baton team coverage` and `baton team tenure`."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from baton.cli.main import Where, as_json
from baton.cli.right import Owned
from baton.cli.status import instant
from baton.cli.table import table


@click.command(cls=Owned, action="read")
@click.option("--without", "gone", multiple=True, metavar="NAME", help="As if they had left or were away; may be repeated.")
@click.option("--at", "moment", default=None, help="Another instant, e.g. 2023-06-01 or 2023-06-01T12:00:00Z.  [default: now]")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def coverage(where: Where, gone: tuple[str, ...], moment: str | None, plain: bool) -> None:
    """Who answers for each phase now and who would next, gaps, load, missing skills, and what stops without somebody."""
    from baton.app.views.coverage import coverage as look

    told = look(where.project, where.workspace, instant(moment), tuple(dict.fromkeys(gone)))
    if plain:
        click.echo(as_json(told))
        return
    click.echo(_phases(told))
    for gap in told["gaps"]:
        click.echo(f"  gap: {gap['phase']}: {gap['why']}")
    click.echo(f"  {told['fallbacks']} of {len(told['phases'])} phases are answered for by a fallback\n")
    click.echo(_people(told["people"]))
    click.echo("\n" + _skills(told))
    if gone:
        click.echo("\n" + _without(told))


def _phases(told: Mapping[str, Any]) -> str:
    rows = [
        [
            each["phase"],
            each["owner"] or "–",
            f"{each['accountable'] or 'NOBODY'} ({each['via']})",
            f"{each['next'] or 'nobody'} ({each['next_via']})",
            f"{each['bus_factor']}: {', '.join(each['able']) or '–'}",
            ", ".join(each["deputies"]) or "–",
        ]
        for each in told["phases"]
    ]
    title = f"{told['at'][:16].replace('T', ' ')} UTC, the {told['of']} team"
    return table(
        ["phase", "owner", "accountable now", "next", "who could (bus factor)", "deputies, while away"], rows, title=title
    )


def _people(people: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            each["person"] + ("" if each["reachable"] else " (away)"),
            _listed(each["owns"]),
            _listed(each["answers"]),
            _listed(each["works"]),
            _listed(each["waiting"]),
        ]
        for each in people
    ]
    return table(["person", "owns", "answers for now", "works in", "waits on them"], rows)


def _listed(names: Sequence[str]) -> str:
    return f"{len(names)}: {', '.join(names)}" if names else "–"


def _skills(told: Mapping[str, Any]) -> str:
    if told["skills"] != "declared":
        return "Skills: nobody declares any; add 'skills: [SQL, …]' to people, and what a phase lacks is shown here"
    rows = [
        [each["phase"], each["role"], lack["skill"], lack["stage"] or "on the job"]
        for each in told["phases"]
        for lack in each["lacks"]
    ]
    if not rows:
        return "Skills: every accountable role has somebody for each of its essential skills"
    return table(["phase", "role", "nobody declares", "learnt at (baton team guide)"], rows)


def _without(told: Mapping[str, Any]) -> str:
    names = " and ".join(told["without"])
    if not told["consequences"]:
        return f"Without {names}: nothing changes"
    told_of = [[each["kind"], each["subject"], _fate(each["away"]), _fate(each["left"])] for each in told["consequences"]]
    stops = {way: sum(each[way]["stops"] for each in told["consequences"]) for way in ("away", "left")}
    grid = table(
        ["", "", f"while {names} is away" if len(told["without"]) == 1 else f"while {names} are away", "once they have left"],
        told_of,
    )
    return f"{grid}\n  of {len(told_of)}, {stops['away']} stop while away and {stops['left']} after leaving"


def _fate(fate: Mapping[str, Any]) -> str:
    return ("STOPS: " if fate["stops"] else "") + str(fate["words"])


@click.command(cls=Owned, action="read")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def tenure(where: Where, plain: bool) -> None:
    """Who was accountable when, replayed from the ledger: exactly one person at every instant, fallbacks counted."""
    from baton.app.views.coverage import tenure as look

    told = look(where.workspace)
    if plain:
        click.echo(as_json(told))
        return
    rows = [
        [
            each["phase"] + (f" ({each['subject']})" if each["subject"] else ""),
            each["person"] or "NOBODY",
            each["via"],
            _when(each),
        ]
        for each in told["tenures"]
    ]
    click.echo(table(["phase", "accountable", "by way of", "when (UTC)"], rows) if rows else "no charter is on record yet")
    click.echo(
        f"\n{told['orphan_minutes']:g} orphan minutes, {told['torn']} gaps or overlaps, looked at {told['looks']} stretches of time; "
        f"{told['fallbacks']} fallbacks, {told['fallback_minutes']:g} minutes"
    )


def _when(each: Mapping[str, Any]) -> str:
    return f"{each['since'][:16].replace('T', ' ')} to {each['until'][:16].replace('T', ' ')}"
