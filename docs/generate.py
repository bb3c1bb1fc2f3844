"""Write the pages of docs/reference from the code: every command with its options, every error with its code.

`make docs` writes them; `python docs/generate.py --check` only tells, by its exit code, whether they are current.
"""

import inspect
import sys
from importlib import import_module
from pathlib import Path

import click

from baton.cli.main import COMMANDS, EXIT, door
from baton.kernel import errors
from baton.kernel.errors import BatonError

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/generate.py out of the code; change the code, then run: make docs -->\n"


def pages() -> dict[str, str]:
    """Every generated page by its file name."""
    return {"commands.md": commands(), "errors.md": errors_page()}


def commands() -> str:
    """The command line: `baton` itself, then each command in lifecycle order."""
    parts = [f"{NOTE}\n# Commands\n", _command("baton", door)]
    for name, (module, _) in COMMANDS.items():
        parts += _with_children(f"baton {name}", getattr(import_module(module), name))
    return "\n".join(parts)


def _with_children(path: str, command: click.Command) -> list[str]:
    children = _children(command) if isinstance(command, click.Group) else {}
    inner = (part for name, child in children.items() for part in _with_children(f"{path} {name}", child))
    return [_command(path, command), *inner]


def _children(group: click.Group) -> dict[str, click.Command]:
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: child for name, child in found.items() if child is not None}


def _command(path: str, command: click.Command) -> str:
    context = click.Context(command, info_name=path)
    arguments = [each.make_metavar(context) for each in command.params if isinstance(each, click.Argument)]
    shown = (each for each in command.params if isinstance(each, click.Option))
    options = [row for each in shown if (row := each.get_help_record(context)) is not None]
    usage = " ".join([path, "[OPTIONS]" if options else "", *arguments, "COMMAND …" if isinstance(command, click.Group) else ""])
    lines = [f"## {path}\n", f"    {' '.join(usage.split())}\n", f"{inspect.cleandoc(command.help or '')}\n"]
    if options:
        lines += ["| option | |", "|---|---|", *(f"| `{_cell(name)}` | {_cell(text)} |" for name, text in options), ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def errors_page() -> str:
    """The error tree: code, exit code, whether trying again can help, and what it means."""
    rows = [
        f"| `{kind.code}` | {EXIT[kind.code]} | {'may help' if kind.retryable else 'will not'} | `{kind.__name__}` | {_summary(kind)} |"
        for kind in sorted(kinds(), key=lambda kind: EXIT[kind.code])
    ]
    words = (
        "Every error says what happened, where, why, and what to type next. Its code is stable; the command line turns it into\n"
        "an exit code, the model server into an HTTP status. Exit code 1 is left for what nobody foresaw, 130 for a stop by hand."
    )
    head = ["| code | exit | trying again | class | |", "|---|---|---|---|---|"]
    return "\n".join([f"{NOTE}\n# Errors\n", f"{words}\n", *head, *rows, ""])


def kinds() -> list[type[BatonError]]:
    """Every error class of the tree but its root."""
    found = (value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, BatonError))
    return [kind for kind in found if kind is not BatonError]


def _summary(kind: type[BatonError]) -> str:
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].split())


def main() -> None:
    """Write the pages, or with `--check` say which are not current."""
    stale = [name for name, text in pages().items() if not _is_current(REFERENCE / name, text)]
    if "--check" in sys.argv[1:]:
        if stale:
            sys.exit(f"not current: {', '.join(f'docs/reference/{name}' for name in stale)}\n  fix: make docs")
        return
    REFERENCE.mkdir(exist_ok=True)
    for name in stale:
        (REFERENCE / name).write_text(pages()[name], encoding="utf-8")
        print(f"docs/reference/{name}")


def _is_current(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    main()
