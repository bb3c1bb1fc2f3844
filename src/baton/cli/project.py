"""`baton new` and `baton check`."""

from pathlib import Path

import click

from baton.cli.main import Where, as_json
from baton.cli.right import Owned
from baton.kernel.errors import InvalidInput


@click.command(cls=Owned, action="project.make")
@click.argument("name")
@click.option("--from", "table", type=click.Path(path_type=Path), default=None, help="Your own table: a CSV or Parquet file.")
@click.option("--label", default=None, help="Its column to predict (two values).")
@click.option("--time", "moment", default=None, help="Its column that says when a row became known.")
@click.option("--key", default=None, help="Its column that names a row.")
@click.option("--into", type=click.Path(path_type=Path), default=None, help="Folder to make.  [default: NAME, here]")
def new(name: str, table: Path | None, label: str | None, moment: str | None, key: str | None, into: Path | None) -> None:
    """Make a project called NAME that runs as it is, or one inferred from your own table."""
    from baton.app.new import from_table, from_template

    folder = into or Path(name)
    if table is None:
        if label or moment or key:
            raise InvalidInput(
                "--label, --time and --key speak of a table",
                why="no table is named",
                fix=f"baton new {name} --from FILE.csv --label COLUMN",
            )
        made = from_template(name, folder)
    elif label is None:
        raise InvalidInput(
            "which column is to be predicted?",
            where=str(table),
            why="--label is missing",
            fix=f"baton new {name} --from {table} --label COLUMN",
        )
    else:
        made = from_table(name, folder, table, label, moment, key)
    for path in made.files:
        click.echo(f"  {path}")
    if made.renamed:
        click.echo("renamed, since names have letters, digits and '_', a letter first:")
    for theirs, ours in made.renamed.items():
        click.echo(f"  {theirs!r} is {ours}")
    made_here = Where(folder.resolve(), folder.resolve() / ".baton")
    click.echo(f"next: {made_here.typed('baton check')}; {made_here.typed('baton up')}")


@click.command(cls=Owned, action="project.check")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def check(where: Where, plain: bool) -> None:
    """Check a project: every mistake with file, line and what to write instead."""
    from baton.app.views.checking import check as judge

    told = judge(where.project)
    if plain:
        click.echo(as_json(told))
        return
    click.echo(f"{told['project']}: {told['question']}")
    click.echo(f"  sources   {', '.join(f'{name} ({count} columns)' for name, count in told['sources'].items())}")
    click.echo(f"  features  {len(told['features'])}: {', '.join(told['features'])}")
    click.echo(f"  owners    {', '.join(f'{phase} {name}' for phase, name in told['owners'].items())}")
    click.echo("no mistake found")
