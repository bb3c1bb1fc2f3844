"""`baton notices` and `baton deliver`: who was told of what, and sending what waits where no loop runs."""

import click

from baton.cli.main import Where, as_json
from baton.cli.right import Owned


@click.command(cls=Owned, action="read")
@click.option("--as", "person", default=None, help="Only what this person was told.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100_000), help="The newest so many.")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def notices(where: Where, person: str | None, limit: int, plain: bool) -> None:
    """What was told to whom and why, over which channel, with its receipt; and what did not arrive."""
    from baton.app.views.notices import notices as told

    found = told(where.project, where.workspace, person)
    if plain:
        click.echo(as_json(found[:limit]))
        return
    if not found:
        click.echo("nothing was told" + (f" to {person}" if person else ""))
    for each in found[:limit]:
        sign = "!" if each["urgent"] else "?" if each["asks"] else " "
        click.echo(f"{each['created_at'][:16]} {sign} {each['to']}: {each['title']}")
        click.echo(f"    {each['why']}. {each['words'].splitlines()[0] if each['words'] else ''}")
        if each["status"] == "delivered":
            click.echo(f"    {each['delivered_at'][:16]} by {each['channel']}: {each['receipt']}")
        else:
            again = f", again at {each['next_try'][:16]}" if each["next_try"] else ""
            click.echo(f"    {each['status']} after {each['attempts']} attempts{again}: {each['error'] or 'not sent yet'}")
    if len(found) > limit:
        click.echo(f"… and {len(found) - limit} earlier ones: --limit {len(found)}")


@click.command(cls=Owned, action="loop.run")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def deliver(where: Where, plain: bool) -> None:
    """Send the notices that are due, once, and record their receipts: for workspaces in which no `baton up` runs."""
    from baton.app.lifecycle.courier import deliver as send
    from baton.kernel.clock import SystemClock

    told = send(where.project, where.workspace, SystemClock())
    if plain:
        click.echo(as_json(told))
        return
    click.echo(f"{told['delivered']} delivered, {told['pending']} to be tried again, {told['failed']} failed")
    if told["pending"] or told["failed"]:
        click.echo("    baton notices tells why")
