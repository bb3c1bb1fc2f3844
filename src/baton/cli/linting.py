"""`baton team lint`."""

from collections.abc import Mapping
from typing import Any

import click

from baton.cli.main import Where, as_json
from baton.cli.right import Owned
from baton.kernel.errors import Refused


@click.command(cls=Owned, action="read")
@click.option("--sample", is_flag=True, help="Lint the team model that is shipped as an example, holes included.")
@click.option("--strict", is_flag=True, help="Exit with code 5 when something is found: for CI.")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def lint(where: Where, sample: bool, strict: bool, plain: bool) -> None:
    """Where the team would drop the baton: every finding with its reason and what to change. Waivers are listed with their why."""
    from baton.app.views import linting

    told = linting.sample() if sample else linting.own(where.project)
    click.echo(as_json(told) if plain else _told(told))
    if strict and told["findings"]:
        raise Refused(
            f"the team lint found {len(told['findings'])}",
            where=told["team"],
            fix="change what each finding says, or waive it with a reason: waivers: [{kind: …, subject: …, why: …}]",
        )


def _told(told: Mapping[str, Any]) -> str:
    lines = []
    for each in told["findings"]:
        lines += [f"{each['kind']}: {each['subject']}", f"    why: {each['reason']}", f"    fix: {each['fix']}"]
    for each in told["waived"]:
        until = f" (until {each['until'][:10]})" if each["until"] else ""
        lines.append(f"waived {each['finding']['kind']}: {each['finding']['subject']}{until}: {each['why']}")
    return "\n".join([*lines, _count(told)])


def _count(told: Mapping[str, Any]) -> str:
    found, waived = len(told["findings"]), len(told["waived"])
    words = (
        f"{found} finding{'s' if found != 1 else ''} in team {told['team']}" if found else f"team {told['team']}: nothing found"
    )
    return words + (f", {waived} waived" if waived else "")
