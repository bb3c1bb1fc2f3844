"""`baton team away`, `back`, `leave`, `delegate`: people come and go, and nothing is dropped."""

from datetime import datetime

import click

from baton.cli.ending import ending
from baton.cli.main import Where
from baton.cli.right import Owned

AS = click.option("--as", "person", default=None, help="Who does this, in a workspace of one person.  [default: NAME]")
REASON = click.option("--reason", default="", help="A word for the record.")


@click.command(cls=Owned, action="team.self")
@click.argument("name")
@click.option("--from", "since", default=None, help="First instant, e.g. 2026-12-20.  [default: now]")
@click.option("--until", required=True, help="When they are back, e.g. 2027-01-04, or a time from now such as 10d.")
@AS
@REASON
@click.pass_obj
def away(where: Where, name: str, since: str | None, until: str, person: str | None, reason: str) -> None:
    """NAME is away for a time: duties fall to their deputy, and what waits on them moves on."""
    from baton.app.coming import go_away
    from baton.app.seat import seat
    from baton.team.person import Absence

    def made(now: datetime) -> Absence:
        return Absence(ending(since, now) or now, ending(until, now) or now, reason or "away")

    with seat(where.project, where.workspace, person) as here:
        click.echo(go_away(here, name, made))


@click.command(cls=Owned, action="team.self")
@click.argument("name")
@AS
@REASON
@click.pass_obj
def back(where: Where, name: str, person: str | None, reason: str) -> None:
    """NAME is back: from an absence, or after having left."""
    from baton.app.coming import come_back
    from baton.app.seat import seat

    with seat(where.project, where.workspace, person) as here:
        click.echo(come_back(here, name, reason))


@click.command(cls=Owned, action="team.self")
@click.argument("name")
@AS
@REASON
@click.pass_obj
def leave(where: Where, name: str, person: str | None, reason: str) -> None:
    """NAME leaves the team for good: no duty remains, and what waits on them moves on."""
    from baton.app.coming import leave as gone
    from baton.app.seat import seat

    with seat(where.project, where.workspace, person) as here:
        click.echo(gone(here, name, reason))


@click.command(cls=Owned, action="team.self")
@click.argument("name")
@click.argument("to")
@click.option("--from", "since", default=None, help="First instant.  [default: now]")
@click.option("--until", required=True, help="When it ends, e.g. 2027-01-04, or a time from now such as 10d.")
@click.option("--phase", "phases", multiple=True, help="Only this phase; may be repeated.  [default: every phase]")
@click.option("--subject", default="", help="Only this subject, e.g. turn-3.")
@AS
@click.pass_obj
def delegate(
    where: Where, name: str, to: str, since: str | None, until: str, phases: tuple[str, ...], subject: str, person: str | None
) -> None:
    """NAME gives their duties to TO for a time."""
    from baton.app.coming import delegate as give
    from baton.app.seat import seat
    from baton.team.person import Delegation

    def made(now: datetime) -> Delegation:
        return Delegation(to, ending(since, now) or now, ending(until, now) or now, phases, subject, f"to {to}")

    with seat(where.project, where.workspace, person) as here:
        click.echo(give(here, name, made))
