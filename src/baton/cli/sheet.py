"""A hand-off as a person reads it at the terminal: in one line, in full, and what is not as it was offered."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import click

from baton.cli.main import as_json

if TYPE_CHECKING:
    from baton.app.alone.look import Look
    from baton.team.handoff import Handoff


def tell(made: "Handoff", plain: bool) -> None:
    """The id alone on standard output, so that a script may keep it; the words beside it."""
    from baton.app.alone.view import described

    told = described(made)
    if plain:
        click.echo(as_json(told))
        return
    click.echo(made.id)
    click.echo(_line(told), err=True)


def _line(told: Mapping[str, Any]) -> str:
    match told["status"]:
        case "offered":
            return f"'{told['payload']}' ({told['subject']}) waits on {told['waiting_on']} until {_minute(told['deadline'])} UTC"
        case "accepted":
            return f"accepted by {told['answered_by']}: {told['holder']} holds '{told['payload']}' ({told['subject']})"
        case "declined":
            return f"sent back to {told['giver']} by {told['answered_by']}: {told['reason']}"
    return f"{told['status']}; it stays with {told['giver']}: {told['reason']}"


def sheet(told: Mapping[str, Any]) -> str:
    """All that is to be known of it."""
    lines = [f"{told['id']}  {told['edge']}: {told['payload']} ({told['subject']}), round {told['round']}", f"  {_line(told)}"]
    lines += [
        f"  from {told['giver']} ({told['given_in']}) to {told['receiver']} ({told['taken_in']}), offered {_minute(told['offered_at'])} UTC"
    ]
    lines += [f"  asked without an answer: {', '.join(told['asked'])}"] if told["asked"] else []
    lines += [f"  pinned  {name}  {digest}" for name, digest in told["pin"].items()]
    lines += [f"  {'passed' if each['passed'] else 'FAILED'}  {each['name']}: {each['detail']}" for each in told["checks"]]
    lines += [f"  {name}: {value}" for name, value in told["evidence"].items() if name not in ("artefacts", "checks")]
    return "\n".join(lines)


def _minute(text: str) -> str:
    return text[:16].replace("T", " ")


def list_looks(looked: "tuple[Look, ...]") -> None:
    """What it is pinned to, and how that is now."""
    for each in looked:
        click.echo(f"{each.state:<8} {each.reference}  {each.then}" + (f"  now {each.now}" if each.state == "changed" else ""))
    if not looked:
        click.echo("it is pinned to nothing")


def refuse_moved(known: "Handoff", moved: "list[Look]", anew: "Handoff | None") -> NoReturn:
    """Raise Conflict: something is not what was offered; `anew` is the round that takes its place."""
    from baton.kernel.errors import Conflict

    raise Conflict(
        f"{known.id} is not what was offered",
        where=known.payload,
        why="; ".join(f"{each.reference} {each.state}" + (f": {each.why}" if each.why else "") for each in moved),
        fix=f"{anew.id} takes its place: baton handoff show {anew.id}" if anew else "bring it back, or offer what is there now",
    )
