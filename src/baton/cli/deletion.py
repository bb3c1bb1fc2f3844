"""`baton delete`."""

import click

from baton.cli.main import Where
from baton.cli.right import Owned


@click.command(cls=Owned, action="version.delete")
@click.argument("version")
@click.option("--as", "person", default=None, help="Who asks, or does it.  [default: you]")
@click.option("--reason", required=True, help="Why; it goes on the record.")
@click.pass_obj
def delete(where: Where, version: str, person: str | None, reason: str) -> None:
    """Delete the files of a version that no longer answers, for good. It needs four eyes: the first call asks for approval,
    one after it was granted does it.

    What the version was stays on the record. Refused for a version in traffic, on its way there, kept as the baseline, or
    that a rollback would bring back.
    """
    from baton.app.deletion import delete as remove
    from baton.app.seat import seat

    with seat(where.project, where.workspace, person) as here:
        click.echo(where.advice(remove(here, version, reason)))
