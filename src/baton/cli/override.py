"""`baton override`, `baton halt`, `baton resume`: rules that do not hold for a time, on named people's word."""

import click

from baton.cli.ending import ending
from baton.cli.main import Where
from baton.cli.right import Owned


@click.command(cls=Owned, action="override.ask")
@click.argument("kind", type=click.Choice(["gate", "brake", "promote", "freeze", "halt"]))
@click.option(
    "--subject",
    default="",
    help="What it is about: a turn for gate, a proposal for brake, a release for promote.  [default: anything]",
)
@click.option("--until", default=None, help="When it reverts by itself: an instant, or a time from now such as 2d.")
@click.option("--reason", required=True, help="Why; it goes on the record.")
@click.option("--as", "person", default=None, help="Who asks.  [default: you]")
@click.pass_obj
def override(where: Where, kind: str, subject: str, until: str | None, reason: str, person: str | None) -> None:
    """Ask that a rule does not hold for a time. It needs four eyes, says who and why, and reverts by itself.

    gate: let a turn's candidate through. brake: retrain in spite of cooldown and budget. promote: as `baton promote`.
    freeze: no promotion, no new turn. halt: as `baton halt`.
    """
    from baton.app.overrides import override as ask
    from baton.app.seat import seat

    with seat(where.project, where.workspace, person) as here:
        click.echo(where.advice(ask(here, kind, subject, reason, ending(until, here.now))))


@click.command(cls=Owned, action="release.halt")
@click.option("--reason", required=True, help="Why; it goes on the record.")
@click.option("--until", default=None, help="When it ends by itself.  [default: with baton resume]")
@click.option("--as", "person", default=None, help="Who decides.  [default: you]")
@click.pass_obj
def halt(where: Where, reason: str, until: str | None, person: str | None) -> None:
    """The kill switch: no version answers, the server says 503. One person may; another reviews it afterwards."""
    from baton.app.overrides import halt as pull
    from baton.app.seat import seat

    with seat(where.project, where.workspace, person) as here:
        click.echo(where.advice(pull(here, reason, ending(until, here.now))))


@click.command(cls=Owned, action="release.resume")
@click.option("--reason", required=True, help="Why it is safe; it goes on the record.")
@click.option("--as", "person", default=None, help="Who decides.  [default: you]")
@click.pass_obj
def resume(where: Where, reason: str, person: str | None) -> None:
    """End a halt: the live version answers again."""
    from baton.app.overrides import resume as end
    from baton.app.seat import seat

    with seat(where.project, where.workspace, person) as here:
        click.echo(where.advice(end(here, reason)))
