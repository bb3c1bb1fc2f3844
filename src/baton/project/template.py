"""A new project's files: the one that Baton ships, which runs as it is, or the one inferred from a person's own table."""

import shutil
from collections.abc import Callable, Mapping
from importlib.resources import as_file, files
from pathlib import Path

from baton.kernel.errors import Conflict, InvalidInput
from baton.kernel.ids import is_name
from baton.project.inferred import Inferred

TEMPLATE = "biopsies"
"""The folder under `templates` that new projects are copied from."""

_TOKEN = "__project__"
_SUFFIX = ".txt"


def create(name: str, into: Path) -> tuple[Path, ...]:
    """Write a small, real project called `name` as the folder `into` and return its files, sorted.

    Raises InvalidInput for a name that no project can have, Conflict when `into` exists and is not an empty folder.
    """
    check_name(name)
    _claim(into)
    with as_file(files("baton.project") / "templates" / TEMPLATE) as template:
        sources = sorted(path for path in template.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return tuple(sorted(_copy(path, into / _target(path.relative_to(template)), name) for path in sources))


def create_inferred(inferred: Inferred, into: Path, store: Callable[[Inferred, Path], None]) -> tuple[Path, ...]:
    """Write an inferred project as the folder `into` and return its files, sorted.

    `store` writes the table as Parquet to the path it is given. It goes first: when it raises, no file is left behind that
    looks like a project. Raises Conflict when `into` exists and is not an empty folder, and whatever `store` raises.
    """
    check_name(inferred.project)
    fresh = not into.exists()
    _claim(into)
    data = into / inferred.data
    data.parent.mkdir(parents=True, exist_ok=True)
    try:
        store(inferred, data)
    except BaseException:
        _withdraw(into, data, fresh)
        raise
    return tuple(sorted([data, *_write(inferred.texts, into)]))


def check_name(name: str) -> None:
    """Raise InvalidInput unless a project can be called so."""
    if not is_name(name):
        raise InvalidInput(
            f"'{name}' cannot be a project's name",
            why="a name has lower-case letters, digits and hyphens, a letter first, at most 63",
            fix=f"try '{_suggestion(name)}'",
        )


def _suggestion(name: str) -> str:
    text = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower()).strip("-")
    text = "-".join(part for part in text.split("-") if part)[:60]
    return text if is_name(text) else f"p-{text}" if text else "churn"


def _claim(into: Path) -> None:
    if into.is_dir() and not any(into.iterdir()):
        return
    if into.exists() or into.is_symlink():
        what = "is not empty" if into.is_dir() else "is a file"
        raise Conflict(
            f"{into} {what}", why="a new project never writes over what is there", fix="choose another name, or empty it yourself"
        )
    try:
        into.mkdir(parents=True)
    except OSError as error:
        raise InvalidInput(
            f"{into} cannot be made", why=str(error.strerror or error), fix="choose a folder you may write to"
        ) from None


def _target(path: Path) -> Path:
    """Python and hidden files are shipped with a further suffix, so that no tool takes them for parts of Baton."""
    name = path.name.removesuffix(_SUFFIX)
    return path.with_name(f".{name}" if name == "gitignore" else name)


def _copy(source: Path, target: Path, name: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix in (".csv", ".parquet"):
        shutil.copyfile(source, target)
    else:
        target.write_text(source.read_text(encoding="utf-8").replace(_TOKEN, name), encoding="utf-8")
    return target


def _write(texts: Mapping[str, str], into: Path) -> list[Path]:
    paths = []
    for name, text in texts.items():
        path = into / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def _withdraw(into: Path, data: Path, fresh: bool) -> None:
    """Take away what was made for a table that could not be stored: the file, and folders only when empty."""
    data.unlink(missing_ok=True)
    for folder in (data.parent, *((into,) if fresh else ())):
        if folder != into.parent and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
