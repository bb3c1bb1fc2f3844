"""`baton token`: tokens of people, and service accounts for jobs."""

import click

from baton.cli.ending import ending
from baton.cli.main import Hall, Where, as_json
from baton.cli.right import Owned


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


@click.group(cls=Hall)
def token() -> None:
    """Tokens that are limited to actions and in time, and service accounts. Shown in BATON_TOKEN."""


@token.command(cls=Owned, action="token.issue")
@click.option("--actions", required=True, help="What it may do, e.g. read,handoff.offer; baton team rights lists all.")
@click.option("--until", default=None, help="When it ends: an instant, or a time from now.  [default: 90d]")
@click.pass_obj
def new(where: Where, actions: str, until: str | None) -> None:
    """A token of your own: prints it, once."""
    from baton.app.accounts import new_token
    from baton.app.seat import seat
    from baton.kernel.clock import SystemClock

    with seat(where.project, where.workspace, None) as here:
        click.echo(new_token(here, _listed(actions), ending(until, SystemClock().now())))


@token.command(name="list", cls=Owned, action="token.issue")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def listing(where: Where, plain: bool) -> None:
    """Your tokens; everybody's for whoever may invite."""
    from baton.app.accounts import tokens
    from baton.app.seat import seat

    with seat(where.project, where.workspace, None) as here:
        found = tokens(here)
    if plain:
        click.echo(as_json(found))
        return
    if not found:
        click.echo("there is no token")
    for each in found:
        state = f"revoked {each['revoked_at'][:16]}" if each["revoked_at"] else f"until {each['until'][:16]}"
        click.echo(f"{each['id']}  {each['owner']:<12} {each['use']:<8} {state}  {', '.join(each['actions']) or 'everything'}")


@token.command(cls=Owned, action="token.issue")
@click.argument("id")
@click.option("--as", "person", default=None, help="Who revokes it.  [default: you]")
@click.pass_obj
def revoke(where: Where, id: str, person: str | None) -> None:
    """Make a token worth nothing, at once."""
    from baton.app.accounts import revoke as end
    from baton.app.seat import seat

    with seat(where.project, where.workspace, person) as here:
        click.echo(end(here, id))


@token.command(cls=Owned, action="token.service")
@click.argument("name")
@click.option("--actions", default="", help="What it may do; loop and server have theirs given.")
@click.option("--until", default=None, help="When its token ends: an instant, or a time from now.  [default: 90d]")
@click.option("--claim", default="", help="What an identity provider says of it.  [default: NAME]")
@click.option("--as", "person", default=None, help="Who makes it.  [default: you]")
@click.pass_obj
def service(where: Where, name: str, actions: str, until: str | None, claim: str, person: str | None) -> None:
    """A service account for a process or a job, e.g. ci: prints its token, once."""
    from baton.app.accounts import service as make
    from baton.app.seat import seat
    from baton.kernel.clock import SystemClock

    with seat(where.project, where.workspace, person) as here:
        click.echo(make(here, name, _listed(actions), ending(until, SystemClock().now()), claim))
