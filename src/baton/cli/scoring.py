"""`baton score` and `baton scores`: batch scoring."""

import sys
from pathlib import Path
from typing import Any

import click

from baton.cli.main import Where, as_json
from baton.cli.right import Owned


@click.command(cls=Owned, action="score.run")
@click.option("--from", "source", default=None, help="The source whose entities are scored.  [default: the entity's]")
@click.option("--sql", "query", default=None, help="A query that gives the entity's key and every input of the model.")
@click.option("--sql-file", type=click.File(), default=None, help="A file with such a query; - is standard input.")
@click.option("--version", "version", type=click.IntRange(1), default=None, help="Which version scores.  [default: the live one]")
@click.option("--as-of", default=None, help="Only what was known by this instant.  [default: the last daily step]")
@click.option("--table", default="scores", show_default=True, help="The table that the scores go into.")
@click.option("--to", default="", help="Where else they go: out.parquet, out.csv, or https://…, posted there signed.")
@click.option(
    "--chunk", default=50_000, show_default=True, type=click.IntRange(1), help="Rows at a time; fewer take less memory."
)
@click.option("--publish-anyway", "anyway", is_flag=True, help="Publish although the check withholds them; needs --why.")
@click.option("--why", default="", help="Why they are published anyway; it goes on the record.")
@click.option("--as", "person", default=None, help="Who scores.  [default: who does the work of deploy]")
@click.option("--dry-run", is_flag=True, help="Read and check everything, score and write nothing.")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def score(where: Where, /, to: str, person: str | None, *, dry_run: bool, plain: bool, **typed: Any) -> None:
    """Score a table or a query, check how the scores are spread, publish and deliver them.

    The same command typed again, for the same rows, goes on where it was cut short, or tells that it is done: no score is
    there twice. Exit code 5 when the scores are withheld.
    """
    from time import sleep

    from baton.app.scoring.command import Asked, plan
    from baton.app.scoring.command import score as work
    from baton.kernel.clock import SystemClock

    address = to if not to or to.startswith(("https://", "http://", "${")) else str(Path(to).absolute())
    asked = Asked(_wish(typed), address, typed["anyway"], typed["why"], person)
    if dry_run:
        told = plan(where.project, where.workspace, asked)
    else:
        report = _progress if sys.stderr.isatty() else _silent
        told = work(where.project, where.workspace, asked, SystemClock(), sleep, report)
    click.echo(as_json(told) if plain else "\n".join(_plan(told) if dry_run else _outcome(told)))


@click.command(cls=Owned, action="read")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100_000), help="The newest so many.")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def scores(where: Where, limit: int, plain: bool) -> None:
    """The batches that were scored: what was asked, by which version, what the check said, and where the scores went."""
    from baton.app.views.scores import scores as found

    runs = found(where.workspace)
    if plain:
        click.echo(as_json(runs[:limit]))
        return
    if not runs:
        click.echo("nothing was scored in a batch yet: baton score")
    for run in runs[:limit]:
        name = f"  {run['schedule']}" if run["schedule"] else ""
        click.echo(f"{run['planned_at'][:16]}  {run['id']}{name}  {run['status']}: {_rows(run)}")
        click.echo(f"    table {run['cause']['table']}; {'; '.join(run['reasons']) or 'not checked yet'}")
        for each in run["shipments"]:
            click.echo(f"    {each['to']}: {each['status']}, {each['error'] or each['receipt'] or 'not sent yet'}")
    if len(runs) > limit:
        click.echo(f"… and {len(runs) - limit} earlier ones: --limit {len(runs)}")


def _wish(typed: dict[str, Any]) -> Any:
    from baton.app.scoring.order import Wish
    from baton.cli.status import instant

    if typed["query"] is not None and typed["sql_file"] is not None:
        raise click.UsageError("--sql and --sql-file are two queries: give one")
    query = typed["query"] if typed["sql_file"] is None else typed["sql_file"].read()
    if query is not None and not query.strip():
        raise click.UsageError("the query is empty")
    return Wish(typed["source"], query, typed["version"], instant(typed["as_of"]), typed["table"], typed["chunk"])


def _plan(told: dict[str, Any]) -> list[str]:
    known = f"on record as {told['status']}" if told["status"] != "planned" else "new"
    lines = [f"{told['id']} ({known}): {_rows(told)}, in {told['chunks']} chunk{'s' if told['chunks'] != 1 else ''}"]
    return [*lines, f"into table {told['cause']['table']}{' and ' + told['to'] if told['to'] else ''}; nothing was written"]


def _outcome(told: dict[str, Any]) -> list[str]:
    again = " before" if told["again"] else ""
    lines = [f"{told['id']}: {_rows(told)}", f"published{again} in table {told['cause']['table']}: {'; '.join(told['reasons'])}"]
    sent = told["shipment"]
    return lines if sent is None else [*lines, f"delivered to {sent['to']}: {sent['receipt']}"]


def _rows(run: dict[str, Any]) -> str:
    cause = run["cause"]
    return f"{run['rows']} rows of {cause['source'] or 'a query'} by version {run['version']}, as known by {cause['as_of']}"


def _progress(done: int, rows: int) -> None:
    click.echo(f"\r{done:,} of {rows:,} rows" + ("\n" if done == rows else ""), nl=False, err=True)


def _silent(*_: int) -> None:
    """Nobody watches."""
