"""`baton handoff`: hand-offs over anybody's pipeline, from any job, in a folder with a `team.yaml`."""

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

import click

from baton.cli.main import Hall, Where, as_json
from baton.cli.right import Owned
from baton.cli.sheet import list_looks, refuse_moved, sheet, tell

if TYPE_CHECKING:
    from baton.app.alone.desk import Desk
    from baton.app.alone.offer import Offer
    from baton.team.actor import Actor
    from baton.team.handoff import Handoff

ENDS: Final[Mapping[str, int]] = {"accepted": 0, "declined": 20, "lapsed": 21, "offered": 22, "superseded": 23}
"""What a job that waits is told by exit code; errors have those of every command (`docs/reference/errors.md`)."""
PAUSE: Final = 0.5
ANYWAY: Final = 15.0

_as = click.option("--as", "person", default=None, help="Who acts, in a workspace of one person; else: baton login.")
_json = click.option("--json", "plain", is_flag=True, help="The whole hand-off, for machines.")


@click.group(cls=Hall)
def handoff() -> None:
    """Hand results over, and wait for them, from any pipeline: a folder with a team.yaml is enough.

    A result is named by references to what Baton did not make: file:PATH, git:COMMIT[@FOLDER],
    mlflow:models:/NAME/VERSION, oci:NAME@sha256:DIGEST, url:https://…#sha256=DIGEST. They are pinned at the offer and looked
    at again before they are taken. Every command first does what is due: deadlines pass although no loop runs.
    """


@handoff.command(cls=Owned, action="handoff.offer")
@click.option(
    "--subject", required=True, help="What is handed over, e.g. 'shop model 7'. The same offer again is the same hand-off."
)
@click.option("--edge", default="bundle", show_default=True, help="The agreed hand-off, of the lifecycle or of team.yaml.")
@click.option("--to", "to", default="", help="For an edge that team.yaml does not name: the phase that receives.")
@click.option("--payload", default="", help="For an edge that team.yaml does not name: what both ends call it.")
@click.option("--artefact", "artefacts", multiple=True, metavar="REFERENCE", help="What is handed over; repeatable.")
@click.option(
    "--check", "checks", multiple=True, metavar="NAME=COMMAND", help="Must end with 0; run without a shell; repeatable."
)
@click.option("--check-timeout", "limit", default="10m", show_default=True, help="How long each check may take.")
@click.option("--evidence", multiple=True, metavar="NAME=VALUE", help="A number or a text to decide by; repeatable.")
@click.option("--again", is_flag=True, help="Offer once more what was sent back, although nothing about it changed.")
@_as
@_json
@click.pass_obj
def offer(where: Where, /, plain: bool, **told: Any) -> None:
    """Offer a result: pin its artefacts, run its checks, ask whoever must take it. Prints the hand-off's id.

    With failed checks it is sent back at once: exit code 20. Where team.yaml says `accept: policy`, and by default, passed
    checks take it; without any check a person must.
    """
    from baton.app.alone.offer import offer as place
    from baton.app.bootstrap import open_desk

    wanted = _wanted(where, told)
    with open_desk(where.project, where.workspace, create=True) as desk:
        made = place(desk, wanted, _who(where, told["person"]))
    tell(made, plain)
    if made.status == "declined":
        sys.exit(ENDS["declined"])


def _wanted(where: Where, told: Mapping[str, Any]) -> "Offer":
    """Everything that is looked at and run before anything is recorded."""
    from baton.app.alone.offer import Offer, pinned, with_edge
    from baton.app.alone.proof import named, number_or_text, proved
    from baton.app.bootstrap import open_checks, open_references
    from baton.app.declared import load_owned
    from baton.app.lifecycle.offering import edge_named
    from baton.kernel.errors import Conflict

    edge_named(with_edge(load_owned(where.project).owned, told["edge"], told["to"], told["payload"]), told["edge"])
    evidence = dict(named(text, "--evidence", "auc=0.81") for text in told["evidence"])
    commands = [named(text, "--check", "'tests=pytest -q'") for text in told["checks"]]
    limit = _span(told["limit"], "--check-timeout")
    artefacts = pinned(open_references(where.project), told["artefacts"])
    proofs = proved(open_checks(where.project), commands, limit)
    if proofs and pinned(open_references(where.project), told["artefacts"]) != artefacts:
        raise Conflict(
            "the checks changed what is offered",
            where="--check",
            why="they spoke of something else",
            fix="let them write elsewhere",
        )
    return Offer(
        edge=told["edge"],
        subject=told["subject"],
        artefacts=artefacts,
        checks=tuple(each.check for each in proofs),
        evidence={name: number_or_text(value) for name, value in evidence.items()},
        ran={each.check.name: each.told for each in proofs},
        to=told["to"],
        payload=told["payload"],
        again=told["again"],
    )


