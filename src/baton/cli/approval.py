"""`baton approve` and `baton refuse`."""

import click

from baton.cli.main import Where
from baton.cli.right import Owned


@click.command(cls=Owned, action="approval.answer")
@click.argument("request")
@click.option("--as", "person", default=None, help="Who approves.  [default: you]")
@click.option("--reason", default="", help="A word for the record.")
@click.pass_obj
def approve(where: Where, request: str, person: str | None, reason: str) -> None:
    """Approve REQUEST by its id, or `rollout`: promotions by the rollout policy as it is declared now, until it expires."""
    from baton.app.answers import approve as sign
    from baton.app.seat import seat

    with seat(where.project, where.workspace, person) as here:
        click.echo(where.advice(sign(here, request, reason)))


@click.command(cls=Owned, action="approval.answer")
@click.argument("request")
@click.option("--as", "person", default=None, help="Who refuses.  [default: you]")
@click.option("--reason", required=True, help="Why; whoever asked reads it.")
@click.pass_obj
def refuse(where: Where, request: str, person: str | None, reason: str) -> None:
    """Refuse REQUEST: one no of somebody who may approve ends it."""
    from baton.app.answers import refuse as deny
    from baton.app.seat import seat

    with seat(where.project, where.workspace, person) as here:
        click.echo(where.advice(deny(here, request, reason)))
