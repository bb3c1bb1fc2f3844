"""`baton`: the door. Starts with the standard library and click; a command's module is loaded when it is called."""

import json
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from baton import __version__
from baton.kernel.errors import BatonError

COMMANDS: Mapping[str, tuple[str, str]] = {
    "new": ("baton.cli.project", "Make a project, from a template or from your own table."),
    "check": ("baton.cli.project", "Check a project: every mistake with file, line and what to write."),
    "replay": ("baton.cli.loop", "Run the whole lifecycle over history, through the real model server."),
    "up": ("baton.cli.loop", "Run the lifecycle on the wall clock, until stopped."),
    "status": ("baton.cli.status", "What runs, who holds the baton, what is late, what is wrong."),
    "inbox": ("baton.cli.inbox", "What waits on whom, until when, and what happens then."),
    "accept": ("baton.cli.inbox", "Take a hand-off."),
    "decline": ("baton.cli.inbox", "Send a hand-off back, with a reason."),
    "comment": ("baton.cli.inbox", "Say something when consulted."),
    "done": ("baton.cli.inbox", "Finish a task, or give it up."),
    "approve": ("baton.cli.approval", "Approve a promotion, an override, or the rollout policy."),
    "refuse": ("baton.cli.approval", "Refuse one, with a reason."),
    "override": ("baton.cli.override", "Ask for a gate, a brake or everything to be overridden for a time."),
    "halt": ("baton.cli.override", "The kill switch: no version answers."),
    "resume": ("baton.cli.override", "End a halt."),
    "login": ("baton.cli.identity", "Log in to a workspace that has identities."),
    "logout": ("baton.cli.identity", "End your session."),
    "whoami": ("baton.cli.identity", "Who you are here, and what you may do."),
    "token": ("baton.cli.token", "Tokens and service accounts."),
    "notices": ("baton.cli.notices", "What was told to whom, over which channel, and whether it arrived."),
    "deliver": ("baton.cli.notices", "Send the notices that are due, where no loop runs."),
    "handoff": ("baton.cli.handoff", "Hand results over from any pipeline, and wait for them."),
    "loadtest": ("baton.cli.loadtest", "What a model server carries within a latency objective, and how many are needed."),
    "console": ("baton.cli.console", "Serve the console, and the API."),
    "team": ("baton.cli.team", "Who owns what: roles, lint, coverage, files."),
    "sql": ("baton.cli.data", "Query the workspace's tables, read only."),
    "experiment": ("baton.cli.experiment", "Analyse an experiment: split, variants against the control, how sure."),
    "score": ("baton.cli.scoring", "Score a table or a query, check the scores, publish and deliver them."),
    "scores": ("baton.cli.scoring", "The batches that were scored, and what came of them."),
    "bundle": ("baton.cli.bundle", "Models as files: bring your own, look at one, check one, take one out."),
    "serve": ("baton.cli.serve", "Serve bundle files, without a workspace."),
    "release": ("baton.cli.release", "Releases on their way into traffic, and the evidence on them."),
    "promote": ("baton.cli.delivery", "Let the release on trial serve all traffic early: four eyes."),
    "rollback": ("baton.cli.delivery", "Put the version before back into service."),
    "delete": ("baton.cli.deletion", "Delete the files of a version that no longer answers."),
    "reproduce": ("baton.cli.training", "Train a version again and compare every byte."),
    "ledger": ("baton.cli.ledger", "Look at the record of what happened, and verify it."),
}
EXIT = {
    "invalid-project": 2, "invalid-input": 2, "not-found": 3, "conflict": 4, "refused": 5, "broken-source": 6, "corrupt": 7,
    "incompatible": 8, "unavailable": 9, "overloaded": 9, "expired": 9, "missing-extra": 10,
}  # fmt: skip
"""Exit code per error code; 1 is left for what nobody foresaw."""


@dataclass(frozen=True, slots=True)
class Where:
    """The project and workspace that a command speaks of."""

    project: Path
    workspace: Path

    def typed(self, command: str) -> str:
        """A command, `baton …`, as it is to be typed here: with this program as it was called, and with what it speaks of."""
        words = [_program()]
        if self.project != Path.cwd():
            words += ["--project", shlex.quote(_near(self.project))]
        if self.workspace != self.project / ".baton":
            words += ["--workspace", shlex.quote(_near(self.workspace))]
        return " ".join(words) + command.removeprefix("baton")

    def advice(self, text: str) -> str:
        """A text in which every command of Baton's stands as it is to be typed here."""
        return _COMMAND.sub(lambda found: self.typed(found[0]), text)


_COMMAND = re.compile(rf"(?<![\w/.-])baton(?= (?:{'|'.join(sorted(COMMANDS.keys() - {'new'}))})\b)")
"""Where a text names a command that speaks of a project."""


def _program() -> str:
    """How this program was called: `baton` when that is on the PATH, the path to it in a checkout."""
    import shutil

    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m {__package__}"
    found = shutil.which("baton")
    elsewhere = called.name == "baton" and called.exists() and (found is None or not called.samefile(found))
    return shlex.quote(str(called)) if elsewhere else "baton"


def _near(place: Path) -> str:
    return str(place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place)


class Hall(click.Group):
    """A group of commands that tells the nearest one for a name it does not have."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant. Raises UsageError for one that is not there."""
        from baton.kernel.suggest import did_you_mean

        there = self.list_commands(ctx)
        if args[0] not in there and not args[0].startswith("-"):
            ctx.fail(f"there is no command '{args[0]}'; {did_you_mean(args[0], there)}")
        return super().resolve_command(ctx, args)


class Door(Hall):
    """Lists commands from a table and imports them on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in lifecycle order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, loaded now."""
        if cmd_name not in COMMANDS:
            return None
        from baton.cli.right import owned

        return owned(getattr(import_module(COMMANDS[cmd_name][0]), cmd_name))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. What an error advises is told as it is to be typed here."""
        try:
            return super().invoke(ctx)
        except BatonError as error:
            if isinstance(ctx.obj, Where):
                error.why, error.fix = ctx.obj.advice(error.why), ctx.obj.advice(error.fix)
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands, without loading one of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])


@click.group(cls=Door, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--project", type=click.Path(path_type=Path), default=Path(), help="Folder with baton.yaml.  [default: this folder]"
)
@click.option(
    "--workspace", type=click.Path(path_type=Path), default=None, help="Folder of the state.  [default: .baton in the project]"
)
@click.version_option(__version__, prog_name="baton")
@click.pass_context
def door(ctx: click.Context, project: Path, workspace: Path | None) -> None:
    """Baton runs the whole life of a machine-learning model, every phase owned and every decision on the record.

    Start: baton new churn; baton --project churn check; baton --project churn up
    """
    ctx.obj = Where(project.resolve(), (workspace or project / ".baton").resolve())


def told(error: BatonError) -> str:
    """An error as text for a terminal."""
    return f"error [{error.code}]: {error}"


def as_json(value: object) -> str:
    """Plain values as indented JSON; instants as text."""
    return json.dumps(value, indent=2, default=str, ensure_ascii=False)


def main() -> None:
    """Run the command line; errors become one message and an exit code."""
    try:
        door(standalone_mode=False)
    except BatonError as error:
        click.echo(told(error), err=True)
        sys.exit(EXIT.get(error.code, 1))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; run the same command to go on from here", err=True)
        sys.exit(130)
    except OSError as error:
        click.echo(
            f"error [unavailable]: {error.strerror or error}\n  where: {error.filename or 'the system'}\n  fix: free space or mend the path, then run the command again; nothing was half-done",
            err=True,
        )
        sys.exit(EXIT["unavailable"])
