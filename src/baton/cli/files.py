"""`baton team files`."""

from collections.abc import Mapping
from typing import Any

import click

from baton.cli.main import Where, as_json
from baton.cli.right import Owned
from baton.cli.table import table

SHOWN = 60
"""How many files are listed one by one; more are listed by rule."""


@click.command(cls=Owned, action="read")
@click.option(
    "--write", "target", metavar="FILE", default=None, help="Write CODEOWNERS there, inside the project; '-' prints it."
)
@click.option(
    "--dialect", type=click.Choice(["github", "gitlab"]), default="github", show_default=True, help="The code host that reads it."
)
@click.option("--prefix", default="", metavar="FOLDER", help="The project's folder in its repository, when it is not the root.")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def files(where: Where, target: str | None, dialect: str, prefix: str, plain: bool) -> None:
    """Whose work every file of the project is, counts per role, clashes, and files that are nobody's; writes CODEOWNERS."""
    from baton.app.identity import authorise
    from baton.app.views.files import owners, write

    told = owners(where.project, dialect, prefix, None if target == "-" else target)
    if target == "-":
        click.echo(told["codeowners"], nl=False)
        return
    if told["written"]:
        authorise(where.project, where.workspace, "files.write", None)
        write(where.project, told["written"], told["codeowners"])
    if plain:
        click.echo(as_json(told))
        return
    click.echo(_listed(told) if len(told["files"]) <= SHOWN else _by_rule(told))
    click.echo("\n" + _counts(told))
    for line in _remarks(told):
        click.echo(f"  {line}")
    if told["written"]:
        click.echo(f"wrote {told['written']} for {dialect}")


def _listed(told: Mapping[str, Any]) -> str:
    rows = [
        [each["path"], each["phase"] or "–", each["owner"] or "NOBODY", ", ".join(each["people"]) or "–", _rule(each)]
        for each in told["files"]
    ]
    return table(["file", "phase", "owner", "people", "by rule"], rows)


def _rule(each: Mapping[str, Any]) -> str:
    return f"{each['rule']} ({each['why']})" if each["rule"] else str(each["why"])


def _by_rule(told: Mapping[str, Any]) -> str:
    found: dict[tuple[str, ...], int] = {}
    for each in told["files"]:
        key = (_rule(each), each["phase"] or "–", each["owner"] or "NOBODY", ", ".join(each["people"]) or "–")
        found[key] = found.get(key, 0) + 1
    return table(["rule", "phase", "owner", "people", "files"], [[*key, f"{count:,}"] for key, count in found.items()])


def _counts(told: Mapping[str, Any]) -> str:
    counts = ", ".join(
        f"{role or 'nobody'} {count:,}" for role, count in sorted(told["counts"].items(), key=lambda each: -each[1])
    )
    return f"{len(told['files']):,} files: {counts or 'none'}"


def _remarks(told: Mapping[str, Any]) -> list[str]:
    lines = [f"clash: {each['path']}: {each['reason']}; {each['fix']}" for each in told["clashes"]]
    lines += [f"nobody's: {path}" for path in told["unowned"][:20]]
    if told["unowned"]:
        lines.append(
            f"give {len(told['unowned'])} of them an owner, e.g. files: [{{path: {told['unowned'][0]}, phase: features}}]"
        )
    lines += [f"files: {path} fits no file" for path in told["idle_rules"]]
    lines += [
        f"{role} has no {told['dialect']} handle and no mailto: contact: CODEOWNERS names nobody for it"
        for role in told["without_address"]
    ]
    if told["truncated"]:
        lines.append("there are more files than are looked at; what is above is about the first of them")
    return lines
