"""`baton team roles`, `role` and `guide`: the role catalogue at the command line."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from baton.cli.main import as_json
from baton.cli.right import Owned
from baton.cli.table import table


@click.command(cls=Owned, action="read")
@click.option("--json", "plain", is_flag=True, help="For machines.")
def roles(plain: bool) -> None:
    """The roles there are, what each promises, and which phases are theirs by default."""
    from baton.app.views.catalogue import roles as look

    told = look()
    if plain:
        click.echo(as_json(told))
        return
    rows = [
        [each["name"], each["promise"], ", ".join(each["accountable"]) or "–", _beside(each) or "–"] for each in told["roles"]
    ]
    click.echo(table(["role", "promise", "accountable for", "also works in"], rows))
    click.echo(f"\nShared by all: {', '.join(told['shared_by_all'])}.")
    click.echo(f"Titles vary; also heard: {', '.join(told['also_known'])}.")
    click.echo("One of them: baton team role ml-engineer. Which one fits: baton team guide")


def _beside(role: Mapping[str, Any]) -> str:
    return ", ".join(phase for phase in role["responsible"] if phase not in role["accountable"])


@click.command(cls=Owned, action="read")
@click.argument("name")
@click.option("--json", "plain", is_flag=True, help="For machines.")
def role(name: str, plain: bool) -> None:
    """One role, by its name or any title that means it, e.g. 'ml-engineer' or 'Site Reliability Engineer'."""
    from baton.app.views.catalogue import role as look

    told = look(name)
    if plain:
        click.echo(as_json(told))
        return
    click.echo(f"{told['name']}: {told['promise']}")
    rows = [[title, _list(told[key])] for title, key in _PARTS if told[key]]
    rows += [[f"skills, {kind}", _list(told["skills"][kind])] for kind in _KINDS if told["skills"][kind]]
    click.echo(table(["", ""], rows))
    if told["levels"]:
        levels = [[each["title"], each["years"] or "–", each["salary"] or "–"] for each in told["levels"]]
        click.echo("\n" + table(["level", "years", "salary (US$ thousand a year)"], levels))
    click.echo(f"\nWhat to learn for it: baton team guide --role {told['name']}")


_KINDS = ("essential", "important", "nice", "soft")
_PARTS = (
    ("accountable for", "accountable"),
    ("works in", "responsible"),
    ("areas", "areas"),
    ("duties", "duties"),
    ("tools", "tools"),
    ("choose it if you like", "choose_if"),
    ("measured by", "measured_by"),
    ("also called", "titles"),
)


@click.command(cls=Owned, action="read")
@click.option("--role", "name", default=None, help="The way to one role.")
@click.option(
    "--skill", "skills", multiple=True, help="Something you know, e.g. --skill SQL --skill Python; roles are ranked by it."
)
@click.option("--json", "plain", is_flag=True, help="For machines.")
def guide(name: str | None, skills: tuple[str, ...], plain: bool) -> None:
    """Which role fits whom, and what to learn next."""
    from baton.app.views.catalogue import guide as look

    told = look(name, skills)
    if plain:
        click.echo(as_json(told))
        return
    click.echo(_one(told["fits"][0]) if name else _all(told["fits"], known=bool(skills)))
    for each in told["unknown"]:
        click.echo(f"\nno role asks for the skill '{each['skill']}'; {each['why']}")
    rows = [[each["stage"], each["months"], _list(each["learn"]), _list(each["do"]) or "–"] for each in told["roadmap"]]
    click.echo("\n" + table(["roadmap", "months", "learn", "do"], rows))
    if not name:
        click.echo("\nThe way to one of them: baton team guide --role ml-engineer. By what you know: --skill SQL --skill Python")


def _all(found: Sequence[Mapping[str, Any]], *, known: bool) -> str:
    rows = [
        [
            each["role"],
            _list(each["choose_if"]) or f"this promise draws you: {each['promise']}",
            *([f"{len(each['have'])} of {len(each['essential'])}"] if known else []),
            _list([step["skill"] for step in each["next"]][:5]) or "what its duties ask for: baton team role " + each["role"],
        ]
        for each in found
    ]
    return table(["role", "choose it if you like", *(["you have"] if known else []), "learn next"], rows)


def _one(fit: Mapping[str, Any]) -> str:
    steps = [[str(number), each["skill"], each["stage"] or "on the job"] for number, each in enumerate(fit["next"], 1)]
    lines = [f"{fit['role']}: {fit['promise']}"]
    if fit["choose_if"]:
        lines.append(f"  for whom likes {_list(fit['choose_if'])}")
    if fit["have"]:
        lines.append(f"  you have {_list(fit['have'])}")
    lines.append(
        table(["", "learn next", "on the roadmap"], steps)
        if steps
        else f"  what its duties ask for: baton team role {fit['role']}"
    )
    if fit["later"]:
        lines.append(f"\nThen, nice to have: {_list(fit['later'])}")
    return "\n".join(lines)


def _list(texts: Sequence[str]) -> str:
    return ", ".join(texts)
