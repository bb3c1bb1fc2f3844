"""`baton ledger`: the record of what happened."""

import click

from baton.cli.main import Hall, Where, as_json
from baton.cli.right import Owned
from baton.kernel.errors import Corrupt


@click.group(cls=Hall)
def ledger() -> None:
    """Look at the record of what happened, and verify it."""


@ledger.command(cls=Owned, action="read")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def verify(where: Where, plain: bool) -> None:
    """Recompute the Merkle log and compare it with every recorded head; exit code 7 when anything differs."""
    from baton.app.views.record import verified

    told = verified(where.workspace)
    if plain:
        click.echo(as_json(told))
    else:
        click.echo(f"{told['facts']} facts, root {told['root']}")
    if told["faults"]:
        raise Corrupt(
            f"the ledger has {len(told['faults'])} fault(s)",
            where=str(where.workspace / "state.db"),
            why="; ".join(told["faults"][:5]),
            fix="restore the workspace from a copy; what is above the first fault is whole",
        )
    if not plain:
        click.echo("whole: every fact, every head and every record agree")


@ledger.command(cls=Owned, action="read")
@click.option("--subject", default=None, help="Only facts about this subject, e.g. turn-2.")
@click.option("--kind", default=None, help="Only this kind: 'handoff.accepted', or 'incident.' for all of a noun.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="The last so many.")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def show(where: Where, subject: str | None, kind: str | None, limit: int, plain: bool) -> None:
    """Facts in order: when, what, on what, by whom, why."""
    from baton.app.views.record import facts

    found = facts(where.workspace, subject, kind)[-limit:]
    if plain:
        click.echo(as_json(found))
        return
    for fact in found:
        role = f" ({fact['role']})" if fact["role"] else ""
        click.echo(
            f"{fact['seq']:>6}  {fact['effective_at'][:16].replace('T', ' ')}  {fact['kind']:<22} {fact['subject']:<24} {fact['actor']}{role}: {fact['reason']}"
        )
