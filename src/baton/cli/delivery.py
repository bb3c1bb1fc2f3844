"""`baton promote` and `baton rollback`: a person moves a release on trial; proof and harm move it otherwise."""

import click

from baton.cli.ending import ending
from baton.cli.main import Where
from baton.cli.right import Owned


@click.command(cls=Owned, action="override.ask")
@click.argument("release", default="")
@click.option("--until", default="7d", show_default=True, help="By when it must be approved: an instant, or a time from now.")
@click.option("--reason", required=True, help="Why; it goes on the record.")
@click.option("--as", "person", default=None, help="Who asks.  [default: you]")
@click.pass_obj
def promote(where: Where, release: str, until: str, reason: str, person: str | None) -> None:
    """Ask that the RELEASE on trial serves all traffic now, before everything that is asked of it is proved.

    It needs four eyes, neither of them whose work the version is. Harm that is proved before then ends the trial all the same.
    """
    from baton.app.overrides import override
    from baton.app.seat import seat

    with seat(where.project, where.workspace, person) as here:
        click.echo(where.advice(override(here, "promote", release, reason, ending(until, here.now))))


@click.command(cls=Owned, action="release.roll-back")
@click.option("--as", "person", default=None, help="Who decides.  [default: who does the work of deploy]")
@click.option("--reason", required=True, help="Why; it goes on the record.")
@click.pass_obj
def rollback(where: Where, person: str | None, reason: str) -> None:
    """End a release on trial, or put the version before back into service. A running server follows at once."""
    from baton.app.rollback import roll_back

    click.echo(where.advice(roll_back(where.project, where.workspace, person, reason)))