@handoff.command(cls=Owned, action="read")
@click.argument("id")
@click.option("--renew", is_flag=True, help="Offer anew what is there now, when it is not what was offered.")
@_as
@_json
@click.pass_obj
def check(where: Where, id: str, renew: bool, person: str | None, plain: bool) -> None:
    """Look again at everything a hand-off is pinned to: exit code 0 when all is as it was offered, 4 when it is not.

    Nothing else is run, and its checks are not. A job that takes what was accepted calls this before it uses it.
    """
    from baton.app.alone.look import look, renewable, renewed
    from baton.app.alone.view import found

    with _open(where) as desk:
        known = found(desk.state, id)
        looked = look(desk.references, known)
        moved = [each for each in looked if each.state in ("changed", "gone")]
        anew = renewed(desk, id, _who(where, person), looked) if moved and renew and renewable(looked) else None
    if plain:
        told = [{"reference": e.reference, "state": e.state, "then": e.then, "now": e.now, "why": e.why} for e in looked]
        click.echo(as_json({"id": id, "status": known.status, "same": not moved, "pins": told, "renewed": anew and anew.id}))
    else:
        list_looks(looked)
    if moved:
        refuse_moved(known, moved, anew)


@handoff.command(cls=Owned, action="read")
@click.argument("id")
@_json
@click.pass_obj
def show(where: Where, id: str, plain: bool) -> None:
    """One hand-off: what it is pinned to, what its checks showed, on whom it waits until when, who holds it."""
    from baton.app.alone.view import described, found

    with _open(where) as desk:
        told = described(found(desk.state, id))
    click.echo(as_json(told) if plain else sheet(told))


@handoff.command(cls=Owned, action="handoff.answer")
@click.argument("id")
@click.option("--reason", default="", help="A word for the record.")
@_as
@_json
@click.pass_obj
def accept(where: Where, id: str, reason: str, person: str | None, plain: bool) -> None:
    """Take a hand-off, after a look at everything it is pinned to; exit code 4 when that is not what was offered.

    What changed is then offered anew, and waits for another look.
    """
    from baton.app.alone.answer import accept as take

    with _open(where) as desk:
        tell(take(desk, id, _who(where, person), reason), plain)


@handoff.command(cls=Owned, action="handoff.answer")
@click.argument("id")
@click.option("--reason", required=True, help="What the giver must mend.")
@_as
@_json
@click.pass_obj
def decline(where: Where, id: str, reason: str, person: str | None, plain: bool) -> None:
    """Send a hand-off back to its giver, with a reason."""
    from baton.app.alone.answer import decline as send

    with _open(where) as desk:
        tell(send(desk, id, _who(where, person), reason), plain)


@handoff.command(cls=Owned, action="read")
@click.argument("id")
@click.option("--timeout", "limit", default="2h", show_default=True, help="How long to wait; 0s looks once.")
@_json
@click.pass_obj
def wait(where: Where, id: str, limit: str, plain: bool) -> None:
    """Wait until a hand-off is answered; deadlines that pass meanwhile escalate.

    Exit codes: 0 accepted; 20 declined; 21 nobody along the chain answered; 22 still open at the timeout; 23 another round
    took its place, because what it was pinned to changed: wait for that one, and take what that one is pinned to.
    """
    with _open(where) as desk:
        made = _awaited(desk, id, _span(limit, "--timeout").total_seconds())
    tell(made, plain)
    sys.exit(ENDS[made.status])


def _awaited(desk: "Desk", id: str, seconds: float) -> "Handoff":
    """Look whenever the state's files changed or a deadline passed, and every 15 seconds anyway."""
    from time import sleep

    from baton.app.alone.view import found
    from baton.kernel.clock import stopwatch

    elapsed, known, seen, looked = stopwatch(), found(desk.state, id), desk.stamp(), 0.0
    while known.open and (left := seconds - elapsed()) > 0:
        sleep(min(PAUSE, left))
        if desk.stamp() != seen or elapsed() - looked > ANYWAY or desk.now() >= known.deadline:
            _glance(desk)
            known, seen, looked = found(desk.state, id), desk.stamp(), elapsed()
    return known


@handoff.command(cls=Owned, action="read")
@click.pass_obj
def tick(where: Where) -> None:
    """Do what is due, e.g. from cron where no loop runs: people in line with the file, deadlines, escalations.

    Where there is no workspace yet, it begins one, so that people can be invited before the first offer.
    """
    from baton.app.bootstrap import open_desk

    with open_desk(where.project, where.workspace, create=True) as desk:
        click.echo(f"{desk.move()} changes")


def _open(where: Where) -> "AbstractContextManager[Desk]":
    from contextlib import contextmanager

    from baton.app.bootstrap import open_desk

    @contextmanager
    def opened() -> Any:
        with open_desk(where.project, where.workspace) as desk:
            _glance(desk)
            yield desk

    return opened()


def _glance(desk: "Desk") -> None:
    words = desk.glance()
    if words:
        click.echo(f"what is due could not be done: {words}", err=True)


def _who(where: Where, person: str | None) -> "Actor":
    from baton.app.identity import acting

    return acting(where.project, where.workspace, person)


def _span(text: str, option: str) -> Any:
    from baton.kernel.clock import parse_duration
    from baton.kernel.errors import InvalidInput

    try:
        return parse_duration(text)
    except ValueError as error:
        raise InvalidInput(str(error), where=option, fix=f"{option} 30m") from error
