"""`baton inbox`, `accept`, `decline`: hand-offs at the command line."""

import click

from baton.cli.main import Where, as_json


@click.command()
@click.option("--as", "person", default=None, help="Only what waits on this person.")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def inbox(where: Where, person: str | None, plain: bool) -> None:
    """What waits on whom, since when, until when, and what happens then."""
    from baton.app.views.inbox import waiting

    found = waiting(where.project, where.workspace, person)
    if plain:
        click.echo(as_json(found))
        return
    if not found:
        click.echo("nothing waits" + (f" on {person}" if person else ""))
    for each in found:
        click.echo(f"{each['id']}  {each['waiting_on']}: {each['payload']} ({each['subject']})")
        click.echo(f"    from {each['giver']}, since {each['since'][:16]}, until {each['deadline'][:16]}; then {each['then']}")
        for name, value in each["evidence"].items():
            click.echo(f"    {name}: {value}")
        click.echo(f"    baton accept {each['id']} --as {each['waiting_on']}")


@click.command()
@click.argument("handoff")
@click.option("--as", "person", default=None, help="Who answers.  [default: the person it waits on]")
@click.option("--reason", default="", help="A word for the record.")
@click.pass_obj
def accept(where: Where, handoff: str, person: str | None, reason: str) -> None:
    """Take a hand-off: from now on its subject is yours."""
    from baton.app.views.inbox import answer

    click.echo(answer(where.project, where.workspace, handoff, person, reason, take=True))


@click.command()
@click.argument("handoff")
@click.option("--as", "person", default=None, help="Who answers.  [default: the person it waits on]")
@click.option("--reason", required=True, help="What the giver must mend.")
@click.pass_obj
def decline(where: Where, handoff: str, person: str | None, reason: str) -> None:
    """Send a hand-off back to its giver, with a reason."""
    from baton.app.views.inbox import answer

    click.echo(answer(where.project, where.workspace, handoff, person, reason, take=False))
