"""`baton team`: who owns what. A table of subcommands; a subcommand's module is loaded when it is called."""

from collections.abc import Mapping
from importlib import import_module

import click

from baton.cli.main import Hall
from baton.cli.right import owned

SUBCOMMANDS: Mapping[str, tuple[str, str]] = {
    "roles": ("baton.cli.catalogue", "The roles there are, and what each promises."),
    "role": ("baton.cli.catalogue", "One role: duties, skills, tools, levels."),
    "guide": ("baton.cli.catalogue", "Which role fits whom, and what to learn next."),
    "lint": ("baton.cli.linting", "Where the team would drop the baton, and what to change."),
    "coverage": ("baton.cli.coverage", "Who answers for what, gaps, load, and what stops without somebody."),
    "tenure": ("baton.cli.coverage", "Who was accountable when, replayed from the ledger."),
    "files": ("baton.cli.files", "Whose work every file is; writes CODEOWNERS."),
    "rights": ("baton.cli.rights", "Who may do what, as the matrix has it."),
    "invite": ("baton.cli.identity", "Give a person an identity."),
    "away": ("baton.cli.coming", "Somebody is away for a time."),
    "back": ("baton.cli.coming", "Somebody is back."),
    "leave": ("baton.cli.coming", "Somebody leaves for good."),
    "delegate": ("baton.cli.coming", "Give duties to somebody else for a time."),
    "metrics": ("baton.cli.metrics", "Lead times, waiting, rework, deployments, failures, automation."),
}


class Room(Hall):
    """Lists subcommands from the table and imports them on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the table's order."""
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of that name, loaded now."""
        if cmd_name not in SUBCOMMANDS:
            return None
        return owned(getattr(import_module(SUBCOMMANDS[cmd_name][0]), cmd_name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of subcommands, without loading one of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in SUBCOMMANDS.items()])


@click.group(cls=Room)
def team() -> None:
    """Who owns what: roles, the matrix and its holes, who answers now, whose files."""
