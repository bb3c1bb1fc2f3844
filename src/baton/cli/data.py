"""`baton sql`."""

import sys

import click

from baton.cli.main import Where
from baton.cli.right import Owned


@click.command(cls=Owned, action="read")
@click.argument("query")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "parquet"]),
    default="table",
    show_default=True,
    help="How rows are written to standard output.",
)
@click.pass_obj
def sql(where: Where, query: str, form: str) -> None:
    """Query the workspace's tables with SQL (DuckDB, read only): predictions, labels, quarantine and every source."""
    from baton.app.views.tables import ask, written

    rows = ask(where.workspace, query)
    data = written(rows, form)
    if form == "parquet" and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for a terminal: redirect it, e.g. … --format parquet > rows.parquet")
    sys.stdout.buffer.write(data)
