"""`baton login`, `logout`, `whoami`, and `baton team invite`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from baton.cli.main import Where, as_json
from baton.cli.right import Owned
from baton.kernel.errors import InvalidInput
from baton.ledger.fact import KEEPER
from baton.team.ports import Invitation


@click.command(cls=Owned, action="identity.log-in")
@click.argument("name", required=False)
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from standard input; at a first login the first token before it, a line each.",
)
@click.option("--id-token", default=None, help="Log in with an ID token of the project's identity provider.")
@click.option(
    "--id-token-file", type=click.Path(path_type=Path), default=None, help="The same, out of a file; - is standard input."
)
@click.option("--code", is_flag=True, help="Log in at the project's identity provider, with a code confirmed in a browser.")
@click.pass_obj
def login(
    where: Where, name: str | None, password_stdin: bool, id_token: str | None, id_token_file: Path | None, code: bool
) -> None:
    """Log in to a workspace that has identities; the first time with the token of your invitation, which sets your password."""
    from baton.app.accounts import awaits_first, log_in, log_in_by_code, log_in_by_provider

    if code:
        click.echo(log_in_by_code(where.project, where.workspace, _tell))
        return

    if id_token is not None or id_token_file is not None:
        told = id_token if id_token is not None else _text(id_token_file)
        click.echo(log_in_by_provider(where.project, where.workspace, told))
        return
    if not name:
        raise InvalidInput("who logs in?", fix="baton login NAME, or baton login --code; a job: baton login --id-token-file FILE")
    fresh = awaits_first(where.workspace, name)
    if password_stdin:
        lines = sys.stdin.read().splitlines()
        first, password = (lines[0], lines[1]) if fresh and len(lines) > 1 else ("", lines[0] if lines else "")
    else:
        first = click.prompt("First token", hide_input=True) if fresh else ""
        password = click.prompt("New password" if fresh else "Password", hide_input=True, confirmation_prompt=fresh)
    click.echo(log_in(where.workspace, name, password, first))


def _tell(invitation: Invitation) -> None:
    minutes = f"within {max(1, round(invitation.seconds / 60))} minutes"
    click.echo(f"open {invitation.place} in a browser anywhere, and confirm the code {invitation.code} {minutes}", err=True)
    if invitation.whole:
        click.echo(f"or open {invitation.whole} and compare the code", err=True)


def _text(path: Path | None) -> str:
    if path is None or str(path) == "-":
        return sys.stdin.read(1 << 16)
    with path.open() as stream:
        return stream.read(1 << 16)


@click.command(cls=Owned, action="identity.log-in")
@click.pass_obj
def logout(where: Where) -> None:
    """End your session."""
    from baton.app.accounts import log_out

    click.echo(log_out(where.workspace))


@click.command(cls=Owned, action="identity.log-in")
@click.option("--as", "person", default=None, help="As whom, in a workspace without identities.")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def whoami(where: Where, person: str | None, plain: bool) -> None:
    """Who you are here, how that was shown, and what you may do."""
    from baton.app.accounts import who
    from baton.app.seat import seat

    with seat(where.project, where.workspace, person) as here:
        told = who(here)
    if plain:
        click.echo(as_json(told))
        return
    click.echo(_shown(told))
    if not told["identities"]:
        click.echo("  this workspace has no identities: it is its files' owner's, who acts as whom --as names")
    click.echo(f"  may: {', '.join(told['may'])}")


def _shown(told: Mapping[str, Any]) -> str:
    """Who somebody is, as what, and how that was shown; nobody was named where the files' owner only looks."""
    if told["kind"] == KEEPER:
        return "the keeper of this workspace's files"
    hats = f", {', '.join(told['roles'])}" if told["roles"] else ""
    return f"{told['name']} ({told['kind']}{hats}), by {told['how']}"


@click.command(cls=Owned, action="identity.invite")
@click.argument("name")
@click.option("--as", "person", default=None, help="Who invites.  [default: you]")
@click.pass_obj
def invite(where: Where, name: str, person: str | None) -> None:
    """Give a person an identity: prints their first token, once. From the first invitation on, --as is not taken any more."""
    from baton.app.accounts import invite as give
    from baton.app.seat import seat

    with seat(where.project, where.workspace, person) as here:
        click.echo(where.advice(give(here, name)))
