"""Imports: what a fresh process may load, what the ground floor may know, and that nothing is ever pickled."""

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from baton.app.workspace import create
from baton.backends.state.sql import open_sqlite

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "baton"
HEAVY = (
    "apprise",
    "dbos",
    "deltalake",
    "duckdb",
    "fastapi",
    "lightgbm",
    "numpy",
    "onnx",
    "onnxruntime",
    "optuna",
    "pandas",
    "pyarrow",
    "pydantic",
    "rich",
    "sklearn",
    "sqlalchemy",
    "uvicorn",
)
TRAINING = (
    "baton.app",
    "baton.training",
    "dbos",
    "deltalake",
    "duckdb",
    "lightgbm",
    "onnx",
    "onnxmltools",
    "optuna",
    "pandas",
    "pyarrow",
    "pydantic",
    "sklearn",
    "sqlalchemy",
)
PICKLES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
NAMED_ONLY: dict[str, str] = {}
IMPORTED_AS = {
    "argon2-cffi": "argon2",
    "grpcio": "grpc",
    "opentelemetry-exporter-otlp-proto-http": "opentelemetry",
    "opentelemetry-sdk": "opentelemetry",
    "protobuf": "google",
    "prometheus-client": "prometheus_client",
    "pyjwt": "jwt",
    "ruamel-yaml": "ruamel",
    "scikit-learn": "sklearn",
    "xgboost-cpu": "xgboost",
}


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh process has loaded after running some code."""
    ending = "\nimport json, sys\nsys.__stderr__.write('\\n' + json.dumps(sorted(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code + ending], capture_output=True, check=True, text=True, cwd=ROOT)
    return set(json.loads(told.stderr.splitlines()[-1]))


def calling(arguments: list[str]) -> str:
    """Code that runs the command line, which must succeed."""
    return f"import sys\nsys.argv = ['baton', *{arguments!r}]\nfrom baton.cli.main import main\ntry:\n    main()\nexcept SystemExit as end:\n    assert not end.code"


def imports_of(path: Path) -> Iterator[str]:
    """The modules that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["status", "--help"],
        ["replay", "--help"],
        ["up", "--help"],
        ["new", "--help"],
        ["handoff", "offer", "--help"],
        ["console", "--help"],
        ["bundle", "import", "--help"],
        ["serve", "--help"],
    ],
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert loaded_by(calling(arguments)).isdisjoint(HEAVY)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = create(tmp_path_factory.mktemp("looked-at") / "workspace", "replay")
    open_sqlite(made.state, create=True).close()
    return made.folder


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["status"], set()),
        (["status", "--json", "--as-of", "2023-06-01"], set()),
        (["ledger", "show"], set()),
        (["ledger", "verify"], set()),
        (["inbox"], {"pydantic"}),
    ],
    ids=" ".join,
)
def test_a_look_loads_nothing_heavy(workspace: Path, arguments: list[str], needed: set[str]) -> None:
    where = ["--project", "examples/flights", "--workspace", str(workspace)]
    assert loaded_by(calling([*where, *arguments])) & set(HEAVY) == needed


def test_the_package_itself_loads_nothing() -> None:
    assert {name for name in loaded_by("import baton") if name.startswith("baton")} == {"baton"}


def test_the_model_server_loads_no_training_and_no_tables() -> None:
    assert loaded_by("import baton.inference.__main__").isdisjoint(TRAINING)


@pytest.mark.parametrize("path", sorted((PACKAGE / "kernel").glob("*.py")), ids=lambda path: path.name)
def test_the_kernel_needs_the_standard_library_only(path: Path) -> None:
    assert [
        name
        for name in imports_of(path)
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("baton.kernel")
    ] == []


def test_nothing_is_pickled() -> None:
    files = [path for folder in ("src", "tests", "docs", "examples", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    assert [str(path.relative_to(ROOT)) for path in files if PICKLES & {name.split(".")[0] for name in imports_of(path)}] == []


def test_every_dependency_is_used_and_every_use_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = (each for extra, found in project["optional-dependencies"].items() if extra != "testing" for each in found)
    wanted = [*project["dependencies"], *extras]
    declared = {requirement.split(";")[0].split("[")[0].split(">")[0].strip() for requirement in wanted}
    used = {name.split(".")[0] for path in PACKAGE.rglob("*.py") if "templates" not in path.parts for name in imports_of(path)}
    foreign = used - sys.stdlib_module_names - {"baton", "pydantic_core", "pytest"}
    assert {IMPORTED_AS.get(name, name) for name in declared - NAMED_ONLY.keys()} == foreign
