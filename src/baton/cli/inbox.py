"""`baton inbox`, `accept`, `decline`, `comment`, `done`: what waits on people, and their answers."""

from collections.abc import Mapping
from typing import Any

import click

from baton.cli.main import Where, as_json
from baton.cli.right import Owned


@click.command(cls=Owned, action="read")
@click.option("--as", "person", default=None, help="Only what waits on this person (in a workspace without identities).")
@click.option("--all", "everybody", is_flag=True, help="What waits on anybody.  [default: on you]")
@click.option("--json", "plain", is_flag=True, help="For machines.")
@click.pass_obj
def inbox(where: Where, person: str | None, everybody: bool, plain: bool) -> None:
    """What waits on you: hand-offs, consultations, approvals and tasks; since when, until when, and what happens then."""
    from baton.app.identity import has_identities
    from baton.app.views.inbox import inbox as look

    name, found = look(where.project, where.workspace, person, everybody=everybody)
    if plain:
        click.echo(as_json(found))
        return
    if not found:
        click.echo("nothing waits" + (f" on {name}" if name else ""))
    named = not has_identities(where.workspace)
    for each in found:
        answers = person or next(iter(each["waits_on"]), "")
        click.echo(_told(each, where, answers if named else ""))


def _told(each: Mapping[str, Any], where: Where, person: str) -> str:
    """One item and the command that answers it, as `person`; empty where people show who they are."""
    until = f"until {each['deadline'][:16]}" if each["deadline"] else "no deadline"
    lines = [
        f"{each['id']}  {each['type']} for {' or '.join(each['waits_on'])}: {each['what']}",
        f"    since {each['since'][:16]}, {until}; then {each['then']}",
    ]
    lines += [f"    {name}: {_shown(value)}" for name, value in each.get("evidence", {}).items()]
    if each["type"] == "approval":
        lines.append(f"    {each['missing']} more must approve" + (f"; {', '.join(each['given'])} did" if each["given"] else ""))
    return "\n".join([*lines, f"    {where.typed(each['do'])}" + (f" --as {person}" if person else "")])


def _shown(value: object) -> str:
    """Evidence in one line: of several things, such as artefacts, their names."""
    return ", ".join(map(str, value)) if isinstance(value, Mapping) else str(value)


@click.command(cls=Owned, action="handoff.answer")
@click.argument("handoff")
@click.option("--as", "person", default=None, help="Who answers.  [default: you, or the person it waits on]")
@click.option("--reason", default="", help="A word for the record.")
@click.pass_obj
def accept(where: Where, handoff: str, person: str | None, reason: str) -> None:
    """Take a hand-off: from now on its subject is yours."""
    from baton.app.answers import accept as take
    from baton.app.seat import seat

    with seat(where.project, where.workspace, person) as here:
        click.echo(where.advice(take(here, handoff, reason)))


@click.command(cls=Owned, action="handoff.answer")
@click.argument("handoff")
@click.option("--as", "person", default=None, help="Who answers.  [default: you, or the person it waits on]")
@click.option("--reason", required=True, help="What the giver must mend.")
@click.pass_obj
def decline(where: Where, handoff: str, person: str | None, reason: str) -> None:
    """Send a hand-off back to its giver, who gets a task."""
    from baton.app.answers import decline as send
    from baton.app.seat import seat

    with seat(where.project, where.workspace, person) as here:
        click.echo(where.advice(send(here, handoff, reason)))


@click.command(cls=Owned, action="consultation.comment")
@click.argument("consultation")
@click.argument("stance", type=click.Choice(["agree", "object", "abstain"]))
@click.option("--as", "person", default=None, help="Who comments.  [default: you]")
@click.option("--reason", default="", help="Why; an objection needs it.")
@click.pass_obj
def comment(where: Where, consultation: str, stance: str, person: str | None, reason: str) -> None:
    """Say something when consulted: the majority of those heard counts, in time."""
    from baton.app.answers import comment as say
    from baton.app.seat import seat

    with seat(where.project, where.workspace, person) as here:
        click.echo(say(here, consultation, stance, reason))


@click.command(cls=Owned, action="task.finish")
@click.argument("task")
@click.option("--as", "person", default=None, help="Who did it.  [default: you, or whose task it is]")
@click.option("--reason", required=True, help="What was done, or why it is given up.")
@click.option("--give-up", is_flag=True, help="It will not be done: what it came from stays undone.")
@click.pass_obj
def done(where: Where, task: str, person: str | None, reason: str, give_up: bool) -> None:
    """Finish a task. One from a hand-off that was sent back offers it again, with what was mended as evidence."""
    from baton.app.answers import finish
    from baton.app.seat import seat

    with seat(where.project, where.workspace, person) as here:
        click.echo(finish(here, task, reason, give_up=give_up))
