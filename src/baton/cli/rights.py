"""`baton team rights`: who may do what, as the matrix has it."""

import click

from baton.cli.main import Where, as_json
from baton.cli.right import Owned


@click.command(cls=Owned, action="read")
@click.option("--of", "--as", "name", default=None, help="Only what this person may do, in which role and why.")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def rights(where: Where, name: str | None, plain: bool) -> None:
    """Who may do what: R may do, A may approve, C may comment, I may read. What is not listed is denied."""
    from baton.app.views.rights import rights as look

    found = look(where.project, where.workspace, name)
    if plain:
        click.echo(as_json(found))
        return
    for each in found:
        carried = "everybody" if each["open"] else f"{''.join(each['letters'])} in {each['phase'] or 'any phase'}"
        who = each["why"] if name else "open" if each["open"] else ", ".join(each["people"]) or "NOBODY"
        click.echo(f"{each['action']:<22} {carried:<22} {who}{'' if each['services'] or each['open'] else '  (people only)'}")
