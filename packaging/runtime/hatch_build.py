"""What goes into the runtime's wheel: the modules that the model server reaches from its own, and no others."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path(__file__).resolve().parents[2] / "src"
ROOTS = ("baton.inference",)
BY_NAME = tuple(f"baton.backends.frameworks.formats.{name}" for name in ("lightgbm_text", "skops_file", "xgboost_file"))
"""Loaded by name, in a process of their own."""
CONVERTERS = {"baton.backends.frameworks.lightgbm", "baton.backends.frameworks.formats.graph"}
"""Needed where bundles are made, not where they are served."""


class RuntimeWheel(BuildHookInterface):  # type: ignore[misc]  # hatchling has no types
    """Collects the files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add every module with its place in the wheel."""
        for path in files():
            build_data["force_include"][str(path)] = path.relative_to(SOURCE).as_posix()


def files() -> list[Path]:
    """The source files of the server, packages' own included."""
    waiting, found = [*_modules_under(ROOTS), *BY_NAME], set[str]()
    while waiting:
        name = waiting.pop()
        if name in found or name in CONVERTERS or _file(name) is None:
            continue
        found.add(name)
        waiting += [name.rpartition(".")[0], *_imports(name)]
    return sorted(path for name in found if (path := _file(name)) is not None)


def _modules_under(packages: tuple[str, ...]) -> Iterator[str]:
    for package in packages:
        for path in sorted((SOURCE / package.replace(".", "/")).rglob("*.py")):
            yield ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def _file(name: str) -> Path | None:
    place = SOURCE / name.replace(".", "/")
    return next((path for path in (place / "__init__.py", place.with_suffix(".py")) if name and path.is_file()), None)


def _imports(name: str) -> Iterator[str]:
    path = _file(name)
    assert path is not None
    for node in ast.walk(_without_typing(ast.parse(path.read_text(encoding="utf-8")))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _without_typing(tree: ast.Module) -> ast.Module:
    """Without what is imported for a type checker only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    return tree
