"""`baton replay` and `baton up`: the two ways to run the loop."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click

from baton.cli.main import Where
from baton.cli.right import Owned
from baton.cli.status import instant, summary
from baton.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import datetime

    from baton.app.house import House
    from baton.app.lifecycle.replay import Progress
    from baton.project.definition import Fault


@click.command(cls=Owned, action="loop.run")
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--fresh", is_flag=True, help="Start over: delete the replayed workspace first.")
@click.option("--until", default=None, help="Stop at this instant, e.g. 2023-04-01 (midnight UTC).")
@click.option(
    "--control",
    type=click.Choice(["stationary"]),
    default=None,
    help="Replay a year made of the days before going live, drawn at random: nothing drifts.",
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0, 2**31), help="Which days the control draws.")
@click.option(
    "--policy",
    default=None,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A YAML file that says how people behave: when they answer, are away, send things back.",
)
@click.option(
    "--inject",
    default=None,
    metavar="FAULT@DAY",
    help="Break a model on purpose, e.g. broken-canary@2023-05-01, or broken-candidate@…, and see the rollout catch it.",
)
@click.pass_obj
def replay(
    where: Where,
    project: Path | None,
    fresh: bool,
    until: str | None,
    control: str | None,
    seed: int,
    policy: Path | None,
    inject: str | None,
) -> None:
    """Run the whole lifecycle over history, through the real model server. Killed, it goes on where it stopped."""
    from baton.app.declared import load_people_policy
    from baton.app.identity import authorise
    from baton.app.lifecycle.replay import replay as run
    from baton.app.lifecycle.replay import require_plan
    from baton.app.views.checking import check
    from baton.app.workspace import create, find, held

    folder = (project or where.project).resolve()
    place = where.workspace if project is None or where.workspace != where.project / ".baton" else folder / ".baton"
    place = place.with_name(f"{place.name}-{control}-{seed}") if control else place
    place = place.with_name(f"{place.name}-{policy.stem}") if policy else place
    faults = _faults(inject)
    place = place.with_name(f"{place.name}-{inject}") if inject else place
    click.get_current_context().find_root().obj = here = Where(folder, place)
    authorise(folder, place, "loop.run", None)
    known = find(place)
    if fresh and known is not None:
        if known.clock != "replay":
            raise InvalidInput(
                "--fresh starts over replayed workspaces only",
                where=str(place),
                why="this one ran on the wall clock",
                fix="name another workspace: --workspace DIR",
            )
        with held(known):
            shutil.rmtree(place)
    cut = _midnight(until)
    check(folder)
    require_plan(folder)
    people = load_people_policy(policy.resolve(), folder) if policy else None
    workspace = create(place, "replay")
    with _display() as report:
        run(folder, workspace, report, until=cut, control=seed if control else None, policy=people, faults=faults)
    from baton.app.views.present import look

    click.echo("\n" + summary(look(folder, place, None), here))
    click.echo(_next_steps(here))


def _faults(text: str | None) -> "tuple[Fault, ...]":
    from baton.project.definition import Fault

    if text is None:
        return ()
    kind, _, day = text.partition("@")
    if kind not in ("broken-canary", "broken-candidate") or not day:
        raise InvalidInput(
            f"--inject {text} names no fault",
            why="what can be broken: the candidate when it is packaged, the canary when it first answers",
            fix="write e.g. --inject broken-canary@2023-05-01",
        )
    return (Fault.model_validate({"at": instant(day), "break": kind.removeprefix("broken-")}),)


def _midnight(text: str | None) -> "datetime | None":
    moment = instant(text)
    if moment is not None and (moment.hour or moment.minute or moment.second):
        raise InvalidInput(
            f"--until {text} is not midnight UTC", why="a replay ends with a whole day", fix=f"write --until {moment:%Y-%m-%d}"
        )
    return moment


class _Display:
    """A live line on a terminal; one line a month elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._live = Console().is_terminal
        self._bar = Progress(
            TextColumn("{task.fields[day]}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[what]}"),
        )
        self._task = self._bar.add_task("", total=1.0, day="", what="starting")
        self._month, self._seen = "", 0

    def __enter__(self) -> Self:
        if self._live:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._bar.stop()

    def __call__(self, house: "House", progress: "Progress") -> None:
        from baton.app.lifecycle.news import TOLD

        now = progress.now
        if now.hour:
            return
        if self._live:
            self._bar.update(self._task, completed=progress.share, day=f"{now:%Y-%m-%d}")
        facts = house.state.facts(after=self._seen)
        for fact in facts:
            self._seen = fact.seq
            if fact.kind in TOLD:
                self._say(f"{fact.effective_at:%Y-%m-%d}  {fact.kind.replace('.', ' ')}: {fact.reason}")
        if not self._live and f"{now:%Y-%m}" != self._month:
            self._month = f"{now:%Y-%m}"
            click.echo(f"… {now:%Y-%m-%d}, {progress.share:.0%}")

    def _say(self, words: str) -> None:
        if self._live:
            self._bar.console.print(words, markup=False, highlight=False)
        else:
            click.echo(words)


def _display() -> _Display:
    return _Display()


def _next_steps(where: Where) -> str:
    steps = {
        "baton up": "the console: all of this in a browser, and the model as an API",
        "baton status": "who holds the baton, what is wrong",
        "baton inbox --all": "what waits for somebody",
        "baton ledger show": "what happened, and why",
        'baton sql "SELECT * FROM predictions LIMIT 5"': "every answer, with what the model saw",
    }
    typed = {where.typed(command): words for command, words in steps.items()}
    width = max(map(len, typed))
    return "\n".join(["\nWhere to look next", *(f"  {command:<{width}}  {words}" for command, words in typed.items())])


@click.command(cls=Owned, action="loop.run")
@click.option("--port", default=8090, show_default=True, type=click.IntRange(0, 65535), help="Port of the console on 127.0.0.1.")
@click.option(
    "--serving-port",
    default=8080,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port of the model server on 127.0.0.1; 0 takes a free one.",
)
@click.option("--console/--no-console", "with_console", default=True, help="Whether to serve the console.  [default: yes]")
@click.pass_obj
def up(where: Where, port: int, serving_port: int, with_console: bool) -> None:
    """Run the loop on the wall clock, with the console and the model server, until stopped.

    A replayed workspace stands still: its console and its model are served.
    """
    from baton.app.lifecycle.console import Console
    from baton.app.lifecycle.live import live
    from baton.app.views.checking import check
    from baton.app.workspace import create, find

    check(where.project)
    found = find(where.workspace)
    workspace = create(where.workspace, found.clock if found else "wall")
    console = Console(where.project, workspace.folder, port, interactive=sys.stdout.isatty()) if with_console else None
    live(where.project, workspace, serving_port, lambda text: click.echo(where.advice(text)), console=console)
