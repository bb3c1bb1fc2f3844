"""A command with its place in the rights matrix: one without an action cannot be made, and none runs without being let in."""

from pathlib import Path
from typing import Any

import click

from baton.kernel.errors import Refused
from baton.team.permission import RIGHTS


class Owned(click.Command):
    """A click command that names the action it is: `@click.command(cls=Owned, action="read")`."""

    def __init__(self, *args: Any, action: str, **rest: Any) -> None:
        super().__init__(*args, **rest)
        if action not in RIGHTS:
            raise LookupError(f"'{action}' of command {self.name} is in no rights matrix")
        self.action = action

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, once whoever is at the door may do what it is."""
        from baton.app.identity import authorise

        where = ctx.find_root().obj
        if not RIGHTS[self.action].outside:
            project, workspace = (getattr(where, name, None) for name in ("project", "workspace"))
            if not isinstance(project, Path) or not isinstance(workspace, Path):
                raise Refused(f"'{self.name}' speaks of no project", why="it was not called through baton", fix="baton --help")
            authorise(project, workspace, self.action, self._named(ctx))
        return super().invoke(ctx)

    def _named(self, ctx: click.Context) -> str | None:
        """Whom `--as` names. An option that `--as` is only one spelling of asks about somebody, and names nobody."""
        names = [param.name for param in self.params if param.opts == ["--as"] and param.name is not None]
        found = ctx.params.get(names[0]) if names else None
        return found if isinstance(found, str) else None


def owned(command: click.Command) -> click.Command:
    """A command that may be listed: one with an action, or a group of such. Raises TypeError for any other: default deny."""
    if not isinstance(command, Owned | click.Group):
        raise TypeError(f"command {command.name} names no action of the rights matrix: make it with cls=Owned, action=…")
    return command
