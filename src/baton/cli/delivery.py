"""`baton rollback`."""

import click

from baton.cli.main import Where
from baton.cli.right import Owned


@click.command(cls=Owned, action="release.roll-back")
@click.option("--as", "person", default=None, help="Who decides.  [default: who does the work of deploy]")
@click.option("--reason", required=True, help="Why; it goes on the record.")
@click.pass_obj
def rollback(where: Where, person: str | None, reason: str) -> None:
    """End a release on trial, or put the version before back into service. A running server follows at once."""
    from baton.app.rollback import roll_back

    click.echo(where.advice(roll_back(where.project, where.workspace, person, reason)))
