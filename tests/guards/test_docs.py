"""Docs that cannot lie: generated pages are current, what pages name exists, and every public name says what it is for."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from baton.cli.main import COMMANDS, EXIT
from baton.kernel import errors

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "baton"
STAGES = (
    "project",
    "team",
    "data",
    "features",
    "training",
    "evaluation",
    "registry",
    "delivery",
    "serving",
    "monitoring",
    "incidents",
)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "templates" not in path.parts)


def test_generated_pages_are_current() -> None:
    told = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"## baton {name}\n" not in page] == []


def test_every_error_has_an_exit_code_and_is_documented() -> None:
    page = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.BatonError)]
    leaves = [kind for kind in kinds if kind is not errors.BatonError]
    assert sorted(kind.code for kind in leaves) == sorted(EXIT)
    assert [kind.__name__ for kind in leaves if f"`{kind.__name__}`" not in page or f"`{kind.code}`" not in page] == []
    assert [
        kind.__name__ for kind in leaves if f"├── {kind.__name__} " not in _tree() and f"└── {kind.__name__} " not in _tree()
    ] == []


def _tree() -> str:
    return errors.__doc__ or ""


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [
        target.split("#")[0]
        for target in re.findall(r"\]\(([^)\s]+)\)", text)
        if "://" not in target and not target.startswith("#")
    ]
    assert [link for link in links if not (page.parent / link).exists()] == []
    commands = set(
        re.findall(
            r"(?:^ {4}(?:\S+=\S+ )?|`|\n\$ )(?:\.venv/bin/)?baton (?:--(?:project|workspace) \S+ )*([a-z]+)", text, re.MULTILINE
        )
    )
    assert commands - COMMANDS.keys() == set()
    chores = set(re.findall(r"(?:^ {4}|`|\n\$ )make ([a-z]+)", text, re.MULTILINE))
    assert chores - set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)) == set()


def test_every_path_of_the_architecture_page_is_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    paths = [path for path in re.findall(r"`([a-z_]+/[a-z_/{},]*(?:\.py|/))`", text) if "{" not in path]
    assert [path for path in paths if not (PACKAGE / path).exists() and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_its_page(stage: str) -> None:
    assert (ROOT / "docs" / "concepts" / f"{stage}.md").is_file()


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_public_name_says_what_it_is_for(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "the module says neither why it exists nor who calls it"
    assert [name for name, words in _public(tree) if len(words.split()) < 2] == []


def _public(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        yield prefix + node.name, ast.get_docstring(node) or ""
        if isinstance(node, ast.ClassDef):
            yield from _public(node, f"{node.name}.")
