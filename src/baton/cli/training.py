"""`baton reproduce`."""

import click

from baton.cli.main import Where, as_json
from baton.cli.right import Owned


@click.command(cls=Owned, action="version.reproduce")
@click.argument("version", type=click.IntRange(1))
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def reproduce(where: Where, version: int, plain: bool) -> None:
    """Train VERSION again from its manifest; exit code 5 unless every byte is the same."""
    from baton.app.reproduce import reproduce as again

    told = again(where.project, where.workspace, version)
    click.echo(
        as_json(told)
        if plain
        else f"version {version} came out the same: model {told['model']['now'][:16]}, training set {told['training_set']['now'][:16]}"
    )
